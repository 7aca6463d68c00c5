"""The gateway: identifying, content intents, lost connections."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from bot.playground.member import Member, Refused
from bot.playground.records import Upload
from bot.playground.server import Playground
from tests.playground.conftest import JoinsAs, running
from tests.playground.zoo import Zoo


@asynccontextmanager
async def connected(playground: Playground) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A bare connection to the gateway, past its HELLO."""
    async with aiohttp.ClientSession() as session:
        url = f"{playground.gateway_url}?v=10&encoding=json"
        async with session.ws_connect(url) as socket:
            hello = await socket.receive_json()
            assert hello["op"] == 10
            yield socket


async def receive(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str())


async def test_a_wrong_token_is_refused_by_rest_and_gateway(playground: Playground) -> None:
    async with Zoo() as zoo:
        with pytest.raises(discord.LoginFailure):
            await zoo.start("MTAw.wrong.token")
    async with connected(playground) as socket:
        await socket.send_json({"op": 2, "d": {"token": "wrong", "intents": 0}})
        frame = await socket.receive()
        assert frame.type is aiohttp.WSMsgType.CLOSE
        assert frame.data == 4004


async def test_a_heartbeat_is_acknowledged_after_the_client_has_noted_it(
    playground: Playground,
) -> None:
    # discord.py notes when it sent one in a thread; an ack that is quicker looks 41 s late to it
    async with connected(playground) as socket:
        began = time.monotonic()
        await socket.send_json({"op": 1, "d": None})
        assert (await receive(socket))["op"] == 11
        assert time.monotonic() - began > 0.09


async def test_a_client_must_identify_first_and_once(playground: Playground) -> None:
    async with connected(playground) as socket:
        await socket.send_json({"op": 1, "d": None})
        assert (await receive(socket))["op"] == 11
        await socket.send_json({"op": 8, "d": {}})
        assert (await socket.receive()).data == 4003
    async with connected(playground) as socket:
        await socket.send_str("not json")
        assert (await socket.receive()).data == 4002
    async with connected(playground) as socket:
        identify = {"op": 2, "d": {"token": playground.token, "intents": 0}}
        await socket.send_json(identify)
        assert (await receive(socket))["t"] == "READY"
        await socket.send_json(identify)
        assert (await socket.receive()).data == 4005


