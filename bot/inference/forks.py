"""The bot's end of the forkserver: keeps it alive, asks it for workers, learns how they exited."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING

import structlog

from bot.inference.forkserver import FORK

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRY_S = 1.0  # before a forkserver that died is started anew
FORK_LIMIT_S = 120.0  # its first answer comes once it has imported everything
EXIT_LIMIT_S = 5.0

log = structlog.get_logger("forkserver")


class ForkFailed(Exception):
    """No worker could be forked just now; try again a little later."""


class Forks:
    """A forkserver that is started anew whenever it dies; its workers die with it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._forking = asyncio.Lock()
        self._replies: asyncio.Queue[int | None] = asyncio.Queue()  # None: it did not fork
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int:
        """The process id of the forkserver."""
        assert self._process is not None
        return self._process.pid

    async def run(self) -> None:
        """Keep a forkserver alive until cancelled."""
        while True:
            try:
                await self._live_once()
            except OSError as error:
                log.error("forkserver did not start", error=str(error))
            await asyncio.sleep(RETRY_S)

    async def fork(self, theirs: socket.socket) -> int:
        """Have a worker forked on this socket; return its process id.

        Raises:
            ForkFailed: The forkserver is down, or the system has no room for a process.
        """
        async with self._forking:
            if self._control is None:
                raise ForkFailed
            try:
                socket.send_fds(self._control, [FORK], [theirs.fileno()])
                async with asyncio.timeout(FORK_LIMIT_S):  # wait_for may swallow a cancellation
                    pid = await self._replies.get()
            except (OSError, TimeoutError):
                self._kill()
                raise ForkFailed from None
            if pid is None:
                raise ForkFailed
            return pid

    async def exit_status(self, pid: int) -> int | None:
        """Return how a worker exited, negative for a signal; ``None`` if that can't be known."""
        future = self._exits.get(pid)
        if future is None:
            return None
        await asyncio.wait([future], timeout=EXIT_LIMIT_S)
        self._exits.pop(pid, None)
        return future.result() if future.done() and not future.cancelled() else None

    async def close(self) -> None:
        """Kill the forkserver, and with it every worker, and wait until it is gone."""
        self._kill()
        if self._process is not None:
            await self._process.wait()

    async def _live_once(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._process = await self._started(theirs)
            ours.setblocking(False)
            self._replies = asyncio.Queue()  # what the last one may have left would answer another
            self._control = ours
            await self._follow(ours.dup())
        finally:  # at the socket's end the forkserver exits, even if we never learnt its pid
            self._control = None
            ours.close()
            for future in self._exits.values():
                future.cancel()
            self._exits.clear()
            if self._forking.locked():
                self._replies.put_nowait(None)
        log.error("forkserver died", status=await process.wait())

    async def _started(self, theirs: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot.inference.forkserver", str(theirs.fileno())),
            env=self._environ,
            pass_fds=[theirs.fileno()],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=2,  # a library's print is a line in the log
            start_new_session=True,
        )

    async def _follow(self, reports: socket.socket) -> None:
        """Take the forkserver's reports until it dies."""
        try:
            reader, writer = await asyncio.open_connection(sock=reports)
        except BaseException:
            reports.close()
            raise
        try:
            while line := await reader.readline():
                self._note(*line.decode().split())
        finally:
            writer.close()

    def _note(self, word: str, pid: str = "", status: str = "") -> None:
        match word:
            case "started":
                self._exits[int(pid)] = asyncio.get_running_loop().create_future()
                self._replies.put_nowait(int(pid))
            case "failed":
                self._replies.put_nowait(None)
            case "exited":
                future = self._exits.get(int(pid))
                if future is not None and not future.done():
                    future.set_result(int(status))

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
