"""Requests of the tasks that make pictures from words: imagine and conjure."""

from __future__ import annotations

from typing import ClassVar

from bot.tasks.request import Request


class ImaginePicture(Request, frozen=True, tag="imagine"):
    """Draw what a sentence describes."""

    text_fields: ClassVar[tuple[str, ...]] = ("prompt",)
    uses_seed: ClassVar[bool] = True

    prompt: str


class ConjurePicture(Request, frozen=True, tag="conjure"):
    """Draw a thing by the name of its class; ``truncation`` trades variety for likeness."""

    text_fields: ClassVar[tuple[str, ...]] = ("what",)
    uses_seed: ClassVar[bool] = True

    what: str
    truncation: float | None = None
