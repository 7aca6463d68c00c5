"""One member floods the queue; the others hardly notice."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import replace

import msgspec
import pytest

from bot.inference.job import Answered, Job
from bot.inference.local import LocalExecutor
from bot.tasks.progress import Started
from tests.inference.conftest import ECHO, MakeJob, running

OTHERS = range(2, 11)
ROUNDS = 4
FLOOD = 200
BY_ITSELF = msgspec.structs.replace(ECHO, slots=1)


async def seconds_to_answer(executor: LocalExecutor, asked: Job) -> float:
    began = time.monotonic()
    *_, outcome = [item async for item in executor.submit(asked)]
    assert isinstance(outcome, Answered)
    return time.monotonic() - began


async def p95_of_nine(executor: LocalExecutor, make: MakeJob) -> float:
    """Let nine members ask once each, at once, some times over; return the p95 of their waits."""
    seconds: list[float] = []
    for number in range(ROUNDS):
        asked = [
            replace(make("steps 15", BY_ITSELF, member=member), seed=number * 100 + member)
            for member in OTHERS
        ]
        seconds += await asyncio.gather(*(seconds_to_answer(executor, each) for each in asked))
    return statistics.quantiles(seconds, n=20)[-1]


@pytest.mark.slow
async def test_a_flood_at_most_doubles_the_wait_of_the_others(job: MakeJob) -> None:
    async with running(queue_size=300, jobs_per_member=300, jobs_per_guild=300) as executor:
        async with asyncio.timeout(60):
            while executor.status().workers < 2:
                await asyncio.sleep(0.01)
        await p95_of_nine(executor, job)  # both workers load the model
        calm_s = await p95_of_nine(executor, job)
        flood = [
            replace(job("steps 15", BY_ITSELF, member=1), seed=10_000 + n) for n in range(FLOOD)
        ]
        news = [executor.submit(each) for each in flood]
        async for item in news[0]:
            if isinstance(item, Started):
                break
        flooded_s = await p95_of_nine(executor, job)
        left = executor.status().waiting
        for each in flood:
            executor.cancel(each.id)
    print(f"p95 of nine: {calm_s:.2f} s alone, {flooded_s:.2f} s beside {FLOOD} jobs of one member")  # noqa: T201
    assert left > FLOOD / 2, "the flood was over before the others were done"
    assert flooded_s <= 2 * calm_s
