"""Fetches checkpoints while the bot runs: each in a process of its own, one at a time.

``python -m bot.catalogue.fetches CACHE`` is that process. It is told on its standard input what to
fetch, says how far it is on its standard output, a line of JSON each, and ends when it is
interrupted, or when the bot does. What the hub had given until then is kept for the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from bot.catalogue.beside import lacking
from bot.catalogue.checkpoints import fetch
from bot.catalogue.download import Fetching, without_secrets
from bot.catalogue.model import Model
from bot.children import die_with_parent
from bot.errors import OperatorError

if TYPE_CHECKING:
    from asyncio.subprocess import Process

STOPS_IN_S = 10.0  # after which a process that was interrupted is killed
LINE_BYTES = 1 << 20

log = structlog.get_logger("fetches")


class Order(msgspec.Struct, frozen=True):
    """What the process is to fetch; ``accept`` has the manifest remember an accepted licence."""

    model: Model
    accept: bool = False


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the process: how far it is, or why it failed."""

    fetching: Fetching | None = None
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The checkpoint is here and whole."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody stopped the fetch, or the bot did because it ends itself."""


@dataclass(frozen=True, slots=True)
class NotFetched:
    """It did not work; ``reason`` is for the operator."""

    reason: str


End = Fetched | Stopped | NotFetched


class Fetch:
    """One fetch under way: how far it is, and in the end how it ended."""

    def __init__(self, order: Order, run: Callable[[Fetch], Coroutine[None, None, End]]) -> None:
        self.order = order
        self.newest = Fetching(order.model.id, "waiting")
        self.end: End | None = None
        self._task = asyncio.create_task(run(self))

    def then(self, call: Callable[[Fetch], None]) -> None:
        """Have this called at the end, before those who wait go on."""

        def ended(task: asyncio.Task[End]) -> None:
            if task.cancelled():
                self.end = Stopped()
            elif (fault := task.exception()) is not None:
                log.error("fetch failed", model=self.model.id, exc_info=fault)
                self.end = NotFetched(f"The fetch failed ({fault}). The log has all of it.")
            else:
                self.end = task.result()
            call(self)

        self._task.add_done_callback(ended)

    @property
    def model(self) -> Model:
        """What is fetched."""
        return self.order.model

    async def wait(self, seconds: float) -> End | None:
        """Wait for the end, but no longer than this; return it if it has come."""
        await asyncio.wait({self._task}, timeout=seconds)
        return self.end

    def stop(self) -> None:
        """Stop it; what was downloaded is kept."""
        self._task.cancel()


class Fetches:
    """Runs fetches, one after the other.

    Args:
        cache: Where checkpoints lie.
        fetched: Told of each model whose checkpoint has come.
    """

    def __init__(self, cache: Path, fetched: Callable[[Model], None] = lambda _: None) -> None:
        self._cache = cache
        self._fetched = fetched
        self._turn = asyncio.Lock()
        self._running: dict[str, Fetch] = {}

    def begin(self, model: Model, *, accept: bool = False) -> Fetch:
        """Begin a fetch, or return the one of this model that is under way."""
        running = self._running.get(model.id)
        if running is None:
            running = self._running[model.id] = Fetch(Order(model, accept), self._run)
            running.then(self._ended)
        return running

    def of(self, model: Model) -> Fetch | None:
        """Return the fetch of a model, if one is under way."""
        return self._running.get(model.id)

    async def close(self) -> None:
        """Stop every fetch."""
        running = list(self._running.values())
        for one in running:
            one.stop()
        for one in running:
            await one.wait(2 * STOPS_IN_S)

    async def _run(self, one: Fetch) -> End:
        async with self._turn:
            try:
                return await self._fetch(one)
            except OSError as error:
                return NotFetched(f"The process that fetches cannot be started ({error}).")

    def _ended(self, one: Fetch) -> None:
        del self._running[one.model.id]
        log.info("fetch ended", model=one.model.id, end=type(one.end).__name__)
        if isinstance(one.end, Fetched):
            self._fetched(one.model)

    async def _fetch(self, one: Fetch) -> End:
        """Have a process fetch; it does not outlive this call."""
        log.info("fetch begun", model=one.model.id)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.catalogue.fetches", str(self._cache),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=without_secrets(),
            limit=LINE_BYTES,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        try:
            process.stdin.write(msgspec.json.encode(one.order))
            process.stdin.close()
            failed = await _heard(process, one)
            await process.wait()
            return _judged(process.returncode, failed, await errors)
        finally:
            await _stopped(process)
            errors.cancel()


async def _heard(process: Process, one: Fetch) -> str | None:
    """Take in what a process says until it ends; return why it failed, if it says so."""
    assert process.stdout is not None
    failed = None
    async for line in process.stdout:
        said = msgspec.json.decode(line, type=Said)
        one.newest = said.fetching or one.newest
        failed = said.failed or failed
    return failed


def _judged(code: int | None, failed: str | None, errors: bytes) -> End:
    if failed is not None:
        return NotFetched(failed)
    if code == 0:
        return Fetched()
    trace = errors.decode(errors="replace")
    log.error("fetch failed", code=code, trace=trace)
    last = trace.strip().rpartition("\n")[2] or f"exit code {code}"
    return NotFetched(f"The process that fetches ended badly ({last}). The log has all of it.")


async def _stopped(process: Process) -> None:
    """Interrupt a process that still runs, and kill it if that does not help."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), STOPS_IN_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def main(arguments: list[str]) -> None:
    """Fetch what standard input asks for into the cache that the argument names."""
    (cache,) = arguments
    die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        fetch(order.model, Path(cache), _Teller(), accept=order.accept, mend=True)
        if reason := lacking(order.model, Path(cache)):
            raise OperatorError(f"The checkpoint is here, but {reason}")
    except OperatorError as error:
        _say(Said(failed=str(error)))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


class _Teller:
    """Says how far a fetch is, but nothing twice."""

    def __init__(self) -> None:
        self._last: Fetching | None = None

    def __call__(self, fetching: Fetching) -> None:
        if fetching != self._last:
            self._last = fetching
            _say(Said(fetching=fetching))


def _say(said: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
