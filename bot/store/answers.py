"""The answers that are kept beside what was asked: those with pages, and turns of conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, select, update

from bot.store.store import KeptRecord, read_kept

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.store.store import Kept, Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A request with its answer, and where it stands."""

    kept: Kept
    thread_id: int | None
    message_id: int | None


class AnswersTable:
    """Reads and writes what was said; where the request is not kept, the answer is not either."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def say(self, job_id: str, said: Said, thread_id: int | None) -> None:
        """Keep what was said, as a turn of a thread where one is named."""
        await self._change(job_id, said=msgspec.msgpack.encode(said), thread_id=thread_id)

    async def posted(
        self, job_id: str, message_id: int, channel_id: int, thread_id: int | None
    ) -> None:
        """Note in which message it was said, and of which thread it is a turn, if of any."""
        await self._change(
            job_id, message_id=message_id, channel_id=channel_id, thread_id=thread_id
        )

    async def of_jobs(self, job_ids: Collection[str]) -> list[Spoken]:
        """Return what is still kept of these jobs, the oldest first."""
        return await self._select(KeptRecord.job_id.in_(job_ids), len(job_ids))

    async def of_thread(self, thread_id: int, most: int) -> list[Spoken]:
        """Return the newest turns of a thread, and what it began with, the oldest first."""
        where = (KeptRecord.thread_id == thread_id) | (KeptRecord.message_id == thread_id)
        return await self._select(where & KeptRecord.said.is_not(None), most)

    async def drop_messages(self, message_ids: Collection[int]) -> None:
        """Delete what was asked and said in messages that are gone."""
        await self._delete(KeptRecord.message_id.in_(message_ids))

    async def drop_place(self, place_id: int) -> None:
        """Delete what was asked and said in a channel or a thread that is gone."""
        here = (KeptRecord.thread_id == place_id) | (KeptRecord.channel_id == place_id)
        await self._delete(here)

    async def _select(self, where: ColumnElement[bool], most: int) -> list[Spoken]:
        query = select(KeptRecord).where(where).order_by(KeptRecord.created_at.desc()).limit(most)
        async with self._engine.connect() as connection:
            rows = list(await connection.execute(query))
        found = [(read_kept(row.body, row.said), row) for row in reversed(rows)]
        return [
            Spoken(kept=kept, thread_id=row.thread_id, message_id=row.message_id)
            for kept, row in found
            if kept is not None
        ]

    async def _change(self, job_id: str, **values: bytes | int | None) -> None:
        change = update(KeptRecord).where(KeptRecord.job_id == job_id).values(**values)
        async with self._engine.begin() as connection:
            await connection.execute(change)

    async def _delete(self, where: ColumnElement[bool]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(KeptRecord).where(where))
