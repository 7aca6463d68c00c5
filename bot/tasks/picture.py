"""The result of every task that makes a picture."""

from __future__ import annotations

import msgspec


class Picture(msgspec.Struct, frozen=True, kw_only=True, tag="picture"):
    """An encoded picture (PNG unless ``media_type`` says otherwise) and what it shows, in words.

    ``alt_text`` is read aloud to those who cannot see it.
    """

    data: bytes
    width: int
    height: int
    alt_text: str
    media_type: str = "image/png"
