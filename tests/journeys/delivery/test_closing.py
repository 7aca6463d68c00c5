"""What members set off is over when the bot has closed: nothing uses the store after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot import client
from bot.playground.member import Member
from bot.service import Service
from tests.journeys.delivery.conftest import Evening, answered, text


async def starring(
    evening: Evening, member: Member, service: Service, patch: pytest.MonkeyPatch, star: Any
) -> None:
    """Press the star below an answer; return when the bot is about to write it down."""
    asked = await member.invoke("complete", prompt="Once")
    await evening.stage.job()
    evening.stage.say(text())
    answer = await answered(member, asked)
    begun = asyncio.Event()

    async def slow(job_id: str, user_id: int) -> bool:
        begun.set()
        return bool(await star(job_id, user_id))

    patch.setattr(service.gallery, "star", slow)
    await member.click(answer, "☆")
    await asyncio.wait_for(begun.wait(), 10)


async def test_what_a_button_does_is_waited_for(
    evening: Evening, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    async with evening.bot(member) as service:
        really = service.gallery.star

        async def star(job_id: str, user_id: int) -> bool:
            await asyncio.sleep(0.3)  # so long that the bot closes meanwhile
            given.append(await really(job_id, user_id))
            return given[-1]

        await starring(evening, member, service, monkeypatch, star)
    assert given == [True]


async def test_what_does_not_end_is_cancelled(
    evening: Evening, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LAST_WORDS_S", 0.1)
    ended = []
    evening.leaves_some = True
    async with evening.bot(member) as service:

        async def star(job_id: str, user_id: int) -> bool:
            try:
                return await asyncio.Event().wait()
            finally:
                ended.append(job_id)

        await starring(evening, member, service, monkeypatch, star)
    assert ended == [evening.stage.jobs[0].id]
