"""A restart in the middle: what was promised before it is answered after it, in the same place."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bot.playground.member import Invocation, Member
from bot.playground.server import Playground
from tests.journeys.restarts.conftest import a_bot

pytestmark = pytest.mark.timeout(180)

RESTARTING = "The bot is restarting; the answer comes when it is back."
LONG = {"prompt": "Once upon a time there was", "max_tokens": 60, "seed": 2}  # it does go on


def promises(environ: dict[str, str]) -> int:
    """How many promises the store holds."""
    engine = create_engine(f"sqlite:///{environ['MENAGERIE_STATE']}/menagerie.db")
    with engine.connect() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM promises")).scalar_one()
    engine.dispose()
    return count


def shown(asked: Invocation) -> list[str]:
    """The texts that were seen growing."""
    contents = [update["content"] for update in asked.updates]
    return [content.removesuffix(" ▌") for content in contents if content.endswith(" ▌")]


async def streams(member: Member, *asked: Invocation) -> None:
    """Wait until more of one of the texts is seen."""
    before = [len(shown(each)) for each in asked]
    await member.until(lambda: [len(shown(each)) for each in asked] != before, 60)


@pytest.mark.parametrize("restarts", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_a_restart_costs_nobody_the_answer(
    playground: Playground, member: Member, environ: dict[str, str], restarts: int
) -> None:
    async with a_bot(playground, member, environ):
        running = await member.invoke("complete", **LONG)
        await running.acknowledged()
        queued = await member.invoke("complete", **{**LONG, "seed": 3})
        await streams(member, running)
        await member.until(lambda: queued.content.startswith("Next in the queue"), 30)
    for asked in (running, queued):
        assert asked.content == RESTARTING
        assert not (asked.message or {})["components"]
    assert promises(environ) == 2

    if restarts == 2:
        async with a_bot(playground, member, environ):
            await streams(member, running, queued)  # promises are kept in any order
        assert (running.content, queued.content) == (RESTARTING, RESTARTING)
        assert promises(environ) == 2

    async with a_bot(playground, member, environ):
        for asked in (running, queued):
            await asked.settled(90, until=lambda message: "-# " in message["content"])
    for asked, seed in ((running, 2), (queued, 3)):
        (message,) = asked.messages
        final = message["content"].partition("\n-# ")[0]
        assert f"seed {seed}" in message["content"]
        assert len(final) > 100
        assert all(final.startswith(text) for text in shown(asked))
        assert sum("-# " in update["content"] for update in asked.updates) == 1
    assert shown(running)
    assert promises(environ) == 0


@pytest.mark.slow
async def test_a_deleted_message_needs_no_answer_and_hinders_no_other(
    playground: Playground, member: Member, environ: dict[str, str]
) -> None:
    async with a_bot(playground, member, environ):
        gone = await member.invoke("complete", **LONG)
        kept = await member.invoke("complete", **{**LONG, "seed": 3, "max_tokens": 20})
        await streams(member, gone)
    identity = int((gone.message or {})["id"])
    playground.world.delete(playground.world.messages[identity])
    async with a_bot(playground, member, environ):
        await kept.settled(90, until=lambda message: "-# " in message["content"])
    assert gone.message is None
    assert promises(environ) == 0


async def test_a_promise_that_cannot_be_kept_is_explained_to_the_one_who_asked(
    playground: Playground, member: Member, environ: dict[str, str], tmp_path: Path
) -> None:
    async with a_bot(playground, member, environ):
        asked = await member.invoke("complete", **LONG)
        await streams(member, asked)
    environ = {**environ, "MENAGERIE_CACHE": str(tmp_path / "empty")}
    async with a_bot(playground, member, environ):
        await member.until(lambda: asked.ephemeral, 30)
    assert "is not on this machine" in asked.content
    assert len(asked.messages) == 1
    assert promises(environ) == 0
