"""The executor with real processes: answers come, whatever the workers do."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from bot.errors import BusyError, InferenceError, UserError
from bot.inference.job import Answered, Cancelled, Expired, Job, Outcome, Unanswered
from bot.inference.local import LocalExecutor
from bot.tasks.progress import Progress, Started, StepDone, TextSoFar
from tests.inference.conftest import COUNTER, ECHO, MakeJob, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[LocalExecutor]:
    async with running() as executor:
        yield executor


News = AsyncIterator[Progress | Outcome]


async def whole(news: News) -> list[Progress | Outcome]:
    return [item async for item in news]


async def outcome_of(executor: LocalExecutor, job: Job) -> Outcome:
    return (await whole(executor.submit(job)))[-1]  # type: ignore[return-value]


async def answer_to(executor: LocalExecutor, job: Job) -> str:
    outcome = await outcome_of(executor, job)
    assert isinstance(outcome, Answered), outcome
    return outcome.result.text  # type: ignore[union-attr]


async def test_a_job_is_answered(executor: LocalExecutor, job: MakeJob) -> None:
    assert await answer_to(executor, job("hello")) == "echo: hello"


async def test_text_grows_and_ends_as_it_was_shown(executor: LocalExecutor, job: MakeJob) -> None:
    counting = job("7", COUNTER, max_tokens=80)
    *progress, outcome = await whole(executor.submit(counting))
    texts = [item.text for item in progress if isinstance(item, TextSoFar)]
    assert isinstance(outcome, Answered)
    whole_text = " ".join(map(str, range(8, 88)))
    assert outcome.result.text == whole_text  # type: ignore[union-attr]
    assert len(texts) >= 5
    assert all(b.startswith(a) for a, b in zip(texts, [*texts[1:], whole_text], strict=True))


async def test_steps_are_told(executor: LocalExecutor, job: MakeJob) -> None:
    news = await whole(executor.submit(job("steps 3")))
    steps = [item for item in news if isinstance(item, StepDone)]
    assert [(s.done, s.total) for s in steps] == [(1, 3), (2, 3), (3, 3)]


async def test_a_refusal_is_for_the_person(executor: LocalExecutor, job: MakeJob) -> None:
    outcome = await outcome_of(executor, job("refuse"))
    assert isinstance(outcome, Unanswered)
    assert isinstance(outcome.error, UserError)
    assert str(outcome.error) == "This is not for me. Ask another."


async def test_a_fault_is_for_the_log(executor: LocalExecutor, job: MakeJob) -> None:
    failing = job("fail")
    outcome = await outcome_of(executor, failing)
    assert isinstance(outcome, Unanswered)
    assert isinstance(outcome.error, InferenceError)
    assert outcome.error.reference == failing.id
    assert "a fault in the family" in outcome.error.remote_traceback


async def test_a_model_that_does_not_load_fails_its_jobs(
    executor: LocalExecutor, job: MakeJob
) -> None:
    broken = msgspec.structs.replace(ECHO, id="broken")
    outcome = await outcome_of(executor, job("hello", broken))
    assert isinstance(outcome, Unanswered)
    assert "these weights are no weights" in str(outcome.error)
    assert await answer_to(executor, job("hello")) == "echo: hello"


async def test_a_killed_worker_costs_nobody_an_answer(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path
) -> None:
    before = executor.status().deaths
    jobs = [job(f"die-once {tmp_path / 'died'}"), *(job(f"steps {n}") for n in range(5, 12))]
    texts = await asyncio.gather(*(answer_to(executor, j) for j in jobs))
    assert texts == [f"echo: {j.request.prompt}" for j in jobs]  # type: ignore[union-attr]
    assert executor.status().deaths == before + 1


async def test_text_that_was_shown_stays_when_its_worker_dies(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    counting = job(f"37 {armed}", COUNTER, max_tokens=12)
    *progress, outcome = await whole(executor.submit(counting))
    texts = [item.text for item in progress if isinstance(item, TextSoFar)]
    assert not armed.exists()
    assert isinstance(outcome, Answered)
    final = outcome.result.text  # type: ignore[union-attr]
    assert final == " ".join(str(n) for n in range(38, 50))
    assert all(final.startswith(text) for text in texts)
    assert [len(text) for text in texts] == sorted({len(text) for text in texts})


async def test_poison_is_refused_and_its_neighbours_are_answered(
    executor: LocalExecutor, job: MakeJob
) -> None:
    before = executor.status().deaths
    poison, innocents = job("die"), [job(f"steps {n}", member=2) for n in range(10, 17)]
    outcome, *texts = await asyncio.gather(
        outcome_of(executor, poison), *(answer_to(executor, j) for j in innocents)
    )
    assert isinstance(outcome, Unanswered)
    assert "stopped two workers" in str(outcome.error)
    assert texts == [f"echo: steps {n}" for n in range(10, 17)]
    assert executor.status().deaths == before + 2


async def test_a_deadline_is_kept_by_a_family_that_listens(
    executor: LocalExecutor, job: MakeJob
) -> None:
    before = executor.status().deaths
    outcome = await outcome_of(executor, job("steps 1000", max_seconds=1))
    assert outcome == Expired(limit_s=1)
    assert executor.status().deaths == before


async def test_a_deadline_is_kept_by_force(executor: LocalExecutor, job: MakeJob) -> None:
    before = executor.status().deaths
    async with asyncio.timeout(10):
        outcome = await outcome_of(executor, job("deaf 60", max_seconds=1))
    assert outcome == Expired(limit_s=1)
    assert await answer_to(executor, job("hello")) == "echo: hello"
    async with asyncio.timeout(10):
        while executor.status().deaths == before:
            await asyncio.sleep(0)


async def test_a_running_job_is_cancelled(executor: LocalExecutor, job: MakeJob) -> None:
    counting = job("1", COUNTER, max_tokens=900)
    seen: list[Progress | Outcome] = []
    async for item in executor.submit(counting):
        seen.append(item)
        if isinstance(item, TextSoFar) and len(seen) > 5:
            executor.cancel(counting.id)
    assert seen[-1] == Cancelled()
    assert len(seen) < 400


async def test_a_waiting_job_is_cancelled_at_once(executor: LocalExecutor, job: MakeJob) -> None:
    busy = [executor.submit(job("steps 50")) for _ in range(2)]
    waiting = job("hello")
    news = executor.submit(waiting)
    executor.cancel(waiting.id)
    assert (await whole(news))[-1] == Cancelled()
    for each in busy:
        assert isinstance((await whole(each))[-1], Answered)


async def test_rows_of_one_model_share_a_worker(executor: LocalExecutor, job: MakeJob) -> None:
    jobs = [job(str(n), COUNTER, max_tokens=30) for n in (0, 100, 200, 300)]
    starts: dict[str, int] = {}
    ends: dict[str, int] = {}
    order = iter(range(10_000))

    async def follow(each: Job, news: News) -> None:
        async for item in news:
            if isinstance(item, Started):
                starts[each.id] = next(order)
        ends[each.id] = next(order)

    await asyncio.gather(*(follow(each, executor.submit(each)) for each in jobs))
    assert max(starts.values()) < min(ends.values())


async def test_workers_know_no_secret(executor: LocalExecutor, job: MakeJob) -> None:
    environment = await answer_to(executor, job("environment"))
    assert "a-secret" not in environment
    assert "HF_HUB_OFFLINE=1" in environment


async def test_the_queue_says_no_when_it_is_full(job: MakeJob) -> None:
    async with running(queue_size=1, workers=1, jobs_per_member=2) as executor:
        first = executor.submit(job("hello"))  # no worker is up yet: it waits
        with pytest.raises(BusyError, match="1 requests are waiting"):
            executor.submit(job("good morning", member=2))
        assert isinstance((await whole(first))[-1], Answered)
        assert await answer_to(executor, job("hello", member=2)) == "echo: hello"


async def test_the_pool_outlives_its_forkserver(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        assert await answer_to(executor, job("hello")) == "echo: hello"
        os.kill(executor.forkserver_pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            assert await answer_to(executor, job("again")) == "echo: again"


async def test_draining_admits_nothing_and_lets_work_finish(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        following = asyncio.create_task(whole(executor.submit(job("steps 20"))))
        draining = asyncio.create_task(executor.drain(20.0))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="restarting"):
            executor.submit(job("too late"))
        await draining
        assert isinstance((await following)[-1], Answered)
