"""The executor on this machine: the scheduler's decisions carried out on the pool.

A job is held here until its outcome is known. If its worker dies it goes back to the front of the
queue; if it was at work, with a strike, and from then on it runs alone. A job with two strikes is
refused, for it is most likely what kills them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from bot.errors import BusyError, InferenceError, UserError
from bot.inference import wire
from bot.inference.executor import ExecutorStatus
from bot.inference.job import Answered, Cancelled, Expired, Job, Outcome, Timings, Unanswered
from bot.inference.loader import Loader
from bot.inference.pool import Pool
from bot.inference.residency import Residency
from bot.inference.scheduler import Scheduler, WorkerView
from bot.machine import MEGABYTE
from bot.tasks.progress import Loading, Queued, TextSoFar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Inference
    from bot.inference.wire import FromWorker
    from bot.tasks.progress import Progress
    from bot.tasks.registry import Result

MAX_STRIKES = 2
TICK_S = 1.0  # how often those who wait are told their place

log = structlog.get_logger("executor")


@dataclass(slots=True)
class _Held:
    """A job that has no outcome yet, and what has been told of it."""

    job: Job
    news: asyncio.Queue[Progress | Outcome] = field(default_factory=asyncio.Queue)
    worker_id: int | None = None
    started: bool = False
    cancelled: bool = False
    strikes: int = 0
    shown: str = ""
    told: Progress | None = None
    queued_s: float = 0.0
    deadline: asyncio.TimerHandle | None = None


def _no_folder(model: Model) -> Path:
    raise LookupError(f"this executor was given no checkpoints: {model.id}")


class LocalExecutor:
    """Runs jobs on worker processes of this machine.

    Args:
        settings: The configuration's ``[inference]`` table.
        environ: The environment from which the workers' few variables are taken.
        folder_of: A model's checkpoint folder; the checkpoint is known to be there.
    """

    def __init__(
        self,
        settings: Inference,
        *,
        environ: Mapping[str, str],
        folder_of: Callable[[Model], Path] = _no_folder,
    ) -> None:
        self._settings = settings
        self._held: dict[str, _Held] = {}
        self._ready: set[int] = set()
        self._models: dict[str, Model] = {}
        self._preload: tuple[str, ...] = ()
        self._blameless: set[int] = set()  # workers that we killed for one job's sake
        self._deaths = 0
        self._idle = asyncio.Event()
        self.up = asyncio.Event()  # set once a worker is ready
        self._draining = False
        self._ticker: asyncio.Task[None] | None = None
        self._scheduler = Scheduler(
            queue_size=settings.queue_size,
            jobs_per_member=settings.jobs_per_member,
            clock=time.monotonic,
        )
        budget = settings.chosen_memory_mb() * MEGABYTE
        self._residency = Residency(budget_bytes=budget, clock=time.monotonic)
        self._pool = Pool(
            self,
            size=settings.chosen_workers(),
            threads=settings.chosen_threads(),
            silence_s=settings.silence_s,
            environ=environ,
        )
        self._loader = Loader(self._pool, self._residency, folder_of)

    async def start(self) -> None:
        """Begin to start workers, without waiting for them."""
        await self._pool.start()
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def drain(self, timeout_s: float) -> None:
        """Admit no more jobs; give those that are there some time; then stop everything."""
        self._draining = True
        if self._held:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_s)
        for held in list(self._held.values()):
            message = "The bot is restarting and had to let this request go. Please ask again."
            self._settle(held, Unanswered(error=UserError(message)))
        if self._ticker is not None:
            self._ticker.cancel()
        await self._pool.close()

    def preload(self, models: list[Model]) -> None:
        """Name models that each worker loads as soon as it is up."""
        self._models |= {model.id: model for model in models}
        self._preload = tuple(model.id for model in models)

    def submit(self, job: Job) -> AsyncIterator[Progress | Outcome]:
        """Queue a job; return the news of it, the outcome last.

        Raises:
            BusyError: The queue is full, or the executor is draining.
        """
        if self._draining:
            raise BusyError("The bot is restarting. Try again in a minute.", retry_after_s=60.0)
        self._scheduler.admit(job)
        held = self._held[job.id] = _Held(job)
        self._models[job.model.id] = job.model
        self._pump()
        self._tell_place(held)
        return _news(held.news)

    def cancel(self, job_id: str) -> None:
        """Stop a job, queued or running; one that has ended is left alone."""
        held = self._held.get(job_id)
        if held is None or held.cancelled:
            return
        held.cancelled = True
        if held.worker_id is not None:
            self._pool.send(held.worker_id, wire.CancelJob(job_id))
        if not held.started:
            self._settle(held, Cancelled())
        else:
            self._limit(held, self._settings.kill_grace_s, "deaf to a cancel")

    def status(self) -> ExecutorStatus:
        """Return what is going on now."""
        return ExecutorStatus(
            workers=len(self._ready),
            waiting=len(self._scheduler),
            running=len(self._held) - len(self._scheduler),
            models={w: tuple(sorted(self._residency.models_of(w))) for w in sorted(self._ready)},
            resident_bytes=self._residency.used_bytes,
            deaths=self._deaths,
        )

    @property
    def pids(self) -> dict[int, int]:
        """Worker id -> process id, of the workers that are up."""
        return self._pool.pids

    @property
    def forkserver_pid(self) -> int:
        """The process id of the forkserver."""
        return self._pool.forkserver_pid

    # What the pool reports.

    def worker_ready(self, worker_id: int) -> None:
        """Give the new worker something to do."""
        self._ready.add(worker_id)
        self.up.set()
        for model_id in self._preload:
            self._load(worker_id, self._models[model_id])
        self._pump()

    def worker_died(self, worker_id: int, status: int | None) -> None:
        """Put the dead worker's jobs back into the queue, those at work with a strike."""
        self._deaths += 1
        self._ready.discard(worker_id)
        loading = self._loader.worker_gone(worker_id)
        self._preload = tuple(m for m in self._preload if m not in loading)
        for held in [h for h in self._held.values() if h.worker_id == worker_id]:
            at_work = held.started or held.job.model.id in loading
            suspect = at_work and worker_id not in self._blameless
            held.strikes += suspect
            self._resume(held, status, suspect=suspect)
        self._blameless.discard(worker_id)
        self._pump()

    def worker_said(self, worker_id: int, message: FromWorker) -> None:
        """Take a worker's message about a model or a job."""
        match message:
            case wire.LoadBegan(model_id):
                self._loader.began((worker_id, model_id))
            case wire.Loaded(model_id, size_bytes, load_s):
                self._loader.loaded((worker_id, model_id), size_bytes)
                log.info("model loaded", model=model_id, worker=worker_id, load_s=round(load_s, 2))
            case wire.LoadFailed():
                self._load_failed(worker_id, message)
            case wire.Progressed(job_id, seq, progress):
                if (held := self._held.get(job_id)) is not None:
                    self._progressed(held, seq, progress)
            case wire.Done(job_id, result, run_s):
                self._end(job_id, lambda h: _answered(h, result, run_s), run_s)
            case wire.Refused(job_id, text):
                self._end(job_id, lambda _: Unanswered(error=UserError(text)))
            case wire.Failed(job_id, text, trace):
                self._end(job_id, lambda _: Unanswered(error=InferenceError(text, job_id, trace)))
            case wire.Ended(job_id, expired):
                self._end(job_id, _expired if expired else lambda _: Cancelled())
        self._pump()

    # What follows from it.

    def _pump(self) -> None:
        """Give every job that can run now to its worker."""
        views = [
            WorkerView(
                id=worker_id,
                models=self._residency.models_of(worker_id),
                running=self._running(worker_id),
                closed=self._is_closed(worker_id),
            )
            for worker_id in sorted(self._ready)
        ]
        for assignment in self._scheduler.assign(views):
            self._begin(self._held[assignment.job.id], assignment.worker_id)

    def _running(self, worker_id: int) -> dict[str, int]:
        counts: dict[str, int] = {}
        for held in self._held.values():
            if held.worker_id == worker_id:
                counts[held.job.model.id] = counts.get(held.job.model.id, 0) + 1
        return counts

    def _is_closed(self, worker_id: int) -> bool:
        mine = (h.job.id for h in self._held.values() if h.worker_id == worker_id)
        return any(self._scheduler.is_suspect(job_id) for job_id in mine)

    def _begin(self, held: _Held, worker_id: int) -> None:
        job = held.job
        held.worker_id = worker_id
        held.queued_s = self._scheduler.waited_s(job.id)
        if job.model.id not in self._residency.models_of(worker_id):
            self._load(worker_id, job.model)
        if self._loader.is_loading((worker_id, job.model.id)):
            self._tell(held, Loading(model=job.model.title))
        self._residency.touch((worker_id, job.model.id))
        self._pool.send(
            worker_id,
            wire.RunJob(job.id, job.model.id, job.request, job.seed, job.model.limits.max_seconds),
        )

    def _load(self, worker_id: int, model: Model) -> None:
        busy = {(h.worker_id, h.job.model.id) for h in self._held.values() if h.worker_id}
        self._loader.load(worker_id, model, busy)

    def _load_failed(self, worker_id: int, message: wire.LoadFailed) -> None:
        self._loader.failed((worker_id, message.model_id))
        log.error(
            "model failed to load",
            model=message.model_id,
            error=message.message,
            remote_traceback=message.traceback,
        )
        for held in list(self._held.values()):
            if held.worker_id == worker_id and held.job.model.id == message.model_id:
                error = InferenceError(message.message, held.job.id, message.traceback)
                self._settle(held, Unanswered(error=error))

    def _progressed(self, held: _Held, seq: int, progress: Progress) -> None:
        if seq == 0:  # the run has begun: from here its deadline counts
            held.started = True
            limit = held.job.model.limits.max_seconds + self._settings.kill_grace_s
            self._limit(held, limit, "past its deadline")
        if isinstance(progress, TextSoFar):
            if len(progress.text) <= len(held.shown):  # a second run catching up with the first
                return
            held.shown = progress.text
        self._tell(held, progress)

    def _limit(self, held: _Held, seconds: float, why: str) -> None:
        """Kill the job's worker unless the job has ended in time; the job expires with it."""
        if held.deadline is not None:
            held.deadline.cancel()
        loop = asyncio.get_running_loop()
        held.deadline = loop.call_later(seconds, self._overrun, held, why)

    def _overrun(self, held: _Held, why: str) -> None:
        worker_id = held.worker_id
        self._settle(held, Cancelled() if held.cancelled else _expired(held))
        if worker_id is not None:
            self._blameless.add(worker_id)
            self._pool.kill(worker_id, f"job {held.job.id} {why}")

    def _resume(self, held: _Held, status: int | None, *, suspect: bool) -> None:
        """Queue a job again whose worker died, unless it looks like the cause."""
        held.worker_id, held.started = None, False
        if held.deadline is not None:
            held.deadline.cancel()
        if held.cancelled:
            self._settle(held, Cancelled())
        elif held.strikes < MAX_STRIKES:
            log.warning("job resumes elsewhere", job=held.job.id, status=status)
            self._scheduler.requeue(held.job, suspect=suspect)
        else:
            text = (
                "This request stopped two workers, so it will not be tried a third time. "
                "Change it, or try another model."
            )
            self._settle(held, Unanswered(error=UserError(text)))

    def _end(
        self, job_id: str, outcome: Callable[[_Held], Outcome], run_s: float | None = None
    ) -> None:
        if (held := self._held.get(job_id)) is not None:
            self._settle(held, outcome(held), run_s)

    def _settle(self, held: _Held, outcome: Outcome, run_s: float | None = None) -> None:
        """End a job: the only place where that happens."""
        del self._held[held.job.id]
        if held.deadline is not None:
            held.deadline.cancel()
        self._scheduler.finished(held.job.id, run_s)
        if not self._held:
            self._idle.set()
        held.news.put_nowait(outcome)

    def _tell(self, held: _Held, progress: Progress) -> None:
        if progress != held.told:
            held.told = progress
            held.news.put_nowait(progress)

    def _tell_place(self, held: _Held) -> None:
        if held.worker_id is None:
            eta = self._scheduler.eta_s(held.job.id, len(self._ready))
            self._tell(held, Queued(ahead=self._scheduler.ahead(held.job.id), eta_s=eta))

    async def _tick(self) -> None:
        """Tell those who wait their place; let those go who have waited for too long."""
        while True:
            await asyncio.sleep(TICK_S)
            for job in self._scheduler.overdue():
                self._settle(self._held[job.id], Expired(limit_s=job.max_wait_s, waiting=True))
            for held in self._held.values():
                self._tell_place(held)


async def _news(queue: asyncio.Queue[Progress | Outcome]) -> AsyncIterator[Progress | Outcome]:
    while True:
        item = await queue.get()
        yield item
        if isinstance(item, Outcome):
            return


def _answered(held: _Held, result: Result, run_s: float) -> Answered:
    return Answered(result=result, timings=Timings(queued_s=held.queued_s, run_s=run_s))


def _expired(held: _Held) -> Expired:
    return Expired(limit_s=held.job.model.limits.max_seconds)
