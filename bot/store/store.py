"""The store: which jobs there were, whose, and how they ended. Never what was asked.

The one exception are promises: jobs that a restart interrupted, kept until the next start.

The default is one SQLite file under the state folder.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog
from alembic.util import CommandError
from sqlalchemy import BigInteger, Float, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError as StoreError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.errors import OperatorError
from bot.store.migrate import migrate
from bot.tasks.caller import Caller
from bot.tasks.registry import AnyRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.inference.job import Job, Timings


__all__ = ["Base", "JobRecord", "Promise", "PromiseRecord", "Store", "StoreError"]

log = structlog.get_logger("store")


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
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    queued_s: Mapped[float | None] = mapped_column(Float)
    run_s: Mapped[float | None] = mapped_column(Float)


class PromiseRecord(Base):
    """An answer promised before a restart; taken out, and so deleted, by the next start."""

    __tablename__ = "promises"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]  # a Promise as MessagePack


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
        self._engine = engine

    @classmethod
    @asynccontextmanager
    async def opened(cls, path: Path) -> AsyncIterator[Store]:
        """Open the store in a file, made and migrated where that is needed, and close it after."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(migrate, path)
        except (OSError, StoreError, CommandError) as error:  # the last: a newer bot's schema
            raise OperatorError(
                f"The store {path} cannot be opened ({str(error).splitlines()[0]}). Move the file "
                "away, or let MENAGERIE_STATE name a folder that can be written to."
            ) from None
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        try:
            yield cls(engine)
        finally:
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

    async def settle(self, job_id: str, state: str, timings: Timings | None) -> None:
        """Write down how a job ended."""
        times = {"queued_s": timings.queued_s, "run_s": timings.run_s} if timings else {}
        change = update(JobRecord).where(JobRecord.id == job_id)
        async with self._engine.begin() as connection:
            await connection.execute(change.values(state=state, ended_at=_now(), **times))

    async def state_of(self, job_id: str) -> str | None:
        """Return a job's state, or ``None`` if there is no such job."""
        async with self._engine.connect() as connection:
            query = select(JobRecord.state).where(JobRecord.id == job_id)
            return (await connection.execute(query)).scalar_one_or_none()

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
        return [promise for body in bodies if (promise := _read(body)) is not None]


def _read(body: bytes) -> Promise | None:
    try:
        return msgspec.msgpack.decode(body, type=Promise)
    except msgspec.DecodeError as error:
        log.error("promise cannot be read", error=str(error))
        return None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)  # SQLite keeps no zone: all times are UTC
