"""Which private answers were shared: each at most once, however often its button is pressed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, delete
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.store import Base

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class SharedRecord(Base):
    """A private message whose answer was posted for all."""

    __tablename__ = "shared"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    created_at: Mapped[dt.datetime]


class SharedTable:
    """Notes what was shared."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, message_id: int, user_id: int) -> bool:
        """Note that a message is shared; return whether it was not before."""
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        row = {"message_id": message_id, "user_id": user_id, "created_at": now}
        put = insert(SharedRecord).values(row).on_conflict_do_nothing()
        async with self._engine.begin() as connection:
            return (await connection.execute(put)).rowcount > 0

    async def remove(self, message_id: int) -> None:
        """Note that it was not shared after all."""
        async with self._engine.begin() as connection:
            this = SharedRecord.message_id == message_id
            await connection.execute(delete(SharedRecord).where(this))

    async def forget(self, user_id: int) -> None:
        """Delete what is known of somebody."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(SharedRecord).where(SharedRecord.user_id == user_id))

    async def forget_before(self, time: dt.datetime) -> None:
        """Delete what was shared before a time."""
        before = time.astimezone(dt.UTC).replace(tzinfo=None)
        async with self._engine.begin() as connection:
            await connection.execute(delete(SharedRecord).where(SharedRecord.created_at < before))
