"""The store: which jobs there were, whose, and how they ended.

What was asked is kept apart, in two tables: promises, of jobs that a restart interrupted, until the
next start; and kept requests, by which an answer can be asked for again, until their time is up or
the one who asked has them deleted.

The default is one SQLite file under the state folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sqlite3
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog
from alembic.util import CommandError
from sqlalchemy import BigInteger, Float, delete, event, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError as StoreError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bot.errors import OperatorError
from bot.store.migrate import migrate
from bot.tasks.caller import Caller
from bot.tasks.registry import AnyRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.inference.job import Job, Timings


__all__ = [
    "Base",
    "JobRecord",
    "Kept",
    "KeptRecord",
    "Promise",
    "PromiseRecord",
    "Said",
    "Store",
    "StoreError",
]

CLOSING_TRIES, CLOSING_TRY_S = 500, 0.01  # how long closing waits for whoever uses the store

log = structlog.get_logger("store")

Body = TypeVar("Body")


class Base(DeclarativeBase):
    """The root of all tables."""


class JobRecord(Base):
    """One job: who asked what of which model, when, and how it ended."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    task: Mapped[str]
    model: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    guild_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    state: Mapped[str]
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    queued_s: Mapped[float | None] = mapped_column(Float)
    run_s: Mapped[float | None] = mapped_column(Float)
    worker: Mapped[int | None]
    batch: Mapped[int | None]
    runs: Mapped[int | None]
    askers: Mapped[int | None]
    tokens: Mapped[int | None]
    stopped_by: Mapped[str | None]
    reason: Mapped[str | None]  # a Sentence as JSON


class PromiseRecord(Base):
    """An answer promised before a restart; taken out, and so deleted, by the next start."""

    __tablename__ = "promises"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]  # a Promise as MessagePack


