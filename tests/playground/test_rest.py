"""Discord's REST API: messages, errors, and gaps that fail loudly."""

from __future__ import annotations

import io

import discord
import pytest

from bot.playground.member import Member
from bot.playground.records import Upload
from bot.playground.server import Playground
from bot.playground.world import APPLICATION_ID, TEXT_CHANNEL_ID
from tests.playground.conftest import FakeClock, Raw
from tests.playground.zoo import Zoo


@pytest.fixture
async def channel(zoo: Zoo) -> discord.TextChannel:
    found = zoo.get_channel(TEXT_CHANNEL_ID)
    assert isinstance(found, discord.TextChannel)
    return found


async def test_ordinary_messages_are_sent_edited_fetched_and_deleted(
    channel: discord.TextChannel, robin: Member
) -> None:
    file = discord.File(io.BytesIO(b"data"), "data.bin", description="some data")
    sent = await channel.send("one", file=file)
    reply = await sent.reply("two")
    await sent.edit(content="one, edited")
    fetched = await channel.fetch_message(sent.id)
    assert (fetched.content, fetched.attachments[0].description) == ("one, edited", "some data")
    assert await fetched.attachments[0].read() == b"data"
    assert [message.content async for message in channel.history()] == ["two", "one, edited"]
    before = [message.id async for message in channel.history(before=reply)]
    after = [message.id async for message in channel.history(after=sent)]
    assert (before, after) == ([sent.id], [reply.id])
    await sent.delete()
    await robin.until(lambda: list(robin.seen) == [str(reply.id)])
    with pytest.raises(discord.NotFound) as error:
        await channel.fetch_message(sent.id)
    assert error.value.code == 10008


async def test_direct_messages_reach_the_member(zoo: Zoo, robin: Member) -> None:
    user = await zoo.fetch_user(int(robin.id))
    sent = await user.send("hello there")
    await robin.until(lambda: str(sent.id) in robin.seen)
    (message,) = await robin.messages(channel_id=robin.dm_channel_id)
    assert message["content"] == "hello there"


async def test_reactions_and_typing(channel: discord.TextChannel, robin: Member) -> None:
    sent = await channel.send("like this?")
    await sent.add_reaction("👍")
    await robin.react({"id": str(sent.id)}, "👍")
    (reaction,) = (await channel.fetch_message(sent.id)).reactions
    assert (str(reaction.emoji), reaction.count, reaction.me) == ("👍", 2, True)
    async with channel.typing():
        pass
    assert sent.guild is not None
    await sent.remove_reaction("👍", sent.guild.me)
    assert (await channel.fetch_message(sent.id)).reactions[0].count == 1


async def test_the_bot_cannot_touch_other_people_s_messages(
    channel: discord.TextChannel, robin: Member
) -> None:
    said = await robin.say("mine")
    theirs = channel.get_partial_message(int(said["id"]))
    with pytest.raises(discord.Forbidden) as edited:
        await theirs.edit(content="yours")
    with pytest.raises(discord.Forbidden) as deleted:
        await theirs.delete()
    assert (edited.value.code, deleted.value.code) == (50005, 50013)


async def test_commands_are_listed_changed_and_removed(zoo: Zoo) -> None:
    commands = {command.name: command for command in await zoo.tree.fetch_commands()}
    assert {"echo", "Read text", "Wave", "model"} <= set(commands)
    edited = await commands["echo"].edit(description="Says it once more")
    assert edited.description == "Says it once more"
    await commands["echo"].delete()
    with pytest.raises(discord.NotFound) as error:
        await zoo.tree.fetch_command(commands["echo"].id)
    assert error.value.code == 10063
    before = {name: command.id for name, command in commands.items()}
    after = {command.name: command.id for command in await zoo.tree.sync()}
    assert after["note"] == before["note"]


async def test_guild_commands_are_a_set_of_their_own(zoo: Zoo, robin: Member) -> None:
    (guild,) = zoo.guilds
    zoo.tree.copy_global_to(guild=guild)
    synced = await zoo.tree.sync(guild=guild)
    assert {command.guild_id for command in synced} == {guild.id}
    direct = await robin.commands(channel_id=robin.dm_channel_id)
    assert "guild_id" not in direct[0]
    assert len(await robin.commands()) == 2 * len(direct)


async def test_a_text_that_is_too_long_is_an_invalid_form(robin: Member, zoo: Zoo) -> None:
    await robin.invoke("write", length=2001)
    error = await zoo.failures.get()
    assert isinstance(error, discord.HTTPException)
    assert (error.status, error.code) == (400, 50035)
    assert "In data.content: Must be 2000 or fewer in length." in str(error)


async def test_a_second_answer_is_refused(robin: Member) -> None:
    answer = await robin.invoke("twice")
    await robin.until(lambda: len(answer.messages) == 2)
    assert [m["content"] for m in answer.messages] == ["once", "400 40060"]


