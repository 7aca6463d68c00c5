"""An evening in a server: its manager sets rules, and every way to ask obeys them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import pytest_asyncio

from bot.errors import UserError
from bot.playground.invocation import Invocation
from bot.playground.member import Member, Refused
from bot.rules import GuildRules
from bot.ui.settings import require_manager
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]


@pytest_asyncio.fixture(loop_scope="package")
async def manager(house: House) -> AsyncIterator[Member]:
    """Who manages the server; afterwards, its rules are as before."""
    async with Member(house.playground.address, "manager") as manager:
        yield manager
    rules = house.application.service.rules
    for guild_id in list(rules.guilds()):
        await rules.set_guild(guild_id, GuildRules())
    house.judge.verdict()


async def said(asked: Awaitable[Invocation]) -> str:
    return str((await (await asked).settled())["content"])


async def test_a_manager_switches_a_command_off_and_on(
    member: Member, manager: Member, finished: Finished
) -> None:
    set_off = await said(manager.invoke("settings command", command="sentiment", allowed=False))
    assert "Commands switched off: /sentiment" in set_off
    asked = {"text": "What a lovely evening!"}
    assert "switched off in this server" in await said(member.invoke("sentiment", **asked))
    message = await member.say("What a lovely evening!")
    assert "switched off" in await said(member.context_menu("Sentiment", message))
    async with Member(member.address, dm=True) as alone:
        assert "Positive" in (await finished(await alone.invoke("sentiment", **asked)))["content"]
    await said(manager.invoke("settings command", command="/Sentiment", allowed=True))
    assert "Positive" in (await finished(await member.invoke("sentiment", **asked)))["content"]


async def test_nobody_else_changes_the_rules(member: Member) -> None:
    with pytest.raises(Refused, match="do not have permission"):  # by Discord
        await member.invoke("settings command", command="ask", allowed=False)
    asking: Any = SimpleNamespace(guild_id=1, permissions=discord.Permissions.none())
    with pytest.raises(UserError, match="Only those who manage this server"):  # and by the bot
        require_manager(asking)
    with pytest.raises(UserError, match="This is about servers"):
        require_manager(SimpleNamespace(guild_id=None))  # type: ignore[arg-type]


async def test_in_a_channel_that_is_closed_nobody_is_answered(
    member: Member, manager: Member
) -> None:
    await said(manager.invoke("settings channel", channel=member.channel_id, answers=False))
    refused = await said(member.invoke("complete", prompt="Once"))
    assert refused.startswith("I am not to answer in this channel.")


async def test_the_buttons_of_an_answer_obey_too(
    member: Member, manager: Member, finished: Finished
) -> None:
    answer = await finished(await member.invoke("complete", prompt="Once", max_tokens=8))
    await said(manager.invoke("settings member", member=member.id, answers=False))
    assert "not to answer you" in await said(member.click(answer, "Again"))


async def test_a_model_that_is_switched_off_is_neither_offered_nor_asked(
    member: Member, manager: Member
) -> None:
    await said(manager.invoke("settings model", model="smollm2", allowed=False))
    assert await member.autocomplete("complete", "model", "", prompt="x") == []
    refused = await said(member.invoke("complete", prompt="Once", model="smollm2"))
    assert refused.startswith("SmolLM2 135M Instruct is switched off in this server.")


async def test_pictures_are_hidden_where_the_server_wants_it(
    member: Member, manager: Member, finished: Finished
) -> None:
    assert "hidden until" in await said(manager.invoke("settings spoilers", hidden=True))
    answer = await finished(await member.invoke("conjure", what="lion"))
    assert all(file["filename"].startswith("SPOILER_") for file in answer["attachments"])
    assert answer["attachments"]


async def test_a_member_chooses_a_model_and_sees_what_was_used(
    member: Member, finished: Finished
) -> None:
    chosen = await said(member.invoke("preferences model", command="summarize", model="minilm-l6"))
    assert "/summarize → `minilm-l6`" in chosen
    refused = await said(member.invoke("preferences model", command="summarize", model="smollm2"))
    assert "cannot do /summarize" in refused
    assert "minilm-l6" in await said(member.invoke("preferences show"))
    taken_back = await said(member.invoke("preferences model", command="summarize"))
    assert "none" in taken_back
    await finished(await member.invoke("complete", prompt="Once", max_tokens=4))
    usage = await said(member.invoke("usage"))
    assert usage.startswith("You: ")
    assert "there is no limit" in usage


async def test_the_queue_names_what_is_under_way_to_the_one_who_asked(member: Member) -> None:
    assert await said(member.invoke("queue")) == "Nothing is under way."
    asked = await member.invoke("complete", prompt="Once upon a time", max_tokens=200)
    await member.until(lambda: bool(asked.updates))
    listed = await said(member.invoke("queue"))
    assert "/complete · SmolLM2 135M Instruct" in listed
    async with Member(member.address, "stranger") as stranger:
        assert await said(stranger.invoke("queue")) == "Nothing is under way."
    message = await asked.settled(60, until=lambda m: bool(m["components"]))
    if any(c["label"] == "Cancel" for row in message["components"] for c in row["components"]):
        await member.click(message, "Cancel")


async def test_only_operators_keep_models(member: Member) -> None:
    async with Member(member.address, "stranger") as stranger:
        for deed in ("load", "unload", "pin"):
            refused = await said(stranger.invoke(f"model {deed}", model="smollm2"))
            assert refused.startswith("Only those who run this bot")


async def test_an_operator_wakes_pins_and_puts_away(house: House, member: Member) -> None:
    await house.application.executor.up.wait()
    keeping = house.application.executor.keeping
    woken = await said(member.invoke("model load", model="minilm-l6"))
    assert "woken" in woken or "awake already" in woken
    assert "stays in memory" in await said(member.invoke("model pin", model="minilm-l6"))
    assert keeping.pinned == {"minilm-l6"}
    await said(member.invoke("model pin", model="minilm-l6", pinned=False))
    assert keeping.pinned == frozenset()
    async with asyncio.timeout(60):
        while "is put away" not in await said(member.invoke("model unload", model="minilm-l6")):
            await asyncio.sleep(0.2)
    assert "is not awake" in await said(member.invoke("model unload", model="minilm-l6"))
