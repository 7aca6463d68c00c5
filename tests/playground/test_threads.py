"""Threads: opened on a message or beside them, told to the bot, and deleted."""

from __future__ import annotations

import asyncio

import discord
import pytest

from bot.playground.member import Member, Refused
from tests.playground.conftest import JoinsAs
from tests.playground.zoo import Zoo


async def test_the_bot_hears_of_threads_and_answers_there(zoo: Zoo, robin: Member) -> None:
    said = await robin.say("Let us talk of this elsewhere.")
    opened = asyncio.create_task(zoo.wait_for("thread_create", timeout=10))
    await asyncio.sleep(0)
    made = await robin.open_thread("Elsewhere", on=said)
    assert made["id"] == said["id"]
    assert (await opened).name == "Elsewhere"
    thread = await zoo.fetch_channel(int(made["id"]))
    assert isinstance(thread, discord.Thread)
    assert thread.parent_id == int(robin.channel_id)
    assert thread.owner_id == int(robin.id)
    await thread.send("Here I am.")
    (message,) = await robin.messages(channel_id=made["id"])
    assert message["content"] == "Here I am."
    assert [each["type"] for each in await robin.channels()] == [0, 0, 1, 11]


async def test_a_command_in_a_thread_is_known_to_be_there(zoo: Zoo, robin: Member) -> None:
    made = await robin.open_thread("Beside")
    heard = asyncio.create_task(zoo.wait_for("interaction", timeout=10))
    await asyncio.sleep(0)
    answer = await (await robin.invoke("echo", text="Hi", channel_id=made["id"])).settled()
    assert answer["channel_id"] == made["id"]
    assert isinstance((await heard).channel, discord.Thread)


async def test_what_makes_no_thread_is_refused(zoo: Zoo, robin: Member, joins: JoinsAs) -> None:
    said = await robin.say("Hello.")
    made = await robin.open_thread("One", on=said)
    with pytest.raises(Refused, match="opened on this message before"):
        await robin.open_thread("Two", on=said)
    with pytest.raises(Refused, match="between 1 and 100 characters"):
        await robin.open_thread(" ")
    with pytest.raises(Refused, match="may not manage threads"):
        await robin.delete_thread(made["id"])
    direct = await joins("member", dm=True)
    with pytest.raises(Refused, match="in a text channel only"):
        await direct.open_thread("Private")


async def test_a_deleted_thread_is_gone_with_what_was_said(
    zoo: Zoo, robin: Member, joins: JoinsAs
) -> None:
    made = await robin.open_thread("Short")
    await robin.say("Soon gone.", channel_id=made["id"])
    manager = await joins("manager")
    gone = asyncio.create_task(zoo.wait_for("raw_thread_delete", timeout=10))
    await asyncio.sleep(0)
    await manager.delete_thread(made["id"])
    assert (await gone).thread_id == int(made["id"])
    assert made["id"] not in [each["id"] for each in await robin.channels()]
    with pytest.raises(Refused, match="no such channel"):
        await robin.messages(channel_id=made["id"])
