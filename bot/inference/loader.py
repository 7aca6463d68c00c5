"""Has workers load models and unload others, within the budget and within a time."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.inference import wire
from bot.inference.scheduler import WorkerView
from bot.machine import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.inference.held import Held
    from bot.inference.pool import Pool
    from bot.inference.preparing import Preparing
    from bot.inference.residency import Place, Residency

LOAD_LIMIT_S = 600.0


@dataclass(slots=True)
class _Load:
    """A load that was ordered; ``begun`` once the worker has come to it."""

    model: Model
    timer: asyncio.TimerHandle | None = None
    begun: bool = False
    retried: bool = False


class Loader:
    """Orders loads and unloads, and keeps the residency true to what workers report."""

    def __init__(
        self,
        pool: Pool,
        residency: Residency,
        folder_of: Callable[[Model], Path],
        preparing: Preparing | None = None,
    ) -> None:
        self._pool = pool
        self._residency = residency
        self._folder_of = folder_of
        self._loads: dict[Place, _Load] = {}
        self._notes: dict[Place, str] = {}
        self._gathering: set[Place] = set()
        self._preparing = preparing
        if preparing is not None:
            preparing.done = self.renew
        self._stale: set[Place] = set()
        self._models: dict[Place, Model] = {}
        self._entries: dict[str, Model | None] = {}  # where the catalogue has changed since

    @property
    def notes(self) -> dict[str, str]:
        """What workers said of the models that they hold, where they said anything."""
        held = {place: note for place, note in self._notes.items() if note}
        return {
            model_id: note
            for (worker_id, model_id), note in held.items()
            if model_id in self._residency.models_of(worker_id)
        }

    def view(self, worker_id: int, jobs: Collection[Held]) -> WorkerView:
        """Return a worker that is at these jobs as the scheduler sees it."""
        held_here = self._residency.models_of(worker_id)
        models = frozenset(m for m in held_here if not self._is_outdated((worker_id, m)))
        return WorkerView(
            id=worker_id,
            models=models,
            gathering=frozenset(m for m in models if (worker_id, m) in self._gathering),
            running=Counter(held.job.model.id for held in jobs),
            closed=any(held.strikes for held in jobs),
        )

    def is_loading(self, place: Place) -> bool:
        """Say whether a load is ordered and not done."""
        return place in self._loads

    def has(self, worker_id: int, model: Model, busy: Collection[Place]) -> bool:
        """Say whether a worker holds a model so that a job can run: not by an entry of the past.

        One that is at work is left at it.
        """
        place = worker_id, model.id
        if not self._residency.holds(place):
            return False
        return place in busy or self._models[place] == model or not self._is_outdated(place)

    def follow(self, entries: Mapping[str, Model | None]) -> None:
        """Hear of entries that have changed, or are gone: jobs to come load those anew."""
        self._entries.update(entries)

    def load(self, worker_id: int, model: Model, busy: Collection[Place]) -> None:
        """Have a worker load a model; models not ``busy`` make room if the budget asks for it."""
        if self._residency.holds((worker_id, model.id)):  # by another entry
            self.unload([(worker_id, model.id)])
        size = (model.weights_mb or 0) * MEGABYTE
        self.unload(self._residency.to_unload(size, {*busy, *self._loads}))
        self._residency.add((worker_id, model.id), size)
        self._order(worker_id, model)

    def load_early(
        self, worker_ids: Collection[int], models: Collection[Model], busy: Collection[Place]
    ) -> None:
        """Have workers load what they do not hold, before a job asks for it."""
        for worker_id, model in itertools.product(sorted(worker_ids), models):
            if not self.has(worker_id, model, busy):
                self.load(worker_id, model, busy)

    def may_retry(self, place: Place) -> bool:
        """Say whether a load that failed has not been tried twice."""
        return place in self._loads and not self._loads[place].retried

    def retry(self, place: Place, model: Model, busy: Collection[Place]) -> None:
        """Put everything else away that can go, and load once more."""
        self._ended(place)
        self.unload(self._residency.others(place, {*busy, *self._loads}))
        self._order(place[0], model)
        self._loads[place].retried = True

    def began(self, place: Place) -> None:
        """Note that a worker has begun to load."""
        if (load := self._loads.get(place)) is not None:
            load.begun = True
            why = f"took over {LOAD_LIMIT_S:.0f} s to load {place[1]}"
            loop = asyncio.get_running_loop()
            load.timer = loop.call_later(LOAD_LIMIT_S, self._pool.kill, place[0], why)

    def loaded(self, worker_id: int, message: wire.Loaded, busy: Collection[Place]) -> None:
        """Note that a model is loaded, and its true size; others go if that is over the budget."""
        place = worker_id, message.model_id
        load = self._loads.get(place)
        self._ended(place)
        self._residency.add(place, message.size_bytes)
        self._notes[place] = message.note
        (self._gathering.add if message.gathers else self._gathering.discard)(place)
        if load is not None and message.could_be_prepared and self._preparing is not None:
            self._preparing.want(load.model)
        self.unload(self._residency.to_unload(0, {place, *busy, *self._loads}))

    def failed(self, place: Place) -> None:
        """Note that a model could not be loaded."""
        self._ended(place)
        self._residency.remove(place)

    def renew(self, model_id: str) -> None:
        """Have a model loaded anew wherever it is and idle: something faster is there."""
        self._stale |= {place for place in self._notes if place[1] == model_id}

    def unload_idle(self, seconds: float, busy: Collection[Place]) -> None:
        """Unload what nobody has used for so long, 0 keeps it; load anew what is to be."""
        kept = {*busy, *self._loads}
        outdated = [place for place in self._models if self._is_outdated(place)]
        self.unload([place for place in outdated if place not in kept])
        if seconds:
            self.unload(self._residency.idle_for(seconds, kept))
        old = [place for place in self._stale - kept if self._residency.holds(place)]
        self._stale &= kept
        for place in old:
            self.unload([place])
            self.load(place[0], self._models[place], busy)

    def unload(self, places: Collection[Place]) -> None:
        """Have workers put models away."""
        for worker_id, model_id in places:
            self._residency.remove((worker_id, model_id))
            self._pool.send(worker_id, wire.Unload(model_id))

    def worker_gone(self, worker_id: int) -> set[str]:
        """Forget a dead worker; return the models that it was loading when it died."""
        self._residency.forget_worker(worker_id)
        places = [place for place in self._loads if place[0] == worker_id]
        return {place[1] for place in places if self._ended(place)}

    def _is_outdated(self, place: Place) -> bool:
        """Say whether what a worker holds is not what the catalogue says any more."""
        if place[1] not in self._entries or not self._residency.holds(place):
            return False
        return self._models[place] != self._entries[place[1]]

    def _ended(self, place: Place) -> bool:
        """Forget a load; return whether the worker had begun it."""
        load = self._loads.pop(place, None)
        if load is None:
            return False
        if load.timer is not None:
            load.timer.cancel()
        return load.begun

    def _order(self, worker_id: int, model: Model) -> None:
        self._loads[worker_id, model.id] = _Load(model)
        self._models[worker_id, model.id] = model
        self._pool.send(worker_id, wire.Load(model, str(self._folder_of(model))))
