"""Answers that only the one who asked sees, until they share them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from bot.playground.member import Member
from bot.playground.people import MEMBER_PERMISSIONS
from bot.playground.standing import SEND
from bot.tasks.progress import TextSoFar
from bot.tasks.registry import REQUESTS
from tests.journeys.delivery.conftest import Evening, answered, found, pictures, text, whole

ALREADY = "You have shared this already."


def labels(message: dict[str, Any]) -> list[str]:
    """What stands on the buttons below a message."""
    return [button["label"] for row in message["components"] for button in row["components"]]


async def in_private(evening: Evening, member: Member, count: int = 2) -> dict[str, Any]:
    """Have an answer that only the member sees."""
    chosen = await (await member.invoke("preferences private", on=True)).settled()
    assert "you alone, until you press *Share*" in chosen["content"]
    asked = await member.invoke("imagine", prompt="a dot", count=count)
    await evening.stage.job(len(evening.stage.jobs) or 1)
    evening.stage.say(pictures(count))
    return await answered(member, asked)


def shared(message: dict[str, Any]) -> bool:
    return message["content"].startswith("-# Shared by <@")


async def test_a_private_answer_is_shared_once_with_its_files_and_buttons(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        secret = await in_private(evening, member)
        assert secret["only_for"] == member.id
        assert "Share" in labels(secret)
        assert "☆" not in labels(secret)
    async with evening.bot(member):  # the button outlives the bot
        presses = await asyncio.gather(*[member.click(secret, "Share") for _ in range(2)])
        async with Member(evening.playground.address, "stranger") as stranger:
            message = await found(member, shared)
            seen = [m for m in await stranger.messages() if shared(m)]
        assert [m["id"] for m in seen] == [message["id"]]
        assert message["only_for"] is None
        assert message["pings"]["users"] == []
        assert [a["description"] for a in message["attachments"]] == ["a dot", "a dot"]
        assert labels(message) == [
            "Again", "Vary", "Other model…", "Info", "☆", "Delete", "1", "2",
        ]  # fmt: skip
        await member.until(lambda: "Share" not in labels(member.seen[secret["id"]]))
        await member.until(
            lambda: [m["content"] for press in presses for m in press.messages].count(ALREADY) == 1
        )
        assert [shared(m) for m in await member.messages()].count(True) == 1
        await member.click(message, "Delete")
        await member.until(lambda: message["id"] not in member.seen)


async def test_a_picture_that_is_picked_in_private_stays_private_until_it_is_shared(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        secret = await in_private(evening, member)
        picked = await (await member.click(secret, "2")).settled(
            until=lambda message: bool(message["attachments"])
        )
        assert picked["only_for"] == member.id
        await member.click(picked, "Share")
        message = await found(member, shared)
        assert len(message["attachments"]) == 1


async def test_a_picked_picture_is_deleted_by_who_picked_it_and_its_answer_stays(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member) as service:
        asked = await member.invoke("imagine", prompt="a dot", count=2)
        job = await evening.stage.job()
        evening.stage.say(pictures())
        sheet = await answered(member, asked)
        mine = await (await member.click(sheet, "1")).settled()
        async with Member(evening.playground.address, "stranger") as stranger:
            theirs = await (await stranger.click(sheet, "2")).settled()
            refused = await (await stranger.click(mine, "Delete")).settled()
            assert refused["content"].startswith("Only the person who asked for this")
            await stranger.click(theirs, "Delete")
            await member.until(lambda: theirs["id"] not in member.seen)
        assert await service.archive.owns(job.id, int(member.id))
        shown = await (await member.click(sheet, "Info")).settled()
        assert "/imagine prompt:a dot" in shown["content"]
        await member.click(mine, "Delete")
        await member.until(lambda: mine["id"] not in member.seen)
        assert sheet["id"] in member.seen


async def test_a_private_answer_is_not_shared_where_the_bot_or_the_member_may_not_write(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        secret = await in_private(evening, member)
        standing, world = evening.playground.world.standing, evening.playground.world
        standing.permissions &= ~SEND
        refused = await (await member.click(secret, "Share")).settled()
        assert refused["content"].startswith("I may not write in this channel")
        standing.permissions |= SEND
        silenced = replace(world.personas["member"], permissions=MEMBER_PERMISSIONS & ~SEND)
        world.personas["member"] = world.users[silenced.id] = silenced
        refused = await (await member.click(secret, "Share")).settled()
        assert refused["content"].startswith("You may not write in this channel")
        assert not any(shared(m) for m in await member.messages())


async def test_a_private_answer_that_comes_late_comes_as_a_direct_message(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        await (await member.invoke("preferences private", on=True)).settled()
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.clock.advance(14 * 60)
        evening.stage.say(TextSoFar(text="Once"))
        await asked.settled(until=lambda message: "as a direct message" in message["content"])
        evening.clock.advance(2 * 60)
        evening.stage.say(text())
        answer = await found(member, whole)
        assert answer["channel_id"] == member.dm_channel_id
        assert all(m["only_for"] == member.id for m in await member.messages())


async def test_without_the_preference_answers_are_for_all(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        await in_private(evening, member)
        await (await member.invoke("preferences private", on=False)).settled()
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job(2)
        evening.stage.say(text())
        answer = await answered(member, asked)
        assert answer["only_for"] is None
        assert "Share" not in labels(answer)


async def test_one_answer_is_private_where_the_command_says_so(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once", private=True)
        await evening.stage.job()
        evening.stage.say(text())
        secret = await answered(member, asked)
        assert secret["only_for"] == member.id
        assert "Share" in labels(secret)
        again = await member.click(secret, "Again")
        await evening.stage.job(2)
        evening.stage.say(text())
        assert (await answered(member, again))["only_for"] == member.id
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job(3)
        evening.stage.say(text())
        assert (await answered(member, asked))["only_for"] is None


async def test_one_answer_is_for_all_where_the_command_says_so(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        await in_private(evening, member)
        asked = await member.invoke("complete", prompt="Once", private=False)
        await evening.stage.job(2)
        evening.stage.say(text())
        answer = await answered(member, asked)
        assert answer["only_for"] is None
        assert "Share" not in labels(answer)


async def test_what_a_form_asks_for_is_as_private_as_the_command_said(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        opened = await member.invoke("summarize", private=True)
        await opened.settled()
        sent = await member.submit_modal(opened, **{"A long text": "Once upon a time."})
        await evening.stage.job()
        evening.stage.say(text())
        assert (await answered(member, sent))["only_for"] == member.id


async def test_comparing_is_private_where_the_command_says_so(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("compare", task="complete", prompt="Once", private=True)
        for count in (1, 2):
            evening.stage.say(text(), await evening.stage.job(count))
        answer = await asked.settled(until=lambda message: "Once upon a time" in str(message))
        assert answer["only_for"] == member.id


async def test_every_command_that_asks_a_model_can_be_private(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        commands = {command["name"]: command for command in await member.commands()}
        tasks = {*REQUESTS, "compare"}
        assert tasks <= {*commands}
        for name in tasks:
            options = [option["name"] for option in commands[name]["options"]]
            assert options[-1] == "private"


async def test_what_is_asked_below_a_private_answer_stays_private_without_the_preference(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        await (await member.invoke("preferences private", on=True)).settled()
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.stage.say(text())
        secret = await answered(member, asked)
        models = await (await member.click(secret, "Other model…")).settled()
        await (await member.invoke("preferences private", on=False)).settled()
    async with evening.bot(member):  # it is known by the id alone
        other = await member.select(models, "other-complete")
        await evening.stage.job(2)
        evening.stage.say(text())
        assert (await answered(member, other))["only_for"] == member.id
        await member.click(secret, "Share")
        await member.until(lambda: "Share" not in labels(member.seen[secret["id"]]))
        again = await member.click(member.seen[secret["id"]], "Again")
        await evening.stage.job(3)
        evening.stage.say(text())
        assert (await answered(member, again))["only_for"] == member.id


async def test_another_model_below_an_answer_for_all_answers_for_all(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.stage.say(text())
        answer = await answered(member, asked)
        models = await (await member.click(answer, "Other model…")).settled()
        other = await member.select(models, "other-complete")
        await evening.stage.job(2)
        evening.stage.say(text())
        assert (await answered(member, other))["only_for"] is None
