"""A long answer has pages: the one who asked turns them, others read their own, all by a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.playground.invocation import Invocation
from bot.playground.member import Member
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
CODE = "\n".join(f"value_{number} = {number}" for number in range(150))
PROMPT = f"Here is a long program.\n```py\n{CODE}\n```\nIt does"


async def turned(member: Member, message: dict[str, Any], button: str, page: str) -> str:
    await member.click(message, button)
    await member.until(lambda: page in member.seen[message["id"]]["content"])
    return str(member.seen[message["id"]]["content"])


async def long_answer(member: Member, finished: Finished, prompt: str = PROMPT) -> dict[str, Any]:
    return await finished(await member.invoke("complete", prompt=prompt, max_tokens=4, seed=1))


async def test_the_one_who_asked_turns_the_pages(member: Member, finished: Finished) -> None:
    answer = await long_answer(member, finished)
    first = answer["content"]
    assert first.startswith("Here is a long program.\n```py\nvalue_0 = 0\n")
    assert "\n```\n-# Page 1 of 2 · SmolLM2" in first
    assert not answer["attachments"]
    second = await turned(member, answer, "▶", "Page 2 of 2")
    assert second.startswith("```py\nvalue_")
    assert "value_149 = 149\n```\nIt does" in second
    assert [b["label"] for b in buttons(member.seen[answer["id"]]) if b.get("disabled")] == ["▶"]
    assert await turned(member, member.seen[answer["id"]], "◀", "Page 1 of 2") == first
    assert {"Again", "Info", "Delete"} <= {b["label"] for b in buttons(member.seen[answer["id"]])}


async def test_others_turn_pages_that_they_alone_see(member: Member, finished: Finished) -> None:
    answer = await long_answer(member, finished)
    async with Member(member.address, "stranger") as stranger:
        own = await (await stranger.click(answer, "▶")).settled()
        assert own["ephemeral"]
        assert "Page 2 of 2" in own["content"]
        assert "Page 1 of 2" in await turned(stranger, own, "◀", "Page 1 of 2")
    assert "Page 1 of 2" in member.seen[answer["id"]]["content"]


async def test_many_pages_are_a_file_too(member: Member, finished: Finished) -> None:
    # an option holds 6,000 characters, a page nearly 2,000: one of these lines, and not two
    prompt = "\n".join(["```", *["x" * 940] * 6, "```"])
    answer = await long_answer(member, finished, prompt)
    assert "Page 1 of 6" in answer["content"]
    (file,) = answer["attachments"]
    assert (await member.download(file)).decode().startswith(prompt)
    await turned(member, answer, "▶", "Page 2 of 6")
    assert len(member.seen[answer["id"]]["attachments"]) == 1


async def test_pages_go_with_what_was_asked(
    house: House, member: Member, finished: Finished
) -> None:
    answer = await long_answer(member, finished)
    await (await member.invoke("privacy delete")).settled()
    refused = await (await member.click(answer, "▶")).settled()
    assert refused["content"] == "The other pages are not kept any more. Ask again to read them."
    assert refused["ephemeral"]


async def test_a_page_turns_after_a_restart(
    house: House, member: Member, finished: Finished
) -> None:
    """The client remembers no view: a button is known by its id alone, as after a restart."""
    answer = await long_answer(member, finished)
    house.client._connection._view_store._views.clear()
    await asyncio.sleep(0)
    assert "Page 2 of 2" in await turned(member, answer, "▶", "Page 2 of 2")


def buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [button for row in message["components"] for button in row["components"]]
