"""Has workers load models and unload others, within the budget and within a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.inference import wire
from bot.machine import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.inference.pool import Pool
    from bot.inference.residency import Place, Residency

LOAD_LIMIT_S = 600.0


@dataclass(slots=True)
class _Load:
    """A load that was ordered; ``begun`` once the worker has come to it."""

    timer: asyncio.TimerHandle
    begun: bool = False


class Loader:
    """Orders loads and unloads, and keeps the residency true to what workers report."""

    def __init__(
        self, pool: Pool, residency: Residency, folder_of: Callable[[Model], Path]
    ) -> None:
        self._pool = pool
        self._residency = residency
        self._folder_of = folder_of
        self._loads: dict[Place, _Load] = {}

    def is_loading(self, place: Place) -> bool:
        """Say whether a load is ordered and not done."""
        return place in self._loads

    def load(self, worker_id: int, model: Model, busy: Collection[Place]) -> None:
        """Have a worker load a model; models not ``busy`` make room if the budget asks for it."""
        size = (model.weights_mb or 0) * MEGABYTE
        for other, model_id in self._residency.to_unload(size, {*busy, *self._loads}):
            self._residency.remove((other, model_id))
            self._pool.send(other, wire.Unload(model_id))
        self._residency.add((worker_id, model.id), size)
        self._pool.send(worker_id, wire.Load(model, str(self._folder_of(model))))
        why = f"took over {LOAD_LIMIT_S:.0f} s to load {model.id}"
        timer = asyncio.get_running_loop().call_later(LOAD_LIMIT_S, self._pool.kill, worker_id, why)
        self._loads[worker_id, model.id] = _Load(timer)

    def began(self, place: Place) -> None:
        """Note that a worker has begun to load."""
        self._loads[place].begun = True

    def loaded(self, place: Place, size_bytes: int) -> None:
        """Note that a model is loaded, and its true size."""
        self._loads.pop(place).timer.cancel()
        self._residency.add(place, size_bytes)

    def failed(self, place: Place) -> None:
        """Note that a model could not be loaded."""
        self._loads.pop(place).timer.cancel()
        self._residency.remove(place)

    def worker_gone(self, worker_id: int) -> set[str]:
        """Forget a dead worker; return the models that it was loading when it died."""
        self._residency.forget_worker(worker_id)
        ended = {
            place: self._loads.pop(place) for place in list(self._loads) if place[0] == worker_id
        }
        for load in ended.values():
            load.timer.cancel()
        return {model_id for (_, model_id), load in ended.items() if load.begun}
