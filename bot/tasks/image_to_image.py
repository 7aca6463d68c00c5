"""Request of restyling a picture."""

from __future__ import annotations

from typing import ClassVar

from bot.tasks.request import Request


class RestylePicture(Request, frozen=True, tag="restyle"):
    """Repaint a picture in a named style, or in the style of a second picture.

    With neither, the model's first style is taken; with both, the picture wins.
    """

    file_fields: ClassVar[tuple[str, ...]] = ("image", "style_image")

    image: bytes
    style: str | None = None
    style_image: bytes | None = None
