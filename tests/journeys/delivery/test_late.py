"""Answers that take longer than the fifteen minutes of an interaction's token."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from bot.errors import UserError
from bot.inference.job import Answered, Interrupted, Timings, Unanswered
from bot.playground.member import Invocation, Member
from bot.playground.standing import SEND
from bot.tasks.progress import Queued, TextSoFar
from bot.tasks.recommend import Film, FilmsResult, RecommendFilms
from tests.journeys.delivery.conftest import Evening, answered, found, pictures, text, whole

LONGER = "This takes longer than Discord lets a reply be changed."


def shown(words: str, message: dict[str, Any]) -> bool:
    return words in message["content"]


async def waits_too_long(evening: Evening, member: Member, asked: Invocation) -> dict[str, Any]:
    """Let the token run out; return what the waiting message said last."""
    await evening.stage.job()
    evening.stage.say(Queued(ahead=2))
    await member.until(lambda: "2 before you" in asked.content)
    evening.clock.advance(14 * 60)
    evening.stage.say(TextSoFar(text="Once"))
    noticed = await asked.settled(until=lambda message: LONGER in message["content"])
    assert noticed["content"].startswith("Once ▌")
    evening.clock.advance(2 * 60)
    return noticed


async def test_a_late_answer_is_an_ordinary_message_that_replies_to_the_waiting_one(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("imagine", prompt="a dot", count=2)
        waiting = await waits_too_long(evening, member, asked)
        assert "as a message of its own, in this channel" in waiting["content"]
        evening.stage.say(pictures())
        answer = await found(member, whole)
        assert answer["id"] != waiting["id"]
        assert answer["message_reference"]["message_id"] == waiting["id"]
        assert answer["content"].startswith(f"-# For <@{member.id}>, asked <t:")
        assert answer["pings"] == {"users": [], "roles": [], "everyone": False}
        assert len(answer["attachments"]) == 2
        await member.until(lambda: "The answer is here: " in asked.content)
        assert answer["id"] in asked.content
        assert not (asked.message or {})["components"]

        told = await (await member.click(answer, "Info")).settled()
        assert "/imagine prompt:a dot" in told["content"]
        await member.click(answer, "Delete")
        await member.until(lambda: answer["id"] not in member.seen)


async def test_a_late_answer_is_cancelled_as_any_other(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        waiting = await waits_too_long(evening, member, asked)
        await member.click(waiting, "Cancel")
        await member.until(lambda: "The answer is here" in asked.content)
    assert evening.stage.cancelled == [evening.stage.jobs[0].id]


async def test_why_there_is_no_answer_is_told_late_too(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await waits_too_long(evening, member, asked)
        evening.stage.say(Unanswered(error=UserError("It could not be done. Ask for less.")))
        told = await found(member, lambda m: "It could not be done." in m["content"])
        assert told["pings"]["users"] == []


async def test_what_nobody_foresaw_is_told_late_too(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await waits_too_long(evening, member, asked)
        timings = Timings(queued_s=0.0, run_s=0.0)
        evening.stage.say(Answered(result=None, timings=timings))  # type: ignore[arg-type]
        told = await found(member, partial(shown, "Whoever runs the bot can look it up as"))
        assert told["content"].startswith(f"-# For <@{member.id}>, asked <t:")


@pytest.mark.parametrize("why", ["silenced", "installed by the member"])
async def test_where_the_bot_may_not_write_the_answer_comes_as_a_direct_message(
    evening: Evening, member: Member, why: str
) -> None:
    standing = evening.playground.world.standing
    if why == "silenced":
        standing.permissions &= ~SEND
    standing.by_users = why != "silenced"
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        waiting = await waits_too_long(evening, member, asked)
        assert "as a direct message" in waiting["content"]
        evening.stage.say(text())
        answer = await found(member, whole)
        assert answer["channel_id"] == member.dm_channel_id
        assert "Once upon a time" in answer["content"]


async def test_permissions_that_are_taken_away_meanwhile_cost_nobody_the_answer(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await waits_too_long(evening, member, asked)
        evening.playground.world.standing.permissions &= ~SEND
        evening.stage.say(text())
        answer = await found(member, whole)
        assert answer["channel_id"] == member.dm_channel_id


@pytest.mark.parametrize("keep_days", [30, 0])
async def test_what_cannot_be_delivered_is_kept_and_shown_when_it_is_asked_for(
    evening: Evening, member: Member, keep_days: int
) -> None:
    standing = evening.playground.world.standing
    standing.by_users = True
    standing.strangers_to.add(int(member.id))
    async with evening.bot(member, keep_days) as service:
        asked = await member.invoke("imagine", prompt="a dot", count=2)
        waiting = await waits_too_long(evening, member, asked)
        (job,) = evening.stage.jobs
        assert f"`/job show id:{job.id}` gives it for a day" in waiting["content"]
        evening.stage.say(pictures())
        while await service.archive.owed(job.id, int(member.id)) is None:
            await member.messages()
    async with evening.bot(member, keep_days) as service:
        shown = await (await member.invoke("job show", id=job.id)).settled()
        assert shown["only_for"] == member.id
        assert len(shown["attachments"]) == 2
        assert whole(shown)
        if keep_days:
            told = await (await member.click(shown, "Info")).settled()
            assert "/imagine prompt:a dot" in told["content"]
        async with Member(evening.playground.address, "stranger") as stranger:
            refused = await (await stranger.invoke("job show", id=job.id)).settled()
            assert not refused["attachments"]
        await (await member.invoke("privacy delete")).settled()
        assert await service.archive.owed(job.id, int(member.id)) is None


async def test_a_promise_is_kept_long_after_the_interaction_is_over(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.stage.say(Interrupted())
        await asked.settled(until=lambda message: "is restarting" in message["content"])
    evening.clock.advance(3 * 3600)
    async with evening.bot(member):
        await evening.stage.job(2)
        evening.stage.say(text())
        answer = await found(member, whole)
        assert answer["id"] != (asked.message or {})["id"]
        assert answer["message_reference"]["message_id"] == (asked.message or {})["id"]
        assert answer["pings"]["users"] == []


async def test_the_notice_comes_without_news_of_the_job(
    evening: Evening, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening.bot(member):
        monkeypatch.setattr("bot.ui.destination.NOTICE_S", 0.3)
        monkeypatch.setattr("bot.ui.destination.now", __import__("time").time)
        asked = await member.invoke("complete", prompt="Once")
        await asked.settled(until=lambda message: LONGER in message["content"])
        evening.stage.say(text())
        await answered(member, asked)


async def test_an_answer_in_direct_messages_comes_late_in_direct_messages(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once", channel_id=member.dm_channel_id)
        waiting = await waits_too_long(evening, member, asked)
        evening.stage.say(text())
        answer = await found(member, whole)
        assert answer["channel_id"] == member.dm_channel_id
        assert answer["message_reference"]["message_id"] == waiting["id"]


@pytest.mark.parametrize("way", ["channel", "direct", "kept"])
async def test_late_films_have_their_list_of_those_to_leave_out(
    evening: Evening, member: Member, way: str
) -> None:
    standing = evening.playground.world.standing
    standing.by_users = way != "channel"
    if way == "kept":
        standing.strangers_to.add(int(member.id))
    films = FilmsResult(films=(Film(title="Heat (1995)", stars=4.5),))
    evening.leaves_some = True  # the clock jumps over the minute in which the notice is given
    async with evening.bot(member) as service:
        asked = await member.invoke("recommend", liked="Alien 5")
        job = await evening.stage.job()
        evening.clock.advance(16 * 60)
        evening.stage.say(Answered(result=films, timings=Timings(queued_s=0.0, run_s=1.0)))
        if way == "kept":
            async with asyncio.timeout(10):
                while await service.archive.owed(job.id, int(member.id)) is None:
                    await asyncio.sleep(0.01)
            answer = await (await member.invoke("job show", id=job.id)).settled()
        else:
            answer = await found(member, whole)
        assert answer["id"] != (asked.message or {})["id"]
        await member.select(answer, "Heat (1995)")
        job = await evening.stage.job(2)
        assert job.request == RecommendFilms(liked="Alien 5", without="Heat (1995)")
        evening.stage.say(text())


async def test_turning_the_page_of_a_late_answer_keeps_whose_it_is(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.clock.advance(16 * 60)
        evening.stage.say(text("-# small\n" + "Once upon a time. " * 250))
        answer = await found(member, lambda m: "Page 1 of" in m["content"])
        head = f"-# For <@{member.id}>, asked <t:"
        assert answer["content"].startswith(head)
        for button, page in (("▶", 2), ("▶", 3), ("◀", 2), ("◀", 1)):
            await member.click(member.seen[answer["id"]], button)
            shows = partial(shown, f"Page {page} of")
            await member.until(lambda shows=shows: shows(member.seen[answer["id"]]))
            content = member.seen[answer["id"]]["content"]
            assert content.startswith(head)
            assert content.count("For <@") == 1
        assert "\n-# small\n" in content
        async with Member(evening.playground.address, "stranger") as stranger:
            alone = await (await stranger.click(member.seen[answer["id"]], "▶")).settled()
            assert "For <@" not in alone["content"]


async def test_small_print_that_begins_an_answer_is_no_head(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        await evening.stage.job()
        evening.stage.say(text("-# small\n" + "Once upon a time. " * 250))
        answer = await asked.settled(until=lambda m: "Page 1 of" in m["content"])
        await member.click(answer, "▶")
        await member.until(lambda: "Page 2 of" in member.seen[answer["id"]]["content"])
        assert "small" not in member.seen[answer["id"]]["content"]
