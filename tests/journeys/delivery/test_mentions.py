"""Messages that mention the bot or reply to its answers are answered; it reads no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.errors import InferenceError
from bot.inference.job import Interrupted, Unanswered
from bot.playground.member import Member
from bot.playground.records import Upload
from bot.playground.standing import SEND
from bot.tasks.progress import TextSoFar
from bot.tasks.text_to_text import AnswerQuestion
from bot.ui import mentions
from tests.journeys.delivery.conftest import Evening, answered, pictures, text, whole

FRANCE = "What is the capital of France?"
OFTEN = "And how many people live there?"
PING_NOBODY = {"users": [], "roles": [], "everyone": False}


def name(evening: Evening) -> str:
    """What a mention of the bot is, as it is sent."""
    return f"<@{evening.playground.world.bot.id}>"


def replies(member: Member, said: dict[str, Any]) -> list[dict[str, Any]]:
    """What the bot replied to a message, as somebody sees it."""
    found = (m for m in member.seen.values() if m["author"].get("bot"))
    return [m for m in found if m.get("message_reference", {}).get("message_id") == said["id"]]


async def told(member: Member, said: dict[str, Any]) -> dict[str, Any]:
    """Wait for a refusal."""
    await member.until(lambda: any("At work" not in m["content"] for m in replies(member, said)))
    return replies(member, said)[0]


async def given(
    evening: Evening, member: Member, said: dict[str, Any], count: int, words: str = "Paris."
) -> dict[str, Any]:
    """Have a message, which makes the job of this number, answered with these words."""
    evening.stage.say(text(words), await evening.stage.job(count))
    await member.until(lambda: any(whole(m) for m in replies(member, said)))
    return replies(member, said)[0]


async def heard_all(evening: Evening, member: Member, *unanswered: dict[str, Any]) -> None:
    """Make sure that the bot has heard these messages, which came first, and answers none."""
    jobs = len(evening.stage.jobs)
    last = await member.say(f"{name(evening)} Last?", channel_id=member.dm_channel_id)
    await evening.stage.job(jobs + 1)
    assert len(evening.stage.jobs) == jobs + 1
    await given(evening, member, last, jobs + 1)
    here = [m for m in await member.messages() if m["author"].get("bot")]
    answered_to = {m.get("message_reference", {}).get("message_id") for m in here}
    assert answered_to.isdisjoint(message["id"] for message in unanswered)


def asked(evening: Evening) -> AnswerQuestion:
    """What the newest job is asked."""
    request = evening.stage.jobs[-1].request
    assert isinstance(request, AnswerQuestion)
    return request


def labels(message: dict[str, Any]) -> list[str]:
    return [button["label"] for row in message["components"] for button in row["components"]]


async def test_a_mention_is_answered_in_reply_and_pings_nobody(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        person = evening.playground.world.personas["stranger"]
        said = await member.say(f"Hey {name(evening)} what is <@{person.id}>'s favourite?")
        await evening.stage.job()
        assert asked(evening).question == "Hey   what is @Sam's favourite?"
        evening.stage.say(TextSoFar(text="Blue"))
        await member.until(lambda: any("Blue" in m["content"] for m in replies(member, said)))
        answer = await given(evening, member, said, 1, f"@everyone <@{member.id}> Blue.")
        assert answer["pings"] == PING_NOBODY
        assert labels(answer) == [
            "Follow up", "Again", "Vary", "Other model…", "Info", "☆", "Delete",
        ]  # fmt: skip
        assert len(replies(member, said)) == 1, "the message is edited until it is whole"


async def test_a_reply_with_a_ping_goes_on_after_a_restart_too(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        first = await given(evening, member, await member.say(f"{name(evening)} {FRANCE}"), 1)
    async with evening.bot(member):
        second = await given(evening, member, await member.say(OFTEN, reply_to=first), 2)
        assert [(t.question, t.answer) for t in asked(evening).turns] == [(FRANCE, "Paris.")]
        assert " · remembers 0 of 1 turns · " in second["content"]  # the stage remembers nothing
        assert second["content"].startswith("Paris."), "the question is in sight"
        await given(evening, member, await member.say("Why?", reply_to=second), 3)
        assert [turn.question for turn in asked(evening).turns] == [FRANCE, OFTEN]


async def test_an_answer_to_a_command_is_followed_up_by_a_reply(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        command = await member.invoke("ask", question=FRANCE)
        evening.stage.say(text("Paris."), await evening.stage.job())
        first = await answered(member, command)
        await given(evening, member, await member.say(OFTEN, reply_to=first), 2)
        assert [turn.question for turn in asked(evening).turns] == [FRANCE]


async def test_in_a_thread_a_mention_goes_on_from_what_was_asked_there(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        thread = (await member.open_thread("France"))["id"]
        said = await member.say(f"{name(evening)} {FRANCE}", channel_id=thread)
        first = await given(evening, member, said, 1)
        async with Member(member.address, "stranger") as stranger:
            said = await stranger.say(f"{name(evening)} {OFTEN}", channel_id=thread)
            await given(evening, stranger, said, 2)
            assert [turn.question for turn in asked(evening).turns] == [FRANCE]
            said = await stranger.say("Why?", reply_to=first, channel_id=thread)
            await given(evening, stranger, said, 3)
            assert [turn.question for turn in asked(evening).turns] == [FRANCE]


async def test_in_direct_messages_every_text_is_a_question(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member), Member(member.address, dm=True) as alone:
        silent = await alone.say("", [Upload("a.png", b"no picture")])
        first = await given(evening, alone, await alone.say(FRANCE), 1)
        assert not replies(alone, silent)
        said = await alone.say(OFTEN, reply_to=first, ping=False)
        await given(evening, alone, said, 2)
        assert [turn.question for turn in asked(evening).turns] == [FRANCE]
        await given(evening, alone, await alone.say(OFTEN), 3)
        assert asked(evening).turns == ()


async def test_what_is_not_meant_for_it_is_left_alone(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        command = await member.invoke("ask", question=FRANCE)
        evening.stage.say(text(), await evening.stage.job())
        answer = await answered(member, command)
        command = await member.invoke("imagine", prompt="a dot")
        evening.stage.say(pictures(), await evening.stage.job(2))
        drawn = await answered(member, command)
        await heard_all(
            evening,
            member,
            await member.say("Good evening"),
            await member.say("Ha!", reply_to=answer, ping=False),
            await member.say("Lovely", reply_to=drawn),
        )


async def test_two_bots_never_talk_to_each_other(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        people = evening.playground.world.personas
        robot = replace(people["stranger"], bot=True)
        people["stranger"] = evening.playground.world.users[robot.id] = robot
        async with Member(member.address, "stranger") as other:
            said = await other.say(f"{name(evening)} Are you one, too?")
            await heard_all(evening, member, said)


async def test_a_file_of_text_is_what_the_question_is_about(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        files = [Upload("a.txt", b"It leaves at noon."), Upload("b.md", b"From the pier.")]
        await given(evening, member, await member.say(f"{name(evening)} When?", files), 1)
        assert asked(evening).context == "It leaves at noon.\n\nFrom the pier."


@pytest.mark.parametrize(
    ("words", "files", "says"),
    [
        ("", [], "Write your question behind my name."),
        ("What is this?", [Upload("a.png", b"no")], "In a message that is meant for me I read"),
        ("What is this?", [Upload("a.txt", b"\xff\xfe")], "a.txt is not UTF-8 text."),
    ],
)
async def test_what_cannot_be_asked_is_said_for_a_while(
    words: str,
    files: list[Upload],
    says: str,
    evening: Evening,
    member: Member,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mentions, "REFUSED_FOR_S", 0.2)
    async with evening.bot(member):
        refused = await told(member, await member.say(f"{name(evening)} {words}", files))
        assert refused["content"].startswith(says)
        assert refused["pings"] == PING_NOBODY
        await member.until(lambda: refused["id"] not in member.seen)


async def test_what_fails_is_said_where_the_answer_would_be(
    evening: Evening, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mentions, "REFUSED_FOR_S", 0.2)
    async with evening.bot(member):
        said = await member.say(f"{name(evening)} {FRANCE}")
        await evening.stage.job()
        evening.stage.say(Unanswered(error=InferenceError("died", "trace", "abcd1234")))
        refused = await told(member, said)
        assert "Something went wrong on this side" in refused["content"]
        assert refused["components"] == []
        await member.until(lambda: refused["id"] not in member.seen)


async def test_nobody_goes_on_from_anothers_answer_in_a_channel(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        first = await given(evening, member, await member.say(f"{name(evening)} {FRANCE}"), 1)
        async with Member(member.address, "stranger") as stranger:
            refused = await told(stranger, await stranger.say(OFTEN, reply_to=first))
            assert refused["content"].startswith("This cannot be followed up here")


async def test_who_has_answers_alone_is_told_how(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        await (await member.invoke("preferences private", on=True)).settled()
        refused = await told(member, await member.say(f"{name(evening)} {FRANCE}"))
        assert refused["content"].startswith("You have set that you alone see your answers")
        said = await member.say(FRANCE, channel_id=member.dm_channel_id)
        await given(evening, member, said, 1)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("settings mentions", {"answers": False}),
        ("settings command", {"command": "ask", "allowed": False}),
        ("settings channel", {"channel": "", "answers": False}),
        ("settings member", {"member": "", "answers": False}),
    ],
)
async def test_where_the_server_wants_silence_there_is_silence(
    rule: str, options: dict[str, Any], evening: Evening, member: Member
) -> None:
    here = {"channel": member.channel_id, "member": member.id}
    options = {key: here[key] if value == "" else value for key, value in options.items()}
    async with evening.bot(member), Member(member.address, "manager") as manager:
        shown = await (await manager.invoke(rule, **options)).settled()
        assert "That is set." in shown["content"]
        await heard_all(evening, member, await member.say(f"{name(evening)} {FRANCE}"))
        back = {key: value is False or value for key, value in options.items()}
        shown = await (await manager.invoke(rule, **back)).settled()
        assert "Messages that mention me or reply to my answers: answered" in shown["content"]
        await given(evening, member, await member.say(f"{name(evening)} {FRANCE}"), 2)


async def test_it_speaks_the_language_of_the_one_who_asks(evening: Evening, member: Member) -> None:
    world = evening.playground.world
    german = replace(world.personas["stranger"], locale="de")
    world.personas["stranger"] = world.users[german.id] = german
    async with evening.bot(member), Member(member.address, "stranger") as stranger:
        broken = [Upload("a.txt", b"\xff")]
        before = await told(stranger, await stranger.say(f"{name(evening)} a", broken))
        assert before["content"].startswith("a.txt is not UTF-8 text.")
        await (await stranger.invoke("help")).settled()  # commands tell the language
        after = await told(stranger, await stranger.say(f"{name(evening)} a", broken))
        assert "a.txt" in after["content"]
        assert after["content"] != before["content"]


async def test_it_is_cancelled_and_deleted_by_the_one_who_asked(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member), Member(member.address, "stranger") as stranger:
        said = await member.say(f"{name(evening)} {FRANCE}")
        await evening.stage.job()
        evening.stage.say(TextSoFar(text="Par"))
        await stranger.until(lambda: any(labels(m) for m in replies(stranger, said)))
        (waiting,) = replies(stranger, said)
        refused = await (await stranger.click(waiting, "Cancel")).settled()
        assert refused["content"].startswith("Only the person who asked for this")
        await member.click(waiting, "Cancel")
        await member.until(lambda: replies(member, said)[0]["content"] == "Cancelled.")
        answer = await given(evening, member, await member.say(f"{name(evening)} {FRANCE}"), 2)
        refused = await (await stranger.click(answer, "Delete")).settled()
        assert refused["content"].startswith("Only the person who asked for this")
        await member.click(answer, "Delete")
        await member.until(lambda: answer["id"] not in member.seen)


async def test_an_answer_that_a_restart_interrupted_comes_after_it(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        said = await member.say(f"{name(evening)} {FRANCE}")
        await evening.stage.job()
        evening.stage.say(Interrupted())
        await member.until(lambda: "is restarting" in replies(member, said)[0]["content"])
        (waiting,) = replies(member, said)
    evening.clock.advance(3 * 3600)  # an ordinary message can be changed at any time
    async with evening.bot(member):
        answer = await given(evening, member, said, 2)
        assert answer["id"] == waiting["id"]
        assert answer["pings"] == PING_NOBODY


async def test_where_it_may_not_write_it_does_no_work(evening: Evening, member: Member) -> None:
    async with evening.bot(member):
        standing = evening.playground.world.standing
        standing.permissions &= ~SEND
        said = await member.say(f"{name(evening)} {FRANCE}")
        await heard_all(evening, member, said)
        standing.permissions |= SEND
        await given(evening, member, await member.say(f"{name(evening)} {FRANCE}"), 2)
