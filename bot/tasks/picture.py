"""The results of tasks that make pictures."""

from __future__ import annotations

import msgspec


class Picture(msgspec.Struct, frozen=True, kw_only=True, tag="picture"):
    """An encoded picture (PNG unless ``media_type`` says otherwise) and what it shows, in words.

    ``alt_text`` is read aloud to those who cannot see it. ``number`` is its own among those of its
    seed, from 1, where it may stand in another place.
    """

    data: bytes
    width: int
    height: int
    alt_text: str
    media_type: str = "image/png"
    number: int | None = None


class PicturesResult(msgspec.Struct, frozen=True, kw_only=True, tag="pictures"):
    """Pictures among which a person may choose, and what is to be said of them all, or nothing."""

    pictures: tuple[Picture, ...]
    note: str = ""
