"""The jobs under way, and how far each is: what ``/queue`` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.inference.job import Job
    from bot.tasks.progress import Progress


@dataclass(slots=True)
class UnderWay:
    """A job, and the last that was heard of it."""

    job: Job
    progress: Progress | None = None


class Queue:
    """Keeps the jobs that have not ended, in the order in which they came."""

    def __init__(self) -> None:
        self._jobs: dict[str, UnderWay] = {}

    def came(self, job: Job) -> None:
        """Note that a job is on its way."""
        self._jobs[job.id] = UnderWay(job)

    def heard(self, job_id: str, progress: Progress) -> None:
        """Note how far a job is."""
        if (one := self._jobs.get(job_id)) is not None:
            one.progress = progress

    def ended(self, job_id: str) -> None:
        """Note that a job has ended."""
        self._jobs.pop(job_id, None)

    def of(self, user_id: int | None = None) -> list[UnderWay]:
        """Return the jobs of one member, or of all."""
        return [one for one in self._jobs.values() if user_id in (None, one.job.caller.user_id)]
