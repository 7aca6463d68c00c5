"""In the channels of other servers, where a member alone installed the bot."""

from __future__ import annotations

from dataclasses import replace

from bot.playground.member import Member
from bot.playground.people import USE_EXTERNAL_APPS
from bot.playground.standing import MOST_FOLLOW_UPS
from bot.tasks.picture import Picture
from bot.tasks.progress import StepDone
from tests.journeys.delivery.conftest import PNG, Evening, answered, pictures, text


async def test_it_never_comes_near_the_limit_of_follow_ups(
    evening: Evening, member: Member
) -> None:
    world = evening.playground.world
    world.standing.by_users = True
    async with evening.bot(member):
        asked = await member.invoke("imagine", prompt="a dot", count=2)
        await evening.stage.job()
        evening.stage.say(pictures())
        sheet = await answered(member, asked)
        for label in ("Info", "1"):
            await (await member.click(sheet, label)).settled()
        asked = await member.invoke("complete", prompt="Once upon a time", private=True)
        await evening.stage.job(2)
        for words in ("Once", "Once upon"):
            evening.stage.say(StepDone(done=len(words), total=99))
        evening.stage.say(text("word " * 3000))
        long = await asked.settled(until=lambda message: "Page 1 of" in message["content"])
        await (await member.click(long, "Share")).settled()
        for label in ("▶", "▶", "◀"):
            await (await member.click(member.seen[long["id"]], label)).settled()
        for command in ("usage", "privacy show", "privacy export", "privacy delete", "help"):
            await (await member.invoke(command)).settled()
    sent = [each.follow_ups for each in world.interactions.values()]
    assert 1 <= max(sent) <= 2 < MOST_FOLLOW_UPS


async def test_where_it_may_not_be_used_in_public_an_answer_is_private_and_says_so(
    evening: Evening, member: Member
) -> None:
    world = evening.playground.world
    world.standing.by_users = True
    who = world.users[int(member.id)]
    world.users[who.id] = replace(who, permissions=who.permissions & ~USE_EXTERNAL_APPS)
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.stage.say(text("upon a time"))
        answer = await answered(member, asked)
        labels = [one["label"] for row in answer["components"] for one in row["components"]]
        assert answer["ephemeral"]
        assert "☆" not in labels, "a star would lead others to what they cannot open"
        told = await (await member.click(answer, "Share")).settled()
        assert told["content"].startswith("I may not write in this channel")


async def test_a_preview_is_hidden_where_pictures_are(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        async with Member(evening.playground.address, "manager") as manager:
            await (await manager.invoke("settings spoilers", hidden=True)).settled()
        asked = await member.invoke("imagine", prompt="a dot", count=2)
        await evening.stage.job()
        preview = Picture(data=PNG, width=1, height=1, alt_text="a dot")
        evening.stage.say(StepDone(done=1, total=4, preview=preview))
        shown = await asked.settled(until=lambda message: bool(message["attachments"]))
        assert [each["filename"] for each in shown["attachments"]] == ["SPOILER_preview.png"]
        evening.stage.say(pictures())
        await answered(member, asked)
