"""Five hundred jobs while workers are killed, stopped, hung, filled and poisoned at random."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from dataclasses import replace

import pytest

from bot.inference.job import Answered, Expired, Job, Outcome, Unanswered
from bot.inference.local import LocalExecutor
from bot.tasks.progress import TextSoFar
from tests.inference.conftest import COUNTER, MakeJob, running

JOBS = 500
MEMBERS = 20
HARM = ("die", "deaf 30", "leak 400")
HARMFUL = 5  # of each
MEMORY_MB = 100  # what a worker may take is twice that
BLOW_EVERY_S = 1.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def follow(executor: LocalExecutor, asked: Job) -> list[Outcome]:
    """Run a job; return its outcomes, of which there should be one, and check its text's growth."""
    shown, outcomes = "", []
    async for item in executor.submit(asked):
        if isinstance(item, TextSoFar):
            assert item.text.startswith(shown)
            shown = item.text
        elif isinstance(item, Outcome):
            outcomes.append(item)
            if isinstance(item, Answered):
                assert item.result.text.startswith(shown)  # type: ignore[union-attr]
    return outcomes


async def strike(executor: LocalExecutor, chance: random.Random) -> None:
    """Kill or stop a worker now and then, for ever."""
    while True:
        await asyncio.sleep(BLOW_EVERY_S)
        pids = list(executor.pids.values())
        if pids:
            blow = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP])
            os.kill(chance.choice(pids), blow)


def prompts(chance: random.Random) -> list[str]:
    """What is asked: mostly innocent things, some poison, some that hang, some that leak."""
    kinds = ["steps 5", "steps 20", "hello", "count"]
    harm = list(HARM) * HARMFUL
    asked = [*chance.choices(kinds, weights=[2, 1, 2, 4], k=JOBS - len(harm)), *harm]
    chance.shuffle(asked)
    return asked


async def test_every_job_ends_exactly_once(job: MakeJob) -> None:
    chance = random.Random(20261122)
    jobs = []
    for number, prompt in enumerate(prompts(chance)):
        member = number % MEMBERS
        if prompt == "count":
            first = chance.randrange(100, 800)
            jobs.append(job(str(first), COUNTER, member=member, max_tokens=chance.randrange(5, 40)))
        else:
            limit = 1 if prompt.startswith("deaf") else 60
            jobs.append(job(prompt, member=member, max_seconds=limit))
    jobs = [replace(each, seed=number) for number, each in enumerate(jobs)]  # nobody shares a run
    shares = {"jobs_per_member": JOBS, "jobs_per_guild": JOBS}
    limits = {"queue_size": JOBS, "silence_s": 1.5, "memory_budget_mb": MEMORY_MB}
    async with running(**limits, **shares) as executor:
        blows = asyncio.create_task(strike(executor, chance))
        ends = await asyncio.gather(*(follow(executor, each) for each in jobs))
        blows.cancel()
        deaths = executor.status().deaths
    assert all(len(outcomes) == 1 for outcomes in ends)
    found = Counter(type(outcomes[0]).__name__ for outcomes in ends)
    print(f"{JOBS} jobs, {deaths} deaths: {dict(found)}")  # noqa: T201
    assert deaths >= 20
    for asked, (outcome,) in zip(jobs, ends, strict=True):
        prompt = asked.request.prompt  # type: ignore[union-attr]
        if prompt == "die" or prompt.startswith("leak"):
            assert isinstance(outcome, Unanswered)
            assert "stopped two workers" in str(outcome.error)
        elif prompt.startswith("deaf"):
            assert isinstance(outcome, Expired | Unanswered)
    innocent = [e[0] for j, e in zip(jobs, ends, strict=True) if j.request.prompt not in HARM]  # type: ignore[union-attr]
    answered = sum(isinstance(outcome, Answered) for outcome in innocent)
    print(f"{answered} of {len(innocent)} innocent jobs answered")  # noqa: T201
    assert answered >= 0.9 * len(innocent)
