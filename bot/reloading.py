"""Loads a cog anew while the bot runs, and watches the cogs' folder for changes to do it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import discord
import structlog
from discord.ext import commands

from bot.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOK_EVERY_S = 0.5

Reload = Callable[[str], Awaitable[object]]

log = structlog.get_logger("reloading")


class CogBroken(OperatorError):
    """A cog that cannot be loaded as it stands; the one that was there before stays.

    Args:
        file: Where the fault is.
        line: In which line, as far as one can tell.
        message: What it is.
    """

    def __init__(self, file: str, line: int | None, message: str) -> None:
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: {message}. Mend it, and it is loaded again.")
        self.file = file
        self.line = line
        self.message = message


async def reload_extension(bot: commands.Bot, name: str) -> None:
    """Load an extension anew, or for the first time; let it go if its file is gone.

    Raises:
        CogBroken: It cannot be loaded; nothing has changed.
    """
    importlib.invalidate_caches()
    found = _found(name)
    try:
        if name not in bot.extensions:
            await bot.load_extension(name)
        elif found is None:
            await bot.unload_extension(name)
        else:
            await bot.reload_extension(name)
    except commands.ExtensionError as error:
        raise _explained(error, found or Path(name)) from error


def _found(name: str) -> Path | None:
    """Return the file of a module; what was compiled of it is removed.

    Python takes a compiled file for good if the source has its size and was written in the same
    second, which happens to those who save often.
    """
    package, _, stem = name.rpartition(".")
    for folder in importlib.import_module(package).__path__:
        path = Path(folder, f"{stem}.py")
        if path.exists():
            with contextlib.suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
            return path
    return None


def _explained(error: commands.ExtensionError, path: Path) -> CogBroken:
    """Return where the fault is and what it is, for those who write the cog."""
    cause = error.original if isinstance(error, commands.ExtensionFailed) else error
    if isinstance(cause, SyntaxError):
        return CogBroken(cause.filename or str(path), cause.lineno, cause.msg)
    frames = traceback.extract_tb(cause.__traceback__)
    own = [frame for frame in frames if Path(frame.filename) == path]
    line = own[-1].lineno if own else None
    if isinstance(cause, commands.NoEntryPointError):
        return CogBroken(str(path), None, "there is no `async def setup(bot)` in it")
    return CogBroken(str(path), line, f"{type(cause).__name__}: {cause}")


async def watch(folder: Path, reload: Reload, *, every_s: float = LOOK_EVERY_S) -> None:
    """Have each cog of a folder loaded anew when its file changes, comes or goes; for ever.

    A cog that is broken is told of in the log, and tried again at its next change.
    """
    known = _stamps(folder)
    while True:
        await asyncio.sleep(every_s)
        now = _stamps(folder)
        for cog in sorted(now.keys() | known.keys()):
            if now.get(cog) != known.get(cog):
                await _try(cog, reload)
        known = now


async def _try(cog: str, reload: Reload) -> None:
    began = time.monotonic()
    try:
        await reload(cog)
    except CogBroken as error:
        log.error(
            "cog not reloaded", cog=cog, file=error.file, line=error.line, message=error.message
        )
    except discord.DiscordException as error:  # it is loaded, but Discord refuses its commands
        log.error("commands not published", cog=cog, message=str(error))
    else:
        log.info("cog reloaded", cog=cog, took_s=round(time.monotonic() - began, 3))


def _stamps(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Return when each cog's file was written, and its size."""
    stamps = {}
    for path in folder.glob("[!_]*.py"):
        with contextlib.suppress(OSError):  # it has gone between the two looks
            about = path.stat()
            stamps[path.stem] = about.st_mtime_ns, about.st_size
    return stamps
