"""The tables beside jobs: what guilds allow, what members like, and how much they have used."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.store import Base, JobRecord

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class RulesRecord(Base):
    """What a guild or a member has set, as MessagePack."""

    __tablename__ = "rules"

    kind: Mapped[str] = mapped_column(primary_key=True)  # "guild" or "member"
    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[bytes]


class Notes:
    """Reads and writes what guilds and members have set, and reads what they have used."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self, kind: str) -> dict[int, bytes]:
        """Return what all of a kind have set, by their ids."""
        query = select(RulesRecord.owner_id, RulesRecord.body).where(RulesRecord.kind == kind)
        async with self._engine.connect() as connection:
            return {row.owner_id: row.body for row in await connection.execute(query)}

    async def put(self, kind: str, owner_id: int, body: bytes) -> None:
        """Write down what somebody has set."""
        row = insert(RulesRecord).values(kind=kind, owner_id=owner_id, body=body)
        row = row.on_conflict_do_update(index_elements=["kind", "owner_id"], set_={"body": body})
        async with self._engine.begin() as connection:
            await connection.execute(row)

    async def drop(self, kind: str, owner_id: int) -> None:
        """Delete what somebody has set."""
        mine = (RulesRecord.kind == kind) & (RulesRecord.owner_id == owner_id)
        async with self._engine.begin() as connection:
            await connection.execute(delete(RulesRecord).where(mine))

    async def used_since(
        self, since: dt.datetime, *, user_id: int | None = None, guild_id: int | None = None
    ) -> list[tuple[dt.datetime, float]]:
        """Return when the finished jobs of a member or of a guild were asked, and their seconds.

        The oldest come first. Jobs that failed or were cancelled have none.
        """
        query = select(JobRecord.created_at, JobRecord.run_s)
        query = query.where(JobRecord.run_s.is_not(None))
        query = query.where(JobRecord.created_at >= since.astimezone(dt.UTC).replace(tzinfo=None))
        if user_id is not None:
            query = query.where(JobRecord.user_id == user_id)
        if guild_id is not None:
            query = query.where(JobRecord.guild_id == guild_id)
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(JobRecord.created_at))
            return [(row.created_at.replace(tzinfo=dt.UTC), row.run_s or 0.0) for row in rows]
