"""What is remembered, for whom, how much and for how long."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import update

from bot import archive as archives
from bot.archive import Archive
from bot.catalogue.model import Model
from bot.errors import Sentence, UserError
from bot.inference.job import Job
from bot.reasons import unquoting
from bot.store.arena import ArenaTable, Duel, DuelRecord
from bot.store.store import Promise, Said, Store
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import AnswerQuestion, CompleteText, Turn

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
    archive.close()
    await asyncio.wait_for(clock, 10)
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


THREAD = 70
IN_THREAD = Caller(user_id=1, channel_id=THREAD, thread_id=THREAD)
SAID = Said(text="An answer.")


def asked(number: int, caller: Caller = IN_THREAD, *turns: Turn) -> Job:
    request = AnswerQuestion(question=f"Question {number}?", turns=turns)
    return Job(id=f"{number:08x}", request=request, model=MODEL, seed=1, caller=caller)


async def said(archive: Archive, job: Job) -> None:
    await archive.record(job)
    await archive.say(job, SAID, to_all=True)


async def test_turns_are_written_down_by_their_jobs_alone(archive: Archive, tmp_path: Path) -> None:
    turn = Turn(job_id="00000001", question="a secret question", answer="a secret answer")
    await archive.record(asked(2, IN_THREAD, turn))
    kept = await archive.kept("00000002", IN_THREAD)
    assert isinstance(kept.request, AnswerQuestion)
    assert kept.request.turns == (Turn(job_id="00000001"),)
    for path in (tmp_path / "state").iterdir():
        assert b"secret" not in path.read_bytes()


async def test_a_conversation_has_the_newest_turns_in_their_order(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_TURNS", 3)
    for number in range(5):
        await said(archive, asked(number))
    await archive.record(asked(9))  # has no answer yet
    turns = await archive.turns_in(IN_THREAD)
    assert [turn.job_id[-1] for turn in turns] == ["2", "3", "4"]
    told = await archive.told(AnswerQuestion(question="And?", turns=turns), IN_THREAD)
    assert isinstance(told, AnswerQuestion)
    assert told.turns[0] == Turn(job_id="00000002", question="Question 2?", answer="An answer.")
    assert await archive.turns_in(Caller(user_id=1, channel_id=71, thread_id=71)) == ()
    assert await archive.turns_in(Caller(user_id=1, channel_id=THREAD)) == ()


async def test_words_are_told_only_where_they_were_said(archive: Archive) -> None:
    await said(archive, asked(1, Caller(user_id=1, channel_id=5)))
    request = AnswerQuestion(question="And?", turns=(Turn(job_id="00000001"),))
    for caller, heard in (
        (Caller(user_id=1, channel_id=5), True),
        (Caller(user_id=2, channel_id=5), False),
        (Caller(user_id=1, channel_id=6), False),
        (Caller(user_id=1, channel_id=6, thread_id=6), False),
    ):
        told = await archive.told(request, caller)
        assert isinstance(told, AnswerQuestion)
        assert bool(told.turns[0].answer) is heard


async def test_what_one_alone_sees_is_no_turn(archive: Archive) -> None:
    job = asked(1)
    await archive.record(job)
    await archive.say(job, SAID, to_all=False)  # nor while it is on its way
    other = Caller(user_id=2, channel_id=THREAD, thread_id=THREAD)
    for _ in range(2):
        assert await archive.turns_in(IN_THREAD) == await archive.turns_in(other) == ()
        turns, _ = await archive.turns_after(job.id, IN_THREAD)
        assert turns == (Turn(job_id=job.id),), "its owner may follow it up"
        with pytest.raises(UserError, match="cannot be followed up"):
            await archive.turns_after(job.id, other)
        await archive.posted(job.id, 99, 5, None)


async def test_what_is_gone_comes_not_back(archive: Archive) -> None:
    for number in range(1, 5):
        await said(archive, asked(number))
        await archive.posted(f"{number:08x}", 100 + number, THREAD, THREAD)
    await archive.drop("00000001")
    await archive.say(asked(1), SAID, to_all=True)  # the answer came when its owner had deleted it
    await archive.gone([102, 103])
    assert [turn.job_id for turn in await archive.turns_in(IN_THREAD)] == ["00000004"]
    await archive.gone([], THREAD)
    assert await archive.turns_in(IN_THREAD) == ()
    assert await archive.count_of(IN_THREAD.user_id) == (0, 4)


async def test_where_nothing_is_kept_there_is_no_conversation(store: Store) -> None:
    archive = Archive(store, 0)
    await said(archive, asked(1))
    assert await archive.turns_in(IN_THREAD) == ()
    with pytest.raises(UserError, match="not kept any more"):
        await archive.turns_after("00000001", IN_THREAD)
    with pytest.raises(UserError, match="other pages are not kept"):
        await archive.pages_of("00000001")


async def test_a_message_that_is_gone_before_it_was_noted_leaves_nothing(archive: Archive) -> None:
    await archive.record(job(1))
    await archive.gone([99])
    await archive.posted("00000001", 99, 5, None)
    assert await archive.count_of(ME.user_id) == (0, 1)


async def test_what_was_said_in_a_channel_goes_with_it(archive: Archive) -> None:
    for number, channel in ((1, 5), (2, 6)):
        await archive.record(job(number))
        await archive.posted(f"{number:08x}", 100 + number, channel, None)
    await archive.gone([], 5)
    assert await kept(archive) == ["00000002"]


async def test_duels_without_votes_go_by_the_clock(archive: Archive, store: Store) -> None:
    table = ArenaTable(store.engine)
    for name in ("old", "voted", "new"):
        duel = Duel(id=name, guild_id=1, user_id=1, task="complete", first="a", second="b")
        await table.add(duel)
    await table.vote("voted", 1, "a")
    long_ago = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=31)
    change = update(DuelRecord).where(DuelRecord.id != "new").values(fought_at=long_ago)
    async with store.engine.begin() as connection:
        await connection.execute(change)
    await archive.forget_old()
    assert [await table.get(name) is not None for name in ("old", "voted", "new")] == [0, 1, 1]
    assert await table.count(1, "complete") == 1
    assert await table.count(2, "complete") == 0


def test_why_a_job_failed_is_told_without_the_words_of_the_one_who_asked() -> None:
    inner = Sentence("Not {word!r}.", {"word": "Secret"})
    sentence = Sentence(
        "{why} {model} takes {most}: {others}.",
        {"why": inner, "model": "gpt2", "most": 5, "others": "a, b"},
    )
    asked = msgspec.structs.replace(CompleteText(prompt=""), prompt="my secret of gpt2")
    told = unquoting(sentence, replace(job(1), request=asked))
    assert str(told) == "Not '…'. gpt2 takes 5: a, b."
