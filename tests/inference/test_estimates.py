"""How long jobs take: what is thought of those that were never measured, and what is learned."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.inference.estimates import NEWEST_WEIGHT, UNKNOWN_S, Estimates, size_class
from bot.inference.job import Job
from bot.tasks.text_to_text import CompleteText
from tests.inference.worlds import job_of, model_of

ONE, TWO = model_of("one"), model_of("two")


def job(prompt: str = "hello", tokens: int | None = None, model: object = ONE) -> Job:
    request = CompleteText(prompt=prompt, max_tokens=tokens)
    return replace(job_of("job", model), request=request)  # type: ignore[arg-type]


@pytest.fixture
def estimates() -> Estimates:
    return Estimates()


def test_a_model_that_was_never_measured_is_unknown(estimates: Estimates) -> None:
    estimates.learn(job(model=TWO), 9.0)
    assert not estimates.known(job())
    assert estimates.run_s(job()) == UNKNOWN_S


def test_the_first_measurement_is_believed(estimates: Estimates) -> None:
    estimates.learn(job(), 2.0)
    assert estimates.known(job())
    assert estimates.run_s(job()) == 2.0


def test_the_next_ones_are_weighed(estimates: Estimates) -> None:
    estimates.learn(job(), 2.0)
    estimates.learn(job(), 12.0)
    assert estimates.run_s(job()) == pytest.approx(2.0 + 10.0 * NEWEST_WEIGHT)


def test_big_jobs_and_small_ones_are_told_apart(estimates: Estimates) -> None:
    estimates.learn(job(tokens=4), 0.1)
    estimates.learn(job(tokens=4000), 30.0)
    assert estimates.run_s(job(tokens=4)) == 0.1
    assert estimates.run_s(job(tokens=4000)) == 30.0


def test_a_size_never_seen_takes_as_long_as_the_model_does(estimates: Estimates) -> None:
    estimates.learn(job(tokens=4), 0.1)
    assert estimates.run_s(job(tokens=4000)) == 0.1


@given(prompt=st.text(max_size=300), tokens=st.integers(1, 4096))
def test_four_times_as_much_is_one_class_more(prompt: str, tokens: int) -> None:
    less, more = job(prompt, tokens), job(prompt * 4, tokens)
    assert 0 <= size_class(more.request) - size_class(less.request) <= 1
    assert size_class(job(prompt * 4, min(4096, tokens)).request) >= size_class(less.request)


@given(times=st.lists(st.floats(0.0, 1e4), min_size=1, max_size=30))
def test_an_estimate_lies_between_what_was_measured(times: list[float]) -> None:
    estimates = Estimates()
    for run_s in times:
        estimates.learn(job(), run_s)
    assert min(times) - 1e-6 <= estimates.run_s(job()) <= max(times) + 1e-6
