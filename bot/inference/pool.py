"""The pool: a forkserver and the workers forked from it, each on a socket of its own.

It starts them, carries messages, notices death and silence, and starts them anew. What a message
means, and what a death costs, is for whoever owns the pool to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from bot import machine
from bot.inference import wire
from bot.inference.forks import RETRY_S, ForkFailed, Forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.inference.wire import FromWorker, ToWorker

PING_EVERY_S = 1.0
START_LIMIT_S = 120.0  # from the fork to the first word
QUICK_S = 0.5  # a worker that lived for less may die of what its successor will meet as well
BACK_OFF_S = (0.0, 0.05, 0.2, 1.0, 5.0)  # before the next fork, by quick deaths in a row
KEPT_ENVIRONMENT = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV"),
    *("PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "MENAGERIE_FAMILIES"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),
    *("MENAGERIE_RUNTIME", "MENAGERIE_DTYPE", "MENAGERIE_PREPARED"),
    *("MENAGERIE_PACK_BYTES", "MENAGERIE_ARENA_BYTES"),
)

log = structlog.get_logger("pool")


class PoolOwner(Protocol):
    """Who is told what happens in the pool; called on the event loop."""

    def worker_ready(self, worker_id: int) -> None:
        """A new worker can take messages."""

    def worker_said(self, worker_id: int, message: FromWorker) -> None:
        """A worker sent a message."""

    def worker_died(self, worker_id: int, status: int | None) -> None:
        """A worker is gone: its exit status, negative for a signal, ``None`` if unknown."""


@dataclass(slots=True)
class WorkerProcess:
    """One worker: its process, our end of its socket, and its signs of life."""

    id: int
    pid: int
    writer: asyncio.StreamWriter
    silent_pings: int = 0  # sent since it last said anything
    steps: int = 0
    ready: bool = False
    born_mb: int = 0  # what it took before it had loaded anything: its libraries' own


class Pool:
    """Keeps ``size`` workers alive.

    Args:
        size: How many workers.
        threads: How many threads each worker's nets may use.
        give_way: Whether they use fewer while other programs want the cores.
        silence_s: A worker whose reader thread is quiet for so long is stopped or frozen.
        memory_mb: What one worker may take for itself; one that leaks is killed beyond it.
        environ: The environment from which the workers' few variables are taken.
    """

    def __init__(
        self,
        owner: PoolOwner,
        *,
        size: int,
        threads: int,
        give_way: bool,
        silence_s: float,
        memory_mb: int,
        environ: Mapping[str, str],
    ) -> None:
        self._owner = owner
        self._silence_s = silence_s
        self._memory_mb = memory_mb
        self._size = size
        self.environ = worker_environment(environ, threads, give_way)
        self._forks = Forks(self.environ)
        self._workers: dict[int, WorkerProcess] = {}
        self.missing_modules: tuple[str, ...] = ()  # which the forkserver could not import
        self._next_id = 1
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> dict[int, int]:
        """Worker id -> process id, of the workers that are up."""
        return {w.id: w.pid for w in self._workers.values()}

    @property
    def forkserver_pid(self) -> int:
        """The process id of the forkserver."""
        return self._forks.pid

    async def start(self) -> None:
        """Start the forkserver; workers come up behind it without being waited for."""
        work = (self._forks.run(), self._watch(), *(self._keep() for _ in range(self._size)))
        for each in work:
            task = asyncio.get_running_loop().create_task(each)
            self._tasks.add(task)
            task.add_done_callback(_note_end)

    async def close(self) -> None:
        """Kill the forkserver, and with it every worker, and wait until it is gone."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._forks.close()

    def send(self, worker_id: int, message: ToWorker) -> None:
        """Send a message to a worker; one that has just died will be reported as such."""
        worker = self._workers.get(worker_id)
        if worker is not None:
            worker.writer.write(wire.frame(message))

    def kill(self, worker_id: int, why: str) -> None:
        """Kill a worker at once; its death is reported, and another takes its place."""
        worker = self._workers.get(worker_id)
        if worker is not None:
            log.warning("worker killed", worker=worker_id, pid=worker.pid, why=why)
            self._kill(worker)

    def steps_of(self, worker_id: int) -> int:
        """Return how many steps a worker's nets had made when it last said so."""
        worker = self._workers.get(worker_id)
        return 0 if worker is None else worker.steps

    @staticmethod
    def _kill(worker: WorkerProcess) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        """Keep one worker alive: whenever it dies, fork its successor, sooner or later."""
        quick_deaths = 0
        while not self._closing:
            try:
                worker, reader = await self._spawn()
            except (ForkFailed, OSError):
                await asyncio.sleep(RETRY_S)
                continue
            began = asyncio.get_running_loop().time()
            try:
                await self._carry(worker, reader)
            finally:
                worker.writer.close()
            status = await self._forks.exit_status(worker.pid)
            del self._workers[worker.id]
            lived_s = asyncio.get_running_loop().time() - began
            log.warning("worker died", worker=worker.id, pid=worker.pid, status=status)
            quick_deaths = quick_deaths + 1 if lived_s < QUICK_S else 0
            self._tell(self._owner.worker_died, worker.id, status)
            await asyncio.sleep(BACK_OFF_S[min(quick_deaths, len(BACK_OFF_S) - 1)])

    async def _spawn(self) -> tuple[WorkerProcess, asyncio.StreamReader]:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                pid = await self._forks.fork(theirs)
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        worker = WorkerProcess(self._next_id, pid, writer)
        self._next_id += 1
        self._workers[worker.id] = worker
        return worker, reader

    async def _carry(self, worker: WorkerProcess, reader: asyncio.StreamReader) -> None:
        """Take a worker's messages until its socket ends, or holds what is no message."""
        try:
            while True:
                prefix = await reader.readexactly(wire.PREFIX_BYTES)
                body = await reader.readexactly(wire.body_length(prefix))
                worker.silent_pings = 0
                self._dispatch(worker, wire.from_worker.decode(body))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return  # it is dead
        except (msgspec.DecodeError, ConnectionError) as error:
            self.kill(worker.id, f"sent what is no message: {error}")

    def _dispatch(self, worker: WorkerProcess, message: FromWorker) -> None:
        match message:
            case wire.Hello(pid, missing):
                self.missing_modules = missing
                if missing:
                    log.error("modules not preloaded", modules=missing)
                log.info("worker ready", worker=worker.id, pid=pid)
                worker.ready = True
                worker.born_mb = machine.private_mb(worker.pid)
                self._tell(self._owner.worker_ready, worker.id)
            case wire.Pong(steps):
                worker.steps = steps
            case _:
                self._tell(self._owner.worker_said, worker.id, message)

    def _tell(self, report: Callable[..., None], *what: object) -> None:
        """Report to the owner; a fault there must not cost us the worker."""
        try:
            report(*what)
        except Exception:
            log.exception("report failed", report=report.__name__)

    async def _watch(self) -> None:
        """Ping the workers; kill those that are silent, or take too much memory.

        Pings are counted, not seconds: while the bot itself is stopped, nobody grows silent.
        """
        every_s = min(PING_EVERY_S, self._silence_s / 3)
        while True:
            await asyncio.sleep(every_s)
            for worker in list(self._workers.values()):
                limit_s = self._silence_s if worker.ready else START_LIMIT_S
                taken = machine.private_mb(worker.pid) - worker.born_mb
                if worker.silent_pings * every_s > limit_s:
                    self.kill(worker.id, f"silent for {limit_s:.0f} s")
                elif worker.ready and taken > self._memory_mb:
                    self.kill(worker.id, f"takes {taken} MB; {self._memory_mb} is the limit")
                worker.silent_pings += 1
                self.send(worker.id, wire.Ping())


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("pool task failed", exc_info=error)


def worker_environment(
    environ: Mapping[str, str], threads: int, give_way: bool = False
) -> dict[str, str]:
    """Return the environment of the workers: no token, no address of a database, no hub.

    ``PYTHONPATH`` is set so that the workers import the same ``bot`` package as this process.
    """
    kept = {name: environ[name] for name in KEPT_ENVIRONMENT if name in environ}
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "MENAGERIE_THREADS": str(threads),
        "MENAGERIE_GIVE_WAY": str(int(give_way)),
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DISABLE_SAFETENSORS_CONVERSION": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
