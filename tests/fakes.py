"""An executor that answers from a script, where worker processes would only be in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from bot.errors import BusyError
from bot.inference.executor import ExecutorStatus
from bot.inference.job import Cancelled, Job, Outcome
from bot.tasks.progress import Progress

STATUS = ExecutorStatus(
    workers=2,
    waiting=3,
    running=1,
    models={1: ("gpt2",), 2: ()},
    resident_bytes=7,
    deaths=4,
    notes={},
)


class FakeExecutor:
    """Gives each job the next script: its news, the outcome last.

    A script that ends without an outcome leaves its job open until it is cancelled.
    """

    def __init__(self, *scripts: Sequence[Progress | Outcome]) -> None:
        self.scripts = list(scripts)
        self.jobs: list[Job] = []
        self.cancelled: list[str] = []
        self.full: BusyError | None = None

    async def start(self) -> None:
        """Nothing needs to be started."""

    async def drain(self, timeout_s: float) -> None:
        """Nothing is under way."""

    def submit(self, job: Job) -> AsyncIterator[Progress | Outcome]:
        if self.full is not None:
            raise self.full
        self.jobs.append(job)
        return self._news(job, self.scripts.pop(0))

    async def _news(
        self, job: Job, script: Sequence[Progress | Outcome]
    ) -> AsyncIterator[Progress | Outcome]:
        for item in script:
            yield item
        if not script or not isinstance(script[-1], Outcome):
            assert job.id in self.cancelled, "the script has no end, and nobody cancelled the job"
            yield Cancelled()

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def status(self) -> ExecutorStatus:
        return STATUS
