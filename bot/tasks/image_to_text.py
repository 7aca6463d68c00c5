"""Request and result of reading the text in a picture."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bot.tasks.request import Request


class ReadText(Request, frozen=True, tag="ocr"):
    """Read the text in a picture (the file's bytes, as they were uploaded)."""

    file_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: bytes


class TextLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of text: its words, its confidence in 0..1, its box as four (x, y) corners.

    ``confidence`` is ``None`` where a model does not say how sure it is.
    """

    text: str
    confidence: float | None
    box: tuple[tuple[float, float], ...]


class LinesResult(msgspec.Struct, frozen=True, kw_only=True, tag="lines"):
    """The lines of a page, in reading order; none where the picture holds no text."""

    lines: tuple[TextLine, ...]

    @property
    def text(self) -> str:
        """The page as one text, a line a line."""
        return "\n".join(line.text for line in self.lines)
