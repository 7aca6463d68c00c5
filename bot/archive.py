"""What is remembered of jobs: how they ended, what was asked, which answers are still owed.

It stands between the service and the store: a store that fails costs the memory, not the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from bot.errors import Sentence, UserError
from bot.inference.job import Answered, Unanswered
from bot.reasons import unquoting
from bot.store.answers import AnswersTable
from bot.store.arena import ArenaTable
from bot.store.owed import Owed, OwedTable
from bot.store.shared import SharedTable
from bot.store.store import Kept, Promise, Said, StoreError
from bot.tasks.caller import OPERATOR
from bot.tasks.text_to_text import AnswerQuestion, Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Collection

    from bot.inference.job import Job, Outcome
    from bot.store.answers import Spoken
    from bot.store.store import Store
    from bot.tasks.caller import Caller
    from bot.tasks.registry import AnyRequest

__all__ = ["Archive", "Deed", "Kept", "Owed", "Promise", "Said"]

FORGET_EVERY_S = 3600.0
JOBS_FOR = dt.timedelta(days=30)  # where no request is kept
OWED_FOR = dt.timedelta(days=1)
"""How long an answer is owed that was promised, or that could not be delivered."""

NOT_KEPT = Sentence("What was asked there is not kept any more. Type the command again.")
NOT_KNOWN = Sentence(
    "There is no such job in the list any more. The id stands in small print below an answer."
)
NOT_YOURS = Sentence(
    "Only the person who asked for this can do that: a request may hold what the others here have "
    "not seen. Type the command yourself."
)
NOT_FOLLOWED = Sentence(
    "This cannot be followed up here: that works where it was asked, in a thread for everybody and "
    "elsewhere for the person who asked, after a question without a context. Type `/ask` instead."
)
NO_PAGES = Sentence("The other pages are not kept any more. Ask again to read them.")
MOST_KEPT = 300
"""Requests that are kept of one member; the oldest make room."""

MOST_TURNS = 30
"""Turns of a conversation that a model is given; it may take fewer. The oldest make room."""

REMEMBERED = 1000  # messages that were deleted of late

MOST_BYTES = 2 << 20
"""Of a request that is kept; the answers to larger ones, to big pictures, have no buttons."""

log = structlog.get_logger("archive")


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """How a job was done, as the list of jobs has it; ``None`` is what it does not know.

    Args:
        queued_s: Seconds that it waited, loading included.
        run_s: Seconds that it ran.
        worker: Which worker answered it.
        batch: How many jobs, at the most, ran in one batch with it, itself among them.
        runs: How often it was given to a worker.
        askers: How many had asked the very same and were answered by one run.
        tokens: Of a text, how many tokens it has.
        stopped_by: Of a text, why it ended: ``end``, ``length`` or ``stop``.
        reason: Why it failed, where those who asked were told, without words of theirs.
    """

    id: str
    task: str
    model: str
    seed: int
    state: str
    created_at: dt.datetime
    queued_s: float | None = None
    run_s: float | None = None
    worker: int | None = None
    batch: int | None = None
    runs: int | None = None
    askers: int | None = None
    tokens: int | None = None
    stopped_by: str | None = None
    reason: Sentence | None = None


class Archive:
    """Remembers jobs.

    Args:
        store: Where it writes.
        keep_days: How long requests and jobs are kept; 0 keeps no request.
    """

    def __init__(self, store: Store, keep_days: int) -> None:
        self._store = store
        self.answers = AnswersTable(store.engine)
        self._owed = OwedTable(store.engine)
        self.shared = SharedTable(store.engine)
        self._arena = ArenaTable(store.engine)
        self._keep_for = dt.timedelta(days=keep_days)
        self._closed = asyncio.Event()
        self._gone: deque[int] = deque(maxlen=REMEMBERED)

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

    async def settle(self, job: Job, state: str, outcome: Outcome) -> None:
        """Write down how a job ended."""
        timings, tokens, stopped_by, reason = None, None, None, None
        if isinstance(outcome, Answered):
            timings = outcome.timings
            tokens = getattr(outcome.result, "tokens", None)
            stopped_by = getattr(outcome.result, "stopped_by", None)
        if isinstance(outcome, Unanswered) and isinstance(outcome.error, UserError):
            told = unquoting(outcome.error.sentence, job)
            reason = msgspec.json.encode(told).decode()
        settled = self._store.settle(
            job.id, state, timings, tokens=tokens, stopped_by=stopped_by, reason=reason
        )
        await self._written(settled)

    async def deed(self, job_id: str, caller: Caller) -> Deed:
        """Return how a job was done, for the one who asked.

        Raises:
            UserError: It is not known any more, or somebody else asked.
        """
        try:
            row = await self._store.job(job_id)
        except (StoreError, OSError) as error:
            log.error("job not read", job=job_id, error=str(error))
            row = None
        if row is None:
            raise UserError(NOT_KNOWN)
        if row["user_id"] != caller.user_id:
            raise UserError(NOT_YOURS)
        reason = row["reason"] and msgspec.json.decode(row["reason"], type=Sentence)
        return Deed(**{key: row[key] for key in Deed.__struct_fields__} | {"reason": reason})

    async def say(self, job: Job, said: Said, *, to_all: bool) -> None:
        """Keep what is about to be said in a job; what all will see is a turn of its thread."""
        thread_id = job.caller.thread_id if to_all and said.text else None
        await self._written(self.answers.say(job.id, said, thread_id))

    async def posted(
        self, job_id: str, message_id: int, channel_id: int, thread_id: int | None
    ) -> None:
        """Note where something was said; in a thread, where all see it, it is a turn of that."""
        await self._written(self.answers.posted(job_id, message_id, channel_id, thread_id))
        if message_id in self._gone:  # before this could be noted
            await self.drop(job_id)

    async def turns_in(self, caller: Caller) -> tuple[Turn, ...]:
        """Return what was asked and answered before in the thread where somebody is, if any."""
        if caller.thread_id is None or not self._keep_for:
            return ()
        spoken = await self._reading(self.answers.of_thread(caller.thread_id, MOST_TURNS))
        return tuple(
            Turn(job_id=each.kept.job_id) for each in spoken if _words(each, caller) is not None
        )

    async def turns_after(self, job_id: str, caller: Caller) -> tuple[tuple[Turn, ...], str]:
        """Return a conversation up to an answer, and the model that gave it, to go on from there.

        Raises:
            UserError: It is not kept, or it is not the caller's to follow up here.
        """
        spoken = await self._reading(self.answers.of_jobs([job_id]))
        if not spoken or not self._keep_for:
            raise UserError(NOT_KEPT)
        kept = spoken[0].kept
        if _words(spoken[0], caller) is None or not isinstance(kept.request, AnswerQuestion):
            raise UserError(NOT_FOLLOWED)
        turns = (*kept.request.turns, Turn(job_id=job_id))
        return turns[-MOST_TURNS:], kept.model_id

    async def told(self, request: AnyRequest, caller: Caller) -> AnyRequest:
        """Return a request with the words of the turns before it; what is deleted has none."""
        if not isinstance(request, AnswerQuestion) or not request.turns or not self._keep_for:
            return request
        ids = [turn.job_id for turn in request.turns]
        spoken = await self._reading(self.answers.of_jobs(ids))
        words = {each.kept.job_id: _words(each, caller) for each in spoken}
        turns = tuple(words.get(job_id) or Turn(job_id=job_id) for job_id in ids)
        return msgspec.structs.replace(request, turns=turns)

    async def gone(self, message_ids: Collection[int], place_id: int | None = None) -> None:
        """Delete what was asked and said in messages that were deleted, or in a whole channel."""
        self._gone.extend(message_ids)
        await self._written(self.answers.drop_messages(message_ids))
        if place_id is not None:
            await self._written(self.answers.drop_place(place_id))

    async def pages_of(self, job_id: str) -> tuple[Said, int]:
        """Return what was said in an answer with pages, and who asked for it.

        Raises:
            UserError: It is not kept.
        """
        kept = await self._read(job_id)
        if kept is None or kept.said is None or not kept.said.shown:
            raise UserError(NO_PAGES)
        return kept.said, kept.caller.user_id

    async def kept(self, job_id: str, caller: Caller) -> Kept:
        """Return what was asked in a job, for the one who asked.

        Raises:
            UserError: It is not kept, or somebody else may not see it.
        """
        kept = await self._read(job_id)
        if kept is None:
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
        await self._written(self._owed.drop(job_id))

    async def count_of(self, user_id: int) -> tuple[int, int]:
        """Return how many requests and how many jobs are kept of somebody."""
        return await self._store.count_of(user_id)

    def kept_of(self, user_id: int) -> AsyncIterator[Kept]:
        """Yield what is kept of what somebody asked, one by one: files make it large."""
        return self._store.kept_of(user_id)

    async def jobs_of(self, user_id: int) -> list[dict[str, Any]]:
        """Return the rows of somebody's jobs."""
        return await self._store.jobs_of(user_id)

    async def owe(self, owed: Owed) -> bool:
        """Keep an answer that could not be delivered; return whether that went well."""
        return await self._written(self._owed.keep(owed))

    async def owed(self, job_id: str, user_id: int) -> Owed | None:
        """Return the answer that is owed to somebody for a job, or ``None``."""
        try:
            return await self._owed.of(job_id, user_id)
        except (StoreError, OSError) as error:
            log.error("owed answer not read", job=job_id, error=str(error))
            return None

    async def owed_to(self, user_id: int) -> list[dict[str, object]]:
        """Return all answers that are owed to somebody."""
        return await self._owed.of_member(user_id)

    async def forget(self, user_id: int) -> int:
        """Delete all that is kept of somebody; return how many jobs that were."""
        await self._owed.forget(user_id)
        await self.shared.forget(user_id)
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
        await self._written(self._owed.forget_before(now - OWED_FOR))
        await self._written(self.shared.forget_before(now - jobs_for))
        await self._written(self._arena.forget_before(now - jobs_for))

    async def forget_by_the_clock(self) -> None:
        """Delete what has been kept for long enough, every hour, until this is closed."""
        while not self._closed.is_set():
            await self.forget_old()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), FORGET_EVERY_S)

    def close(self) -> None:
        """Let the clock stop; what it is deleting is deleted first."""
        self._closed.set()

    async def _read(self, job_id: str) -> Kept | None:
        try:
            kept = await self._store.kept(job_id)
        except (StoreError, OSError) as error:
            log.error("request not read", job=job_id, error=str(error))
            return None
        return kept if self._keep_for else None

    async def _reading(self, reading: Awaitable[list[Spoken]]) -> list[Spoken]:
        try:
            return await reading
        except (StoreError, OSError) as error:
            log.error("answers not read", error=str(error))
            return []

    async def _written(self, writing: Awaitable[None]) -> bool:
        """Write to the store; if that fails, the answer is still worth giving."""
        try:
            await writing
        except (StoreError, OSError) as error:
            log.error("not recorded", error=str(error))
            return False
        return True


def _words(spoken: Spoken, caller: Caller) -> Turn | None:
    """Return what was asked and answered, where that is the caller's to go on from.

    In a thread that is what was asked there, by anybody, and what the caller began it with;
    elsewhere, what the caller asked in the same place.
    """
    kept, thread_id = spoken.kept, caller.thread_id
    in_thread = thread_id is not None and spoken.thread_id == thread_id
    began_it = thread_id is not None and spoken.message_id == thread_id
    own = kept.caller.user_id == caller.user_id
    near = began_it or kept.caller.channel_id == caller.channel_id
    if kept.said is None or not kept.said.text or not (in_thread or (own and near)):
        return None
    question = getattr(kept.request, "question", "")
    return Turn(job_id=kept.job_id, question=question, answer=kept.said.text)


def _kept(job: Job) -> Kept:
    return Kept(
        job_id=job.id,
        request=job.request.at_rest(),
        model_id=job.model.id,
        seed=job.seed,
        caller=job.caller,
        asked_at=dt.datetime.now(dt.UTC),
    )
