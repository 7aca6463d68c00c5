"""What is remembered of jobs: how they ended, what was asked, which answers are still owed.

It stands between the service and the store: a store that fails costs the memory, not the answer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import structlog

from bot.errors import Sentence, UserError
from bot.store.store import Kept, Promise, StoreError
from bot.tasks.caller import OPERATOR

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from bot.inference.job import Job, Timings
    from bot.store.store import Store
    from bot.tasks.caller import Caller

__all__ = ["Archive", "Kept", "Promise"]

FORGET_EVERY_S = 3600.0
JOBS_FOR = dt.timedelta(days=30)  # where no request is kept
NOT_KEPT = Sentence("What was asked there is not kept any more. Type the command again.")
NOT_YOURS = Sentence(
    "Only the person who asked for this can do that: a request may hold what the others here have "
    "not seen. Type the command yourself."
)
MOST_KEPT = 300
"""Requests that are kept of one member; the oldest make room."""

MOST_BYTES = 2 << 20
"""Of a request that is kept; the answers to larger ones, to big pictures, have no buttons."""

log = structlog.get_logger("archive")


class Archive:
    """Remembers jobs.

    Args:
        store: Where it writes.
        keep_days: How long requests and jobs are kept; 0 keeps no request.
    """

    def __init__(self, store: Store, keep_days: int) -> None:
        self._store = store
        self._keep_for = dt.timedelta(days=keep_days)

    @property
    def days(self) -> int:
        """How long requests are kept; 0 where they are not."""
        return self._keep_for.days

    def keeps(self, job: Job) -> bool:
        """Say whether a job's answer can be asked for again."""
        small = job.request.file_bytes() <= MOST_BYTES
        return bool(self._keep_for) and small and job.caller != OPERATOR

    async def record(self, job: Job) -> None:
        """Write a job down as queued, and what was asked."""
        await self._written(self._store.record(job))
        if self.keeps(job):
            await self._written(self._store.keep(_kept(job), MOST_KEPT))

    async def settle(self, job_id: str, state: str, timings: Timings | None) -> None:
        """Write down how a job ended."""
        await self._written(self._store.settle(job_id, state, timings))

    async def kept(self, job_id: str, caller: Caller) -> Kept:
        """Return what was asked in a job, for the one who asked.

        Raises:
            UserError: It is not kept, or somebody else may not see it.
        """
        try:
            kept = await self._store.kept(job_id)
        except (StoreError, OSError) as error:
            log.error("request not read", job=job_id, error=str(error))
            kept = None
        if kept is None or not self._keep_for:
            raise UserError(NOT_KEPT)
        if kept.caller.user_id != caller.user_id:
            raise UserError(NOT_YOURS)
        return kept

    async def owns(self, job_id: str, user_id: int) -> bool:
        """Say whether somebody is known to have asked for a job."""
        try:
            return await self._store.owner_of(job_id) == user_id
        except (StoreError, OSError) as error:
            log.error("owner not read", job=job_id, error=str(error))
            return False

    async def drop(self, job_id: str) -> None:
        """Delete what was asked in a job; its line in the list of jobs stays."""
        await self._written(self._store.drop(job_id))

    async def count_of(self, user_id: int) -> tuple[int, int]:
        """Return how many requests and how many jobs are kept of somebody."""
        return await self._store.count_of(user_id)

    def kept_of(self, user_id: int) -> AsyncIterator[Kept]:
        """Yield what is kept of what somebody asked, one by one: files make it large."""
        return self._store.kept_of(user_id)

    async def jobs_of(self, user_id: int) -> list[dict[str, Any]]:
        """Return the rows of somebody's jobs."""
        return await self._store.jobs_of(user_id)

    async def forget(self, user_id: int) -> int:
        """Delete all that is kept of somebody; return how many jobs that were."""
        return await self._store.forget(user_id)

    async def promise(self, promise: Promise) -> bool:
        """Keep a promise for after the next restart; return whether that went well."""
        return await self._written(self._store.promise(promise))

    async def promises(self) -> list[Promise]:
        """Take out the jobs that a restart interrupted and that can still be answered."""
        try:
            promises = await self._store.take_promises()
        except (StoreError, OSError) as error:
            log.error("promises not read", error=str(error))
            return []
        now = dt.datetime.now(dt.UTC)
        return [promise for promise in promises if promise.until > now]

    async def forget_old(self) -> None:
        """Delete what has been kept for long enough."""
        now = dt.datetime.now(dt.UTC)
        jobs_for = self._keep_for or JOBS_FOR
        await self._written(self._store.forget_before(now - self._keep_for, now - jobs_for))

    async def forget_by_the_clock(self) -> None:
        """Delete what has been kept for long enough, every hour, whether or not anybody asks."""
        while True:
            await self.forget_old()
            await asyncio.sleep(FORGET_EVERY_S)

    async def _written(self, writing: Awaitable[None]) -> bool:
        """Write to the store; if that fails, the answer is still worth giving."""
        try:
            await writing
        except (StoreError, OSError) as error:
            log.error("not recorded", error=str(error))
            return False
        return True


def _kept(job: Job) -> Kept:
    return Kept(
        job_id=job.id,
        request=job.request,
        model_id=job.model.id,
        seed=job.seed,
        caller=job.caller,
        asked_at=dt.datetime.now(dt.UTC),
    )
