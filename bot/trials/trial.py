"""Tries a model out by the ordinary way, and measures it: fetch, conversion, load, real jobs.

What stands in for the hub is a folder that a child process filled (:mod:`bot.catalogue.synthetic`);
starters are tried with their own weights, where they lie. No net is ever in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bot import machine
from bot.catalogue.checkpoints import checkpoint_folder, fetch, is_present
from bot.catalogue.download import ChildFailed, Fetching, check_room, run_child, size_of
from bot.catalogue.synthetic import WRITERS
from bot.errors import OperatorError
from bot.inference import wire
from bot.inference.job import Answered, Expired, Job, Unanswered
from bot.inference.local import LocalExecutor
from bot.machine import MEGABYTE
from bot.tasks.caller import OPERATOR
from bot.trials.asks import Ask, asks_of
from bot.trials.measured import Measured, Timing

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.config import Inference

LARGE_MB = 4_000
"""Models of more megabytes are tried out only where that was asked for in so many words."""

LOOK_S = 0.2  # how often the worker's memory is looked at
ENOUGH_S = 45.0  # after so many seconds of runs no other is begun
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How trials are made.

    Args:
        inference: The configuration's table; one worker is used, with all of its threads.
        environ: The environment from which the worker's few variables are taken.
        cache: Where the checkpoints go that are made of stand-ins.
        starters: The cache in which starters lie; only read.
        runs: How often a request is run after its first time.
        tell: Told what is being done.
    """

    inference: Inference
    environ: Mapping[str, str]
    cache: Path
    starters: Path
    runs: int = 3
    tell: Tell = lambda _: None

    @property
    def alone(self) -> Inference:
        """The configuration's table for one worker that has the machine to itself."""
        return msgspec.structs.replace(self.inference, workers=1, preload=(), pin=())


class _Way(msgspec.Struct, frozen=True):
    """How a checkpoint came to be there; kept beside it where it is kept."""

    fetched_mb: int
    convert_s: float | None = None


@dataclass(slots=True)
class _Tried:
    """What the workers of a trial said and took."""

    loaded: wire.Loaded | None = None
    peak_mb: int = 0
    own_mb: int = 0
    timings: list[Timing] = field(default_factory=list)


def is_large(model: Model) -> bool:
    """Say whether a model takes so much disk and time that nobody should stumble into it."""
    return (model.size_mb or 0) > LARGE_MB


def refusal(model: Model) -> str | None:
    """Say why a model cannot be tried out here, or ``None`` where it can."""
    if model.repo is None and not model.starter:
        return f"{model.id} is not of the hub: it can be tried as it is, python -m bot ask"
    if model.repo is not None and model.repo not in WRITERS:
        return f"{model.id}: nothing stands in for {model.repo}."
    return None


async def try_out(model: Model, settings: Settings) -> Measured:
    """Try a model out and return what was measured.

    Raises:
        OperatorError: Nothing stands in for its files, there is no room for them, they could not
            be converted, or a request was not answered.
    """
    if (reason := refusal(model)) is not None:
        raise OperatorError(reason)
    asks = asks_of(model)
    folder, way = await asyncio.to_thread(_brought, model, settings)
    tried = _Tried()
    groups = itertools.groupby(asks, lambda ask: ask.entry(model))
    for entry, alike in groups:
        await _try_asks(entry, list(alike), folder, settings, tried)
    assert tried.loaded is not None  # or a load has failed, and raised
    return Measured(
        id=model.id,
        date=datetime.now(UTC).date().isoformat(),
        machine=machine.described(),
        threads=settings.alone.chosen_threads(),
        weights="its own" if model.starter else "synthetic",
        fetched_mb=way.fetched_mb,
        disk_mb=size_of(folder) // MEGABYTE,
        params=model.params,
        convert_s=way.convert_s,
        load_s=round(tried.loaded.load_s, 2),
        peak_mb=tried.peak_mb,
        own_mb=tried.own_mb,
        note=tried.loaded.note,
        job=tuple(tried.timings),
    )


