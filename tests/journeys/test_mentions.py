"""Messages that mention the bot or reply to its answers, answered by a starter."""

from __future__ import annotations

from typing import Any

import pytest

from bot.playground.member import Member
from bot.playground.records import Upload
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

FRANCE = "What is the capital of France?"
OFTEN = "And how many people live there?"


async def answered(member: Member, said: dict[str, Any]) -> dict[str, Any]:
    """Wait for the answer to a message: the reply that has its small print."""

    def found() -> list[dict[str, Any]]:
        replies = [m for m in member.seen.values() if "-# " in m["content"]]
        return [
            m for m in replies if m.get("message_reference", {}).get("message_id") == said["id"]
        ]

    await member.until(lambda: bool(found()), 60)
    return found()[0]


async def test_a_mention_is_answered_and_a_reply_goes_on(house: House, member: Member) -> None:
    name = f"<@{house.playground.world.bot.id}>"
    first = await answered(member, await member.say(f"{name} {FRANCE}"))
    assert "SmolLM2" in first["content"]
    assert "remembers" not in first["content"]
    second = await answered(member, await member.say(OFTEN, reply_to=first))
    assert " · remembers 1 turn · " in second["content"]
    again = await (await member.click(second, "Again")).settled(
        60, until=lambda message: "-# " in message["content"]
    )
    words, same_words = (m["content"].partition("\n-# ")[0] for m in (second, again))
    assert same_words == f"> {OFTEN}\n{words}", "a button shows no question, so the answer does"


async def test_a_file_of_text_is_what_the_question_is_about(house: House, member: Member) -> None:
    text = b"The ferry leaves at noon from the old pier. The museum opens at ten."
    name = f"<@{house.playground.world.bot.id}>"
    said = await member.say(f"{name} When does the ferry leave?", [Upload("a.txt", text)])
    assert "noon" in (await answered(member, said))["content"]
