"""Requests of the tasks that make pictures from words: imagine and conjure."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from bot.errors import UserError
from bot.tasks.request import Request

LEAST_TRUNCATION = 0.1
MOST_TRUNCATION = 1.0
MOST_PICTURES = 9
MOST_CANDIDATES = 4


def check_walk(*, walk: bool, count: int) -> None:
    """Refuse several walks at once.

    Raises:
        UserError: With what to leave out.
    """
    if walk and count > 1:
        raise UserError("A walk is one picture that moves. Leave out `count`, or `walk`.")


class ImaginePicture(Request, frozen=True, tag="imagine"):
    """Draw what a sentence describes.

    ``count`` pictures come side by side, for this takes luck; as many as the model's entry says
    where it is ``None``. ``near`` names a picture of the same words of which the upper part is
    kept, by its seed and its number (``7/2``), and after it its variations up to the one meant.
    """

    text_fields: ClassVar[tuple[str, ...]] = ("prompt",)
    uses_seed: ClassVar[bool] = True

    prompt: str
    count: Annotated[int, Meta(ge=1, le=MOST_CANDIDATES)] | None = None
    near: str = ""

    def size(self) -> int:
        """Return how big the request is: its characters, once for each picture."""
        return super().size() * (self.count or MOST_CANDIDATES)


class ConjurePicture(Request, frozen=True, tag="conjure"):
    """Draw a thing by the name of its class, or what lies between several joined with ``+``.

    ``truncation`` trades variety for likeness. Of ``count`` pictures each has a seed one higher
    than the one before. ``near`` is the seed of a picture that these are to be like, and the seeds
    of its variations up to the one that is meant. With ``walk`` one picture moves from thing to
    thing, or through several of one kind.
    """

    text_fields: ClassVar[tuple[str, ...]] = ("what",)
    uses_seed: ClassVar[bool] = True

    what: str
    truncation: Annotated[float, Meta(ge=LEAST_TRUNCATION, le=MOST_TRUNCATION)] | None = None
    count: Annotated[int, Meta(ge=1, le=MOST_PICTURES)] = 1
    near: str = ""
    walk: bool = False

    def size(self) -> int:
        """Return how big the request is: its characters, once for each picture."""
        return super().size() * (MOST_PICTURES if self.walk else self.count)
