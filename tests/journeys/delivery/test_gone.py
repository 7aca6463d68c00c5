"""What was written goes with its message, however that goes; the gallery has what is starred."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from typing import Any

import pytest

from bot.playground.member import Member
from bot.playground.world import GUILD_ID
from bot.rules import GuildRules
from tests.journeys.delivery.conftest import Evening, answered, pictures, text

SECRET = "Harbour"


def written(evening: Evening) -> str:
    """Return all that stands in the store, as text."""
    with sqlite3.connect(evening.path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        rows = [
            row for (name,) in list(tables) for row in connection.execute(f"SELECT * FROM {name}")
        ]
    connection.close()
    values = [value for row in rows for value in row]
    return "\n".join(v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values)


async def forgotten(evening: Evening) -> None:
    """Wait until nothing in the store has the words."""
    async with asyncio.timeout(10):
        while SECRET in written(evening):
            await asyncio.sleep(0.02)


def ends(end: str, message: dict[str, Any]) -> bool:
    return end in message["content"]


async def answers(evening: Evening, member: Member, **where: Any) -> list[dict[str, Any]]:
    """Have a text, a text of many pages, and pictures; all hang in the gallery."""
    given = []
    for command, outcome, end in (
        ("complete", text(f"{SECRET} at noon"), "-# Tiny"),
        ("complete", text(f"{SECRET} at night. " * 300), "Page 1 of"),
        ("imagine", pictures(), "-# Tiny"),
    ):
        asked = await member.invoke(command, prompt=SECRET, **where)
        await evening.stage.job(len(given) + 1)
        evening.stage.say(outcome)
        given.append(await asked.settled(10, until=partial(ends, end)))
    for answer in given:
        starred = await (await member.click(answer, "☆")).settled()
        assert starred["content"].startswith("Starred.")
    assert written(evening).count(SECRET) > len(given)
    return given


async def test_many_messages_that_are_deleted_at_once_leave_nothing(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member) as service:
        given = await answers(evening, member)
        gone = {
            "ids": [answer["id"] for answer in given],
            "channel_id": given[0]["channel_id"],
            "guild_id": str(GUILD_ID),
        }
        tell(evening, "MESSAGE_DELETE_BULK", gone)
        await forgotten(evening)
        assert await service.gallery.exhibits(GUILD_ID) == []


async def test_a_message_that_is_deleted_leaves_nothing(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        world = evening.playground.world
        for answer in await answers(evening, member):
            world.delete(world.messages[int(answer["id"])])
        await forgotten(evening)


async def test_a_thread_that_is_deleted_leaves_nothing(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        thread = (await member.open_thread("Boats"))["id"]
        await answers(evening, member, channel_id=thread)
        async with Member(evening.playground.address, "manager") as manager:
            await manager.delete_thread(thread)
        await forgotten(evening)


async def test_a_channel_that_is_deleted_leaves_nothing_nor_do_its_threads(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        thread = (await member.open_thread("Boats"))["id"]
        asked = await member.invoke("complete", prompt=SECRET, channel_id=thread)
        await evening.stage.job()
        evening.stage.say(text())
        await answered(member, asked)
        asked = await member.invoke("complete", prompt=SECRET)
        await evening.stage.job(2)
        evening.stage.say(text())
        answer = await answered(member, asked)
        await (await member.click(answer, "☆")).settled()
        gone = {"id": answer["channel_id"], "guild_id": str(GUILD_ID), "type": 0}
        tell(evening, "CHANNEL_DELETE", gone)
        await forgotten(evening)


@pytest.mark.parametrize("private", [False, True])
async def test_answers_side_by_side_go_together(
    evening: Evening, member: Member, private: bool
) -> None:
    async with evening.bot(member):
        await (await member.invoke("preferences private", on=private)).settled()
        asked = await member.invoke("compare", task="complete", prompt=SECRET)
        for number in (1, 2):
            job = await evening.stage.job(number)
            evening.stage.say(text(), job)
        answer = await asked.settled(10, until=lambda m: "Delete" in str(m["components"]))
        assert SECRET in written(evening)
        await member.click(answer, "Delete")
        await forgotten(evening)


async def test_a_thread_is_refused_as_its_channel_is(evening: Evening, member: Member) -> None:
    async with evening.bot(member) as service:
        thread = (await member.open_thread("Boats"))["id"]
        asked = await member.invoke("complete", prompt=SECRET, channel_id=thread)
        await evening.stage.job()
        evening.stage.say(text())
        answer = await answered(member, asked)
        models = await (await member.click(answer, "Other model…")).settled()
        rules = GuildRules(channels_off=frozenset({int(member.channel_id)}))
        await service.rules.set_guild(GUILD_ID, rules)
        presses = [await member.click(answer, label) for label in ("Again", "Vary")]
        presses.append(await member.select(models, "other-complete"))
        for press in presses:
            refused = await press.settled(until=lambda message: message["ephemeral"])
            assert refused["content"].startswith("I am not to answer in this channel.")
    assert len(evening.stage.jobs) == 1


async def test_what_has_no_star_hangs_no_more(evening: Evening, member: Member) -> None:
    async with evening.bot(member) as service:
        first, _, _ = await answers(evening, member)
        await (await member.click(first, "☆")).settled()
        shown = await (await member.invoke("gallery show", sort="new")).settled()
        assert "0 stars" not in shown["content"]
        assert shown["content"].count("★ 1 star") == 2
        async with Member(evening.playground.address, "stranger") as stranger:
            seen = await (await stranger.invoke("gallery show")).settled()
            assert "Take down" not in str(seen["components"])
            refused = await (await stranger.click(first, "☆")).settled()
            assert refused["content"].startswith("Only the person who asked for this can hang it")
        taken = evening.stage.jobs[1].id
        await member.select(shown, taken)
        await member.until(lambda: taken not in member.seen[shown["id"]]["content"])
        assert not await service.gallery.hangs(taken)
        assert len(await service.gallery.exhibits(GUILD_ID)) == 1
        await service.gallery.forget(int(member.id))
        assert await service.gallery.exhibits(GUILD_ID) == []


async def test_a_moderator_takes_down_from_the_list(evening: Evening, member: Member) -> None:
    async with evening.bot(member) as service:
        await answers(evening, member)
        job_id = evening.stage.jobs[0].id
        async with Member(evening.playground.address, "manager") as manager:
            shown = await (await manager.invoke("gallery show", sort="new")).settled()
            await manager.select(shown, job_id)
            await manager.until(lambda: job_id not in manager.seen[shown["id"]]["content"])
        assert not await service.gallery.hangs(job_id)


def tell(evening: Evening, event: str, data: dict[str, Any]) -> None:
    """Have Discord tell the bot of something."""
    for session in evening.playground.gateway._sessions.values():
        session.dispatch(event, data)
