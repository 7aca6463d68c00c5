"""/ask goes on from what was asked before: in a thread by itself, elsewhere by *Follow up*."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
FRANCE = "What is the capital of France?"
OFTEN = "And how many people live there?"


def body(message: dict[str, Any]) -> str:
    return str(message["content"]).partition("\n-# ")[0]


def job_id(message: dict[str, Any]) -> str:
    return re.findall(r"`([0-9a-f]{8})`", message["content"])[-1]


def labels(message: dict[str, Any]) -> list[str]:
    return [b["label"] for row in message["components"] for b in row["components"]]


async def follow_up(
    member: Member, finished: Finished, message: dict[str, Any], question: str
) -> dict[str, Any]:
    opened = await member.click(message, "Follow up")
    await opened.settled()
    return await finished(
        await member.submit_modal(opened, **{"What do you want to know?": question})
    )


async def test_a_thread_keeps_its_context(member: Member, finished: Finished) -> None:
    thread = (await member.open_thread("France"))["id"]
    ask = {"question": OFTEN, "seed": 3, "channel_id": thread}
    alone = await finished(await member.invoke("ask", **ask))
    assert body(alone).startswith(f"> {OFTEN}\n")
    assert "remembers" not in alone["content"]
    await member.click(alone, "Delete")
    await member.until(lambda: alone["id"] not in member.seen)
    first = await finished(await member.invoke("ask", question=FRANCE, seed=1, channel_id=thread))
    assert body(first).startswith(f"> {FRANCE}\n")
    second = await finished(await member.invoke("ask", **ask))
    assert " · remembers 1 turn · " in second["content"]
    assert body(second) != body(alone), "the same words and seed, but other turns before"
    async with Member(member.address, "stranger") as stranger:
        third = await finished(await stranger.invoke("ask", **ask))
        assert " · remembers 2 turns · " in third["content"]
        same = await finished(await stranger.click(third, "Again"))
        assert body(same) == body(third)
        assert " · remembers 2 turns · " in same["content"]
        exported = await (await stranger.invoke("privacy export")).settled()
        about = await stranger.download(exported["attachments"][0])
        assert FRANCE not in about.decode(), "what others asked is kept of them alone"
        assert job_id(first) in about.decode()
    elsewhere = (await member.open_thread("Elsewhere"))["id"]
    other = await finished(await member.invoke("ask", **ask | {"channel_id": elsewhere}))
    assert body(other) == body(alone)


async def test_a_thread_begins_with_the_answer_that_it_was_opened_on(
    member: Member, finished: Finished
) -> None:
    answer = await finished(await member.invoke("ask", question=FRANCE, seed=1))
    thread = (await member.open_thread("France", on=answer))["id"]
    async with Member(member.address, "stranger") as stranger:
        asked = await stranger.invoke("ask", question=OFTEN, seed=3, channel_id=thread)
        assert "remembers" not in (await finished(asked))["content"], "nobody told them what it was"
    asked = await member.invoke("ask", question=OFTEN, seed=3, channel_id=thread)
    assert " · remembers 2 turns · " in (await finished(asked))["content"]


@pytest.mark.parametrize("dm", [False, True])
async def test_an_answer_is_followed_up(house: House, finished: Finished, dm: bool) -> None:
    async with Member(house.playground.address, dm=dm) as member:
        first = await finished(await member.invoke("ask", question=FRANCE, seed=1))
        assert "> " not in first["content"]
        second = await follow_up(member, finished, first, OFTEN)
        assert body(second).startswith(f"> {OFTEN}\n")
        assert " · remembers 1 turn · " in second["content"]
        third = await follow_up(member, finished, second, "Why?")
        assert " · remembers 2 turns · " in third["content"]
        card = (await (await member.click(third, "Info")).settled())["content"]
        typed = card.partition("```\n")[2].partition("\n```")[0]
        assert f"follows:{job_id(second)}" in typed
        model, seed = re.findall(r"model:(\S+) seed:(\d+)", typed)[0]
        pasted = {"question": "Why?", "follows": job_id(second), "model": model, "seed": int(seed)}
        assert body(await finished(await member.invoke("ask", **pasted))) == body(third)
        alone = await finished(await member.invoke("ask", question="Why?", seed=int(seed)))
        assert "remembers" not in alone["content"]


async def test_nobody_else_and_no_other_place_goes_on(member: Member, finished: Finished) -> None:
    first = await finished(await member.invoke("ask", question=FRANCE, seed=1))
    async with Member(member.address, "stranger") as stranger:
        refused = await (await stranger.click(first, "Follow up")).settled()
        assert refused["content"].startswith("This cannot be followed up here")
        assert refused["ephemeral"]
    for channel in (member.dm_channel_id, (await member.open_thread("Elsewhere"))["id"]):
        asked = await member.invoke(
            "ask", question=OFTEN, follows=job_id(first), channel_id=channel
        )
        assert (await asked.settled())["content"].startswith("This cannot be followed up here")
    both = await member.invoke("ask", question=OFTEN, follows=job_id(first), context="Lyon.")
    assert "not both" in (await both.settled())["content"]
    of_a_text = await finished(await member.invoke("ask", question=FRANCE, context="It is Paris."))
    assert {"Follow up", "Vary"}.isdisjoint(labels(of_a_text)), "it is found without chance"


async def test_what_is_deleted_is_in_no_conversation_any_more(
    house: House, member: Member, finished: Finished
) -> None:
    thread = (await member.open_thread("France"))["id"]
    ask = {"question": OFTEN, "seed": 3, "channel_id": thread}
    alone = await finished(await member.invoke("ask", **ask))
    first = await finished(await member.invoke("ask", question=FRANCE, seed=1, channel_id=thread))
    last = await finished(await member.invoke("ask", **ask))
    assert " · remembers 2 turns · " in last["content"]
    await member.click(first, "Delete")
    await member.until(lambda: first["id"] not in member.seen)
    world, answers = house.playground.world, house.application.service.archive.answers
    world.delete(world.messages[int(alone["id"])])  # as a moderator does, without our button
    async with asyncio.timeout(10):
        while await answers.of_jobs([job_id(alone)]):
            await asyncio.sleep(0.01)
    again = await finished(await member.click(last, "Again"))
    assert " · remembers 0 of 2 turns · " in again["content"]
    assert body(again) == body(alone)
    async with Member(member.address, "manager") as manager:
        await manager.delete_thread(thread)
    async with asyncio.timeout(10):
        while await answers.of_jobs([job_id(last), job_id(again)]):
            await asyncio.sleep(0.01)


async def test_who_is_forgotten_is_in_no_conversation(member: Member, finished: Finished) -> None:
    thread = (await member.open_thread("France"))["id"]
    async with Member(member.address, "stranger") as stranger:
        await finished(await stranger.invoke("ask", question=FRANCE, channel_id=thread))
        exported = await (await stranger.invoke("privacy export")).settled()
        about = json.loads(await stranger.download(exported["attachments"][0]))
        assert about["requests"][-1]["said"]["text"]
        await (await stranger.invoke("privacy delete")).settled()
    asked = await member.invoke("ask", question=OFTEN, channel_id=thread)
    assert "remembers" not in (await finished(asked))["content"]
