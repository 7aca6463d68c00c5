"""Whose turn it is, and on which worker. Pure: no clock of its own, no sockets, no processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.errors import BusyError, Sentence, joined
from bot.inference.estimates import Estimates
from bot.inference.fairness import Fairness, house_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.config import Inference
    from bot.inference.job import Job

PATIENCE_S = 2.0
"""A job that has waited for so long for a worker of its own is passed by no more."""

CROWD = 8
"""So many jobs side by side hardly slow each other; for more, another worker is worth a load."""

AGEING_S = 60.0
"""For each such time that it has waited, a job rises by one priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView:
    """What the scheduler needs to know of a worker that can take jobs.

    ``models`` are loaded in it, or being loaded; those ``gathering`` are best run there side by
    side; ``running`` counts its unfinished jobs by model; ``closed`` is set while it runs a
    suspect, which shares with nobody.
    """

    id: int
    models: frozenset[str]
    gathering: frozenset[str] = frozenset()
    running: dict[str, int] = field(default_factory=dict)
    closed: bool = False

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return not any(self.running.values())


@dataclass(frozen=True, slots=True)
class Assignment:
    """This job goes to this worker now."""

    job: Job
    worker_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """How many jobs may wait in all, and how many unfinished ones a guild or a member may have."""

    waiting: int
    per_guild: int
    per_member: int

    @classmethod
    def of(cls, settings: Inference) -> QueueLimits:
        """Return those of the configuration."""
        per_guild, per_member = settings.jobs_per_guild, settings.jobs_per_member
        return cls(waiting=settings.queue_size, per_guild=per_guild, per_member=per_member)


