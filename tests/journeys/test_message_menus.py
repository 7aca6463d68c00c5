"""Right clicks on messages: their texts, their pictures, the list of more; and long texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from bot.playground.records import Upload
from tests.journeys.test_first_hour import page, photo, png

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]


async def test_read_text_reads_the_picture_of_a_message(member: Member, finished: Finished) -> None:
    said = await member.say("look", [Upload("sign.png", page("Last boat at noon"))])
    read = await finished(await member.context_menu("Read text", said))
    assert "Last boat at noon" in read["content"]


async def test_of_several_pictures_one_is_picked(member: Member, finished: Finished) -> None:
    files = [Upload("a.png", page("The first sign")), Upload("b.png", page("Another notice"))]
    said = await member.say("", files)
    asked = await (await member.context_menu("Read text", said)).settled()
    assert (asked["content"], asked["only_for"]) == ("Which picture?", member.id)
    read = await finished(await member.select(asked, "1"))
    assert "Another notice" in read["content"]


async def test_a_message_without_a_picture_says_so(member: Member) -> None:
    said = await member.say("only words")
    told = await (await member.context_menu("Read text", said)).settled()
    assert told["content"].startswith("There is no picture in this message.")
    assert told["only_for"] == member.id


async def test_more_continues_a_text(member: Member, finished: Finished) -> None:
    said = await member.say("The capital of France is")
    asked = await (await member.context_menu("More…", said)).settled()
    answer = await finished(await member.select(asked, "complete"))
    assert answer["content"].startswith("The capital of France is")


async def test_more_asks_about_a_text_in_a_picture(member: Member, finished: Finished) -> None:
    said = await member.say("", [Upload("sign.png", page("The museum opens at ten"))])
    asked = await (await member.context_menu("More…", said)).settled()
    form = await member.select(asked, "ask")
    await member.until(lambda: form.modal is not None)
    sent = await member.submit_modal(form, **{"Your question": "When does it open?"})
    answer = await finished(sent)
    assert "ten" in answer["content"].lower()


async def test_more_restyles_a_picture(member: Member, finished: Finished) -> None:
    said = await member.say("", [Upload("photo.png", png(photo()))])
    asked = await (await member.context_menu("More…", said)).settled()
    styles = await (await member.select(asked, "restyle")).settled()
    (row,) = styles["components"]
    style = row["components"][0]["options"][2]["value"]
    answer = await finished(await member.select(styles, style))
    assert answer["attachments"][0]["content_type"].startswith("image/")


async def test_there_is_nothing_to_do_with_an_empty_message(member: Member) -> None:
    said = await member.say("", [Upload("notes.pdf", b"%PDF-1.4")])
    told = await (await member.context_menu("Summarize", said)).settled()
    assert told["content"].startswith("There is neither a text nor a picture")


async def test_a_long_text_is_written_into_a_form(member: Member, finished: Finished) -> None:
    text = (
        "The harbour was closed on Monday. A storm had torn two boats from their moorings. "
        "Nobody was hurt. The harbour master said that it would open again on Wednesday. "
        "Fishermen complained that they had not been warned in time."
    )
    form = await member.invoke("summarize")
    await member.until(lambda: form.modal is not None)
    answer = await finished(await member.submit_modal(form, **{"A long text": text}))
    summary = answer["content"].partition("\n-# ")[0]
    assert 0 < len(summary) < len(text)
    assert summary.split(". ")[0] in text
