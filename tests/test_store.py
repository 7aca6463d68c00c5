"""The store: its file is made, migrated to what the models say, and opened again as it was."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import pkgutil
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

import bot.store
from bot.catalogue.model import Model
from bot.inference.job import Job, Timings
from bot.store.migrate import migrate
from bot.store.store import Base, Store, StoreError
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import CompleteText

MODEL = Model(id="gpt2", task="complete", family="causal_lm")
COLUMNS = "id, task, model, seed, user_id, guild_id, state, queued_s, run_s, created_at, ended_at"


def job(id: str = "job1", guild: int | None = 8) -> Job:
    return Job(
        id=id,
        request=CompleteText(prompt="my darkest secret"),
        model=MODEL,
        seed=2**32 - 1,
        caller=Caller(user_id=2**62, guild_id=guild),
    )


def rows(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT {COLUMNS} FROM jobs ORDER BY id").fetchall()
    finally:
        connection.close()


def test_the_migrations_end_at_what_the_models_say(tmp_path: Path) -> None:
    for module in pkgutil.iter_modules(bot.store.__path__):  # each may bring tables
        importlib.import_module(f"bot.store.{module.name}")
    migrate(tmp_path / "jobs.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    migrate(path)
    before = path.read_bytes()
    migrate(path)
    assert path.read_bytes() == before


async def test_a_job_is_written_down_with_how_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "jobs.db"
    async with Store.opened(path) as store:
        await store.record(job())
        assert await store.state_of("job1") == "queued"
        await store.settle("job1", "done", Timings(queued_s=0.5, run_s=2.5))
        assert await store.state_of("job1") == "done"
        assert await store.state_of("job2") is None
    (row,) = rows(path)
    assert row[:-2] == ("job1", "complete", "gpt2", 2**32 - 1, 2**62, 8, "done", 0.5, 2.5)
    created, ended = (dt.datetime.fromisoformat(text) for text in row[-2:])
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert dt.timedelta() <= ended - created <= now - created < dt.timedelta(minutes=1)


async def test_a_job_without_an_answer_has_no_times(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    async with Store.opened(path) as store:
        await store.record(job(guild=None))
        await store.settle("job1", "cancelled", None)
        await store.settle("an unknown job", "done", None)
    (row,) = rows(path)
    assert row[5:9] == (None, "cancelled", None, None)


@pytest.mark.parametrize("name", ["jobs.db", "100% odd é.db"])
async def test_a_store_that_is_opened_again_holds_what_it_held(tmp_path: Path, name: str) -> None:
    for number in range(2):
        async with Store.opened(tmp_path / name) as store:
            await store.record(job(f"job{number}"))
            assert await store.state_of("job0") == "queued"
    assert [row[0] for row in rows(tmp_path / name)] == ["job0", "job1"]


async def test_closing_waits_for_whoever_still_writes(tmp_path: Path) -> None:
    async def writes(store: Store, begun: asyncio.Event) -> None:
        async with store.engine.begin() as connection:
            await connection.execute(text("DELETE FROM jobs"))
            begun.set()
            for _ in range(5):  # the store is being closed by now
                await connection.execute(text("SELECT 1"))

    begun = asyncio.Event()
    async with Store.opened(tmp_path / "jobs.db") as store:
        await store.record(job())
        writing = asyncio.create_task(writes(store, begun))
        await begun.wait()
    assert writing.done()  # else its connection would be left open, which is warned of
    await writing
    assert rows(tmp_path / "jobs.db") == []


async def test_what_was_asked_is_not_kept(tmp_path: Path) -> None:
    async with Store.opened(tmp_path / "jobs.db") as store:
        await store.record(job())
        await store.settle("job1", "done", None)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_two_that_migrate_at_once_take_turns(tmp_path: Path) -> None:
    """Two processes of the bot may meet a new store at the same moment."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(migrate, [tmp_path / "jobs.db"] * 4)) == [None] * 4


async def test_a_store_that_is_closed_opens_no_connection_that_nobody_would_close(
    tmp_path: Path,
) -> None:
    async with Store.opened(tmp_path / "jobs.db") as store:
        assert await store.state_of("job1") is None
    with pytest.raises(StoreError, match="the store is closed"):
        await store.state_of("job1")
