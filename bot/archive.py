"""What is remembered of jobs: how they ended, what was asked, which answers are still owed.

It stands between the service and the store: a store that fails costs the memory, not the answer.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import structlog

from bot.errors import UserError
from bot.store.store import Kept, Promise, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bot.inference.job import Job, Timings
    from bot.store.store import Store
    from bot.tasks.caller import Caller

__all__ = ["Archive", "Kept", "Promise"]

FORGET_EVERY_S = 3600.0
NOT_KEPT = (
    "What was asked there is not kept any more, or was asked somewhere else. "
    "Type the command again."
)

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
        self._forgot_at = -FORGET_EVERY_S

    @property
    def days(self) -> int:
        """How long requests are kept; 0 where they are not."""
        return self._keep_for.days

    @property
    def keeps_requests(self) -> bool:
        """Whether an answer can be asked for again."""
        return bool(self._keep_for)

    async def record(self, job: Job) -> None:
        """Write a job down as queued, and what was asked."""
        await self._written(self._store.record(job))
        if self.keeps_requests:
            await self._written(self._store.keep(_kept(job)))
            await self._forget_old()

    async def settle(self, job_id: str, state: str, timings: Timings | None) -> None:
        """Write down how a job ended."""
        await self._written(self._store.settle(job_id, state, timings))

    async def kept(self, job_id: str, caller: Caller) -> Kept:
        """Return what was asked in a job, for its owner and for those in the same channel.

        Raises:
            UserError: It is not kept, or somebody else may not see it.
        """
        try:
            kept = await self._store.kept(job_id)
        except (StoreError, OSError) as error:
            log.error("request not read", job=job_id, error=str(error))
            kept = None
        if kept is None or not _may_see(caller, kept):
            raise UserError(NOT_KEPT)
        return kept

    async def all_of(self, user_id: int) -> tuple[list[Kept], list[dict[str, Any]]]:
        """Return all that is kept of somebody: what they asked, and the rows of their jobs."""
        return await self._store.kept_of(user_id), await self._store.jobs_of(user_id)

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

    async def _forget_old(self) -> None:
        """Delete what has been kept for long enough, about once an hour."""
        now = time.monotonic()
        if now - self._forgot_at >= FORGET_EVERY_S:
            self._forgot_at = now
            until = dt.datetime.now(dt.UTC) - self._keep_for
            await self._written(self._store.forget_before(until))

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


def _may_see(caller: Caller, kept: Kept) -> bool:
    if caller.user_id == kept.caller.user_id:
        return True
    return caller.channel_id is not None and caller.channel_id == kept.caller.channel_id
