"""The server itself: its port, who may talk to it, the page, the redirect."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import aiohttp
import pytest
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.playground.drafts import Draft
from bot.playground.member import Member, Refused
from bot.playground.redirect import RedirectBroken, redirect, redirected, verify
from bot.playground.server import Call, Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.openapi import Judge, faults_of
from tests.playground.conftest import JoinsAs
from tests.playground.zoo import Zoo


async def test_a_taken_port_is_left_and_a_free_one_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with Playground(port) as playground:
            assert playground.address.startswith("http://127.0.0.1:")
            assert playground.address != f"http://127.0.0.1:{port}"


async def test_only_loopback_names_are_answered(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        for host, status in (("evil.example", 403), ("localhost", 200), ("127.0.0.1:1", 200)):
            headers = {"Host": host}
            async with session.get(playground.address, headers=headers) as response:
                assert response.status == status


async def test_other_sites_pages_may_do_nothing(playground: Playground) -> None:
    url = f"{playground.address}/playground/say"
    async with aiohttp.ClientSession() as session:
        for origin, status in (("http://evil.example", 403), (playground.address, 200)):
            headers = {"Origin": origin}
            async with session.post(url, json={"content": "hi"}, headers=headers) as response:
                assert response.status == status
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(
                f"{playground.address}/playground/events", origin="http://evil.example"
            )


async def test_the_page_comes_with_a_strict_policy(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(playground.address) as response:
            policy = response.headers["Content-Security-Policy"]
            text = await response.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for asset in ("page/page.css", "page/page.js"):
            assert asset in text
            async with session.get(f"{playground.address}/{asset}") as response:
                assert response.status == 200
        for other in ("page/../server.py", "page/server.py", "page/none.js"):
            async with session.get(f"{playground.address}/{other}") as response:
                assert response.status == 404


async def test_the_personas_and_their_channels(playground: Playground, joins: JoinsAs) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{playground.address}/playground/personas") as response:
            personas = (await response.json())["personas"]
        assert {p["key"]: p["manages_guild"] for p in personas} == {
            "member": False,
            "manager": True,
            "stranger": False,
        }
    robin, sam = await joins("member"), await joins("stranger")
    assert [channel["type"] for channel in await robin.channels()] == [0, 0, 1]
    with pytest.raises(Refused, match="You cannot see this channel"):
        await sam.messages(channel_id=robin.dm_channel_id)
    with pytest.raises(Refused, match="You cannot see this channel"):
        await sam.say("hello", channel_id=robin.dm_channel_id)
    with pytest.raises(Refused, match="Write something or add a file"):
        await sam.say("")


async def test_observers_get_every_call(robin: Member, zoo: Zoo, playground: Playground) -> None:
    calls: list[Call] = []
    playground.observers.append(calls.append)
    await (await robin.invoke("card")).settled()
    await robin.until(lambda: len(calls) > 0)
    (call,) = calls
    assert (call.method, call.status) == ("POST", 200)
    assert call.route == "/interactions/{interaction_id}/{interaction_token}/callback"
    assert call.query == {"with_response": "1"}
    assert call.body["data"]["embeds"][0]["title"] == "A card"
    assert call.files["files[0]"].filename == "dot.png"
    assert call.duration_s >= 0


async def test_a_member_is_told_when_the_playground_goes(joins: JoinsAs) -> None:
    async with Playground() as playground:
        member = Member(playground.address)
        await member.__aenter__()
        await playground.close()
        with pytest.raises(ConnectionError, match="gone away"):
            await member.until(lambda: False)
        await member.__aexit__()


def test_the_redirect_can_be_undone() -> None:
    before = (Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE)
    with redirected("http://127.0.0.1:9"):
        assert Route("GET", "/users/@me").url == "http://127.0.0.1:9/api/v10/users/@me"
        assert str(DiscordWebSocket.DEFAULT_GATEWAY) == "ws://127.0.0.1:9/gateway/"
        assert Asset.BASE == "http://127.0.0.1:9"
    assert before == (Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE)


def test_the_redirect_names_what_a_new_discord_py_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    verify()
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", "wss://elsewhere")
    with pytest.raises(RedirectBroken, match=r"DiscordWebSocket\.DEFAULT_GATEWAY"):
        redirect("http://127.0.0.1:9")


def test_the_judge_finds_what_is_wrong() -> None:
    route = "/channels/{channel_id}/messages"
    good = Call(
        "POST", route, "/api/v10/channels/1/messages", {}, {"content": "a"}, {}, 403, 0.0, {}
    )
    assert list(faults_of(good)) == []
    judge = Judge()
    for body, path, query in (
        ({"content": "x" * 4001}, good.path, {}),
        ({"content": "a"}, "/api/v10/channels/one/messages", {}),
        ({"content": "a"}, good.path, {"wait": "true"}),
        (None, good.path, {}),
    ):
        judge(Call("POST", route, path, query, body, {}, 403, 0.0, {}))
    judge(Call("PUT", route, good.path, {}, None, {}, 403, 0.0, {}))
    assert len(judge.faults) == 5
    with pytest.raises(AssertionError, match="Discord documents no such route"):
        judge.verdict()


def test_importing_the_playground_is_light() -> None:
    code = (
        "import sys, json, warnings; warnings.simplefilter('ignore')\n"
        "import bot.playground.server, bot.playground.member\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    modules = set(json.loads(ran.stdout))
    heavy = {"torch", "numpy", "transformers", "ray", "PIL", "discord", "sqlalchemy"}
    assert not modules & heavy
    assert not {m for m in modules if m.startswith(("cogs", "bot."))} - {
        m for m in modules if m.startswith("bot.playground")
    }


async def test_the_last_events_are_told_before_it_closes(
    playground: Playground, joins: JoinsAs
) -> None:
    sam = await joins("stranger")
    world = playground.world
    told = world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content="0"))
    for number in range(1, 200):
        world.edit(told, Draft(content=f"{number} " + "long " * 300))
    await playground.close()  # without a turn for whoever sends the events
    await sam.until(lambda: any(m["content"].startswith("199 ") for m in sam.seen.values()), 5)
