"""The store: which jobs there were, whose, and how they ended. Never what was asked.

The default is one SQLite file under the state folder.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Float, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.inference.job import Job, Timings


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


class Store:
    """Reads and writes the tables. Open one with :meth:`opened`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    @asynccontextmanager
    async def opened(cls, path: Path) -> AsyncIterator[Store]:
        """Open the store in a file, made and migrated where that is needed, and close it after."""
        path.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(migrate, f"sqlite:///{path}")
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


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)  # SQLite keeps no zone: all times are UTC
