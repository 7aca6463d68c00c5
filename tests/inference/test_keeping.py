"""Models are woken and put away by hand, and pinned."""

from __future__ import annotations

import pytest

from bot.catalogue.model import Model
from bot.errors import UserError
from bot.inference.keeping import Keeping
from bot.inference.residency import Place, Residency

MODEL = Model(id="gpt2", task="complete", family="causal_lm", name="GPT-2")


class Loader:
    """Remembers what it was to do."""

    def __init__(self, residency: Residency) -> None:
        self.residency = residency
        self.loading: set[Place] = set()

    def load(self, worker_id: int, model: Model, busy: object) -> None:
        self.residency.add((worker_id, model.id), 10)

    def unload(self, places: list[Place]) -> None:
        for place in places:
            self.residency.remove(place)

    def is_loading(self, place: Place) -> bool:
        return place in self.loading


class World:
    """Two workers, or none."""

    def __init__(self) -> None:
        self.residency = Residency(budget_bytes=100, clock=lambda: 0.0)
        self.loader = Loader(self.residency)
        self.workers: set[int] = {1, 2}
        self.busy: set[Place] = set()
        self.keeping = Keeping(
            self.loader, self.residency, lambda: self.workers, lambda: self.busy  # type: ignore[arg-type]
        )  # fmt: skip


def test_a_model_is_woken_once_where_there_is_most_room() -> None:
    world = World()
    world.residency.add((1, "other"), 10)
    assert world.keeping.load(MODEL)
    assert world.residency.models_of(2) == {"gpt2"}
    assert not world.keeping.load(MODEL)


def test_without_workers_nothing_is_woken() -> None:
    world = World()
    world.workers.clear()
    with pytest.raises(UserError, match="No worker is up yet"):
        world.keeping.load(MODEL)


def test_a_model_is_put_away_everywhere_but_not_at_work() -> None:
    world = World()
    assert not world.keeping.unload(MODEL)
    for worker in (1, 2):
        world.residency.add((worker, "gpt2"), 10)
    world.busy.add((2, "gpt2"))
    with pytest.raises(UserError, match="GPT-2 is at work"):
        world.keeping.unload(MODEL)
    world.busy.clear()
    world.loader.loading.add((1, "gpt2"))
    with pytest.raises(UserError, match="GPT-2 is at work"):
        world.keeping.unload(MODEL)
    world.loader.loading.clear()
    assert world.keeping.unload(MODEL)
    assert world.residency.used_bytes == 0


def test_what_is_pinned_makes_room_for_nobody() -> None:
    world = World()
    world.keeping.load(MODEL)
    world.keeping.pin(MODEL, wanted=True)
    assert world.keeping.pinned == {"gpt2"}
    assert world.residency.idle_for(0.0, ()) == []
    world.keeping.pin(MODEL, wanted=False)
    assert world.residency.idle_for(0.0, ()) == [(1, "gpt2")]
