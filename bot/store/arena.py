"""The tables of the arena: duels, and who voted how."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from bot.arena import Vote
from bot.store.store import Base

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class DuelRecord(Base):
    """Two answers to the same prompt, without their names until they are told."""

    __tablename__ = "duels"

    id: Mapped[str] = mapped_column(primary_key=True)
    guild_id: Mapped[int] = mapped_column(BigInteger, index=True)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    task: Mapped[str]
    first: Mapped[str]
    second: Mapped[str]
    fought_at: Mapped[dt.datetime]
    open: Mapped[bool]


class VoteRecord(Base):
    """A verdict: one for each member and duel."""

    __tablename__ = "votes"

    duel_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    verdict: Mapped[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """A duel: which models answered as A and as B."""

    id: str
    guild_id: int
    user_id: int
    task: str
    first: str
    second: str
    open: bool = True


class ArenaTable:
    """Reads and writes duels and votes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, duel: Duel) -> None:
        """Write a duel down."""
        names = ("id", "guild_id", "user_id", "task", "first", "second", "open")
        row = {name: getattr(duel, name) for name in names}
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        async with self._engine.begin() as connection:
            await connection.execute(insert(DuelRecord).values(**row, fought_at=now))

    async def get(self, duel_id: str) -> Duel | None:
        """Return a duel."""
        async with self._engine.connect() as connection:
            query = select(DuelRecord.__table__).where(DuelRecord.id == duel_id)
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        return Duel(**{name: row[name] for name in Duel.__slots__})

    async def vote(self, duel_id: str, user_id: int, verdict: str) -> int:
        """Write down how somebody votes, in the place of what they said before; count all."""
        row = upsert(VoteRecord).values(duel_id=duel_id, user_id=user_id, verdict=verdict)
        row = row.on_conflict_do_update(
            index_elements=["duel_id", "user_id"], set_={"verdict": verdict}
        )
        counted = select(func.count()).where(VoteRecord.duel_id == duel_id)
        async with self._engine.begin() as connection:
            await connection.execute(row)
            return (await connection.execute(counted)).scalar_one()

    async def close(self, duel_id: str) -> None:
        """Take no more votes."""
        change = update(DuelRecord).where(DuelRecord.id == duel_id).values(open=False)
        async with self._engine.begin() as connection:
            await connection.execute(change)

    async def votes(self, guild_id: int, task: str) -> list[Vote]:
        """Return all votes of a guild on a task, in the order of the duels."""
        query = (
            select(DuelRecord.first, DuelRecord.second, VoteRecord.verdict)
            .join(VoteRecord, VoteRecord.duel_id == DuelRecord.id)
            .where(DuelRecord.guild_id == guild_id, DuelRecord.task == task)
            .order_by(DuelRecord.fought_at, VoteRecord.user_id)
        )
        async with self._engine.connect() as connection:
            return [Vote(*row) for row in await connection.execute(query)]

    async def verdicts(self, duel_id: str) -> dict[str, int]:
        """Return how often each verdict was given."""
        count = func.count().label("count")
        query = select(VoteRecord.verdict, count).where(VoteRecord.duel_id == duel_id)
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.group_by(VoteRecord.verdict))
            return {row["verdict"]: row["count"] for row in rows.mappings()}

    async def count(self, guild_id: int, task: str) -> int:
        """Return how many votes there are of a guild on a task."""
        here = (DuelRecord.guild_id == guild_id) & (DuelRecord.task == task)
        voted = VoteRecord.duel_id == DuelRecord.id
        query = select(func.count()).select_from(VoteRecord).join(DuelRecord, voted).where(here)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def forget_before(self, time: dt.datetime) -> None:
        """Delete the duels before a time on which nobody voted; the others make the ratings."""
        before = DuelRecord.fought_at < time.astimezone(dt.UTC).replace(tzinfo=None)
        voteless = DuelRecord.id.not_in(select(VoteRecord.duel_id))
        async with self._engine.begin() as connection:
            await connection.execute(delete(DuelRecord).where(before, voteless))

    async def of_member(self, user_id: int) -> dict[str, list[Any]]:
        """Return the duels that a member called, and how they voted."""
        mine = select(DuelRecord.__table__).where(DuelRecord.user_id == user_id)
        given = select(VoteRecord.__table__).where(VoteRecord.user_id == user_id)
        async with self._engine.connect() as connection:
            duels = [dict(row) for row in (await connection.execute(mine)).mappings()]
            votes = [dict(row) for row in (await connection.execute(given)).mappings()]
        return {"duels": duels, "votes": votes}

    async def forget(self, user_id: int) -> None:
        """Delete how a member voted, and the duels that they called with all votes on them."""
        theirs = select(DuelRecord.id).where(DuelRecord.user_id == user_id)
        async with self._engine.begin() as connection:
            await connection.execute(delete(VoteRecord).where(VoteRecord.user_id == user_id))
            await connection.execute(delete(VoteRecord).where(VoteRecord.duel_id.in_(theirs)))
            await connection.execute(delete(DuelRecord).where(DuelRecord.user_id == user_id))
