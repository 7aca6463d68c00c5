"""A playground with a small real bot in it, judged by Discord's own document."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from bot.playground.member import Member
from bot.playground.redirect import redirected
from bot.playground.server import Playground
from tests.openapi import Judge
from tests.playground.zoo import Zoo

JoinsAs = Callable[..., Awaitable[Member]]


class FakeClock:
    """Stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@asynccontextmanager
async def running(zoo: Zoo, playground: Playground) -> AsyncIterator[Zoo]:
    """Runs a bot in the playground until the block ends."""
    task = asyncio.create_task(zoo.start(playground.token))
    ready = asyncio.create_task(zoo.ready.wait())
    try:
        await asyncio.wait((task, ready), timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), "the bot did not get ready"
        yield zoo
    finally:
        ready.cancel()
        await zoo.close()
        await task


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
async def playground(clock: FakeClock, judge: Judge) -> AsyncIterator[Playground]:
    """A playground whose every call is judged when the test ends."""
    async with Playground(clock=clock, observers=[judge]) as made:
        with redirected(made.address):
            yield made
    judge.verdict()


@pytest.fixture
async def zoo(playground: Playground) -> AsyncIterator[Zoo]:
    """A bot that is ready, without the message content intent."""
    async with running(Zoo(discord.Intents.default()), playground) as ready:
        yield ready


@pytest.fixture
async def joins(playground: Playground) -> AsyncIterator[JoinsAs]:
    """Lets members in, by persona; they leave when the test ends."""
    async with AsyncExitStack() as stack:

        async def join(persona: str = "member", *, dm: bool = False) -> Member:
            return await stack.enter_async_context(Member(playground.address, persona, dm=dm))

        yield join


@pytest.fixture
async def robin(zoo: Zoo, joins: JoinsAs) -> Member:
    """An ordinary member in a playground with the bot."""
    return await joins("member")


class Raw:
    """Sends what discord.py itself would refuse to send."""

    def __init__(self, session: aiohttp.ClientSession, playground: Playground) -> None:
        self.session, self.playground = session, playground

    async def __call__(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bot {self.playground.token}"} | how.pop("headers", {})
        url = f"{self.playground.address}/api/v10{path}"
        async with self.session.request(method, url, headers=headers, **how) as response:
            return response.status, await response.json()


@pytest.fixture
async def raw(playground: Playground, judge: Judge) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as session:
        yield Raw(session, playground)
    judge.forgive()  # these requests are wrong on purpose
