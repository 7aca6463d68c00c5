"""A real client in a playground whose clock the test advances; jobs do what the test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Model
from bot.client import Menagerie
from bot.inference.job import Answered, Job, Outcome, Timings
from bot.metrics import Metrics
from bot.playground.member import Invocation, Member
from bot.playground.redirect import redirected
from bot.playground.server import Playground
from bot.rules import Rules
from bot.service import Service
from bot.store.notes import Notes
from bot.store.store import Store
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.progress import Progress
from bot.tasks.text_to_text import TextResult
from bot.ui import destination, display
from tests.fakes import FakeExecutor
from tests.manners import well_mannered
from tests.openapi import Judge
from tests.playground.conftest import FakeClock

MODELS = [
    Model(id=f"tiny-{task}", task=task, family="here", name=f"Tiny {task}")
    for task in (
        "complete",
        "ask",
        "imagine",
        "ocr",
        "summarize",
        "translate",
        "restyle",
        "recommend",
    )
]
MODELS.append(Model(id="other-complete", task="complete", family="here", name="Tiny other"))
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c494441"
    "54789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


class Stage(FakeExecutor):
    """An executor whose jobs say what a test has them say."""

    def __init__(self) -> None:
        super().__init__()
        self.stopping = False
        self._news_of: dict[str, asyncio.Queue[Progress | Outcome]] = {}
        self._came = asyncio.Condition()

    def submit(self, job: Job) -> AsyncIterator[Progress | Outcome]:
        self.jobs.append(job)
        self._news_of[job.id] = asyncio.Queue()
        return self._told(job)

    async def _told(self, job: Job) -> AsyncIterator[Progress | Outcome]:
        while True:
            item = await self._news_of[job.id].get()
            yield item
            if isinstance(item, Outcome):
                return

    def say(self, item: Progress | Outcome, job: Job | None = None) -> None:
        """Have a job, the newest by default, tell this."""
        self._news_of[(job or self.jobs[-1]).id].put_nowait(item)

    def cancel(self, job_id: str) -> None:
        from bot.inference.job import Cancelled

        super().cancel(job_id)
        self._news_of[job_id].put_nowait(Cancelled())

    async def job(self, count: int = 1) -> Job:
        """Wait until so many jobs have come; return the last."""
        async with asyncio.timeout(10):
            while len(self.jobs) < count:
                await asyncio.sleep(0.01)
        return self.jobs[count - 1]


def text(words: str = "Once upon a time", *, stopped_by: Any = "end") -> Answered:
    """A text, as a job's outcome."""
    result = TextResult(text=words, tokens=len(words.split()), stopped_by=stopped_by)
    timings = Timings(queued_s=2.0, run_s=1.0, batch=3, worker=2, runs=2, askers=1)
    return Answered(result=result, timings=timings)


def pictures(count: int = 2) -> Answered:
    """Some pictures, as a job's outcome."""
    each = Picture(data=PNG, width=1, height=1, alt_text="a dot")
    result = PicturesResult(pictures=(each,) * count)
    return Answered(result=result, timings=Timings(queued_s=0.0, run_s=1.0))


class Evening:
    """A Discord, a clock, and bots that come and go."""

    def __init__(self, playground: Playground, clock: FakeClock, judge: Judge, path: Path) -> None:
        self.playground = playground
        self.clock = clock
        self.judge = judge
        self.stage = Stage()
        self.path = path
        self.leaves_some = False  # a test means that somebody waits for ever

    @asynccontextmanager
    async def bot(self, member: Member, keep_days: int = 30) -> AsyncIterator[Service]:
        """A bot that is online inside the block."""
        async with Store.opened(self.path) as store:
            rules = Rules(Notes(store.engine))
            await rules.load()
            service = Service(
                catalogue=Catalogue(MODELS),
                executor=self.stage,
                store=store,
                metrics=Metrics(),
                is_present=lambda _: True,
                is_supported=lambda _: True,
                preferred=lambda _: "",
                keep_days=keep_days,
                rules=rules,
            )
            client = Menagerie(service, synced=None, test_guild=0)
            serving = asyncio.create_task(client.start(self.playground.token))
            try:
                await member.until(lambda: member.bot_online, 30)
                yield service
            finally:
                await client.close()
                await serving
        await member.until(lambda: not member.bot_online)


@pytest.fixture
async def evening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Evening]:
    """The playground and its clock; every request that a bot makes must be valid."""
    clock, judge = FakeClock(), Judge()
    monkeypatch.setattr(destination, "now", clock)
    monkeypatch.setattr(display, "EDIT_EVERY_S", 0.02)
    monkeypatch.setattr(display, "FIRST_EDIT_S", 0.0)
    async with Playground(clock=clock, observers=[judge]) as playground:
        with redirected(playground.address):
            evening = Evening(playground, clock, judge, tmp_path / "test.db")
            yield evening
    judge.verdict()
    if not evening.leaves_some:
        well_mannered(playground.world)


@pytest.fixture
async def member(evening: Evening) -> AsyncIterator[Member]:
    async with Member(evening.playground.address) as member:
        yield member


def whole(message: dict[str, Any]) -> bool:
    """Whether a message is an answer with its small print."""
    return "-# Tiny" in message["content"]


async def answered(member: Member, asked: Invocation) -> dict[str, Any]:
    """Wait for the answer to an interaction, in its own message."""
    return await asked.settled(10, until=whole)


async def found(member: Member, happened: Any) -> dict[str, Any]:
    """Wait until a message is such; return it."""
    await member.until(lambda: any(happened(m) for m in member.seen.values()))
    return next(m for m in member.seen.values() if happened(m))
