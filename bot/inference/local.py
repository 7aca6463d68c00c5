"""The executor on this machine: the scheduler's decisions carried out on the pool.

A job is held here until its outcome is known. If its worker dies it goes back to the front of the
queue; if it was at work, with a strike, and from then on it runs alone. A job with two strikes is
refused, for it is most likely what kills them, and so is its like for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.errors import BusyError, InferenceError, UserError
from bot.inference import outcomes, wire
from bot.inference.breaker import Breaker
from bot.inference.executor import ExecutorStatus
from bot.inference.held import fingerprint
from bot.inference.job import Cancelled, Expired, Interrupted, Unanswered
from bot.inference.keeping import Keeping
from bot.inference.leases import Leases
from bot.inference.loader import Loader
from bot.inference.pool import Pool
from bot.inference.preparing import Preparing, serving_environment
from bot.inference.residency import Residency, most_mb
from bot.inference.runs import Runs
from bot.inference.scheduler import QueueLimits, Scheduler
from bot.machine import MEGABYTE
from bot.tasks.progress import Loading, Queued

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Inference
    from bot.inference.held import Held
    from bot.inference.job import Job, Outcome
    from bot.inference.wire import FromWorker
    from bot.tasks.progress import Progress

MAX_STRIKES = 2
MAX_RUNS = 6  # a job that was given out so often, and each time the worker died, is not lucky
LOAD_PAUSES_S = (0.0, 2.0, 5.0, 15.0, 60.0)
POISON_PAUSES_S = (600.0,)
TICK_S = 1.0  # how often those who wait are told their place

log = structlog.get_logger("executor")


class LocalExecutor:
    """Runs jobs on worker processes of this machine.

    Args:
        settings: The configuration's ``[inference]`` table.
        environ: The environment from which the workers' few variables are taken.
        folder_of: A model's checkpoint folder; the checkpoint is known to be there.
        prepared: Where models are kept as OpenVINO reads them; without it they are not.
    """

    def __init__(
        self,
        settings: Inference,
        *,
        environ: Mapping[str, str],
        folder_of: Callable[[Model], Path],
        prepared: Path | None = None,
    ) -> None:
        self._settings = settings
        self._runs = Runs()
        self._ready: set[int] = set()
        self._blameless: set[int] = set()  # workers that we killed for one job's sake
        self._preload: tuple[Model, ...] = ()
        self._deaths = 0
        self._draining = False
        self._idle = asyncio.Event()
        self.up = asyncio.Event()  # set once a worker is ready
        self._ticker: asyncio.Task[None] | None = None
        self._scheduler = Scheduler(QueueLimits.of(settings), time.monotonic)
        self._breaker: Breaker[str] = Breaker(LOAD_PAUSES_S, time.monotonic)
        self._poison: Breaker[bytes] = Breaker(POISON_PAUSES_S, time.monotonic)
        self._residency = Residency(
            budget_bytes=settings.chosen_memory_mb() * MEGABYTE,
            pinned=frozenset(settings.pin),
            clock=time.monotonic,
        )
        self._pool = Pool(
            self,
            size=settings.chosen_workers(),
            threads=settings.chosen_threads(),
            give_way=settings.give_way and not settings.threads,
            silence_s=settings.silence_s,
            memory_mb=most_mb(settings.chosen_memory_mb()),
            environ={**environ, **serving_environment(settings, prepared)},
        )
        self._preparing = Preparing(
            prepared, folder_of, self._pool.environ, settings, is_idle=lambda: not self._runs
        )
        self._loader = Loader(self._pool, self._residency, folder_of, self._preparing)
        self.keeping = Keeping(
            self._loader, self._residency, lambda: self._ready, self._runs.busy_places
        )
        self._leases = Leases(
            settings.cores_to_lend(), lambda worker, n: self._pool.send(worker, wire.Lend(n))
        )

    async def start(self) -> None:
        """Begin to start workers, without waiting for them."""
        await self._pool.start()
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def drain(self, timeout_s: float) -> None:
        """Admit no more jobs; give those that are there some time; then stop everything."""
        self._draining = True
        if self._runs:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_s)
        for held in self._runs:
            self._settle(held, Interrupted())
        if self._ticker is not None:
            self._ticker.cancel()
        await self._preparing.close()
        await self._pool.close()

    def preload(self, models: list[Model]) -> None:
        """Name models that each worker loads as soon as it is up; those that are up do now."""
        self._preload = tuple({model.id: model for model in models}.values())
        self._loader.load_early(self._ready, self._preload, self._runs.busy_places())

    def renew(self, model: Model) -> None:
        """Forget that a model failed, and load it anew where it is: its checkpoint has changed."""
        self._breaker.went_well(model.id)
        self._loader.renew(model.id)

    def submit(self, job: Job) -> AsyncIterator[Progress | Outcome]:
        """Queue a job; return the news of it, the outcome last.

        A job whose like is under way shares its run.

        Raises:
            BusyError: The queue is full, or the executor is draining.
            UserError: The job's like was poison, its model fails to load, or its text is broken.
        """
        if self._draining:
            raise BusyError("The bot is restarting. Try again in a minute.", retry_after_s=60.0)
        mark = fingerprint(job)
        held = self._runs.twin(mark)
        if held is None:
            self._check(job)
            self._scheduler.admit(job, workers=len(self._ready))
            held = self._runs.add(job, mark)
        self._runs.share(job.id, held)
        news = held.listen(job.id)
        self._pump()
        if held.worker_id is None:
            self._tell_places()
        return news

    def cancel(self, job_id: str) -> None:
        """Stop a job, queued or running; one that has ended is left alone."""
        held = self._runs.asked(job_id)
        if held is None or held.cancelled:
            return
        if len(held.listeners) > 1:  # others want the same answer
            held.leave(job_id)
            self._runs.unshare(job_id)
            return
        held.cancelled = True
        if held.worker_id is not None:
            self._pool.send(held.worker_id, wire.CancelJob(held.job.id))
        if not held.started:
            self._settle(held, Cancelled())
            self._pump()
        else:
            held.steps = self._pool.steps_of(held.worker_id or 0)
            self._limit(held, self._settings.kill_grace_s, "deaf to a cancel")

    def status(self) -> ExecutorStatus:
        """Return what is going on now."""
        return ExecutorStatus(
            workers=len(self._ready),
            waiting=len(self._scheduler),
            running=len(self._runs) - len(self._scheduler),
            models={w: tuple(sorted(self._residency.models_of(w))) for w in sorted(self._ready)},
            resident_bytes=self._residency.used_bytes,
            deaths=self._deaths,
            notes=self._loader.notes,
        )

    @property
    def pids(self) -> dict[int, int]:
        """Worker id -> process id, of the workers that are up."""
        return self._pool.pids

    @property
    def forkserver_pid(self) -> int:
        """The process id of the forkserver."""
        return self._pool.forkserver_pid

    @property
    def missing_modules(self) -> tuple[str, ...]:
        """Modules that the workers should have and could not import."""
        return self._pool.missing_modules

    # What the pool reports.

    def worker_ready(self, worker_id: int) -> None:
        """Give the new worker something to do."""
        self._ready.add(worker_id)
        self.up.set()
        self._pump()  # what somebody waits for comes before what is loaded early
        self._loader.load_early({worker_id}, self._preload, self._runs.busy_places())

    def worker_died(self, worker_id: int, status: int | None) -> None:
        """Put the dead worker's jobs back into the queue, those at work with a strike."""
        self._deaths += 1
        self._ready.discard(worker_id)
        self._leases.worker_gone(worker_id)
        loading = self._loader.worker_gone(worker_id)
        for model_id in loading:
            self._breaker.failed(model_id)
        self._preload = tuple(m for m in self._preload if m.id not in loading)
        for held in self._runs.of_worker(worker_id):
            at_work = held.started or held.job.model.id in loading
            # without a status it went with its forkserver, which no job can reach
            suspect = at_work and status is not None and worker_id not in self._blameless
            held.strikes += suspect
            self._resume(held, status, suspect=suspect)
        self._blameless.discard(worker_id)
        self._pump()

    def worker_said(self, worker_id: int, message: FromWorker) -> None:
        """Take a worker's message about a model or a job."""
        match message:
            case wire.Progressed(job_id) | wire.RowDone(job_id):
                if (held := self._runs.run(job_id)) is not None:
                    self._progressed(held, message)
                return
            case wire.LoadBegan(model_id):
                self._loader.began((worker_id, model_id))
                return
            case wire.Loaded(model_id, _, load_s):
                self._loader.loaded(worker_id, message, self._runs.busy_places())
                self._breaker.went_well(model_id)
                log.info("model loaded", model=model_id, worker=worker_id, load_s=round(load_s, 2))
            case wire.LoadFailed():
                self._load_failed(worker_id, message)
            case wire.Done(job_id, _, run_s):
                self._end(job_id, partial(outcomes.answered, done=message), run_s)
            case wire.Refused(job_id, sentence):
                self._end(job_id, lambda _: Unanswered(error=UserError(sentence)))
            case wire.Failed(job_id, text, trace):
                self._end(job_id, lambda _: Unanswered(error=InferenceError(text, job_id, trace)))
            case wire.Ended(job_id, expired):
                self._end(job_id, outcomes.expired if expired else lambda _: Cancelled())
        self._pump()

    # What follows from it.

    def _check(self, job: Job) -> None:
        """Refuse what is known to do harm, or to come to nothing."""
        if self._poison.wait_s(fingerprint(job, seeded=False)):
            raise outcomes.known_poison()
        if wait_s := self._breaker.wait_s(job.model.id):
            raise outcomes.not_now(job.model, wait_s)

    def _pump(self) -> None:
        """Give every job that can run now to its worker, and those at work their cores."""
        views = [self._loader.view(w, self._runs.of_worker(w)) for w in sorted(self._ready)]
        assignments = self._scheduler.assign(views)
        at_work = {worker_id for worker_id, _ in self._runs.busy_places()}
        self._leases.share(at_work | {one.worker_id for one in assignments})
        for one in assignments:
            held = self._runs.run(one.job.id)
            assert held is not None
            self._begin(held, one.worker_id)

    def _begin(self, held: Held, worker_id: int) -> None:
        job = held.job
        held.queued_s = self._scheduler.waited_s(job.id)
        if not self._loader.has(worker_id, job.model, self._runs.busy_places()):
            if wait_s := self._breaker.wait_s(job.model.id):
                self._settle(held, Unanswered(error=outcomes.not_now(job.model, wait_s)))
                return
            self._loader.load(worker_id, job.model, self._runs.busy_places())
        held.give_to(worker_id)
        answerable_s = job.max_wait_s + job.model.limits.max_seconds - held.queued_s
        held.timer = asyncio.get_running_loop().call_later(answerable_s, self._give_up, held)
        if self._loader.is_loading((worker_id, job.model.id)):
            held.tell(Loading(model=job.model.title))
        self._residency.touch((worker_id, job.model.id))
        self._order(held)

    def _order(self, held: Held) -> None:
        """Send the worker the order to run a job."""
        assert held.worker_id is not None
        job = held.job
        limit_s = job.model.limits.max_seconds
        order = wire.RunJob(job.id, job.model.id, job.request, job.seed, limit_s, held.written)
        self._pool.send(held.worker_id, order)

    def _load_failed(self, worker_id: int, message: wire.LoadFailed) -> None:
        """Try once more with the worker to itself if memory ran out; else fail the jobs."""
        place = worker_id, message.model_id
        waiting = [h for h in self._runs.of_worker(worker_id) if h.job.model.id == message.model_id]
        log.error("model failed to load", model=message.model_id, error=message.message)
        if waiting and message.out_of_memory and self._loader.may_retry(place):
            self._loader.retry(place, waiting[0].job.model, self._runs.busy_places())
            for held in waiting:
                self._order(held)
            return
        self._loader.failed(place)
        self._breaker.failed(message.model_id)
        for held in waiting:
            self._settle(held, Unanswered(error=outcomes.load_error(held.job, message)))

    def _progressed(self, held: Held, news: wire.Progressed | wire.RowDone) -> None:
        if isinstance(news, wire.RowDone):
            held.row_done(news)
            return
        if news.seq == 0:  # the run has begun: from here its deadline counts
            held.begin()
            limit = held.job.model.limits.max_seconds + self._settings.kill_grace_s
            self._limit(held, limit, "past its deadline")
        held.wrote(news.tokens)
        held.tell(news.progress)

    def _limit(self, held: Held, seconds: float, why: str) -> None:
        """Kill the job's worker unless the job has ended in time; the job ends with it."""
        if held.timer is not None:
            held.timer.cancel()
        loop = asyncio.get_running_loop()
        held.timer = loop.call_later(seconds, self._overrun, held, why)

    def _overrun(self, held: Held, why: str) -> None:
        worker_id = held.worker_id
        if held.cancelled and worker_id is not None:
            steps = self._pool.steps_of(worker_id)
            if steps != held.steps:  # its nets are at work, and will come to the cancel
                held.steps = steps
                self._limit(held, self._settings.kill_grace_s, why)
                return
        self._settle(held, Cancelled() if held.cancelled else outcomes.expired(held))
        if worker_id is not None:
            self._blameless.add(worker_id)
            self._pool.kill(worker_id, f"job {held.job.id} {why}")

    def _give_up(self, held: Held) -> None:
        """Let a job go whose model took so long to load that nobody can be answered any more."""
        self._pool.send(held.worker_id or 0, wire.CancelJob(held.job.id))
        self._settle(held, Expired(limit_s=held.job.max_wait_s, waiting=True))

    def _resume(self, held: Held, status: int | None, *, suspect: bool) -> None:
        """Queue a job again whose worker died, unless it looks like the cause."""
        held.worker_id, held.started = None, False
        if held.timer is not None:
            held.timer.cancel()
        if held.cancelled:
            self._settle(held, Cancelled())
        elif held.strikes < MAX_STRIKES and held.runs < MAX_RUNS:
            log.warning("job resumes elsewhere", job=held.job.id, status=status)
            self._scheduler.requeue(held.job, suspect=suspect)
        else:
            self._poison.failed(fingerprint(held.job, seeded=False))
            self._settle(held, Unanswered(error=outcomes.poison()))

    def _end(
        self, job_id: str, outcome: Callable[[Held], Outcome], run_s: float | None = None
    ) -> None:
        if (held := self._runs.run(job_id)) is not None:
            self._settle(held, outcome(held), run_s)

    def _settle(self, held: Held, outcome: Outcome, run_s: float | None = None) -> None:
        """End a job: the only place where that happens."""
        self._runs.remove(held)
        if held.worker_id is not None:
            self._residency.touch((held.worker_id, held.job.model.id))
        self._scheduler.finished(held.job.id, run_s)
        if not self._runs:
            self._idle.set()
        held.end(outcome)

    def _tell_places(self) -> None:
        for job_id, (ahead, eta_s) in self._scheduler.queue(len(self._ready)).items():
            if (held := self._runs.run(job_id)) is not None:
                held.tell(Queued(ahead=ahead, eta_s=eta_s))

    async def _tick(self) -> None:
        """Tell those who wait their place; let go who waited for too long and what nobody uses."""
        while True:
            await asyncio.sleep(TICK_S)
            for job in self._scheduler.overdue():
                self._end(job.id, lambda h: Expired(limit_s=h.job.max_wait_s, waiting=True))
            self._tell_places()
            self._loader.unload_idle(self._settings.idle_unload_s, self._runs.busy_places())
