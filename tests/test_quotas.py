"""Seconds of computing are counted over a day; who has none left is told when to come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.catalogue.model import Model
from bot.config import Fairness
from bot.errors import UserError
from bot.inference.job import Job, Timings
from bot.quotas import Quotas, summed
from bot.store.notes import Notes
from bot.store.store import Store
from bot.tasks.caller import OPERATOR, Caller
from bot.tasks.text_to_text import CompleteText

MODEL = Model(id="gpt2", task="complete", family="causal_lm")
ME, FRIEND = Caller(user_id=1, guild_id=9), Caller(user_id=2, guild_id=9)
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path / "menagerie.db") as store:
        yield store


async def answered(store: Store, id: str, caller: Caller, seconds: float | None) -> None:
    request = CompleteText(prompt="x")
    await store.record(Job(id=id, request=request, model=MODEL, seed=1, caller=caller))
    timings = None if seconds is None else Timings(queued_s=0.0, run_s=seconds)
    await store.settle(id, "done" if timings else "failed", timings)


def test_what_was_used_is_summed_and_comes_back_a_day_after_it_was_asked() -> None:
    rows = [(NOON, 30.0), (NOON + HOUR, 40.0), (NOON + 2 * HOUR, 50.0)]
    assert summed(rows, 0.0).free_at is None
    assert summed(rows, 121.0).free_at is None
    assert summed(rows, 120.0).free_at == NOON + dt.timedelta(days=1)
    assert summed(rows, 60.0).free_at == NOON + HOUR + dt.timedelta(days=1)
    assert summed([], 10.0).jobs == 0


async def test_a_member_who_has_used_all_is_refused_until_there_is_more(store: Store) -> None:
    clock = Clock()
    quotas = Quotas(Notes(store.engine), Fairness(member_seconds_per_day=10.0), clock)
    await answered(store, "a", ME, 6.0)
    await quotas.check(ME, "complete")
    await answered(store, "b", ME, 5.0)
    with pytest.raises(UserError, match=r"11 s of computing .* the limit is 10 s\. Ask again <t:"):
        await quotas.check(ME, "complete")
    await quotas.check(FRIEND, "complete")
    await quotas.check(OPERATOR, "complete")
    clock.now += dt.timedelta(days=1, seconds=5)
    await quotas.check(ME, "complete")


async def test_a_job_that_fails_costs_nothing(store: Store) -> None:
    quotas = Quotas(Notes(store.engine), Fairness(member_seconds_per_day=1.0))
    await answered(store, "a", ME, None)
    await quotas.check(ME, "complete")
    assert (await quotas.of_member(ME.user_id)).used_s == 0.0


async def test_a_server_shares_its_time(store: Store) -> None:
    quotas = Quotas(Notes(store.engine), Fairness(guild_seconds_per_day=10.0))
    await answered(store, "a", FRIEND, 12.0)
    with pytest.raises(UserError, match="This server: 12 s"):
        await quotas.check(ME, "complete")
    await quotas.check(Caller(user_id=1), "complete")  # in direct messages
    use = await quotas.of_guild(9)
    assert (use.used_s, use.limit_s, use.jobs, use.spent) == (12.0, 10.0, 1, True)


async def test_between_two_of_the_same_there_is_a_pause() -> None:
    clock = Clock()
    quotas = Quotas(None, Fairness(cooldown_s=30.0), clock)
    await quotas.check(ME, "imagine")
    await quotas.check(ME, "complete")
    await quotas.check(FRIEND, "imagine")
    with pytest.raises(UserError, match="the pause between two is 30 s"):
        await quotas.check(ME, "imagine")
    clock.now += dt.timedelta(seconds=30)
    await quotas.check(ME, "imagine")
