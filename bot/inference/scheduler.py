"""Whose turn it is, and on which worker. Pure: no clock of its own, no sockets, no processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.inference.job import Job

PATIENCE_S = 30.0
"""A job that has waited for so long for a worker of its own is not passed by any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView:
    """What the scheduler needs to know of a worker that can take jobs.

    ``models`` are loaded in it; ``running`` counts its unfinished jobs by model; ``closed`` is
    set while it runs a suspect, which shares with nobody.
    """

    id: int
    models: frozenset[str]
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


class Scheduler:
    """Holds the jobs that wait and says which goes where.

    Args:
        queue_size: How many jobs may wait at once, all members together.
        jobs_per_member: How many unfinished jobs one member may have.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, queue_size: int, jobs_per_member: int, clock: Callable[[], float]
    ) -> None:
        self._queue_size = queue_size
        self._jobs_per_member = jobs_per_member
        self._clock = clock
        self._waiting: list[Job] = []
        self._since: dict[str, float] = {}
        self._running: dict[str, Job] = {}
        self._suspects: set[str] = set()
        self._run_s: dict[str, float] = {}  # model -> smoothed seconds a job

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._waiting)

    def admit(self, job: Job) -> None:
        """Take a job into the queue.

        Raises:
            BusyError: The queue, or the member's share of it, is full.
        """
        if len(self._waiting) >= self._queue_size:
            wait = self._guess_s(self._waiting)
            raise BusyError(
                f"{len(self._waiting)} requests are waiting, which is all the queue holds. "
                f"Try again in about {max(1, round(wait / 60))} min.",
                retry_after_s=wait,
            )
        mine = [j for j in (*self._waiting, *self._running.values()) if _same_member(j, job)]
        if len(mine) >= self._jobs_per_member:
            raise BusyError(
                f"You have {len(mine)} requests under way; the limit is {self._jobs_per_member}. "
                "Wait for one of them, or cancel one.",
                retry_after_s=self._guess_s(mine[:1]),
            )
        self._since[job.id] = self._clock()
        self._waiting.append(job)

    def requeue(self, job: Job, *, suspect: bool) -> None:
        """Put a job that lost its worker back to the front; it keeps the time it came at.

        A suspect, which may be what killed the worker, runs alone from now on.
        """
        self._running.pop(job.id, None)
        self._waiting.insert(0, job)
        if suspect:
            self._suspects.add(job.id)

    def is_suspect(self, job_id: str) -> bool:
        """Say whether a job must run alone."""
        return job_id in self._suspects

    def finished(self, job_id: str, run_s: float | None = None) -> None:
        """Forget a job, waiting or running; ``run_s`` teaches the estimate of its model."""
        job = self._running.pop(job_id, None)
        self._waiting = [j for j in self._waiting if j.id != job_id]
        self._since.pop(job_id, None)
        self._suspects.discard(job_id)
        if job is not None and run_s is not None:
            known = self._run_s.get(job.model.id, run_s)
            self._run_s[job.model.id] = 0.7 * known + 0.3 * run_s

    def ahead(self, job_id: str) -> int:
        """Return how many waiting jobs stand before this one."""
        return next((n for n, j in enumerate(self._order()) if j.id == job_id), 0)

    def eta_s(self, job_id: str, workers: int) -> float | None:
        """Return the seconds until a waiting job should begin, or ``None`` if none was measured."""
        before = self._order()[: self.ahead(job_id)] + list(self._running.values())
        if not all(j.model.id in self._run_s for j in before):
            return None
        return self._guess_s(before) / max(1, workers)

    def waited_s(self, job_id: str) -> float:
        """Return how long ago a job was admitted."""
        return self._clock() - self._since[job_id]

    def overdue(self) -> list[Job]:
        """Return the waiting jobs that have waited for longer than they may."""
        return [j for j in self._waiting if self.waited_s(j.id) >= j.max_wait_s]

    def assign(self, workers: Iterable[WorkerView]) -> list[Assignment]:
        """Give out as many waiting jobs as the workers can take now; they count as running."""
        views = {view.id: view for view in workers}
        assignments = []
        passing = True  # whether jobs may still join a worker at work
        for job in self._order():
            alone = self.is_suspect(job.id)
            view = _best_worker(job, views.values(), sharing=passing and not alone)
            if view is None:
                passing = passing and self.waited_s(job.id) < PATIENCE_S
                continue
            assignments.append(Assignment(job, view.id))
            self._waiting.remove(job)
            self._running[job.id] = job
            views[view.id] = WorkerView(
                id=view.id,
                models=view.models | {job.model.id},
                running={**view.running, job.model.id: view.running.get(job.model.id, 0) + 1},
                closed=alone,
            )
        return assignments

    def _order(self) -> list[Job]:
        """Return the waiting jobs, those of members with the least under way first."""
        busy = Counter(_member(j) for j in self._running.values())
        ranked = []
        for position, job in enumerate(self._waiting):
            ranked.append((busy[_member(job)], position, job))
            busy[_member(job)] += 1
        return [job for *_, job in sorted(ranked, key=lambda entry: entry[:2])]

    def _guess_s(self, jobs: list[Job]) -> float:
        return sum(self._run_s.get(j.model.id, 5.0) for j in jobs)


def _best_worker(job: Job, views: Iterable[WorkerView], *, sharing: bool) -> WorkerView | None:
    """Return where a job should run: where its model is loaded and has room, else an idle worker.

    A worker that runs another model is left alone: two models in one process would take turns.
    """
    model = job.model
    resident = [v for v in views if model.id in v.models]
    shared = [
        v
        for v in resident
        if sharing and not v.closed and 0 < v.running.get(model.id, 0) < model.slots
    ]
    idle_resident = [v for v in resident if v.idle]
    idle = [v for v in views if v.idle]
    for choice in (shared, idle_resident, idle):
        if choice:
            return min(choice, key=lambda v: (len(v.models), v.id))
    return None


def _member(job: Job) -> tuple[int, int | None]:
    return job.caller.user_id, job.caller.guild_id


def _same_member(one: Job, other: Job) -> bool:
    return one.caller.user_id == other.caller.user_id
