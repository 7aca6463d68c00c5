"""A busy channel while workers die: every interaction is answered, once, and in time."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import bot.families
from bot.catalogue.model import Model
from bot.config import Config, Inference
from bot.playground.member import Invocation, Member
from tests.journeys.conftest import House, inhabited

TOYS = Path(__file__).parents[1] / "toy_families"
ASKED = 150
BLOW_EVERY_S = 1.0
KINDS = ("hello", "steps 10", "steps 60", "refuse", "fail", "die", "deaf 20")
WEIGHTS = (6, 6, 3, 1, 1, 1, 1)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
async def toy_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A bot whose only model is a toy that does what its prompt says."""
    monkeypatch.setattr(bot.families, "__path__", [*bot.families.__path__, str(TOYS)])
    folder = tmp_path / "toy"
    folder.mkdir()
    toy = Model(id="toy", task="complete", family="toy_echo", checkpoint=str(folder))
    limited = {"jobs_per_member": ASKED, "jobs_per_guild": ASKED, "silence_s": 2.0}
    config = Config(
        inference=Inference(threads=1, kill_grace_s=0.5, **limited),  # type: ignore[arg-type]
        model=(toy,),
    )
    environ = {
        **os.environ,
        "MENAGERIE_FAMILIES": str(TOYS),
        "MENAGERIE_CACHE": str(tmp_path / "cache"),
        "MENAGERIE_STATE": str(tmp_path / "state"),
    }
    async with inhabited(config, environ) as house:
        yield house


async def strike(house: House, chance: random.Random) -> None:
    """Kill or stop a worker now and then, for ever."""
    while True:
        await asyncio.sleep(BLOW_EVERY_S)
        if pids := list(house.application.executor.pids.values()):
            blow = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP])
            os.kill(chance.choice(pids), blow)


def is_whole(invocation: Invocation) -> bool:
    """Whether an answer is whole: its small print, or a sentence for the one who asked."""
    message = invocation.message
    return (
        message is not None
        and not message["thinking"]
        and ("-# " in message["content"] or message["ephemeral"])
    )


async def test_every_interaction_is_answered(toy_house: House) -> None:
    house = toy_house
    chance = random.Random(20261122)
    prompts = chance.choices(KINDS, weights=WEIGHTS, k=ASKED)
    async with AsyncExitStack() as stack:
        address = house.playground.address
        members = [
            await stack.enter_async_context(Member(address, persona))
            for persona in ("member", "manager", "stranger")
        ]
        await members[0].until(lambda: members[0].bot_online, 30)
        blows = asyncio.create_task(strike(house, chance))
        asked = []
        for number, prompt in enumerate(prompts):
            member = members[number % len(members)]
            asked.append(await member.invoke("complete", prompt=prompt, seed=number))
        late = max([await each.acknowledged() for each in asked])
        for each in asked:
            await each.member.until(lambda each=each: is_whole(each), 300)
        blows.cancel()
        status = house.application.service.status()
    kinds = Counter("private" if each.ephemeral else "answer" for each in asked)
    print(f"{ASKED} asked, {status.deaths} deaths, {dict(kinds)}, acknowledged in {late:.2f} s")  # noqa: T201
    assert not [each.error for each in asked if each.error]
    assert late < 3.0
    assert status.deaths >= 10
    assert (status.waiting, status.running) == (0, 0)
    for prompt, each in zip(prompts, asked, strict=True):
        if not each.ephemeral:
            assert each.content.startswith(f"echo: {prompt}")
        else:
            assert len(each.messages) == 1  # the public reply made way for the private one
    house.judge.verdict()
