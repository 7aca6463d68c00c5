"""Buttons, selects, modals and context menus."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.playground.member import Member, Refused
from bot.playground.records import Upload
from tests.playground.conftest import JoinsAs


async def test_a_button_changes_its_message(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    panel = await robin.invoke("panel")
    shown = await panel.settled()
    pressed = await sam.click(shown, "Again")
    changed = await pressed.settled()
    assert pressed.response == "update"
    assert changed["id"] == shown["id"]
    assert changed["content"] == "again, for sam"
    assert [state["content"] for state in pressed.updates] == ["again, for sam"]


async def test_a_button_that_defers_changes_its_message_later(robin: Member) -> None:
    panel = await robin.invoke("panel")
    await panel.settled()
    pressed = await robin.click(panel, "later")
    changed = await pressed.settled()
    assert pressed.response == "deferred_update"
    assert (changed["content"], changed["components"]) == ("later", [])


async def test_a_button_may_add_files_and_be_followed_up(robin: Member) -> None:
    panel = await robin.invoke("panel")
    await panel.settled()
    pressed = await robin.click(panel, "Draw")
    changed = await pressed.settled()
    assert [file["description"] for file in changed["attachments"]] == ["a drawing"]
    assert changed["embeds"][0]["title"] == "A"
    assert await robin.download(changed["attachments"][0]) == b"drawn"
    await robin.until(lambda: len(pressed.messages) == 1)
    assert pressed.messages[0]["content"] == "and more"


async def test_a_button_may_answer_with_a_message_of_its_own(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    panel = await robin.invoke("panel")
    shown = await panel.settled()
    pressed = await sam.click(shown, "Whisper")
    message = await pressed.settled()
    assert (message["content"], message["only_for"]) == ("psst", sam.id)
    assert message["id"] != shown["id"]
    await robin.until(lambda: shown["id"] in robin.seen)
    assert message["id"] not in robin.seen


async def test_a_select_sends_what_was_picked(robin: Member) -> None:
    panel = await robin.invoke("panel")
    await panel.settled()
    picked = await robin.select(panel, ["Apple", "banana"])
    assert (await picked.settled())["content"] == "apple+banana"


async def test_people_and_channels_can_be_picked(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    asked = await robin.invoke("invite")
    await asked.settled()
    picked = await robin.select(asked, [robin.id, sam.id], "guests")
    assert (await picked.settled())["content"] == "Member Robin, Member Sam"
    picked = await robin.select(asked, robin.channel_id, "where")
    assert (await picked.settled())["content"] == "playground"
    with pytest.raises(Refused, match="That is not one of the options"):
        await robin.select(asked, "1", "guests")


@pytest.mark.parametrize(
    ("button", "sentence"),
    [("Off", "This is disabled."), ("Read more", "This button is a link.")],
)
async def test_some_buttons_send_nothing(robin: Member, button: str, sentence: str) -> None:
    panel = await robin.invoke("panel")
    shown = await panel.settled()
    if button == "Read more":
        with pytest.raises(KeyError, match="custom_id"):  # a link has none
            await robin.click(shown, button)
    else:
        with pytest.raises(Refused, match=sentence):
            await robin.click(shown, button)


async def test_a_select_takes_only_its_options_and_only_so_many(robin: Member) -> None:
    panel = await robin.invoke("panel")
    await panel.settled()
    with pytest.raises(Refused, match="That is not one of the options"):
        await robin.select(panel, "durian")
    with pytest.raises(Refused, match="Pick between 1 and 2"):
        await robin.select(panel, ["apple", "banana", "cherry"])


async def test_a_modal_is_filled_in_and_sent(robin: Member, tmp_path: Path) -> None:
    paper = tmp_path / "paper.txt"
    paper.write_text("two")
    opened = await robin.invoke("note")
    modal = await opened.settled()
    assert modal["title"] == "A note"
    files = [Upload("one.txt", b"one"), paper]
    sent = await robin.submit_modal(
        opened, Subject="Hello", tone=["bold"], Papers=files, Size="large", Urgent=True
    )
    message = await sent.settled()
    assert message["content"] == "Hello bold ['one', 'two'] large True"
    assert sent.ephemeral


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"Tone": ["calm"]}, "“Subject” is required."),
        (
            {"Subject": "x" * 21, "Tone": ["calm"]},
            "“Subject” must have between 0 and 20 characters.",
        ),
        ({"Subject": "x", "Tone": ["loud"]}, "That is not one of the options."),
    ],
)
async def test_a_modal_is_checked_before_it_is_sent(
    robin: Member, values: dict[str, object], sentence: str
) -> None:
    opened = await robin.invoke("note")
    await opened.settled()
    with pytest.raises(Refused) as refused:
        await robin.submit_modal(opened, **values)
    assert str(refused.value) == sentence


async def test_a_modal_belongs_to_the_one_who_opened_it(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    opened = await robin.invoke("note")
    await opened.settled()
    opened.member.interactions[opened.id] |= {}
    sam.interactions[opened.id] = robin.interactions[opened.id]
    with pytest.raises(Refused, match="There is no such form open"):
        await sam.submit_modal(opened, Subject="Hello", Tone=["calm"])


async def test_a_message_command_gets_the_message_with_its_files(
    robin: Member, joins: JoinsAs
) -> None:
    sam = await joins("stranger")
    said = await sam.say("look", [Upload("a.txt", b"alpha"), Upload("b.txt", b"beta")])
    answer = await robin.context_menu("Read text", said)
    message = await answer.settled()
    assert message["content"] == "look ['alpha', 'beta']"
    assert message["type"] == 23


async def test_a_user_command_gets_the_user_and_a_picture(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    answer = await robin.context_menu("Wave", sam.id)
    assert (await answer.settled())["content"] == "Hello Sam, PNG"


async def test_ephemeral_answers_are_seen_by_one_member_only(robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    answer = await robin.invoke("echo", text="secret", private=True)
    message = await answer.settled()
    assert answer.ephemeral
    assert [m["content"] for m in await robin.messages()] == ["secret"]
    assert await sam.messages() == []
    public = await sam.say("hello")
    await sam.until(lambda: public["id"] in sam.seen)
    assert message["id"] not in sam.seen
    with pytest.raises(Refused, match="There is no such message"):
        await sam.context_menu("Read text", message)
    await robin.delete(message)
    await robin.until(lambda: message["id"] not in robin.seen)
    assert [m["content"] for m in await robin.messages()] == ["hello"]
