"""Executors on real worker processes with toy families, and the jobs for them."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.catalogue.model import Limits, Model
from bot.config import Inference
from bot.inference.job import Job
from bot.inference.local import LocalExecutor
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import CompleteText

TOYS = Path(__file__).parents[1] / "toy_families"
NUMBERS = itertools.count()

ECHO = Model(id="echo", task="complete", family="toy_echo", checkpoint="none")
RELAY = Model(id="relay", task="complete", family="toy_relay", checkpoint="none", slots=2)
COUNTER = Model(id="counter", task="complete", family="toy_counter", checkpoint="none", slots=4)
MakeJob = Callable[..., Job]


@pytest.fixture
def job() -> MakeJob:
    """Make a job: its prompt, its model, and perhaps who asks and how long it may take."""

    def make(
        prompt: str, model: Model = ECHO, *, member: int = 1, max_seconds: int = 60, **options: Any
    ) -> Job:
        model = msgspec.structs.replace(model, limits=Limits(max_seconds=max_seconds))
        return Job(
            id=f"job{next(NUMBERS)}",
            request=CompleteText(prompt=prompt, **options),
            model=model,
            seed=0,
            caller=Caller(user_id=member, guild_id=1),
        )

    return make


@asynccontextmanager
async def running(folder: Path = Path(), **settings: Any) -> AsyncIterator[LocalExecutor]:
    """Run an executor with toy families; every process is gone when the block ends."""
    chosen = {"workers": 2, "threads": 1, "jobs_per_member": 100, "kill_grace_s": 0.5, **settings}
    environ = {**os.environ, "MENAGERIE_FAMILIES": str(TOYS), "DISCORD_TOKEN": "a-secret"}
    executor = LocalExecutor(Inference(**chosen), environ=environ, folder_of=lambda _: folder)
    await executor.start()
    try:
        yield executor
    finally:
        await executor.drain(0.0)


@pytest.fixture
def executors() -> Callable[..., AbstractAsyncContextManager[LocalExecutor]]:
    return running
