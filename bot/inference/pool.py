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
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from bot.inference import wire
from bot.inference.forkserver import FORK

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from bot.inference.wire import FromWorker, ToWorker

PING_EVERY_S = 1.0
RETRY_S = 1.0  # before a forkserver that died is started anew
KEPT_ENVIRONMENT = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV"),
    *("PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "MENAGERIE_FAMILIES"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),
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
    """One worker: its process and its end of the socket."""

    id: int
    pid: int
    writer: asyncio.StreamWriter
    heard_at: float
    steps: int = 0
    ready: bool = field(default=False)


class Pool:
    """Keeps ``size`` workers alive.

    Args:
        size: How many workers.
        threads: How many threads each worker's nets may use.
        silence_s: A worker whose reader thread is quiet for so long is stopped or frozen.
        environ: The environment from which the workers' few variables are taken.
    """

    def __init__(
        self,
        owner: PoolOwner,
        *,
        size: int,
        threads: int,
        silence_s: float,
        environ: Mapping[str, str],
    ) -> None:
        self._owner = owner
        self._silence_s = silence_s
        self._size = size
        self._environ = worker_environment(environ, threads)
        self._workers: dict[int, WorkerProcess] = {}
        self._next_id = 1
        self._tasks: set[asyncio.Task[None]] = set()
        self._control: socket.socket
        self._forkserver: asyncio.subprocess.Process | None = None
        self._forking = asyncio.Lock()
        self._forked: asyncio.Queue[int | None] = asyncio.Queue()  # None: the forkserver died
        self._exits: dict[int, asyncio.Future[int]] = {}

    @property
    def pids(self) -> dict[int, int]:
        """Worker id -> process id, of the workers that are up."""
        return {w.id: w.pid for w in self._workers.values()}

    @property
    def forkserver_pid(self) -> int:
        """The process id of the forkserver."""
        assert self._forkserver is not None
        return self._forkserver.pid

    async def start(self) -> None:
        """Start the forkserver; workers come up behind it without being waited for."""
        await self._start_forkserver()
        for _ in range(self._size):
            self._background(self._spawn())
        self._background(self._watch())

    async def close(self) -> None:
        """Kill every process and wait until they are gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers.values():
            worker.writer.close()
        if self._forkserver is not None:
            self._control.close()
            with contextlib.suppress(ProcessLookupError):
                self._forkserver.kill()
            await self._forkserver.wait()

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
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    async def _start_forkserver(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._forkserver = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot.inference.forkserver", str(theirs.fileno())),
                env=self._environ,
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=2,  # a library's print is a line in the log
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        reader, writer = await asyncio.open_connection(sock=ours.dup())
        self._background(self._follow_forkserver(reader, writer))

    async def _follow_forkserver(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take the forkserver's reports; when it dies its workers do too, so start again."""
        try:
            while line := await reader.readline():
                self._note_report(*line.decode().split())
        finally:
            writer.close()
        assert self._forkserver is not None
        log.error("forkserver died", status=await self._forkserver.wait())
        self._control.close()
        for future in self._exits.values():
            future.cancel()
        if self._forking.locked():
            self._forked.put_nowait(None)
        await asyncio.sleep(RETRY_S)
        await self._start_forkserver()

    def _note_report(self, word: str, pid: str, status: str = "") -> None:
        if word == "started":
            self._exits[int(pid)] = asyncio.get_running_loop().create_future()
            self._forked.put_nowait(int(pid))
        else:
            self._exits[int(pid)].set_result(int(status))

    async def _spawn(self) -> None:
        """Fork one worker and carry its messages until it dies; then see to its successor."""
        ours, theirs = socket.socketpair()
        with theirs:
            pid = await self._fork(theirs)
        if pid is None:
            ours.close()
            await asyncio.sleep(RETRY_S)
            self._background(self._spawn())
            return
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = WorkerProcess(self._next_id, pid, writer, asyncio.get_running_loop().time())
        self._next_id += 1
        self._workers[worker.id] = worker
        try:
            await self._carry(worker, reader)
        finally:
            del self._workers[worker.id]
            writer.close()
        status = await self._exit_status(pid)
        log.warning("worker died", worker=worker.id, pid=pid, status=status)
        if not worker.ready:  # it died of something that its successor will meet as well
            await asyncio.sleep(RETRY_S)
        self._background(self._spawn())
        self._owner.worker_died(worker.id, status)

    async def _fork(self, theirs: socket.socket) -> int | None:
        """Have a worker forked on a socket; ``None`` while the forkserver is down."""
        async with self._forking:
            try:
                socket.send_fds(self._control, [FORK], [theirs.fileno()])
            except OSError:
                return None
            return await self._forked.get()

    async def _exit_status(self, pid: int) -> int | None:
        try:
            return await asyncio.wait_for(asyncio.shield(self._exits[pid]), timeout=5.0)
        except (TimeoutError, asyncio.CancelledError):
            return None
        finally:
            del self._exits[pid]

    async def _carry(self, worker: WorkerProcess, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        broken = (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError)
        with contextlib.suppress(*broken):
            while True:
                prefix = await reader.readexactly(wire.PREFIX_BYTES)
                body = await reader.readexactly(wire.body_length(prefix))
                worker.heard_at = loop.time()
                self._dispatch(worker, wire.from_worker.decode(body))

    def _dispatch(self, worker: WorkerProcess, message: FromWorker) -> None:
        match message:
            case wire.Hello(pid, missing):
                if missing:
                    log.error("modules not preloaded", modules=missing)
                log.info("worker ready", worker=worker.id, pid=pid)
                worker.ready = True
                self._owner.worker_ready(worker.id)
            case wire.Pong(steps):
                worker.steps = steps
            case _:
                self._owner.worker_said(worker.id, message)

    async def _watch(self) -> None:
        """Ping the workers; kill those that have been silent for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(PING_EVERY_S, self._silence_s / 3))
            for worker in list(self._workers.values()):
                silent_s = loop.time() - worker.heard_at
                if not worker.ready:
                    continue
                if silent_s > self._silence_s:
                    self.kill(worker.id, f"silent for {silent_s:.0f} s")
                else:
                    self.send(worker.id, wire.Ping())

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("pool task failed", exc_info=error)


def worker_environment(environ: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the environment of the workers: no token, no address of a database, no hub.

    ``PYTHONPATH`` is set so that the workers import the same ``bot`` package as this process.
    """
    kept = {name: environ[name] for name in KEPT_ENVIRONMENT if name in environ}
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, kept.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "MENAGERIE_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DISABLE_SAFETENSORS_CONVERSION": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
