"""The runs under way: found by their job, by their fingerprint, and by everyone who shares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.inference.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.inference.job import Job
    from bot.inference.residency import Place


class Runs:
    """Keeps what is held, under all the names by which it is asked for."""

    def __init__(self) -> None:
        self._runs: dict[str, Held] = {}
        self._twins: dict[bytes, Held] = {}
        self._asked: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Held]:
        """Yield the runs there are now; they may be removed meanwhile."""
        return iter(list(self._runs.values()))

    def add(self, job: Job, mark: bytes) -> Held:
        """Begin to hold a job."""
        held = self._runs[job.id] = self._twins[mark] = Held(job, mark)
        return held

    def share(self, job_id: str, held: Held) -> None:
        """Note that a job is answered by this run."""
        self._asked[job_id] = held

    def unshare(self, job_id: str) -> None:
        """Note that a job is answered by no run any more."""
        del self._asked[job_id]

    def remove(self, held: Held) -> None:
        """Hold a run no more."""
        del self._runs[held.job.id]
        if self._twins.get(held.mark) is held:  # a cancelled one may have been replaced
            del self._twins[held.mark]
        for job_id in held.listeners:
            del self._asked[job_id]

    def twin(self, mark: bytes) -> Held | None:
        """Return the run of a job that asks the very same, if it can still be shared."""
        held = self._twins.get(mark)
        return None if held is None or held.cancelled else held

    def run(self, job_id: str) -> Held | None:
        """Return a run by the job that the worker knows."""
        return self._runs.get(job_id)

    def asked(self, job_id: str) -> Held | None:
        """Return the run that answers a job."""
        return self._asked.get(job_id)

    def of_worker(self, worker_id: int) -> list[Held]:
        """Return the runs of a worker."""
        return [held for held in self._runs.values() if held.worker_id == worker_id]

    def busy_places(self) -> set[Place]:
        """Return which models run jobs, and where."""
        return {(h.worker_id, h.job.model.id) for h in self._runs.values() if h.worker_id}
