"""Which model is loaded in which worker, and which must go to make room. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


@dataclass(slots=True)
class _Resident:
    size_bytes: int
    used_at: float


Place = tuple[int, str]
"""A worker's id and a model's id."""


class Residency:
    """Keeps the models in memory under a budget: the least recently used go first.

    Args:
        budget_bytes: What all loaded models together may take.
        pinned: Ids of models that never make room for others.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        budget_bytes: int,
        clock: Callable[[], float],
        pinned: frozenset[str] = frozenset(),
    ) -> None:
        self.budget_bytes = budget_bytes
        self._pinned = pinned
        self._clock = clock
        self._residents: dict[Place, _Resident] = {}

    @property
    def pinned(self) -> frozenset[str]:
        """The ids of the models that never make room for others."""
        return self._pinned

    def pin(self, model_id: str, *, wanted: bool) -> None:
        """Let a model never make room for others, or let it again."""
        self._pinned = self._pinned | {model_id} if wanted else self._pinned - {model_id}

    @property
    def used_bytes(self) -> int:
        """What the loaded models take, each worker's counted."""
        return sum(r.size_bytes for r in self._residents.values())

    def models_of(self, worker_id: int) -> frozenset[str]:
        """Return the models that are loaded, or being loaded, in a worker."""
        return frozenset(model for worker, model in self._residents if worker == worker_id)

    def holds(self, place: Place) -> bool:
        """Say whether a model is loaded, or being loaded, in a worker."""
        return place in self._residents

    def add(self, place: Place, size_bytes: int) -> None:
        """Note that a model is loaded, or is about to be, and what it takes."""
        self._residents[place] = _Resident(size_bytes, self._clock())

    def touch(self, place: Place) -> None:
        """Note that a model is used now, if it is there."""
        if (resident := self._residents.get(place)) is not None:
            resident.used_at = self._clock()

    def remove(self, place: Place) -> None:
        """Note that a model is gone."""
        self._residents.pop(place, None)

    def forget_worker(self, worker_id: int) -> None:
        """Note that a worker is gone, and all its models with it."""
        for place in [p for p in self._residents if p[0] == worker_id]:
            del self._residents[place]

    def to_unload(self, size_bytes: int, busy: Collection[Place]) -> list[Place]:
        """Return what to unload, oldest first, so that ``size_bytes`` more fit the budget.

        Models that run jobs stay; if those alone fill the budget, what is returned is not enough,
        and the load goes ahead: the budget is a bound on what is kept, not on what is needed.
        """
        excess = self.used_bytes + size_bytes - self.budget_bytes
        leaving = []
        for _, place in sorted(self._may_go(busy)):
            if excess <= 0:
                break
            leaving.append(place)
            excess -= self._residents[place].size_bytes
        return leaving

    def idle_for(self, seconds: float, busy: Collection[Place]) -> list[Place]:
        """Return the models that nobody has used for so long."""
        limit = self._clock() - seconds
        return [place for used_at, place in self._may_go(busy) if used_at <= limit]

    def others(self, place: Place, busy: Collection[Place]) -> list[Place]:
        """Return what else may go from anywhere, to leave room for one model."""
        return [other for _, other in self._may_go(busy) if other != place]

    def _may_go(self, busy: Collection[Place]) -> list[tuple[float, Place]]:
        return [
            (resident.used_at, place)
            for place, resident in self._residents.items()
            if place not in busy and place[1] not in self._pinned
        ]


def most_mb(budget_mb: int) -> int:
    """Return what one worker may take: a load may for a moment need twice what it leaves."""
    return min(2 * budget_mb, machine.memory_mb() * 85 // 100)
