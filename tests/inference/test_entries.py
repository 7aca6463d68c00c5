"""The catalogue changes while workers run: jobs keep their entry, those to come see the new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from bot.catalogue.model import Model
from bot.inference.job import Answered, Outcome
from bot.tasks.progress import Progress, StepDone
from tests.inference.conftest import MakeJob, running

BEFORE = Model(id="mine", task="complete", family="toy_echo", checkpoint="none", slots=4)
AFTER = msgspec.structs.replace(BEFORE, family="toy_counter")


async def text_of(news: AsyncIterator[Progress | Outcome]) -> str:
    *_, outcome = [item async for item in news]
    assert isinstance(outcome, Answered), outcome
    return outcome.result.text  # type: ignore[union-attr]


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_job_under_way_keeps_its_entry_and_the_next_has_the_new_one(
    workers: int, job: MakeJob
) -> None:
    async with running(workers=workers) as executor:
        await executor.up.wait()
        slow, next_job = job("steps 40", BEFORE), job("7", AFTER, max_tokens=3)
        news = executor.submit(slow)
        async for item in news:
            if isinstance(item, StepDone):
                break
        executor.keeping.follow({"mine": next_job.model})
        first = asyncio.create_task(text_of(news))
        second = asyncio.create_task(text_of(executor.submit(next_job)))
        more = [text_of(executor.submit(job(f"{n}", AFTER, max_tokens=2))) for n in range(3)]
        assert await first == "echo: steps 40"
        assert await second == "8 9 10"
        assert await asyncio.gather(*more) == ["1 2", "2 3", "3 4"]
        assert "mine" in executor.status().models[1] + executor.status().models.get(2, ())
        assert executor.status().deaths == 0


async def test_what_is_gone_is_put_away_when_it_is_idle(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        await executor.up.wait()
        executor.keeping.pin(BEFORE, wanted=True)  # which is no reason to keep it
        under_way = asyncio.create_task(text_of(executor.submit(job("steps 60", BEFORE))))
        while "mine" not in executor.status().models.get(1, ()):
            await asyncio.sleep(0.01)
        executor.keeping.follow({"mine": None})
        assert await under_way == "echo: steps 60"
        async with asyncio.timeout(5):
            while "mine" in executor.status().models[1]:
                await asyncio.sleep(0.05)
        again = job("hello", BEFORE)
        executor.keeping.follow({"mine": again.model})
        assert await text_of(executor.submit(again)) == "echo: hello"
