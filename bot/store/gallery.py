"""The tables of the gallery: answers that hang in it, and who starred them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.store import Base

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Delete
    from sqlalchemy.ext.asyncio import AsyncEngine


class GalleryRecord(Base):
    """An answer in a guild's gallery: where it stands, and the command that gave it."""

    __tablename__ = "gallery"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    guild_id: Mapped[int] = mapped_column(BigInteger, index=True)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    command: Mapped[str]
    hung_at: Mapped[dt.datetime]


class StarRecord(Base):
    """A star: one for each member and answer."""

    __tablename__ = "stars"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """An answer in the gallery, and how many starred it."""

    job_id: str
    guild_id: int
    channel_id: int
    message_id: int
    user_id: int
    command: str
    stars: int = 0


class GalleryTable:
    """Reads and writes the gallery."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def hang(self, exhibit: Exhibit) -> None:
        """Put an answer into the gallery, if it is not there."""
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        row = {
            name: getattr(exhibit, name)
            for name in ("job_id", "guild_id", "channel_id", "message_id", "user_id", "command")
        }
        new = upsert(GalleryRecord).values(**row, hung_at=now).on_conflict_do_nothing()
        async with self._engine.begin() as connection:
            await connection.execute(new)

    async def hangs(self, job_id: str) -> bool:
        """Say whether an answer is in the gallery."""
        query = select(GalleryRecord.job_id).where(GalleryRecord.job_id == job_id)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def star(self, job_id: str, user_id: int) -> bool:
        """Give a star, or take it back; return whether there is one now.

        What the last star is taken from hangs no more.
        """
        mine = (StarRecord.job_id == job_id) & (StarRecord.user_id == user_id)
        async with self._engine.begin() as connection:
            gone = await connection.execute(delete(StarRecord).where(mine))
            if gone.rowcount:
                await connection.execute(_without_stars(GalleryRecord.job_id == job_id))
                return False
            await connection.execute(insert(StarRecord).values(job_id=job_id, user_id=user_id))
        return True

    async def exhibits(self, guild_id: int, *, newest: bool = False) -> list[Exhibit]:
        """Return what hangs in a guild's gallery: the most starred first, or the newest."""
        stars = func.count(StarRecord.user_id)
        query = (
            select(GalleryRecord, stars)
            .join(StarRecord, StarRecord.job_id == GalleryRecord.job_id)
            .where(GalleryRecord.guild_id == guild_id)
            .group_by(GalleryRecord.job_id)
        )
        latest = GalleryRecord.hung_at.desc()
        query = query.order_by(latest) if newest else query.order_by(stars.desc(), latest)
        async with self._engine.connect() as connection:
            return [_exhibit(row) for row in (await connection.execute(query)).mappings()]

    async def take_down(self, job_id: str) -> bool:
        """Take an answer out, with its stars; return whether it was there."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(StarRecord).where(StarRecord.job_id == job_id))
            gone = await connection.execute(
                delete(GalleryRecord).where(GalleryRecord.job_id == job_id)
            )
        return bool(gone.rowcount)

    async def gone(self, message_ids: Collection[int], place_id: int | None = None) -> None:
        """Take out what hung of messages that are deleted, or of a whole channel or thread."""
        theirs = GalleryRecord.message_id.in_(message_ids)
        query = select(GalleryRecord.job_id).where(theirs | (GalleryRecord.channel_id == place_id))
        async with self._engine.connect() as connection:
            gone = (await connection.execute(query)).scalars().all()
        for job_id in gone:
            await self.take_down(job_id)

    async def of_member(self, user_id: int) -> dict[str, list[Any]]:
        """Return what hangs of a member, and the ids of the answers that they starred."""
        mine = select(GalleryRecord.__table__).where(GalleryRecord.user_id == user_id)
        given = select(StarRecord.job_id).where(StarRecord.user_id == user_id)
        async with self._engine.connect() as connection:
            hung = [dict(row) for row in (await connection.execute(mine)).mappings()]
            return {"gallery": hung, "stars": list(await connection.scalars(given))}

    async def forget(self, user_id: int) -> None:
        """Delete what hangs of a member, and the stars that they gave."""
        theirs = select(GalleryRecord.job_id).where(GalleryRecord.user_id == user_id)
        starred = select(StarRecord.job_id).where(StarRecord.user_id == user_id)
        async with self._engine.begin() as connection:
            await connection.execute(delete(StarRecord).where(StarRecord.job_id.in_(theirs)))
            lost = list(await connection.scalars(starred))
            await connection.execute(delete(StarRecord).where(StarRecord.user_id == user_id))
            await connection.execute(_without_stars(GalleryRecord.job_id.in_(lost)))
            await connection.execute(delete(GalleryRecord).where(GalleryRecord.user_id == user_id))


def _without_stars(where: ColumnElement[bool]) -> Delete:
    """Return what deletes those of these exhibits that nobody stars any more."""
    starred = select(StarRecord.job_id)
    return delete(GalleryRecord).where(where, GalleryRecord.job_id.not_in(starred))


def _exhibit(row: Any) -> Exhibit:
    named = {name: row[name] for name in Exhibit.__slots__ if name != "stars"}
    return Exhibit(**named, stars=row["count_1"])
