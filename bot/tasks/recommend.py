"""Request and result of recommending films."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bot.tasks.request import Request


class RecommendFilms(Request, frozen=True, tag="recommend"):
    """Name films that somebody may like, from what they liked: ``"Alien 5, Casablanca 4"``.

    ``without`` are films that they do not want to be named: ``"Heat (1995); Fargo (1996)"``.
    """

    text_fields: ClassVar[tuple[str, ...]] = ("liked", "without")

    liked: str
    without: str | None = None


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

    ``liked`` and ``without`` are what was understood of the request, and ``note`` what was not, or
    what else there is to say; each may be empty.
    """

    films: tuple[Film, ...]
    liked: tuple[Film, ...] = ()
    without: tuple[str, ...] = ()
    note: str = ""
