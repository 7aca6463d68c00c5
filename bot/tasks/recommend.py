"""Request and result of recommending films."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bot.tasks.request import Request


class RecommendFilms(Request, frozen=True, tag="recommend"):
    """Name films that somebody may like, from what they liked: ``"Alien 5, Casablanca 4"``."""

    text_fields: ClassVar[tuple[str, ...]] = ("liked",)

    liked: str


class Film(msgspec.Struct, frozen=True, kw_only=True):
    """A film and its stars (1..5): those it is expected to get, or those that somebody gave it.

    ``because`` is the title of the film, among those that were given, that speaks most for it:
    that raises what it is expected to get more than it raises other films. Empty where none does.
    """

    title: str
    stars: float
    because: str = ""


class FilmsResult(msgspec.Struct, frozen=True, kw_only=True, tag="films"):
    """Films, the most promising first.

    ``liked`` is what was understood of the request, and ``note`` what was not, or what else there
    is to say; either may be empty.
    """

    films: tuple[Film, ...]
    liked: tuple[Film, ...] = ()
    note: str = ""
