"""The whole bot on starter models in a playground, every request judged by Discord's document."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot.application import Application, opened
from bot.client import Menagerie
from bot.config import Config, Inference
from bot.playground.member import Invocation, Member
from bot.playground.redirect import redirected
from bot.playground.server import Playground
from tests.manners import well_mannered
from tests.openapi import Judge

JoinAs = Callable[..., Awaitable[Member]]


@dataclass
class House:
    """A running bot: its application, its client and the playground it lives in."""

    application: Application
    client: Menagerie
    playground: Playground
    judge: Judge


@asynccontextmanager
async def inhabited(
    config: Config,
    environ: dict[str, str],
    *,
    operators: Collection[int] = (),
    reread: Callable[[], Config] | None = None,
) -> AsyncIterator[House]:
    """Start the bot in a playground of its own, and close it after."""
    judge = Judge()
    async with AsyncExitStack() as stack:
        playground = await stack.enter_async_context(Playground(observers=[judge]))
        stack.enter_context(redirected(playground.address))
        application = await stack.enter_async_context(opened(config, environ, reread=reread))
        client = Menagerie(
            application.service, synced=None, test_guild=0, operators=operators,
            upkeep=application.upkeep,
        )  # fmt: skip
        serving = asyncio.create_task(client.start(playground.token))
        online = asyncio.create_task(playground.gateway.identified.wait())
        await asyncio.wait({serving, online}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield House(application, client, playground, judge)
        await client.close()
        await serving


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(starters: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    environ = {
        **os.environ,
        "MENAGERIE_CACHE": str(starters),
        "MENAGERIE_STATE": str(tmp_path_factory.mktemp("state")),
    }
    config = Config(inference=Inference(threads=1, jobs_per_member=20, kill_grace_s=1.0))
    async with inhabited(config, environ) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="package")
async def member(house: House) -> AsyncIterator[Member]:
    """Somebody at the keyboard; afterwards, every request the bot made must have been valid."""
    async with Member(house.playground.address) as member:
        yield member
    house.judge.verdict()
    well_mannered(house.playground.world)


@pytest.fixture(scope="session")
def finished() -> Callable[[Invocation], Awaitable[dict[str, object]]]:
    """Wait for the last state of an answer: the one with its small print."""

    async def wait(invocation: Invocation) -> dict[str, object]:
        return await invocation.settled(
            60, until=lambda message: not message["thinking"] and "-# " in message["content"]
        )

    return wait