async def test_a_token_lasts_fifteen_minutes(
    robin: Member, playground: Playground, clock: FakeClock, raw: Raw
) -> None:
    answer = await robin.invoke("echo", text="a")
    await answer.settled()
    token = playground.world.interactions[int(answer.id)].token
    path = f"/webhooks/{APPLICATION_ID}/{token}"
    clock.advance(15 * 60 - 1)
    assert (await raw("GET", f"{path}/messages/@original"))[0] == 200
    clock.advance(2)
    for method, where in (("POST", path), ("PATCH", f"{path}/messages/@original")):
        status, error = await raw(method, where, json={"content": "late"})
        assert (status, error["code"]) == (401, 50027)


async def test_webhooks_that_are_not_there(robin: Member, playground: Playground, raw: Raw) -> None:
    waiting = await robin.invoke("wait")
    token = playground.world.interactions[int(waiting.id)].token
    body = {"json": {"content": "a"}}
    unanswered = await raw("POST", f"/webhooks/{APPLICATION_ID}/{token}", **body)
    somebody_s = await raw("POST", f"/webhooks/1/{token}", **body)
    made_up = await raw("POST", f"/webhooks/{APPLICATION_ID}/made-up", **body)
    assert [answer[1]["code"] for answer in (unanswered, somebody_s, made_up)] == [
        10015,
        10015,
        50027,
    ]


async def test_an_answer_of_the_wrong_type_is_refused(
    robin: Member, playground: Playground, raw: Raw
) -> None:
    waiting = await robin.invoke("wait")
    token = playground.world.interactions[int(waiting.id)].token
    path = f"/interactions/{waiting.id}/{token}/callback"
    status, error = await raw("POST", path, json={"type": 7, "data": {"content": "a"}})
    assert (status, error["code"], list(error["errors"])) == (400, 50035, ["type"])
    status, error = await raw("POST", path, json={"type": 4, "data": {}})
    assert (status, error["code"]) == (400, 50006)
    wrong = path.replace(token, "wrong")
    assert (await raw("POST", wrong, json={"type": 5}))[1]["code"] == 10062


async def test_an_unknown_route_answers_501_and_names_itself(zoo: Zoo, raw: Raw) -> None:
    status, error = await raw("DELETE", "/guilds/1/bans/2")
    assert status == 501
    assert error["route"] == "DELETE /api/v10/guilds/1/bans/2"
    status, error = await raw("PUT", "/users/@me")
    assert (status, error["route"]) == (501, "PUT /api/v10/users/@me")


async def test_a_wrong_token_is_unauthorised(playground: Playground, raw: Raw) -> None:
    status, error = await raw("GET", "/users/@me", headers={"Authorization": "Bot wrong"})
    assert (status, error) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_a_file_above_the_limit_is_refused(
    channel: discord.TextChannel, playground: Playground
) -> None:
    playground.world.attachment_limit_bytes = 1000
    await channel.send(file=discord.File(io.BytesIO(b"x" * 1000), "fits.bin"))
    with pytest.raises(discord.HTTPException) as error:
        await channel.send(file=discord.File(io.BytesIO(b"x" * 1001), "large.bin"))
    assert (error.value.status, error.value.code) == (413, 40005)


async def test_a_body_of_the_wrong_shape_is_refused_and_logged(
    raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/channels/{TEXT_CHANNEL_ID}/messages"
    status, error = await raw("POST", path, json={"embeds": [3]})
    assert (status, error["code"]) == (400, 0)
    assert "unreadable_request" in caplog.text
    status, error = await raw("POST", path, json=[])
    assert (status, error["code"]) == (400, 50035)


async def test_malformed_json_is_named_as_such(raw: Raw) -> None:
    path = f"/channels/{TEXT_CHANNEL_ID}/messages"
    status, error = await raw("POST", path, data="{", headers={"Content-Type": "application/json"})
    assert (status, error["code"]) == (400, 50109)


async def test_ephemeral_answers_are_not_in_the_channel(robin: Member, raw: Raw) -> None:
    answer = await robin.invoke("echo", text="psst", private=True)
    message = await answer.settled()
    status, error = await raw("GET", f"/channels/{TEXT_CHANNEL_ID}/messages/{message['id']}")
    assert (status, error["code"]) == (404, 10008)
    assert (await raw("GET", f"/channels/{TEXT_CHANNEL_ID}/messages"))[1] == []


async def test_uploads_keep_their_bytes_and_a_stranger_link_leads_nowhere(
    playground: Playground, robin: Member, raw: Raw
) -> None:
    said = await robin.say("", [Upload("page.html", b"<script>")])
    (file,) = said["attachments"]
    async with raw.session.get(file["url"]) as response:
        assert await response.read() == b"<script>"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in response.headers["Content-Security-Policy"]
    async with raw.session.get(file["url"].replace(file["id"], "1")) as response:
        assert response.status == 404
