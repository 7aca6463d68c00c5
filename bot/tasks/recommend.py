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
    """A film and the stars (1..5) that it is expected to get."""

    title: str
    stars: float


class FilmsResult(msgspec.Struct, frozen=True, kw_only=True, tag="films"):
    """Films, the most promising first."""

    films: tuple[Film, ...]
