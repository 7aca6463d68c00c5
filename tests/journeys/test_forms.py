"""Forms for what is too long for a line: typed by hand, or uploaded as a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from bot.playground.records import Upload

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]

TEXT, FILE = "A long text", "Or a .txt or .md file"
STORY = (
    "The ferry was late. Nobody minded, for the evening was warm. The keeper lit the lamp at six. "
    "At seven the first boats came home. One of them brought news of a whale. "
) * 8


async def filled(member: Member, **values: Any) -> Invocation:
    """Open the form of /summarize, fill it in, and send it."""
    opened = await member.invoke("summarize")
    form = await opened.settled()
    assert [part["label"] for part in form["components"]] == [TEXT, FILE]
    return await member.submit_modal(opened, **values)


async def test_a_file_in_a_form_is_read_as_what_is_typed(
    member: Member, finished: Finished
) -> None:
    uploaded = await finished(await filled(member, **{FILE: Upload("story.md", STORY.encode())}))
    typed = await finished(await filled(member, **{TEXT: STORY}))
    first, second = (each["content"].partition("\n-# ")[0] for each in (uploaded, typed))
    assert first
    assert first == second


async def test_both_are_read_one_below_the_other(member: Member, finished: Finished) -> None:
    half = Upload("rest.txt", STORY.encode())
    both = await finished(await filled(member, **{TEXT: STORY, FILE: half}))
    card = await (await member.click(both, "Info")).settled()
    assert card["content"].count("The ferry was late.") > 8


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "The form is empty. Write a text, or add a .txt or .md file."),
        ({TEXT: " \n "}, "The form is empty."),
        ({FILE: Upload("a.pdf", b"%PDF")}, "a.pdf does not look like a text."),
        ({FILE: Upload("a.txt", b"\xff\xfe\x00")}, "a.txt is not UTF-8 text."),
    ],
)
async def test_what_cannot_be_read_is_said_to_the_one_who_sent_it(
    values: dict[str, Any], said: str, member: Member
) -> None:
    refused = await (await filled(member, **values)).settled()
    assert refused["content"].startswith(said)
    assert refused["only_for"] == member.id
