"""Slash commands, their answers and their options."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from PIL import Image

from bot.playground.member import Member, NoAnswer, Refused
from bot.playground.records import Upload
from bot.playground.server import Playground
from tests.playground.conftest import FakeClock, JoinsAs
from tests.playground.zoo import Zoo


def picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


async def test_an_answer_comes_back(robin: Member) -> None:
    answer = await robin.invoke("echo", text="hello", loud=True)
    message = await answer.settled()
    assert message["content"] == "HELLO"
    assert message["type"] == 20
    assert message["interaction_metadata"]["user"]["username"] == "robin"
    assert answer.response == "message"
    assert answer.acknowledged_after_s == 0
    assert not answer.ephemeral


async def test_a_deferred_answer_streams_every_edit(robin: Member) -> None:
    answer = await robin.invoke("stream", parts=4)
    await answer.settled(until=lambda message: message["content"] == "1 2 3 4")
    assert [state["thinking"] for state in answer.updates] == [True, False, False, False, False]
    assert [state["content"] for state in answer.updates] == ["", "1", "1 2", "1 2 3", "1 2 3 4"]
    assert answer.updates[1]["edited_timestamp"] is None
    assert answer.updates[2]["edited_timestamp"] is not None


@pytest.mark.parametrize("private", [True, False])
async def test_the_first_follow_up_fills_a_deferred_answer(robin: Member, private: bool) -> None:
    answer = await robin.invoke("later", how="follow", private=private)
    await robin.until(lambda: any(m["content"] == "second, edited" for m in answer.messages))
    first, second = answer.messages
    assert answer.message == first
    assert (first["content"], first["ephemeral"]) == ("first", private)
    assert second["ephemeral"] is not private


@pytest.mark.parametrize("by_users", [True, False])
async def test_where_a_member_installed_it_alone_five_follow_ups_are_all(
    zoo: Zoo, playground: Playground, robin: Member, by_users: bool
) -> None:
    playground.world.standing.by_users = by_users
    answer = await robin.invoke("more", times=6)
    told = await answer.settled(until=lambda message: message["content"].startswith("sent"))
    assert told["content"] == ("sent 5, then 40094" if by_users else "sent 6")


async def test_after_an_edit_the_first_follow_up_stands_on_its_own(robin: Member) -> None:
    answer = await robin.invoke("later", how="edit", private=False)
    await robin.until(lambda: len(answer.messages) == 3)
    assert [m["content"] for m in answer.messages[:2]] == ["edited", "first"]
    assert [m["ephemeral"] for m in answer.messages] == [False, True, True]


async def test_after_a_deletion_a_follow_up_has_its_own_visibility(robin: Member) -> None:
    answer = await robin.invoke("later", how="delete", private=False)
    await robin.until(lambda: len(answer.messages) == 2)
    assert [m["ephemeral"] for m in answer.messages] == [True, True]
    assert answer.updates[-1]["deleted"]


async def test_files_go_both_ways_with_alt_text(robin: Member) -> None:
    data = picture(6, 4)
    answer = await robin.invoke("mirror", image=Upload("dots.png", data))
    message = await answer.settled()
    (file,) = message["attachments"]
    assert message["content"] == f"dots.png {len(data)} image/png 6x4"
    assert file["description"] == f"alt: {message['content']}"
    assert await robin.download(file) == data[::-1]


@pytest.mark.parametrize(
    ("name", "described"),
    [("broken.png", "image/png Nonex"), ("notes.txt", "text/plain; charset=utf-8 Nonex")],
)
async def test_a_file_that_is_no_picture_has_no_width(
    robin: Member, name: str, described: str
) -> None:
    answer = await robin.invoke("mirror", image=Upload(name, b"nothing to see"))
    assert described in (await answer.settled())["content"]


async def test_an_edit_keeps_the_files_it_names_and_adds_new_ones(robin: Member) -> None:
    answer = await robin.invoke("gallery")
    message = await answer.settled(until=lambda message: message["content"] == "kept")
    files = message["attachments"]
    assert [file["filename"] for file in files] == ["one.txt", "three.txt"]
    assert files[0]["description"] == "the first"


async def test_a_file_shown_in_an_embed_is_not_listed_beside_it(robin: Member) -> None:
    message = await (await robin.invoke("card")).settled()
    assert message["attachments"] == []
    assert await robin.download(message["embeds"][0]["image"]) == b"not really a picture"


async def test_a_message_of_components_shows_its_files(robin: Member) -> None:
    message = await (await robin.invoke("layout")).settled()
    (container,) = message["components"]
    text, gallery = container["components"]
    assert text["content"] == "## Look"
    (item,) = gallery["items"]
    assert item["description"] == "one dot"
    assert await robin.download(item["media"]) == b"dots"


async def test_autocomplete_asks_the_bot(robin: Member) -> None:
    choices = await robin.autocomplete("fruit", "name", "ap")
    assert [choice["value"] for choice in choices] == ["apple", "apricot"]
    answer = await robin.invoke("fruit", name="anything")
    assert (await answer.settled())["content"] == "anything"


async def test_autocomplete_that_comes_too_late_fails(
    robin: Member, zoo: Zoo, clock: FakeClock, playground: Playground
) -> None:
    asked = asyncio.create_task(robin.autocomplete("fruit", "name", "late"))
    await zoo.gate.wait()
    clock.advance(3.1)
    playground.world.expire()
    with pytest.raises(Refused, match="Loading options failed"):
        await asked


async def test_subcommands_are_named_by_their_words(robin: Member) -> None:
    answer = await robin.invoke("model load", name="gpt2", share=0.25)
    assert (await answer.settled())["content"] == "loaded gpt2 0.25"


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("nothing", {}, "There is no command “nothing” here."),
        ("echo", {}, "The option “text” is required."),
        ("echo", {"text": "a", "tone": "b"}, "There is no option “tone”."),
        ("echo", {"text": 3}, "“text” must be text."),
        ("echo", {"text": "a", "loud": "yes"}, "“loud” must be true or false."),
        ("stream", {"parts": 10}, "“parts” must be between 1 and 9."),
        ("stream", {"parts": 2.5}, "“parts” must be a whole number."),
        ("later", {"how": "never", "private": True}, "“how” must be one of: follow, edit, delete."),
        ("model", {}, "“model” needs a subcommand."),
        ("model unload", {}, "“model” has no subcommand “unload”."),
        ("mirror", {"image": 3}, "“image” must be a file."),
        ("manage", {}, "You do not have permission to use this command."),
    ],
)
async def test_the_client_refuses_what_discord_s_client_refuses(
    robin: Member, command: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        await robin.invoke(command, **options)
    assert str(refused.value) == sentence
    assert refused.value.status == 400


async def test_an_interaction_carries_what_the_bot_may_ask_of_it(
    robin: Member, joins: JoinsAs
) -> None:
    morgan = await joins("manager", dm=True)
    here = await (await robin.invoke("about")).settled()
    there = await (await morgan.invoke("about")).settled()
    assert here["content"] == (
        "limit=10485760 guild=True context=guild manage=False locale=en-GB send=True installed=True"
    )
    assert there["content"].startswith("limit=10485760 guild=False context=dm")


async def test_only_managers_see_a_manager_s_command(robin: Member, joins: JoinsAs) -> None:
    morgan = await joins("manager")
    assert "manage" not in {command["name"] for command in await robin.commands()}
    assert "manage" in {command["name"] for command in await morgan.commands()}
    assert (await (await morgan.invoke("manage")).settled())["content"] == "managed"


async def test_only_allowed_mentions_ping(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    loud = await (await robin.invoke("mention", who=sam.id, really=True)).settled()
    quiet = await (await robin.invoke("mention", who=sam.id, really=False)).settled()
    assert loud["pings"] == {"users": [sam.id], "roles": [], "everyone": False}
    assert quiet["pings"] == {"users": [], "roles": [], "everyone": False}


async def test_a_late_answer_is_an_unknown_interaction(
    robin: Member, zoo: Zoo, clock: FakeClock, playground: Playground
) -> None:
    answer = await robin.invoke("wait")
    clock.advance(3.1)
    playground.world.expire()
    with pytest.raises(NoAnswer, match="The application did not respond"):
        await answer.settled()
    zoo.gate.set()
    failure = await zoo.failures.get()
    assert getattr(failure, "code", None) == 10062


async def test_two_members_at_once_get_their_own_answers(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    sent = [(who, await who.invoke("stream", parts=9)) for who in (robin, sam) * 3]
    for who, answer in sent:
        message = await answer.settled(until=lambda message: message["content"].endswith("9"))
        assert message["interaction_metadata"]["user"]["id"] == who.id
        assert len(answer.updates) == 10
