"""Members edit what they have said; the bot hears of it as Discord would tell it."""

from __future__ import annotations

import discord
import pytest

from bot.playground.member import Member, Refused
from bot.playground.records import Upload
from bot.playground.server import Playground
from tests.playground.conftest import JoinsAs, running
from tests.playground.zoo import Zoo


async def test_an_edit_is_seen_by_all_and_told_to_the_bot(
    playground: Playground, joins: JoinsAs
) -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    async with running(Zoo(intents), playground) as zoo:
        robin, sam = await joins("member"), await joins("stranger")
        said = await robin.say("one <@100000000000000013>", [Upload("a.txt", b"a")])
        edited = await robin.edit(said, "two")
        assert (edited["id"], edited["content"]) == (said["id"], "two")
        assert said["edited_timestamp"] is None
        assert edited["edited_timestamp"] is not None
        assert [file["filename"] for file in edited["attachments"]] == ["a.txt"]
        assert (said["pings"]["users"], edited["pings"]["users"]) == (["100000000000000013"], [])
        await sam.until(lambda: sam.seen[said["id"]]["content"] == "two")
        event = await zoo.edited.get()
        assert (event.message_id, event.message.content) == (int(said["id"]), "two")
        assert event.message.edited_at is not None
        assert isinstance(event.message.author, discord.Member)


async def test_without_the_intent_the_bot_hears_of_an_edit_but_not_of_what(
    robin: Member, zoo: Zoo
) -> None:
    said = await robin.say("one")
    await robin.edit(said, "two")
    event = await zoo.edited.get()
    assert (event.message_id, event.message.content) == (int(said["id"]), "")


async def test_who_writes_the_same_again_has_edited_nothing(robin: Member, zoo: Zoo) -> None:
    said = await robin.say("one")
    assert (await robin.edit(said, "one"))["edited_timestamp"] is None
    await robin.edit(said, "two")
    assert (await zoo.edited.get()).data["edited_timestamp"] is not None
    assert zoo.edited.empty()


async def test_only_one_s_own_text_can_be_edited_and_not_into_nothing(
    robin: Member, joins: JoinsAs
) -> None:
    sam = await joins("stranger")
    said = await robin.say("mine")
    answer = await robin.invoke("echo", text="for me", private=True)
    await answer.settled()
    for member, message, text, why in (
        (sam, said, "yours", "This is not yours to edit."),
        (robin, answer, "mine", "This is not yours to edit."),
        (robin, said, "  ", "Write something, or delete the message."),
        (robin, said, "x" * 2001, "at most 2000 characters; this one has 2001"),
        (robin, {"id": "1"}, "x", "There is no such message."),
    ):
        with pytest.raises(Refused, match=why):
            await member.edit(message, text)
    assert (await sam.messages())[0]["content"] == "mine"
    with pytest.raises(Refused, match="at most 2000 characters"):
        await robin.say("x" * 2001)
    await robin.edit(await robin.say("with a file", [Upload("a.txt", b"a")]), "")
