"""Answers that could not be delivered: kept until they are asked for, or their time is up."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec
import structlog
from sqlalchemy import BigInteger, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.store import Base

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger("store")


class OwedRecord(Base):
    """An answer that nobody has seen yet."""

    __tablename__ = "owed"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
    body: Mapped[bytes]  # an Owed as MessagePack


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it would have been shown.

    Args:
        job_id: The job.
        user_id: Who asked.
        content: Its text.
        files: Each as (name, bytes, alt text).
        verbs: What the buttons below it do.
        pictures: How many pictures there are to pick one from.
        films: Titles of films that may be left out of the next answer.
    """

    job_id: str
    user_id: int
    content: str
    files: tuple[tuple[str, bytes, str | None], ...] = ()
    verbs: tuple[str, ...] = ()
    pictures: int = 0
    films: tuple[str, ...] = ()


class OwedTable:
    """Reads and writes owed answers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, owed: Owed) -> None:
        """Keep an answer; a later one of the same job takes its place."""
        row = {
            "user_id": owed.user_id,
            "created_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
            "body": msgspec.msgpack.encode(owed),
        }
        put = insert(OwedRecord).values(job_id=owed.job_id, **row)
        put = put.on_conflict_do_update(index_elements=["job_id"], set_=row)
        async with self._engine.begin() as connection:
            await connection.execute(put)

    async def of(self, job_id: str, user_id: int) -> Owed | None:
        """Return the answer that is owed to somebody for a job, or ``None``."""
        mine = (OwedRecord.job_id == job_id) & (OwedRecord.user_id == user_id)
        async with self._engine.connect() as connection:
            query = select(OwedRecord.body).where(mine)
            body = (await connection.execute(query)).scalar_one_or_none()
        return None if body is None else _read(body)

    async def of_member(self, user_id: int) -> list[dict[str, object]]:
        """Return all that is owed to somebody, the oldest first."""
        query = select(OwedRecord.body).where(OwedRecord.user_id == user_id)
        async with self._engine.connect() as connection:
            bodies = await connection.execute(query.order_by(OwedRecord.created_at))
            found = [_read(body) for body in bodies.scalars()]
        return [msgspec.structs.asdict(owed) for owed in found if owed is not None]

    async def count(self) -> int:
        """Return how many answers are owed."""
        async with self._engine.connect() as connection:
            query = select(func.count()).select_from(OwedRecord)
            return (await connection.execute(query)).scalar_one()

    async def drop(self, job_id: str) -> None:
        """Delete the answer to a job."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(OwedRecord).where(OwedRecord.job_id == job_id))

    async def forget(self, user_id: int) -> None:
        """Delete all that is owed to somebody."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(OwedRecord).where(OwedRecord.user_id == user_id))

    async def forget_before(self, time: dt.datetime) -> None:
        """Delete what has been owed since before a time."""
        before = time.astimezone(dt.UTC).replace(tzinfo=None)
        async with self._engine.begin() as connection:
            await connection.execute(delete(OwedRecord).where(OwedRecord.created_at < before))


def _read(body: bytes) -> Owed | None:
    try:
        return msgspec.msgpack.decode(body, type=Owed)
    except msgspec.DecodeError as error:  # another version of the bot wrote it
        log.error("not read", kind="Owed", error=str(error))
        return None