def _brought(model: Model, settings: Settings) -> tuple[Path, _Way]:
    """Bring a model's checkpoint, by the ordinary way once its files are there."""
    if model.starter:
        if not is_present(model, settings.starters):
            raise OperatorError(
                f"{model.id} is tried out with its own weights. Fetch them first: python -m bot "
                f"models fetch {model.id}"
            )
        folder = checkpoint_folder(model, settings.starters)
        return folder, _Way(size_of(folder) // MEGABYTE)
    kept = settings.cache / "synthetic" / f"{model.id}.json"
    if is_present(model, settings.cache) and kept.exists():  # from an earlier trial
        way = msgspec.json.decode(kept.read_bytes(), type=_Way)
        return checkpoint_folder(model, settings.cache), way
    raw = settings.cache / "synthetic" / model.id
    try:
        _write(model, raw, settings.tell)
        watch = _Stopwatch(settings.tell)
        folder = fetch(model, settings.cache, watch.report, origin=raw)
        fetched_mb = size_of(raw) // MEGABYTE
    finally:
        shutil.rmtree(raw, ignore_errors=True)
    way = _Way(fetched_mb, watch.seconds("converting") if model.convert else None)
    kept.write_bytes(msgspec.json.encode(way))
    return folder, way


def _write(model: Model, raw: Path, tell: Tell) -> None:
    """Have a child process write what stands in for the model's repositories."""
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    check_room(raw, 2 * ((model.size_mb or 0) + (model.weights_mb or 0)) * MEGABYTE)
    tell(f"{model.id}: writing what stands in for {model.repo}")
    log = raw.with_name(f"{model.id}.log")
    try:
        run_child(["-m", "bot.catalogue.synthetic", str(model.repo), str(raw)], log, lambda: None)
    except ChildFailed as failed:
        raise OperatorError(
            f"What stands in for {model.repo} could not be written ({failed}):\n{failed.output}"
        ) from failed


class _Stopwatch:
    """Takes the time of each stage of a fetch."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._began: list[tuple[str, float]] = []

    def report(self, fetching: Fetching) -> None:
        """Note that a stage goes on, or has begun."""
        if not self._began or self._began[-1][0] != fetching.stage:
            self._began.append((fetching.stage, time.monotonic()))
            self._tell(f"{fetching.model}: {fetching.stage}")

    def seconds(self, stage: str) -> float | None:
        """Return how long a stage took that another came after."""
        for (name, began), (_, ended) in itertools.pairwise(self._began):
            if name == stage:
                return round(ended - began, 1)
        return None


async def _try_asks(
    entry: Model, asks: list[Ask], folder: Path, settings: Settings, tried: _Tried
) -> None:
    """Load an entry in a fresh worker and run requests on it, one after another."""
    settings.tell(f"{entry.id}: loading")
    async with _loaded(entry, folder, settings) as executor:
        loaded = await executor.outcome
        tried.loaded = tried.loaded or loaded
        pid = executor.pids[min(executor.pids)]
        watching = asyncio.create_task(_watch(pid, tried))
        try:
            for ask in asks:
                settings.tell(f"{entry.id}: {ask.what}")
                tried.timings.append(await _timed(executor, entry, ask, settings.runs))
        finally:
            watching.cancel()
        tried.peak_mb = max(tried.peak_mb, machine.peak_mb(pid))


class _Executor(LocalExecutor):
    """An executor that says how the load of its one model went."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.outcome: asyncio.Future[wire.Loaded] = asyncio.get_running_loop().create_future()

    def worker_said(self, worker_id: int, message: wire.FromWorker) -> None:
        """Listen for the end of the load."""
        match message:
            case wire.Loaded():
                self._settle_load(message)
            case wire.LoadFailed(model_id, text, trace):
                self._settle_load(OperatorError(f"{model_id} could not be loaded: {text}\n{trace}"))
        super().worker_said(worker_id, message)

    def worker_died(self, worker_id: int, status: int | None) -> None:
        """Listen for the end of the worker, should that come first."""
        self._settle_load(OperatorError(f"The worker died while it loaded (status {status})."))
        super().worker_died(worker_id, status)

    def _settle_load(self, outcome: wire.Loaded | OperatorError) -> None:
        if self.outcome.done():
            return
        if isinstance(outcome, wire.Loaded):
            self.outcome.set_result(outcome)
        else:
            self.outcome.set_exception(outcome)


@contextlib.asynccontextmanager
async def _loaded(entry: Model, folder: Path, settings: Settings) -> AsyncIterator[_Executor]:
    """Start an executor with one worker, which loads the model; end them after."""
    executor = _Executor(
        settings.alone,
        environ=settings.environ,
        folder_of=lambda _: folder,
    )
    executor.preload([entry])
    await executor.start()
    try:
        yield executor
    finally:
        await executor.drain(0.0)


async def _timed(executor: _Executor, entry: Model, ask: Ask, runs: int) -> Timing:
    """Run a request once, and then some times more, as long as they do not take for ever."""
    began = time.monotonic()
    first_s, tokens = await _seconds(executor, entry, ask, 0)
    rest: list[float] = []
    while len(rest) < runs and (not rest or time.monotonic() - began < ENOUGH_S):
        rest.append((await _seconds(executor, entry, ask, 1 + len(rest)))[0])
    return Timing(
        what=ask.what,
        first_s=round(first_s, 3),
        best_s=round(min(rest), 3),
        parts=ask.parts,
        part=ask.part,
        tokens=tokens,
        bar_s=ask.bar_s,
    )


async def _seconds(
    executor: _Executor, entry: Model, ask: Ask, number: int
) -> tuple[float, int | None]:
    """Run a request; return the seconds to its answer, and its tokens if it counts them."""
    job = Job(
        id=f"trial{number}-{time.monotonic_ns()}",
        request=ask.request,
        model=entry,
        seed=number,
        caller=OPERATOR,
    )
    began = time.perf_counter()
    async for news in executor.submit(job):
        if isinstance(news, Unanswered | Expired):
            raise OperatorError(f"{entry.id}, {ask.what}: {_told(news)}")
        if isinstance(news, Answered):
            took_s = time.perf_counter() - began
            return took_s, getattr(news.result, "tokens", None)
    raise OperatorError(f"{entry.id}, {ask.what}: it was not answered.")


def _told(news: Unanswered | Expired) -> str:
    if isinstance(news, Expired):
        return f"it took longer than {news.limit_s:.0f} s"
    trace = getattr(news.error, "remote_traceback", "")
    return f"{news.error}\n{trace}".strip()


async def _watch(pid: int, tried: _Tried) -> None:
    while True:
        tried.own_mb = max(tried.own_mb, machine.private_mb(pid))
        await asyncio.sleep(LOOK_S)
