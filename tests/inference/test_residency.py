"""Which models stay in memory: the budget, the order of leaving, and those that may not leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.inference.residency import Place, Residency
from tests.inference.worlds import Clock

BUDGET = 100
PLACES = st.tuples(st.integers(1, 2), st.sampled_from("abcde"))
LOADS = st.lists(st.tuples(PLACES, st.integers(1, 130), st.sets(PLACES, max_size=3)), max_size=25)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def residency(clock: Clock) -> Residency:
    return Residency(budget_bytes=BUDGET, clock=clock)


@given(loads=LOADS)
def test_the_budget_holds_but_for_busy_models_and_the_new_one(
    loads: list[tuple[Place, int, set[Place]]],
) -> None:
    clock = Clock()
    residency = Residency(budget_bytes=BUDGET, clock=clock)
    held: dict[Place, tuple[float, int]] = {}
    for place, size, busy in loads:
        clock.now += 1
        if place in held:
            residency.touch(place)
            held[place] = (clock.now, held[place][1])
            continue
        leaving = residency.to_unload(size, busy)
        assert not set(leaving) & busy
        assert [held[p][0] for p in leaving] == sorted(held[p][0] for p in leaving)
        assert leaving == sorted(set(held) - busy, key=lambda p: (held[p][0], p))[: len(leaving)]
        if leaving:  # one fewer would not have been enough
            kept = sum(s for p, (_, s) in held.items() if p not in leaving[:-1])
            assert kept + size > BUDGET
        for gone in leaving:
            residency.remove(gone)
            del held[gone]
        residency.add(place, size)
        held[place] = (clock.now, size)
        assert residency.used_bytes == sum(s for _, s in held.values())
        assert residency.used_bytes <= BUDGET or set(held) <= {*busy, place}
    for worker in (1, 2):
        assert residency.models_of(worker) == {model for w, model in held if w == worker}


def test_the_least_recently_used_goes_first(residency: Residency, clock: Clock) -> None:
    for model in "abc":
        clock.now += 1
        residency.add((1, model), 30)
    clock.now += 1
    residency.touch((1, "a"))
    assert residency.to_unload(30, busy=()) == [(1, "b")]
    assert residency.to_unload(60, busy={(1, "b")}) == [(1, "c"), (1, "a")]


def test_the_true_size_takes_the_place_of_the_guess(residency: Residency) -> None:
    residency.add((1, "a"), 10)
    residency.add((1, "a"), 70)
    assert residency.used_bytes == 70


def test_the_same_model_in_two_workers_counts_twice(residency: Residency) -> None:
    residency.add((1, "a"), 30)
    residency.add((2, "a"), 30)
    assert residency.used_bytes == 60


def test_a_worker_takes_its_models_with_it(residency: Residency) -> None:
    residency.add((1, "a"), 30)
    residency.add((2, "b"), 30)
    residency.forget_worker(1)
    residency.remove((1, "a"))
    assert residency.models_of(1) == frozenset()
    assert residency.models_of(2) == {"b"}
    assert residency.used_bytes == 30


def test_pinned_models_never_make_room(clock: Clock) -> None:
    residency = Residency(budget_bytes=BUDGET, clock=clock, pinned=frozenset("a"))
    residency.add((1, "a"), 60)
    clock.now += 1
    residency.add((1, "b"), 40)
    clock.now += 1000
    assert residency.to_unload(90, busy=()) == [(1, "b")]
    assert residency.idle_for(10, busy=()) == [(1, "b")]
    assert residency.others((2, "c"), busy=()) == [(1, "b")]


def test_what_nobody_uses_is_found(residency: Residency, clock: Clock) -> None:
    for model in "abc":
        residency.add((1, model), 10)
    clock.now += 30
    residency.touch((1, "b"))
    assert set(residency.idle_for(30, busy={(1, "c")})) == {(1, "a")}
    assert residency.idle_for(31, busy=()) == []
    clock.now += 30
    assert set(residency.idle_for(30, busy=())) == {(1, "a"), (1, "b"), (1, "c")}


def test_all_others_may_go_for_a_model_that_does_not_fit(residency: Residency) -> None:
    for place in ((1, "a"), (1, "b"), (2, "a"), (2, "c")):
        residency.add(place, 10)
    assert set(residency.others((1, "a"), busy={(2, "c")})) == {(1, "b"), (2, "a")}
