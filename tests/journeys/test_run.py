"""``python -m bot run``, as a newcomer starts it: its own process, no token, no terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from tests.processes import bot, commands_of

ONLINE_S = 3.0
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def environ(starters: Path, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "DISCORD_TOKEN"}
    return {**kept, "MENAGERIE_CACHE": str(starters), "MENAGERIE_STATE": str(tmp_path / "state")}


def children_of(pid: int) -> set[int]:
    """Every process below a process."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) in {pid, *found}:
                found.add(int(path.parent.name))
    return found


def alive(pids: set[int]) -> set[int]:
    """Those of the processes that still run; a zombie does not."""
    return {pid for pid in pids if _state(pid) not in ("Z", "X", "")}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.alone
async def test_it_is_online_in_three_seconds_and_answers(environ: dict[str, str]) -> None:
    async with bot(environ) as (process, address, began), Member(address) as member:
        names = {command["name"] for command in await commands_of(member)}
        assert time.monotonic() - began < ONLINE_S
        assert {"complete", "ask", "ocr", "restyle", "translate"} <= names
        asked = await member.invoke("complete", prompt="Hello", max_tokens=5)
        assert await asked.acknowledged() < 1.0
        await asked.settled(60, until=lambda message: "-# " in message["content"])
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libtorch" not in maps
        assert "numpy" not in maps


async def test_sigterm_drains_and_ends_well(environ: dict[str, str]) -> None:
    async with bot(environ) as (process, address, _), Member(address) as member:
        await commands_of(member)
        prompt = "Once upon a time there was"  # one text may end before any of it is shown
        asked = [await member.invoke("complete", prompt=prompt, max_tokens=80) for _ in range(3)]

        def begun() -> list[Invocation]:
            return [one for one in asked if any(u["content"].endswith(" ▌") for u in one.updates)]

        await member.until(lambda: bool(begun()), 100)
        process.send_signal(signal.SIGTERM)
        await begun()[0].settled(60, until=lambda message: "-# " in message["content"])
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.alone
async def test_a_second_ctrl_c_leaves_at_once_and_no_message_half_done(
    environ: dict[str, str],
) -> None:
    async with bot(environ) as (process, address, _), Member(address) as member:
        await commands_of(member)
        prompt = "Once upon a time there was"
        asked = [await member.invoke("complete", prompt=prompt, max_tokens=500) for _ in range(3)]
        await member.until(
            lambda: all(any(u["content"].endswith(" ▌") for u in a.updates) for a in asked), 60
        )
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        async with asyncio.timeout(2):  # two signals at once would count as one
            while b"stop again to leave at once" not in await process.stderr.readline():
                pass
        process.send_signal(signal.SIGINT)
        for one in asked:
            await one.settled(5, until=lambda message: "restarting" in message["content"])
        assert await asyncio.wait_for(process.wait(), 5) == 0
        assert time.monotonic() - began < 5.0
        assert not any(one.content.endswith("▌") or one.message["components"] for one in asked)


async def test_ctrl_c_before_anything_is_loaded_ends_well(environ: dict[str, str]) -> None:
    async with bot(environ) as (process, _, _):
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_port_that_is_taken_gives_way_to_another(environ: dict[str, str]) -> None:
    async with bot(environ) as (_, first, _):
        port = first.rpartition(":")[2]
        async with bot(environ, "--port", port) as (_, second, _):
            assert second.startswith("http://127.0.0.1:")
            assert second != first


async def test_nothing_is_left_behind_when_it_is_killed(environ: dict[str, str]) -> None:
    async with bot(environ) as (process, address, _), Member(address) as member:
        await commands_of(member)
        asked = await member.invoke("complete", prompt="Hello", max_tokens=5)
        await asked.settled(60, until=lambda message: "-# " in message["content"])
        children = children_of(process.pid)
        assert len(children) >= 3  # the forkserver and two workers
        process.kill()
        await process.wait()
        async with asyncio.timeout(1.0):
            while alive(children):
                await asyncio.sleep(0.01)


async def test_a_mistake_in_the_configuration_is_named(
    environ: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[inferenc]\nworkers = 2\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--config", str(broken)),
        env=environ, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "inference" in errors.decode()
    assert str(broken) in errors.decode()
