"""Batches: jobs of one model that wait together run together, and fail apart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bot.inference.job import Answered, Cancelled, Unanswered
from bot.inference.local import LocalExecutor
from tests.inference.conftest import ECHO, MakeJob, running

WIDE = msgspec.structs.replace(ECHO, id="echo-slow", slots=8)  # all are there once it is loaded


async def texts_of(executor: LocalExecutor, *jobs: object) -> list[str]:
    async def follow(job: object) -> str:
        *_, item = [news async for news in executor.submit(job)]  # type: ignore[arg-type]
        if isinstance(item, Answered):
            return item.result.text  # type: ignore[union-attr]
        return str(item.error) if isinstance(item, Unanswered) else type(item).__name__

    return await asyncio.gather(*(follow(job) for job in jobs))


async def test_jobs_that_wait_together_run_as_one_batch(job: MakeJob, tmp_path: Path) -> None:
    sizes = tmp_path / "sizes"
    async with running(workers=1) as executor:
        jobs = [job(f"note {sizes} {n}", WIDE) for n in range(8)]
        texts = await texts_of(executor, *jobs)
    assert texts == [f"echo: note {sizes} {n}" for n in range(8)]
    assert [int(size) for size in sizes.read_text().split()] == [8]  # they waited for the load


async def test_a_fault_in_a_batch_fails_the_guilty_alone(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        jobs = [job("hello", WIDE), job("fail", WIDE), job("refuse", WIDE), job("there", WIDE)]
        texts = await texts_of(executor, *jobs)
    assert texts[0] == "echo: hello"
    assert "a fault in the family" in texts[1]
    assert texts[2] == "This is not for me. Ask another."
    assert texts[3] == "echo: there"


async def test_cancelling_one_of_a_batch_leaves_the_others(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        wanted, unwanted = job("steps 40", WIDE), job("steps 41", WIDE)
        news = executor.submit(unwanted)
        others = asyncio.create_task(texts_of(executor, wanted))
        outcome = None
        async for item in news:
            if type(item).__name__ == "StepDone":
                executor.cancel(unwanted.id)
            outcome = item
        assert outcome == Cancelled()
        assert await others == ["echo: steps 40"]


async def test_only_texts_of_about_one_length_share_a_batch(job: MakeJob, tmp_path: Path) -> None:
    sizes = tmp_path / "sizes"
    async with running(workers=1) as executor:
        short = [job(f"note {sizes} {n}", WIDE) for n in range(3)]
        long = [job(f"note {sizes} {n} {'x' * 4000}", WIDE) for n in range(3)]
        await texts_of(executor, *short, *long)
    assert sorted(int(size) for size in sizes.read_text().split()) == [3, 3]


async def test_a_batch_holds_no_more_than_its_budget(job: MakeJob, tmp_path: Path) -> None:
    sizes = tmp_path / "sizes"
    async with running(workers=1) as executor:
        jobs = [job(f"note {sizes} {n} {'x' * 7900}", WIDE) for n in range(8)]
        await texts_of(executor, *jobs)
    assert [int(size) for size in sizes.read_text().split()] == [4, 4]


async def test_how_many_shared_a_run_is_told(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        news = [executor.submit(job(f"steps {n}", WIDE)) for n in (5, 6)]
        outcomes = [[item async for item in each][-1] for each in news]
    assert [outcome.timings.batch for outcome in outcomes] == [2, 2]  # type: ignore[union-attr]
