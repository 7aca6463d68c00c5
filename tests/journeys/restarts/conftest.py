"""A Discord that outlives the bots in it, and bots that are stopped and started again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bot.application import Stop, opened, serve
from bot.catalogue.catalogue import Catalogue
from bot.client import Menagerie
from bot.config import Config, Inference
from bot.playground.member import Member
from bot.playground.redirect import redirected
from bot.playground.server import Playground
from tests.manners import well_mannered
from tests.openapi import Judge

ONE_AT_A_TIME = msgspec.structs.replace(Catalogue.load().get("smollm2"), slots=1)
CONFIG = Config(inference=Inference(workers=1, threads=1), model=(ONE_AT_A_TIME,))


@pytest.fixture
def environ(starters: Path, tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "MENAGERIE_CACHE": str(starters), "MENAGERIE_STATE": str(tmp_path)}


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A Discord that outlives the bots; every request they made must have been valid."""
    judge = Judge()
    async with Playground(observers=[judge]) as made:
        with redirected(made.address):
            yield made
    judge.verdict()
    well_mannered(made.world)


@pytest.fixture
async def member(playground: Playground) -> AsyncIterator[Member]:
    async with Member(playground.address) as member:
        yield member


@asynccontextmanager
async def a_bot(
    playground: Playground, member: Member, environ: dict[str, str]
) -> AsyncIterator[None]:
    """A bot that is online inside the block and is then told to stop, with no time to drain."""
    stop = Stop()
    async with opened(CONFIG, environ) as application:
        client = Menagerie(application.service, synced=None, test_guild=0)
        serving = serve(client, playground.token, stop, application.executor, drain_s=0.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(serving)
            await member.until(lambda: member.bot_online, 30)
            yield
            stop.ask()
    await member.until(lambda: not member.bot_online)
