"""Who is better, by votes: Elo's ratings, computed from all votes in the order of the duels.

The ratings are no state: whoever has the votes can compute them anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

START = 1000.0
K = 24.0  # how far one vote moves a rating
SCALE = 400.0  # a lead of so much is won ten times in eleven
ENOUGH = 20
"""Votes on a task from which on the order says something, as far as votes of a few people do."""

SCORES = {"a": 1.0, "b": 0.0, "tie": 0.5, "bad": 0.5}
"""What a verdict gives the first: ``bad`` is both alike, and bad."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One verdict on a duel of two models."""

    first: str
    second: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's place in the table."""

    model_id: str
    rating: float
    votes: int


def standings(votes: Iterable[Vote]) -> list[Standing]:
    """Return the models by their ratings, the best first.

    A vote between two answers of the same model says nothing of models.
    """
    rating: dict[str, float] = {}
    count: dict[str, int] = {}
    for vote in votes:
        if vote.first == vote.second:
            continue
        first, second = (rating.get(m, START) for m in (vote.first, vote.second))
        expected = 1 / (1 + 10 ** ((second - first) / SCALE))
        moved = K * (SCORES[vote.verdict] - expected)
        rating[vote.first], rating[vote.second] = first + moved, second - moved
        for model in (vote.first, vote.second):
            count[model] = count.get(model, 0) + 1
    ordered = sorted(rating, key=lambda model: (-rating[model], model))
    return [Standing(model, rating[model], count[model]) for model in ordered]
