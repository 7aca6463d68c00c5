"""Has models prepared for the faster runtime while nobody asks for anything.

It takes a minute or more and several times the weights' memory, so it is a process of its own,
one at a time, that gives way to everything else. Meanwhile torch serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

import structlog

from bot import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Inference

QUIET_S = 15.0  # for so long nobody may have asked for anything
LOOK_S = 1.0
GRACE_S = 2.0  # that a child has to tidy up
TIMES = 6  # the memory that it takes, in weights of float32
FLOAT = 4  # bytes
STORED = 2  # bytes that a weight takes in a file, at least
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
MODULE = "bot.decoding.export"
REFUSED = 3  # the exit status that says: this architecture cannot be prepared

log = structlog.get_logger("preparing")


def serving_environment(settings: Inference, prepared: Path | None) -> dict[str, str]:
    """Return what tells workers how the operator wants texts to be written."""
    return {
        "MENAGERIE_RUNTIME": settings.runtime,
        "MENAGERIE_DTYPE": settings.dtype,
        "MENAGERIE_PACK_BYTES": str(settings.chosen_share_bytes()),
        "MENAGERIE_ARENA_BYTES": str(settings.chosen_share_bytes()),
        "MENAGERIE_PREPARED": "" if prepared is None else str(prepared),
    }


class Preparing:
    """Prepares models that a worker asked for, in turn.

    Args:
        folder: Where what is prepared goes, by model; without it nothing is.
        folder_of: A model's checkpoint.
        environ: The workers' environment: what is measured is measured as they run.
        settings: The configuration's ``[inference]`` table: what it leaves of the memory may be
            taken.
        is_idle: Says whether no job waits or runs.
    """

    def __init__(
        self,
        folder: Path | None,
        folder_of: Callable[[Model], Path],
        environ: Mapping[str, str],
        settings: Inference,
        *,
        is_idle: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._folder_of = folder_of
        self._environ = dict(environ)
        self._threads = environ["MENAGERIE_THREADS"]
        self._settings = settings
        self._is_idle = is_idle
        self.done: Callable[[str], None] = lambda _: None
        """Told the id of each model that is ready."""
        self._wanted: asyncio.Queue[Model] = asyncio.Queue()
        self._known: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def want(self, model: Model) -> None:
        """Prepare a model when there is time; it is tried once."""
        if model.id in self._known or self._folder is None:
            return
        self._known.add(model.id)
        self._wanted.put_nowait(model)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop; what is half done is gone. Never raises, whatever went wrong before."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        assert self._folder is not None  # or nothing is wanted
        while True:
            model = await self._wanted.get()
            await self._quiet()
            try:
                if self._has_room(model):
                    await self._prepare(model, self._folder / model.id)
            except Exception:  # torch goes on serving this one; the next may do better
                log.exception("could not be prepared", model=model.id)

    def _has_room(self, model: Model) -> bool:
        """Say whether the memory beside the models' budget is enough."""
        params = model.params or most_params(self._folder_of(model))
        needed_mb = TIMES * FLOAT * params // machine.MEGABYTE
        budget_mb = self._settings.chosen_memory_mb()
        left_mb = machine.memory_mb() - budget_mb
        if needed_mb > left_mb:
            log.info(
                "not prepared: it takes more memory than the models' budget leaves",
                model=model.id, needed_mb=needed_mb, left_mb=left_mb, budget_mb=budget_mb,
            )  # fmt: skip
        return needed_mb <= left_mb

    async def _quiet(self) -> None:
        """Wait until nobody has asked for anything for a while."""
        quiet_s = 0.0
        while quiet_s < QUIET_S:
            await asyncio.sleep(LOOK_S)
            quiet_s = quiet_s + LOOK_S if self._is_idle() else 0.0

    async def _prepare(self, model: Model, folder: Path) -> None:
        log.info("preparing for OpenVINO", model=model.id)
        arguments = (str(self._folder_of(model)), str(folder), self._threads)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, *arguments,
            env={**self._environ, "MENAGERIE_PARENT": str(os.getpid())},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await child.communicate()
        finally:
            await _end(child)
        last = said.decode(errors="replace").strip().splitlines()[-3:]
        if child.returncode == 0:
            log.info("prepared for OpenVINO", model=model.id, measured=last)
            self.done(model.id)
        elif child.returncode == REFUSED:
            log.info("OpenVINO cannot run it", model=model.id, why=last[-1:])
        else:
            log.warning("could not be prepared", model=model.id, status=child.returncode, said=last)


def most_params(checkpoint: Path) -> int:
    """Return how many parameters a checkpoint has, at most, by the sizes of its weights' files."""
    sizes = dict.fromkeys(WEIGHTS, 0)
    for path in checkpoint.rglob("*"):
        if path.suffix in sizes and path.is_file():
            sizes[path.suffix] += path.stat().st_size
    return max(sizes.values()) // STORED  # the same weights may lie there in two formats


async def _end(child: asyncio.subprocess.Process) -> None:
    """End a child that may have ended, politely at first: it has a half-made folder to remove."""
    for end in (child.terminate, child.kill):
        with contextlib.suppress(ProcessLookupError):
            end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), GRACE_S)
            return
