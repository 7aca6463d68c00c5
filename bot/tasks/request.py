"""The root of all requests."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec

BYTES_PER_CHARACTER = 4096  # of a file, so that pictures and texts have sizes of one order


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one person asks of one model.

    ``text_fields`` and ``file_fields`` name the fields that the command line's ``--text`` and
    ``--file`` fill, in order; ``uses_seed`` says whether chance plays a part in the answer.
    """

    text_fields: ClassVar[tuple[str, ...]] = ()
    file_fields: ClassVar[tuple[str, ...]] = ()
    uses_seed: ClassVar[bool] = False

    @classmethod
    def task(cls) -> str:
        """Return the name of the task that this request asks for."""
        return str(cls.__struct_config__.tag)

    def size(self) -> int:
        """Return how big the request is: characters, and for a file one per 4 KiB."""
        texts = sum(len(getattr(self, name) or "") for name in self.text_fields)
        return texts + self.file_bytes() // BYTES_PER_CHARACTER

    def file_bytes(self) -> int:
        """Return how long its files are together."""
        return sum(len(getattr(self, name) or b"") for name in self.file_fields)

    def at_rest(self) -> Self:
        """Return what of this is written down."""
        return self
