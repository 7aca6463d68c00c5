"""The bot as a process of its own, for tests, benchmarks and pictures."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bot.playground.member import Member


@contextlib.asynccontextmanager
async def bot(
    environ: dict[str, str], *options: str, cwd: Path | None = None
) -> AsyncIterator[tuple[Process, str, float]]:
    """Start the bot; give its process, the playground's address and when it was started."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--port", "0", *options),
        env=environ, cwd=cwd, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield process, line.removeprefix("Playground: ").strip(), began
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def commands_of(member: Member) -> list[dict[str, Any]]:
    """Wait until the bot is online, which it is after it has published its commands."""
    await member.until(lambda: member.bot_online, 30)
    return await member.commands()
