"""What is remembered, for whom, how much and for how long."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot import archive as archives
from bot.archive import Archive
from bot.catalogue.model import Model
from bot.errors import UserError
from bot.inference.job import Job
from bot.store.store import Promise, Store
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import CompleteText

MODEL = Model(id="gpt2", task="complete", family="causal_lm")
ME, YOU = Caller(user_id=1), Caller(user_id=2)


def job(number: int, caller: Caller = ME) -> Job:
    return Job(
        id=f"{number:08x}", request=CompleteText(prompt="a secret"), model=MODEL, seed=1,
        caller=caller,
    )  # fmt: skip


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path / "state" / "menagerie.db") as store:
        yield store


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(store, 30)


async def kept(archive: Archive, caller: Caller = ME) -> list[str]:
    return [each.job_id async for each in archive.kept_of(caller.user_id)]


async def test_the_oldest_requests_of_a_member_make_room(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_KEPT", 3)
    await archive.record(job(100, YOU))
    for number in range(5):
        await archive.record(job(number))
    assert await kept(archive) == ["00000002", "00000003", "00000004"]
    assert await kept(archive, YOU) == ["00000064"]
    assert await archive.count_of(ME.user_id) == (3, 5)


async def test_only_the_one_who_asked_sees_what_was_asked(archive: Archive) -> None:
    await archive.record(job(7))
    assert (await archive.kept("00000007", ME)).seed == 1
    with pytest.raises(UserError, match="Only the person who asked"):
        await archive.kept("00000007", YOU)


async def test_what_is_old_goes_by_the_clock_though_nobody_asks(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await archive.record(job(1))
    await archive.record(job(2))
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(days=31)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with sqlite3.connect(tmp_path / "state" / "menagerie.db") as connection:
        for table, column in (("kept", "job_id"), ("jobs", "id")):
            change = f"UPDATE {table} SET created_at = ? WHERE {column} = '00000001'"
            connection.execute(change, (long_ago,))
    connection.close()
    monkeypatch.setattr(archives, "FORGET_EVERY_S", 0.01)
    clock = asyncio.create_task(archive.forget_by_the_clock())
    async with asyncio.timeout(10):
        while await archive.count_of(ME.user_id) != (1, 1):
            await asyncio.sleep(0.01)
    clock.cancel()
    assert await kept(archive) == ["00000002"]


async def test_who_is_forgotten_is_promised_nothing_either(archive: Archive) -> None:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    for caller in (ME, YOU):
        await archive.record(job(caller.user_id, caller))
        request = CompleteText(prompt="x")
        promise = Promise(
            request=request, model_id="gpt2", seed=1, caller=caller, address=b"", until=until
        )
        assert await archive.promise(promise)
    assert await archive.forget(ME.user_id) == 1
    assert await archive.count_of(ME.user_id) == (0, 0)
    assert [promise.caller for promise in await archive.promises()] == [YOU]


async def test_nobody_else_on_the_machine_reads_the_store(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        async with Store.opened(tmp_path / "menagerie.db") as store:
            await store.record(job(1))
            files = [path for path in tmp_path.iterdir() if ".lock" not in path.name]
            assert len(files) == 3, "the store, what is written ahead, and its index"
            assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    finally:
        os.umask(umask)
