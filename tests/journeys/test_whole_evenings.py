"""Whole stories, each in one go: a newcomer's first hour, a busy evening, and somebody who leaves.

Each ends with a verdict on all that happened: every request as Discord documents it, no interaction
without an answer, and nobody pinged.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from typing import Any

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from bot.playground.records import Upload
from bot.rules import GuildRules
from tests.journeys.conftest import House
from tests.journeys.test_first_hour import bomb, page
from tests.manners import well_mannered

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
SECRET = "the heron at the weir"


async def said(asked: Awaitable[Invocation]) -> str:
    return str((await (await asked).settled())["content"])


def words_of(message: dict[str, Any]) -> str:
    return str(message["content"].partition("\n-# ")[0])


def verdict(house: House) -> None:
    house.judge.verdict()
    well_mannered(house.playground.world)


async def test_the_first_hour_of_a_newcomer(house: House, finished: Finished) -> None:
    async with Member(house.playground.address) as member:
        assert "</complete:" in await said(member.invoke("help"))
        assert "SmolLM2" in await said(member.invoke("models"))
        first = await finished(await member.invoke("complete", prompt="Once", max_tokens=8, seed=3))
        again = await finished(await member.click(first, "Again"))
        assert words_of(again) == words_of(first)
        assert await said(member.invoke("complete", prompt=" ")) != ""  # a mistake, and a sentence
        big = await member.invoke("ocr", image=Upload("b.png", bomb()))
        await big.settled(60, until=lambda message: "megapixels" in message["content"])
        sign = await member.say("look", [Upload("sign.png", page("I love this wonderful place"))])
        mood = await finished(await member.context_menu("Sentiment", sign))
        assert "Positive" in mood["content"]
        drawn = await finished(await member.invoke("conjure", what="lion", count=2, seed=5))
        same = await finished(await member.click(drawn, "Again"))
        both = [[await member.download(f) for f in each["attachments"]] for each in (drawn, same)]
        assert both[0] == both[1], "the same seed gives the same bytes"
        assert (await said(member.click(drawn, "☆"))).startswith("Starred.")
        job_id = re.findall(r"`([0-9a-f]{8})`", drawn["content"])[-1]
        assert "/conjure what:lion" in await said(member.invoke("job show", id=job_id))
        assert await said(member.invoke("job explain", id=job_id))
        long = await member.invoke("complete", prompt="Once", max_tokens=500)
        await member.until(lambda: any(u["content"].endswith(" ▌") for u in long.updates), 60)
        await member.click(long, "Cancel")
        await long.settled(20, until=lambda message: message["content"] == "Cancelled.")
        await said(member.invoke("gallery remove", id=job_id))
    async with Member(house.playground.address, dm=True) as alone:
        told = await finished(
            await alone.invoke("ask", question="What is the capital of France?", seed=1)
        )
        assert "Paris" in told["content"]
    verdict(house)


async def test_a_busy_evening_in_a_server(house: House, finished: Finished) -> None:
    async with AsyncExitStack() as stack:
        member, manager, stranger = [
            await stack.enter_async_context(Member(house.playground.address, persona))
            for persona in ("member", "manager", "stranger")
        ]
        asked = [
            await who.invoke(command, **options)
            for who in (member, manager, stranger)
            for command, options in (
                ("complete", {"prompt": "@everyone @here <@&1>", "max_tokens": 12}),
                ("complete", {"prompt": f"<@{manager.id}> <@{stranger.id}>", "max_tokens": 12}),
                ("sentiment", {"text": "@everyone What a lovely evening!"}),
                ("imagine", {"prompt": "@everyone a cat", "count": 2}),
                ("ask", {"question": f"Who is <@{member.id}>?", "private": True}),
            )
        ]
        answers = await asyncio.gather(*[finished(each) for each in asked])
        assert len({each["id"] for each in answers}) == len(asked)
        refused = await said(stranger.click(answers[0], "Again"))
        assert refused.startswith("Only the person who asked")
        fight = await stranger.invoke("arena fight", task="complete", prompt="@everyone")
        fought = await fight.settled(60, until=lambda message: "A is better" in str(message))
        await asyncio.gather(*[said(who.click(fought, "A is better")) for who in (member, manager)])
        await said(manager.invoke("settings command", command="complete", allowed=False))
        late = await asyncio.gather(
            *[said(who.invoke("complete", prompt="Once")) for who in (member, stranger)]
        )
        assert all("switched off in this server" in each for each in late)
        await house.application.service.rules.set_guild(int(member_guild(house)), GuildRules())
        share = await said(member.click(answers[4], "Share"))
        assert share
        await manager.click(answers[0], "Delete")  # who manages messages may
        await member.until(lambda: answers[0]["id"] not in member.seen)
    verdict(house)


def member_guild(house: House) -> int:
    """The server that has rules."""
    (guild_id,) = house.application.service.rules.guilds()
    return guild_id


async def test_a_member_who_leaves_and_deletes_everything(house: House, finished: Finished) -> None:
    async with AsyncExitStack() as stack:
        leaving = await stack.enter_async_context(Member(house.playground.address, "stranger"))
        member = await stack.enter_async_context(Member(house.playground.address))
        kept = await finished(await leaving.invoke("complete", prompt=SECRET, max_tokens=6))
        drawn = await finished(await leaving.invoke("imagine", prompt=SECRET, count=2))
        assert (await said(leaving.click(drawn, "☆"))).startswith("Starred.")
        await said(leaving.invoke("preferences model", command="complete", model="smollm2"))
        options = {"command": "complete", "name": "heron", "options": "max_tokens:5"}
        await said(leaving.invoke("preset save", **options))
        fight = await member.invoke("arena fight", task="complete", prompt="Once")
        fought = await fight.settled(60, until=lambda message: "A is better" in str(message))
        await said(leaving.click(fought, "A is better"))
        taken = await (await leaving.invoke("privacy export")).settled()
        everything = await leaving.download(taken["attachments"][0])
        assert SECRET in everything.decode()

        assert (await said(leaving.invoke("privacy delete"))).startswith("Deleted: ")
        assert traces(house, leaving) == []
        taken = await (await leaving.invoke("privacy export")).settled()
        left = json.loads(await leaving.download(taken["attachments"][0]))
        assert not any(left[part] for part in left if part != "preferences")
        assert SECRET not in json.dumps(left)
        for button in ("Again", "Info"):
            assert "not kept any more" in await said(leaving.click(kept, button))
        assert re.findall(r"`([0-9a-f]{8})`", drawn["content"])[-1] not in await said(
            member.invoke("gallery show")
        )
        for message in (kept, drawn):
            await leaving.click(message, "Delete")
            await leaving.until(lambda message=message: message["id"] not in leaving.seen)
    verdict(house)


def traces(house: House, member: Member) -> list[str]:
    """What the store still has of somebody: rows with their number or with what they wrote."""
    path = house.application.service.archive._store.engine.url.database
    assert path is not None
    found = []
    with closing(sqlite3.connect(path)) as store:
        tables = [
            row[0] for row in store.execute("select name from sqlite_master where type='table'")
        ]
        for table in tables:
            for row in store.execute(f"select * from {table}"):
                text = repr(row)
                if int(member.id) in row or SECRET in text:
                    found.append(f"{table}: {text[:200]}")
    return found
