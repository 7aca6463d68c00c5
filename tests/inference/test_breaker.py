"""What failed is left alone, longer each time; what went well is forgiven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.inference.breaker import MEMORY_S, Breaker
from tests.inference.worlds import Clock

PAUSES_S = (0.0, 2.0, 10.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker[str]:
    return Breaker(PAUSES_S, clock)


def test_what_never_failed_may_be_tried(breaker: Breaker[str]) -> None:
    breaker.went_well("model")
    assert breaker.wait_s("model") == 0.0


def test_the_pauses_grow_to_the_last_and_stay(breaker: Breaker[str]) -> None:
    for pause in (*PAUSES_S, PAUSES_S[-1]):
        breaker.failed("model")
        assert breaker.wait_s("model") == pause


def test_a_pause_passes(breaker: Breaker[str], clock: Clock) -> None:
    breaker.failed("model")
    breaker.failed("model")
    clock.now += 1.5
    assert breaker.wait_s("model") == 0.5
    clock.now += 1.5
    assert breaker.wait_s("model") == 0.0


def test_after_a_pause_the_next_is_longer_all_the_same(breaker: Breaker[str], clock: Clock) -> None:
    breaker.failed("model")
    breaker.failed("model")
    clock.now += 60.0
    breaker.failed("model")
    assert breaker.wait_s("model") == 10.0


def test_success_forgives_all(breaker: Breaker[str]) -> None:
    for _ in range(3):
        breaker.failed("model")
    breaker.went_well("model")
    assert breaker.wait_s("model") == 0.0
    breaker.failed("model")
    assert breaker.wait_s("model") == PAUSES_S[0]


def test_one_failure_is_no_other_s(breaker: Breaker[str]) -> None:
    breaker.failed("model")
    breaker.failed("model")
    assert breaker.wait_s("other") == 0.0


def test_old_troubles_are_forgotten(breaker: Breaker[str], clock: Clock) -> None:
    for _ in range(3):
        breaker.failed("model")
    clock.now += 10.0 + MEMORY_S
    breaker.failed("model")
    assert breaker.wait_s("model") == PAUSES_S[0]


EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 5)), max_size=30)


@given(events=EVENTS)
def test_nothing_waits_for_longer_than_the_longest_pause(
    events: list[tuple[str, bool, int]],
) -> None:
    clock = Clock()
    breaker: Breaker[str] = Breaker(PAUSES_S, clock)
    for key, well, seconds in events:
        clock.now += seconds
        before = breaker.wait_s("a")
        (breaker.went_well if well else breaker.failed)(key)
        assert 0.0 <= breaker.wait_s(key) <= (0.0 if well else PAUSES_S[-1])
        if key == "b":
            assert breaker.wait_s("a") == before
