"""Options are saved under a name, used by it, and be usual; what a command names itself wins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from bot.playground.invocation import Invocation
from bot.playground.member import Member, Refused
from bot.rules import GuildRules, Likings
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
LION = {"what": "lion", "seed": 1}


@pytest_asyncio.fixture(loop_scope="package")
async def manager(house: House) -> AsyncIterator[Member]:
    """Who manages the server; afterwards, nothing is kept of anybody."""
    async with Member(house.playground.address, "manager") as manager:
        yield manager
    rules = house.application.service.rules
    for guild_id in rules.guilds():
        await rules.set_guild(guild_id, GuildRules())
    for persona in house.playground.world.personas.values():
        await rules.set_member(persona.id, Likings())
    house.judge.verdict()


async def said(asked: Awaitable[Invocation]) -> str:
    return str((await (await asked).settled())["content"])


async def asked_of(house: House, member: Member, answer: dict[str, Any]) -> str:
    """Return the command that gives an answer again, as the bot tells it."""
    job_id = answer["content"].rpartition("`")[0].rpartition("`")[2]
    return await said(member.invoke("job show", id=job_id))


async def test_a_preset_is_saved_offered_and_used(
    house: House, member: Member, manager: Member, finished: Finished
) -> None:
    offered = await member.autocomplete("preset save", "options", "", command="complete", name="x")
    assert {"max_tokens:", "temperature:", "model:"} <= {c["value"] for c in offered}
    offered = await member.autocomplete(
        "preset save", "options", "seed:3 te", command="complete", name="x"
    )
    assert [choice["value"] for choice in offered] == ["seed:3 te", "seed:3 temperature:"]
    options = {"command": "complete", "options": "max_tokens:5 temperature:0.3 seed:7"}
    saved = await said(member.invoke("preset save", name=" Short  ", **options))
    assert "- /complete **short** · `max_tokens:5 temperature:0.3 seed:7`" in saved
    (choice,) = await member.autocomplete("complete", "preset", "sh", prompt="x")
    assert choice["value"] == "short"
    assert choice["name"].startswith("short: max_tokens:5")
    answer = await finished(await member.invoke("complete", prompt="Once", preset="short"))
    again = await asked_of(house, member, answer)
    assert "max_tokens:5 temperature:0.3" in again
    assert "seed:7" in again
    named = await member.invoke("complete", prompt="Once", preset="short", max_tokens=3)
    again = await asked_of(house, member, await finished(named))
    assert "max_tokens:3 temperature:0.3" in again
    refused = await said(member.invoke("complete", prompt="Once", preset="shirt"))
    assert refused.startswith("There is no preset 'shirt' of /complete. Did you mean 'short'?")
    gone = await said(member.invoke("preset delete", command="complete", preset="short"))
    assert "short" not in gone


async def test_what_is_usual_counts_without_a_word_but_not_for_what_was_asked_before(
    house: House, member: Member, manager: Member, finished: Finished
) -> None:
    before = await finished(await member.invoke("conjure", **LION))
    assert len(before["attachments"]) == 1
    server = {"command": "conjure", "server": True}
    kept = await said(
        manager.invoke("preset save", name="house", options="count:2 truncation:0.2", **server)
    )
    assert "**This server's**\n- /conjure **house** · `count:2 truncation:0.2`" in kept
    await said(manager.invoke("preset usual", preset="house", **server))
    answer = await finished(await member.invoke("conjure", **LION))
    assert "truncation:0.2 count:2" in await asked_of(house, member, answer)
    named = await finished(await member.invoke("conjure", **LION, count=1))
    assert "truncation:0.2 model" in await asked_of(house, member, named)
    again = await finished(await member.click(before, "Again"))
    assert "truncation" not in await asked_of(house, member, again)
    async with Member(member.address, dm=True) as alone:
        private = await finished(await alone.invoke("conjure", **LION))
        assert "truncation" not in await asked_of(house, member, private)
    mine = {"command": "conjure"}
    await said(member.invoke("preset save", name="mine", options="truncation:0.6", **mine))
    shown = await said(member.invoke("preset usual", preset="mine", **mine))
    assert "- /conjure **mine** · `truncation:0.6` · usual" in shown
    answer = await finished(await member.invoke("conjure", **LION))
    assert "truncation:0.6 count:2" in await asked_of(house, member, answer)
    here = {**server, "channel": member.channel_id}
    shown = await said(manager.invoke("preset usual", preset="house", **here))
    assert f"In <#{member.channel_id}>: /conjure → **house**" in shown
    await said(member.invoke("preset usual", command="conjure"))
    shown = await said(member.invoke("preset usual", preset="house", command="conjure"))
    assert "Usual, of a server: /conjure → **house**" in shown
    shown = await said(manager.invoke("preset delete", preset="house", **server))
    assert "house" not in shown
    answer = await finished(await member.invoke("conjure", **LION))
    assert "truncation" not in await asked_of(house, member, answer)


async def test_a_preset_may_name_the_model(
    house: House, member: Member, manager: Member, finished: Finished
) -> None:
    saving = {"command": "ask", "name": "sure"}
    refused = await said(member.invoke("preset save", options="model:minilm-l7", **saving))
    assert refused.startswith("There is no model 'minilm-l7'.")
    model = house.application.service.ready_models("ask")[-1]
    await said(member.invoke("preset save", options=f"model:{model.id}", **saving))
    question = {"question": "Where is the cat?", "context": "The cat is on the mat."}
    answer = await finished(await member.invoke("ask", preset="sure", **question))
    assert f"-# {model.title}" in answer["content"]


async def test_only_those_who_manage_a_server_change_its_presets(
    member: Member, manager: Member
) -> None:
    saving = {"command": "complete", "name": "x", "options": "seed:1", "server": True}
    refused = await said(member.invoke("preset save", **saving))
    assert refused.startswith("Only those who manage this server")
    refused = await said(
        member.invoke("preset usual", command="complete", channel=member.channel_id)
    )
    assert refused.startswith("What is usual in a channel is the server's.")
    await said(manager.invoke("preset save", **{**saving, "server": False}))
    refused = await said(
        manager.invoke("preset usual", command="complete", preset="x", server=True)
    )
    assert refused.startswith("There is no preset 'x' of /complete.")
    refused = await said(member.invoke("preset delete", command="complete", preset="none"))
    assert refused.startswith("There is no preset 'none' of /complete here.")
    with pytest.raises(Refused):
        await member.invoke("preset save", command="complete", name="x", options="")


async def test_privacy_covers_presets(member: Member, manager: Member) -> None:
    await said(member.invoke("preset save", command="ask", name="mine", options="seed:1"))
    exported = await (await member.invoke("privacy export")).settled()
    assert b'"mine"' in await member.download(exported["attachments"][0])
    await said(member.invoke("privacy delete"))
    assert "mine" not in await said(member.invoke("preset show"))
