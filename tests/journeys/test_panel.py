"""The panel beside the chat, as a cog's author has it: jobs' lives, a killed worker, a new cog."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.playground.member import Member
from tests.processes import bot, commands_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)

COG = '''
import discord
from discord import app_commands
from discord.ext import commands


class Greeting(commands.Cog):
    @app_commands.command()
    async def greet(self, interaction: discord.Interaction) -> None:
        """Greet whoever asks."""
        await interaction.response.send_message("Good evening")


async def setup(bot):
    await bot.add_cog(Greeting())
'''


class Panel:
    """The panel's feed: the newest row of every entry, and the newest states."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = f"{address}/playground/panel"
        self.rows: dict[int, dict[str, Any]] = {}
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Take in what comes, for ever."""
        async with self._session.ws_connect(f"{self._address}/events", max_msg_size=0) as socket:
            async for frame in socket:
                async with self._news:
                    self.rows |= {row["number"]: row for row in frame.json().get("entries", ())}
                    self._news.notify_all()

    async def row(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 10) -> Any:
        """Wait for a row; return it with all that is known of its entry."""
        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: any(map(wanted, self.rows.values())))
        number = next(n for n, row in self.rows.items() if wanted(row))
        async with self._session.get(f"{self._address}/entries/{number}") as response:
            return await response.json()

    async def bring(self, **fault: Any) -> None:
        """Bring a fault about."""
        async with self._session.post(f"{self._address}/faults", json=fault) as response:
            assert response.status == 200, await response.text()


@contextlib.asynccontextmanager
async def watched(address: str) -> AsyncIterator[Panel]:
    async with aiohttp.ClientSession() as session:
        panel = Panel(session, address)
        reading = asyncio.create_task(panel.read())
        yield panel
        reading.cancel()


@pytest.fixture
def environ(starters: Path, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "DISCORD_TOKEN"}
    return {**kept, "MENAGERIE_CACHE": str(starters), "MENAGERIE_STATE": str(tmp_path / "state")}


async def test_a_job_is_followed_and_outlives_its_worker(
    environ: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[inference]\nthreads = 1\npreload = ["smollm2-135m-instruct"]\n')
    async with (
        bot(environ, "--config", str(config)) as (_, address, _),
        Member(address) as member,
        watched(address) as panel,
    ):
        await commands_of(member)
        prompt = "Once upon a time there was"
        asked = await member.invoke("complete", prompt=prompt, max_tokens=100, seed=1)
        await member.until(lambda: any(u["content"].endswith(" ▌") for u in asked.updates), 60)
        await panel.bring(fault="deed", name="Kill every worker")
        await asked.settled(90, until=lambda message: "-# " in message["content"])
        life = await panel.row(lambda row: row["kind"] == "job" and row["status"] == "done")
        assert life["interaction"] == asked.id
        told = [stage["what"] for stage in life["stages"]]
        assert told[:3] == ["queued", "given out", "started"]
        assert told[-3:] == ["given out", "started", "ended"]
        assert "resumes elsewhere" in told
        given = [stage["worker"] for stage in life["stages"] if stage["what"] == "given out"]
        assert len(set(given)) >= 2  # a new one may be killed before it has begun, too
        assert life["stages"][-1]["batch"] >= 1
        assert life["title"].startswith(f"job {life['job']} complete ")
        quick = await member.invoke("complete", prompt="Hello", max_tokens=2)
        await quick.settled(90, until=lambda message: "-# " in message["content"])
        life = await panel.row(lambda row: row["job"] and row["interaction"] == quick.id)
        told = [stage["what"] for stage in life["stages"]]
        assert told == ["queued", "given out", "started", "ended"]
        died = await panel.row(lambda row: row["title"].startswith("worker died"))
        assert died["status"] == "warning"


@pytest.mark.alone
async def test_a_new_command_is_in_the_palette_within_two_seconds(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """The bot runs on a copy of the cogs, so that the tree stays as it is."""
    house = tmp_path / "house"
    shutil.copytree(ROOT / "cogs", house / "cogs")
    (house / "quiet.toml").write_text("[inference]\nworkers = 1\nthreads = 1\n")
    async with (
        bot(environ, "--config", "quiet.toml", cwd=house) as (_, address, _),
        Member(address) as member,
        watched(address) as panel,
    ):
        before = {command["name"] for command in await commands_of(member)}
        began = time.monotonic()
        (house / "cogs" / "greeting.py").write_text(COG)
        while (names := {c["name"] for c in await member.commands()}) == before:
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < 2.0
        assert names - before == {"greet"}
        assert (await (await member.invoke("greet")).settled())["content"] == "Good evening"
        (house / "cogs" / "greeting.py").write_text(COG.replace(
            "Good evening\")", "Good evening\""
        ))  # fmt: skip
        broken = await panel.row(lambda row: row["title"].startswith("cog not reloaded"))
        assert broken["faults"] == [
            f"cog not reloaded ({house}/cogs/greeting.py, line 11): '(' was never closed"
        ]
        assert (await (await member.invoke("greet")).settled())["content"] == "Good evening"
