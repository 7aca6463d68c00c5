"""Batches: jobs of one model that wait together run together, and fail apart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bot.inference.job import Answered, Cancelled, Unanswered
from bot.inference.local import LocalExecutor
from tests.inference.conftest import ECHO, MakeJob, running

WIDE = msgspec.structs.replace(ECHO, slots=8)


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
