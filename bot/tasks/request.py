"""The root of all requests."""

from __future__ import annotations

from typing import ClassVar

import msgspec


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
