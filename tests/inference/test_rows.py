"""Jobs that take several rows, one after another: shown as one text, stopped as one job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from bot.errors import UserError
from bot.inference.job import Answered, Cancelled, Expired, Unanswered
from bot.inference.local import LocalExecutor
from bot.tasks.progress import Started, TextSoFar
from tests.inference.conftest import COUNTER, RELAY, MakeJob, running
from tests.inference.test_local import outcome_of, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[LocalExecutor]:
    async with running(workers=1) as executor:
        yield executor


async def test_rows_follow_one_another_in_one_growing_text(
    executor: LocalExecutor, job: MakeJob
) -> None:
    *progress, outcome = await whole(executor.submit(job("1,20,300", RELAY, max_tokens=15)))
    texts = [item.text for item in progress if isinstance(item, TextSoFar)]
    assert isinstance(outcome, Answered)
    rows = [" ".join(map(str, range(first, first + 15))) for first in (2, 21, 301)]
    assert outcome.result.text == " | ".join(rows)  # type: ignore[union-attr]
    assert outcome.result.tokens == 45  # type: ignore[union-attr]
    assert any(text.startswith(f"{rows[0]} |") for text in texts)
    assert all(b.startswith(a) for a, b in pairwise(texts))


async def test_more_jobs_than_slots_all_get_all_of_their_rows(
    executor: LocalExecutor, job: MakeJob
) -> None:
    jobs = [job(f"{10 * n},{10 * n + 5}", RELAY, max_tokens=2) for n in range(1, 7)]
    outcomes = await asyncio.gather(*(outcome_of(executor, each) for each in jobs))
    for n, outcome in enumerate(outcomes, start=1):
        assert isinstance(outcome, Answered)
        first = 10 * n
        expected = f"{first + 1} {first + 2} | {first + 6} {first + 7}"
        assert outcome.result.text == expected  # type: ignore[union-attr]


async def test_a_later_row_may_still_be_refused(executor: LocalExecutor, job: MakeJob) -> None:
    outcome = await outcome_of(executor, job("1,x", RELAY))
    assert isinstance(outcome, Unanswered)
    assert isinstance(outcome.error, UserError)
    assert str(outcome.error) == "x is no number"


async def test_a_job_is_cancelled_between_its_rows(executor: LocalExecutor, job: MakeJob) -> None:
    long = job("1," * 90 + "1", RELAY, max_tokens=2)
    news = executor.submit(long)
    async for item in news:
        if isinstance(item, TextSoFar) and "|" in item.text:
            executor.cancel(long.id)
            break
    rest = [item async for item in news]
    assert isinstance(rest[-1], Cancelled)
    assert isinstance(await outcome_of(executor, job("1,2", RELAY)), Answered)


async def test_the_deadline_is_that_of_all_rows_together(
    executor: LocalExecutor, job: MakeJob
) -> None:
    long = job("1," * 500 + "1", RELAY, max_tokens=2, max_seconds=1)
    assert isinstance(await outcome_of(executor, long), Expired)


async def test_who_waits_for_memory_loses_no_time(executor: LocalExecutor, job: MakeJob) -> None:
    narrow = msgspec.structs.replace(COUNTER, id="counter-narrow")
    jobs = [job(f"{100 * n}", narrow, max_tokens=80, max_seconds=2) for n in range(1, 5)]
    outcomes = await asyncio.gather(*(outcome_of(executor, each) for each in jobs))
    assert all(isinstance(outcome, Answered) for outcome in outcomes)  # one after the other
    assert all(outcome.timings.run_s < 2 for outcome in outcomes)  # type: ignore[union-attr]


async def test_a_step_that_fails_does_not_fail_who_waits_for_memory(
    executor: LocalExecutor, job: MakeJob
) -> None:
    narrow = msgspec.structs.replace(COUNTER, id="counter-narrow")
    bad, good = job("860", narrow, max_tokens=50), job("1", narrow, max_tokens=5)
    failed, answered = await asyncio.gather(outcome_of(executor, bad), outcome_of(executor, good))
    assert isinstance(failed, Unanswered)
    assert "888" in str(failed.error)
    assert isinstance(answered, Answered)


async def test_nor_does_a_job_lose_its_turn_between_its_rows(
    executor: LocalExecutor, job: MakeJob
) -> None:
    narrow = msgspec.structs.replace(RELAY, id="relay-narrow", slots=3)
    jobs = [job(f"{n},2,3,4,5", narrow, max_tokens=20, max_seconds=2) for n in range(3)]
    outcomes = await asyncio.gather(*(outcome_of(executor, each) for each in jobs))
    assert all(isinstance(outcome, Answered) for outcome in outcomes)


async def test_who_waits_for_memory_can_be_cancelled(executor: LocalExecutor, job: MakeJob) -> None:
    narrow = msgspec.structs.replace(COUNTER, id="counter-narrow")
    first, second = job("1", narrow, max_tokens=100), job("301", narrow, max_tokens=100)
    answer = asyncio.create_task(outcome_of(executor, first))
    await asyncio.sleep(0.3)
    news = executor.submit(second)
    await asyncio.sleep(0.3)
    executor.cancel(second.id)
    *progress, outcome = [item async for item in news]
    assert isinstance(outcome, Cancelled)
    assert not any(isinstance(item, Started) for item in progress)
    assert isinstance(await answer, Answered)


async def test_a_worker_that_dies_in_a_later_row_costs_no_answer(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    outcome = await outcome_of(executor, job(f"1,40 {armed}", RELAY, max_tokens=4))
    assert isinstance(outcome, Answered)
    assert outcome.result.text == "2 3 4 5 | 41 42 43 44"  # type: ignore[union-attr]
    assert not armed.exists()
