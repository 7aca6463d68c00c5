"""How long jobs take, learned from those that were done: per model and size. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.inference.job import Job
    from bot.tasks.request import Request

UNKNOWN_S = 5.0  # taken for a job of a model that was never measured
NEWEST_WEIGHT = 0.3
CHARS_PER_TOKEN = 4


def size_class(request: Request) -> int:
    """Return the class of a request's size: each holds those up to four times the last's."""
    tokens = getattr(request, "max_tokens", None) or 0
    return (request.size() + CHARS_PER_TOKEN * tokens).bit_length() // 2


class Estimates:
    """Smoothed seconds a run takes."""

    def __init__(self) -> None:
        self._by_size: dict[tuple[str, int], float] = {}
        self._by_model: dict[str, float] = {}

    def learn(self, job: Job, run_s: float) -> None:
        """Take in how long a job ran."""
        key = job.model.id, size_class(job.request)
        self._by_size[key] = _smoothed(self._by_size.get(key), run_s)
        self._by_model[job.model.id] = _smoothed(self._by_model.get(job.model.id), run_s)

    def known(self, job: Job) -> bool:
        """Say whether any job of this model was measured."""
        return job.model.id in self._by_model

    def run_s(self, job: Job) -> float:
        """Return how long a job will run: as others of its size, else as others of its model."""
        by_model = self._by_model.get(job.model.id, UNKNOWN_S)
        return self._by_size.get((job.model.id, size_class(job.request)), by_model)


def _smoothed(known: float | None, newest: float) -> float:
    return newest if known is None else (1 - NEWEST_WEIGHT) * known + NEWEST_WEIGHT * newest
