"""Beyond loopback: nothing without the key, everything with it."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest

from bot.playground.drafts import Draft
from bot.playground.records import Upload
from bot.playground.redirect import redirected
from bot.playground.replaying import NotReplayed, Replay
from bot.playground.scenario import File, Invoke, written
from bot.playground.server import Playground, playground_token
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.conftest import running
from tests.playground.zoo import Zoo


async def test_beyond_loopback_the_key_is_asked_for_and_becomes_a_cookie() -> None:
    async with Playground(host="0.0.0.0") as playground, aiohttp.ClientSession() as stranger:
        key = playground.access.key
        assert playground.page_url == f"{playground.address}/?key={key}"
        closed = ("/", "/page/page.js", "/playground/personas", "/playground/panel/events")
        for path in closed:
            for more in ("", "?key=wrong", "?key="):
                async with stranger.get(playground.address + path + more) as response:
                    assert response.status == 403
                    assert key not in await response.text()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await stranger.ws_connect(f"{playground.address}/playground/events")
        jar = aiohttp.CookieJar(unsafe=True)  # for a bare address
        async with aiohttp.ClientSession(cookie_jar=jar) as guest:
            async with guest.get(playground.page_url, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (303, "/")
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Strict" in cookie
            for path in ("/", "/page/page.js", "/playground/personas"):
                async with guest.get(playground.address + path) as response:
                    assert response.status == 200
            headers = {"Origin": "http://evil.example"}
            url = f"{playground.address}/playground/say"
            async with guest.post(url, json={"content": "hi"}, headers=headers) as response:
                assert response.status == 403


async def test_the_bot_reaches_its_files_and_nobody_guesses_its_token() -> None:
    async with Playground(host="0.0.0.0") as playground, aiohttp.ClientSession() as bot:
        author = playground.world.bot.id
        draft = Draft(content="look", files={0: Upload("a.txt", b"abc")})
        message = playground.world.post(TEXT_CHANNEL_ID, author, draft)
        for token, status in ((playground.token, 200), (playground_token(), 401), ("käse", 401)):
            url = f"{playground.address}/api/v10/channels/{TEXT_CHANNEL_ID}/messages/{message.id}"
            headers = {"Authorization": f"Bot {token}"}
            async with bot.get(url, headers=headers) as response:
                assert response.status == status
                told = await response.json()
            if status == 200:
                link = told["attachments"][0]["url"]
        for url, status in ((link, 200), (link.rpartition("hm=")[0], 403)):
            async with bot.get(url) as response:
                assert response.status == status


async def test_a_recording_is_replayed_where_a_key_is_asked_for() -> None:
    async with Playground(host="0.0.0.0") as playground:
        with redirected(playground.address):
            async with running(Zoo(discord.Intents.default()), playground):
                await replay_everywhere(playground)


async def replay_everywhere(playground: Playground) -> None:
    """Plays a step with the key, from the panel, and without the key."""
    step = Invoke(command="mirror", files={"image": File("a.txt", b"abc")})
    async with Replay(playground.page_url, patience_s=30) as replay:
        played = await replay.play(step)
        assert played.message["content"].startswith("a.txt 3")
    jar = aiohttp.CookieJar(unsafe=True)  # for a bare address
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        await session.get(playground.page_url)
        url = f"{playground.address}/playground/panel/replay"
        async with session.post(url, json={"scenario": written([step])}) as response:
            assert response.status == 200
        async with asyncio.timeout(30):
            while not playground.panel.state()["replay"]["said"]:
                await asyncio.sleep(0.01)
            while playground.panel.state()["replay"]["running"]:
                await asyncio.sleep(0.01)
        assert playground.panel.state()["replay"]["said"] == "All 1 steps were answered."
    async with Replay(playground.address) as replay:
        with pytest.raises(NotReplayed, match="asks for its key"):
            await replay.play(step)
