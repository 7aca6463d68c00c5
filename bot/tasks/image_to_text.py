"""Requests whose answer is a text about a picture: the text in it, or what it shows."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bot.tasks.picture import Picture
from bot.tasks.request import Request


class ReadText(Request, frozen=True, tag="ocr"):
    """Read the text in a picture (the file's bytes, as they were uploaded).

    With ``overlay`` the picture comes back too, its lines framed and numbered.
    """

    file_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: bytes
    overlay: bool = False


class DescribePicture(Request, frozen=True, tag="describe"):
    """Say what a picture shows, in a sentence that can stand in for it."""

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
    """The lines of a page, in reading order; none where the picture holds no text.

    ``overlay`` is the picture with the lines framed and numbered from 1 on, if that was asked for.
    """

    lines: tuple[TextLine, ...]
    overlay: Picture | None = None

    @property
    def text(self) -> str:
        """The page as one text, a line a line; with their numbers if the overlay has them."""
        if self.overlay is None:
            return "\n".join(line.text for line in self.lines)
        room = len(str(len(self.lines)))
        return "\n".join(f"{n:{room}} {line.text}" for n, line in enumerate(self.lines, 1))
