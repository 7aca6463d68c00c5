"""What the service sees of the machinery that runs jobs, wherever it runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.inference.job import Job, Outcome
    from bot.tasks.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorStatus:
    """A look at the executor: workers that are up, jobs waiting and running, models by worker.

    ``notes`` says of a model how it is run, where that is worth a word.
    """

    workers: int
    waiting: int
    running: int
    models: dict[int, tuple[str, ...]]
    resident_bytes: int
    deaths: int
    notes: dict[str, str]


class Executor(Protocol):
    """Runs jobs. Every submitted job ends in exactly one outcome, whatever dies on the way."""

    async def start(self) -> None:
        """Begin to start workers, without waiting for them."""

    async def drain(self, timeout_s: float) -> None:
        """Admit no more jobs; give those that are there some time; then stop everything."""

    def submit(self, job: Job) -> AsyncIterator[Progress | Outcome]:
        """Queue a job; return the news of it, the outcome last.

        Raises:
            BusyError: The queue is full, or the executor is draining.
        """

    def cancel(self, job_id: str) -> None:
        """Stop a job, queued or running; one that has ended is left alone."""

    def status(self) -> ExecutorStatus:
        """Return what is going on now."""
