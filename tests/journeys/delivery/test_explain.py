"""What happened to a job, told to the one who asked."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.errors import InferenceError, UserError
from bot.inference.job import Expired, Unanswered
from bot.playground.member import Member
from tests.journeys.delivery.conftest import Evening, answered, text


async def explained(member: Member, job_id: str) -> dict[str, Any]:
    return await (await member.invoke("job explain", id=job_id)).settled()


async def test_what_happened_to_a_job_is_told_after_a_restart(
    evening: Evening, member: Member
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once", seed=7)
        job = await evening.stage.job()
        evening.stage.say(text(stopped_by="length"))
        answer = await answered(member, asked)
    async with evening.bot(member):
        told = await explained(member, job.id)
        assert told["only_for"] == member.id
        for fact in (
            "/complete was asked <t:",
            "the model `tiny-complete`",
            "It waited 2.0 s for its turn",
            "ran for 1.0 s",
            "Worker 2 answered it.",
            "in one batch with others: 3 jobs",
            "Its worker died 1 time; another one took the job over.",
            "cut off after 4 tokens",
            "Its seed was 7",
        ):
            assert fact in told["content"]
        info = await (await member.click(answer, "Info")).settled()
        assert "/complete prompt:Once" in info["content"]
        assert told["content"] in info["content"]

        async with Member(evening.playground.address, "stranger") as stranger:
            refused = await explained(stranger, job.id)
            assert refused["content"].startswith("Only the person who asked")
        unknown = await explained(member, "00000000")
        assert unknown["content"].startswith("There is no such job")


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (
            Unanswered(error=UserError("{word!r} is too much for {n}.", word="Once", n=5)),
            "It failed: '…' is too much for 5.",
        ),
        (Unanswered(error=InferenceError("broken", "1f2e3d4c")), "It failed. Whoever runs the bot"),
        (Expired(limit_s=60.0), "Its time was up"),
    ],
)
async def test_why_there_was_no_answer_is_explained_too(
    evening: Evening, member: Member, outcome: Any, why: str
) -> None:
    async with evening.bot(member):
        asked = await member.invoke("complete", prompt="Once")
        job = await evening.stage.job()
        evening.stage.say(outcome)
        await asked.settled(until=lambda message: message["ephemeral"])
        told = await explained(member, job.id)
        assert why in told["content"]
        assert not re.search("waited|Worker", told["content"])
        shown = await (await member.invoke("job show", id=job.id)).settled()
        assert ("It failed: " in shown["content"]) == ("It failed: " in why)
        assert "/complete prompt:Once" in shown["content"]