class KeptRecord(Base):
    """What was asked, so that it can be asked again."""

    __tablename__ = "kept"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
    body: Mapped[bytes]  # a Kept as MessagePack
    said: Mapped[bytes | None]  # a Said as MessagePack
    thread_id: Mapped[int | None] = mapped_column(BigInteger, index=True)  # whose turn it is
    message_id: Mapped[int | None] = mapped_column(BigInteger, index=True)  # where it was said
    channel_id: Mapped[int | None] = mapped_column(BigInteger, index=True)  # where that is


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an answer.

    ``text`` is there where it can be followed up; what was ``shown``, and the ``footer`` in small
    print, where it has pages.
    """

    text: str = ""
    shown: str = ""
    footer: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of which model, with what luck, by whom and when, and what of the answer."""

    job_id: str
    request: AnyRequest
    model_id: str
    seed: int
    caller: Caller
    asked_at: dt.datetime
    said: Said | None = None


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was interrupted, where its answer goes, and until when that is possible."""

    request: AnyRequest
    model_id: str
    seed: int
    caller: Caller
    address: bytes
    until: dt.datetime


class Store:
    """Reads and writes the tables. Open one with :meth:`opened`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = self._engine = engine

    @classmethod
    @asynccontextmanager
    async def opened(cls, path: Path) -> AsyncIterator[Store]:
        """Open the store in a file, made and migrated where that is needed, and close it after."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(_prepare, path)
        except (OSError, StoreError, CommandError) as error:  # the last: a newer bot's schema
            raise OperatorError(
                f"The store {path} cannot be opened ({str(error).splitlines()[0]}). Move the file "
                "away, or let MENAGERIE_STATE name a folder that can be written to."
            ) from None
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        try:
            yield cls(engine)
        finally:
            await _all_returned(engine)
            event.listen(engine.sync_engine, "do_connect", _too_late)
            await engine.dispose()

    async def record(self, job: Job) -> None:
        """Write a job down as queued."""
        row = {
            "id": job.id,
            "task": job.request.task(),
            "model": job.model.id,
            "seed": job.seed,
            "user_id": job.caller.user_id,
            "guild_id": job.caller.guild_id,
            "state": "queued",
            "created_at": _now(),
        }
        async with self._engine.begin() as connection:
            await connection.execute(insert(JobRecord).values(row))

    async def settle(
        self,
        job_id: str,
        state: str,
        timings: Timings | None,
        *,
        tokens: int | None = None,
        stopped_by: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Write down how a job ended: a text's length and what stopped it, or why it failed."""
        times: dict[str, Any] = {"tokens": tokens, "stopped_by": stopped_by, "reason": reason}
        if timings is not None:
            times |= {field.name: getattr(timings, field.name) for field in fields(timings)}
        change = update(JobRecord).where(JobRecord.id == job_id)
        async with self._engine.begin() as connection:
            await connection.execute(change.values(state=state, ended_at=_now(), **times))

    async def state_of(self, job_id: str) -> str | None:
        """Return a job's state, or ``None`` if there is no such job."""
        async with self._engine.connect() as connection:
            query = select(JobRecord.state).where(JobRecord.id == job_id)
            return (await connection.execute(query)).scalar_one_or_none()

    async def job(self, job_id: str) -> dict[str, Any] | None:
        """Return the row of a job, or ``None`` if there is no such job."""
        async with self._engine.connect() as connection:
            query = select(JobRecord.__table__).where(JobRecord.id == job_id)
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else dict(row)

    async def promise(self, promise: Promise) -> None:
        """Keep a promise for the next start."""
        body = msgspec.msgpack.encode(promise)
        async with self._engine.begin() as connection:
            await connection.execute(insert(PromiseRecord).values(body=body))

    async def take_promises(self) -> list[Promise]:
        """Take all promises out: each is given to one caller only.

        One that another version of the bot made and that cannot be read is let go.
        """
        async with self._engine.begin() as connection:
            bodies = (await connection.execute(select(PromiseRecord.body))).scalars().all()
            await connection.execute(delete(PromiseRecord))
        return [promise for body in bodies if (promise := _read(body, Promise)) is not None]

    async def keep(self, kept: Kept, most: int) -> None:
        """Keep what was asked, and at most so many of the newest requests of one member."""
        row = {
            "job_id": kept.job_id,
            "user_id": kept.caller.user_id,
            "created_at": _plain(kept.asked_at),
            "body": msgspec.msgpack.encode(kept),
        }
        async with self._engine.begin() as connection:
            await connection.execute(insert(KeptRecord).values(row))
            mine = KeptRecord.user_id == kept.caller.user_id
            newest = select(KeptRecord.job_id).where(mine).order_by(KeptRecord.created_at.desc())
            older = mine & KeptRecord.job_id.not_in(newest.limit(most))
            await connection.execute(delete(KeptRecord).where(older))

    async def kept(self, job_id: str) -> Kept | None:
        """Return what was asked, or ``None`` where it is not kept."""
        async with self._engine.connect() as connection:
            query = select(KeptRecord.body, KeptRecord.said).where(KeptRecord.job_id == job_id)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else read_kept(row.body, row.said)

    async def kept_of(self, user_id: int) -> AsyncIterator[Kept]:
        """Yield all that is kept of what somebody asked, the oldest first, one by one."""
        query = select(KeptRecord.body, KeptRecord.said).where(KeptRecord.user_id == user_id)
        async with self._engine.connect() as connection:
            rows = await connection.stream(query.order_by(KeptRecord.created_at))
            async for row in rows:
                if (kept := read_kept(row.body, row.said)) is not None:
                    yield kept

    async def jobs_of(self, user_id: int) -> list[dict[str, Any]]:
        """Return the rows of somebody's jobs, the oldest first."""
        async with self._engine.connect() as connection:
            query = select(JobRecord.__table__).where(JobRecord.user_id == user_id)
            rows = await connection.execute(query.order_by(JobRecord.created_at))
            return [dict(row) for row in rows.mappings()]

    async def forget(self, user_id: int) -> int:
        """Delete all that is known of somebody; return how many jobs that were."""
        async with self._engine.begin() as connection:
            promises = await connection.execute(select(PromiseRecord.id, PromiseRecord.body))
            theirs = [
                number
                for number, body in promises
                if (made := _read(body, Promise)) is not None and made.caller.user_id == user_id
            ]
            await connection.execute(delete(PromiseRecord).where(PromiseRecord.id.in_(theirs)))
            await connection.execute(delete(KeptRecord).where(KeptRecord.user_id == user_id))
            gone = await connection.execute(delete(JobRecord).where(JobRecord.user_id == user_id))
        return gone.rowcount

    async def forget_before(self, asked: dt.datetime, jobs: dt.datetime) -> None:
        """Delete what was asked before a time, and the rows of jobs before another."""
        async with self._engine.begin() as connection:
            for table, time in ((KeptRecord, asked), (JobRecord, jobs)):
                await connection.execute(delete(table).where(table.created_at < _plain(time)))

    async def owner_of(self, job_id: str) -> int | None:
        """Return who asked for a job, or ``None`` where that is not known."""
        async with self._engine.connect() as connection:
            query = select(JobRecord.user_id).where(JobRecord.id == job_id)
            return (await connection.execute(query)).scalar_one_or_none()

    async def drop(self, job_id: str) -> None:
        """Delete what was asked in a job."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(KeptRecord).where(KeptRecord.job_id == job_id))

    async def count_of(self, user_id: int) -> tuple[int, int]:
        """Return how many requests and how many jobs are kept of somebody."""
        async with self._engine.connect() as connection:
            requests, jobs = [
                (
                    await connection.execute(
                        select(func.count()).select_from(table).where(table.user_id == user_id)
                    )
                ).scalar_one()
                for table in (KeptRecord, JobRecord)
            ]
        return requests, jobs


def _prepare(path: Path) -> None:
    """Make a file that nobody else on the machine reads, and bring it up to date."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait; the file remembers it


def _too_late(*_: Any) -> None:
    """Refuse a connection that nobody would close any more."""
    raise StoreError("the store is closed")


async def _all_returned(engine: AsyncEngine) -> None:
    """Wait for whoever still reads or writes: a pool closes only what was given back to it."""
    pool = engine.pool
    for _ in range(CLOSING_TRIES):
        if not isinstance(pool, AsyncAdaptedQueuePool) or not pool.checkedout():
            return
        await asyncio.sleep(CLOSING_TRY_S)


def read_kept(body: bytes, said: bytes | None) -> Kept | None:
    """Return a request that is kept, with what is kept of its answer."""
    kept = _read(body, Kept)
    if kept is None or said is None:
        return kept
    return msgspec.structs.replace(kept, said=_read(said, Said))


def _read(body: bytes, kind: type[Body]) -> Body | None:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.DecodeError as error:
        log.error("not read", kind=kind.__name__, error=str(error))
        return None


def _plain(time: dt.datetime) -> dt.datetime:
    return time.astimezone(dt.UTC).replace(tzinfo=None)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)  # SQLite keeps no zone: all times are UTC