@pytest.mark.parametrize("query", ["compress=lzma", "compress=zstd-stream", "encoding=etf"])
async def test_what_the_gateway_cannot_speak_is_refused(playground: Playground, query: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{playground.gateway_url}?v=10&{query}")
    assert refused.value.status == 400


async def test_without_the_guilds_intent_there_is_no_guild(playground: Playground) -> None:
    async with connected(playground) as socket:
        await socket.send_json({"op": 2, "d": {"token": playground.token, "intents": 1}})
        assert [(await receive(socket))["t"] for _ in range(2)] == ["READY", "GUILD_CREATE"]
    async with connected(playground) as socket:
        await socket.send_json({"op": 2, "d": {"token": playground.token, "intents": 0}})
        await socket.send_json({"op": 1, "d": None})
        assert [(await receive(socket))["op"] for _ in range(2)] == [0, 11]


async def test_what_happened_while_the_connection_was_lost_is_replayed(
    robin: Member, zoo: Zoo, playground: Playground
) -> None:
    assert playground.drop_gateway() == 1
    answer = await robin.invoke("echo", text="still there?")
    assert (await answer.settled())["content"] == "still there?"
    await zoo.resumed.wait()
    assert playground.gateway.resumes == 1
    assert zoo.connects == 1


async def test_a_forgotten_session_identifies_anew(
    robin: Member, zoo: Zoo, playground: Playground
) -> None:
    zoo.ready.clear()
    playground.gateway.identified.clear()
    playground.drop_gateway(forget=True)
    await playground.gateway.identified.wait()
    await zoo.ready.wait()
    answer = await robin.invoke("echo", text="new")
    assert (await answer.settled())["content"] == "new"
    assert playground.gateway.resumes == 0
    assert zoo.connects == 2


async def test_a_client_reconnects_when_asked_to(zoo: Zoo, playground: Playground) -> None:
    playground.gateway.ask_to_reconnect()
    await zoo.resumed.wait()
    assert playground.gateway.resumes == 1


async def test_content_is_withheld_without_the_intent(
    robin: Member, zoo: Zoo, joins: JoinsAs
) -> None:
    await robin.say("secret", [Upload("a.txt", b"a")])
    heard = await zoo.heard.get()
    assert (heard.content, heard.attachments) == ("", [])
    assert zoo.user is not None
    await robin.say(f"<@{zoo.user.id}> hello")
    assert (await zoo.heard.get()).content == f"<@{zoo.user.id}> hello"
    alone = await joins("member", dm=True)
    await alone.say("between us")
    direct = await zoo.heard.get()
    assert (direct.content, direct.guild) == ("between us", None)


async def test_a_reply_to_the_bot_is_shown_to_it_if_it_pings(robin: Member, zoo: Zoo) -> None:
    panel = await (await robin.invoke("panel")).settled()
    await zoo.heard.get()  # its own
    await robin.say("thanks", reply_to=panel)
    heard = await zoo.heard.get()
    assert (heard.content, heard.mentions) == ("thanks", [zoo.user])
    await robin.say(f"ask <@{robin.id}>", reply_to=panel, ping=False)
    heard = await zoo.heard.get()
    assert (heard.content, [user.id for user in heard.mentions]) == ("", [int(robin.id)])
    assert heard.reference is not None


async def test_nobody_replies_to_what_they_alone_see(robin: Member) -> None:
    whisper = await robin.click(await (await robin.invoke("panel")).settled(), "Whisper")
    with pytest.raises(Refused, match="nobody can reply"):
        await robin.say("hm", reply_to=await whisper.settled())


async def test_with_the_intent_all_content_is_given(playground: Playground, joins: JoinsAs) -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    async with running(Zoo(intents), playground) as zoo:
        robin = await joins()
        said = await robin.say("open", [Upload("a.txt", b"a")])
        heard = await zoo.heard.get()
        assert (heard.content, heard.attachments[0].filename) == ("open", "a.txt")
        assert isinstance(heard.author, discord.Member)
        reply = await robin.say("indeed", reply_to=said)
        answered = await zoo.heard.get()
        assert answered.reference is not None
        assert answered.reference.message_id == heard.id
        assert reply["type"] == 19


async def test_the_bot_hears_of_its_own_answers(robin: Member, zoo: Zoo) -> None:
    answer = await robin.invoke("stream", parts=1)
    await answer.settled()
    made, edited = await zoo.heard.get(), await zoo.edited.get()
    assert edited.message_id == made.id
    assert edited.message.content == "1"
    assert isinstance(made.channel, discord.TextChannel)
    await made.delete()
    assert await zoo.deleted.get() == made.id


async def test_a_private_answer_travels_as_a_direct_message(robin: Member, zoo: Zoo) -> None:
    await (await robin.invoke("echo", text="psst", private=True)).settled()
    heard = await zoo.heard.get()
    assert heard.flags.ephemeral
    assert heard.guild is None


async def test_many_events_arrive_in_order(robin: Member, zoo: Zoo) -> None:
    alone = await asyncio.gather(*(robin.say(str(number)) for number in range(20)))
    heard = [(await zoo.heard.get()).id for _ in alone]
    assert heard == sorted(int(message["id"]) for message in alone)


async def test_members_see_the_bot_come_and_go(playground: Playground) -> None:
    async with Member(playground.address) as early:
        assert not early.bot_online
        async with running(Zoo(discord.Intents.default()), playground):
            await early.until(lambda: early.bot_online)
            async with Member(playground.address) as late:
                assert late.bot_online
        await early.until(lambda: not early.bot_online)