class Scheduler:
    """Holds the jobs that wait and says which goes where.

    Args:
        limits: What is refused.
        clock: Seconds, monotonic.
    """

    def __init__(self, limits: QueueLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._fairness = Fairness()
        self._estimates = Estimates()
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._since: dict[str, float] = {}
        self._charged: dict[str, float] = {}
        self._returned: set[str] = set()  # lost their worker; they come before all others
        self._suspects: set[str] = set()

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._waiting)

    def admit(self, job: Job, workers: int = 1) -> None:
        """Take a job into the queue.

        Raises:
            BusyError: The queue, or the guild's or the member's share of it, is full.
        """
        jobs = [*self._waiting.values(), *self._running.values()]
        house = [j for j in jobs if house_of(j.caller) == house_of(job.caller)]
        mine = [j for j in jobs if j.caller.user_id == job.caller.user_id]
        if len(self._waiting) >= self._limits.waiting:
            what = Sentence(
                "{count} requests are waiting, which is all the queue holds.",
                {"count": len(self._waiting)},
            )
            raise self._busy(what, jobs, workers)
        if len(house) >= self._limits.per_guild:
            what = Sentence(
                "This server has {count} requests under way, which is its share.",
                {"count": len(house)},
            )
            raise self._busy(what, house[:1], 1)
        if len(mine) >= self._limits.per_member:
            what = Sentence(
                "You have {count} requests under way; the limit is {limit}.",
                {"count": len(mine), "limit": self._limits.per_member},
            )
            raise self._busy(what, mine[:1], 1)
        self._fairness.arrive(job.caller, (j.caller for j in jobs))
        self._since[job.id] = self._clock()
        self._waiting[job.id] = job

    def requeue(self, job: Job, *, suspect: bool) -> None:
        """Put a job that lost its worker back; it comes before all others, as if never taken.

        A suspect, which may be what killed the worker, runs alone from now on.
        """
        del self._running[job.id]
        self._fairness.charge(job.caller, -self._charged.pop(job.id))
        self._waiting = {job.id: job, **self._waiting}
        self._returned.add(job.id)
        if suspect:
            self._suspects.add(job.id)

    def is_suspect(self, job_id: str) -> bool:
        """Say whether a job must run alone."""
        return job_id in self._suspects

    def finished(self, job_id: str, run_s: float | None = None) -> None:
        """Forget a job, waiting or running; ``run_s`` corrects what was charged and teaches."""
        job = self._running.pop(job_id, None)
        self._waiting.pop(job_id, None)
        self._since.pop(job_id, None)
        self._returned.discard(job_id)
        self._suspects.discard(job_id)
        charged = self._charged.pop(job_id, 0.0)
        if job is not None and run_s is not None:
            self._fairness.charge(job.caller, run_s - charged)
            self._estimates.learn(job, run_s)

    def queue(self, workers: int) -> dict[str, tuple[int, float | None]]:
        """Return, by job in the order of their turns, how many are ahead and the seconds to wait.

        The seconds are ``None`` where a job ahead is of a model that was never measured.
        """
        places: dict[str, tuple[int, float | None]] = {}
        measured = all(self._estimates.known(j) for j in self._running.values())
        before_s = sum(self._estimates.run_s(j) for j in self._running.values()) / 2
        for ahead, job in enumerate(self._order()):
            places[job.id] = ahead, before_s / max(1, workers) if measured else None
            measured = measured and self._estimates.known(job)
            before_s += self._estimates.run_s(job)
        return places

    def waited_s(self, job_id: str) -> float:
        """Return how long ago a job was admitted."""
        return self._clock() - self._since[job_id]

    def overdue(self) -> list[Job]:
        """Return the waiting jobs that have waited for longer than they may."""
        return [j for j in self._waiting.values() if self.waited_s(j.id) >= j.max_wait_s]

    def assign(self, workers: Iterable[WorkerView]) -> list[Assignment]:
        """Give out as many waiting jobs as the workers can take now; they count as running.

        Jobs whose model is loaded in an idle worker may pass one that needs a load there, but only
        while that one is patient: two models in turn would be loaded over and over.
        """
        views = {view.id: view for view in workers}
        assignments: list[Assignment] = []
        if not self._waiting or not views:
            return assignments
        order = self._order()
        for settled in (True, False):  # first those that no load must be made for
            sharing = True  # whether jobs may still join a worker at work
            for job in [job for job in order if job.id in self._waiting]:
                patient = self.waited_s(job.id) < PATIENCE_S
                alone = self.is_suspect(job.id)
                view = _best_worker(job, views.values(), sharing=sharing and not alone)
                if view is None:
                    sharing = sharing and patient
                elif job.model.id in view.models or not (settled and patient):
                    assignments.append(Assignment(job, view.id))
                    self._begin(job)
                    views[view.id] = _taken(view, job, alone=alone)
        return assignments

    def _begin(self, job: Job) -> None:
        del self._waiting[job.id]
        self._running[job.id] = job
        self._charged[job.id] = self._estimates.run_s(job)
        self._fairness.charge(job.caller, self._charged[job.id])

    def _order(self) -> list[Job]:
        """Return the waiting jobs: those that lost their worker, then by priority and fairness."""
        classes: dict[int, list[Job]] = {}
        for job in self._waiting.values():
            classes.setdefault(self._class_of(job), []).append(job)
        ordered: list[Job] = []
        for _, jobs in sorted(classes.items()):
            ordered += self._fairness.order(jobs, self._estimates.run_s)
        return ordered

    def _class_of(self, job: Job) -> int:
        if job.id in self._returned:
            return -1
        return max(0, job.priority - int(self.waited_s(job.id) // AGEING_S))

    def _busy(self, what: Sentence, before: list[Job], workers: int) -> BusyError:
        """Return a refusal that says when some of the jobs before will be done."""
        wait_s = sum(self._estimates.run_s(j) for j in before) / max(1, workers)
        when = f"{wait_s / 60:.0f} min" if wait_s >= 90 else f"{max(1, wait_s):.0f} s"
        advice = Sentence("Try again in about {when}.", {"when": when})
        return BusyError(joined(what, advice), retry_after_s=wait_s)


def _taken(view: WorkerView, job: Job, *, alone: bool) -> WorkerView:
    """Return what a worker looks like once it has taken a job."""
    model = job.model.id
    return WorkerView(
        id=view.id,
        models=view.models | {model},
        gathering=view.gathering,
        running={**view.running, model: view.running.get(model, 0) + 1},
        closed=alone,
    )


def _best_worker(job: Job, views: Iterable[WorkerView], *, sharing: bool) -> WorkerView | None:
    """Return where a job should run; ``None`` if it had better wait.

    Where its jobs gather, best is a worker at work on it with a slot free. Else an idle worker that
    has the model, then one at work on it, unless it is crowded and another could load the model,
    then any idle one. A worker that runs another model is left alone: they would take turns.
    """
    model = job.model
    resident = [v for v in views if model.id in v.models]
    idle_resident = [v for v in resident if v.idle]
    shared = [
        v
        for v in resident
        if sharing and not v.closed and 0 < v.running.get(model.id, 0) < model.slots
    ]
    gathered = [v for v in shared if model.id in v.gathering]
    roomy = [v for v in shared if v.running[model.id] < CROWD]
    idle = [v for v in views if v.idle]
    for choice in (gathered, idle_resident, roomy, idle, shared):
        if choice:
            return min(choice, key=lambda v: (v.running.get(model.id, 0), len(v.models), v.id))
    return None
