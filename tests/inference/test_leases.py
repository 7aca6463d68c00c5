"""The cores are lent to whoever is at work, and never twice."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bot import machine
from bot.inference.job import Answered
from bot.inference.leases import Leases
from tests.inference.conftest import MakeJob, running


@given(
    cores=st.integers(1, 64),
    rounds=st.lists(st.sets(st.integers(1, 8)), min_size=1),
)
def test_busy_threads_never_exceed_the_cores(cores: int, rounds: list[set[int]]) -> None:
    lent: dict[int, int] = {}
    leases = Leases(cores, lent.__setitem__)
    for at_work in rounds:
        leases.share(at_work)
        assert all(lent[worker] >= 1 for worker in at_work)
        assert sum(lent[worker] for worker in at_work) <= max(cores, len(at_work))
        if len(at_work) == 1:
            assert [lent[worker] for worker in at_work] == [cores]


def test_only_what_changes_is_told() -> None:
    told: list[tuple[int, int]] = []
    leases = Leases(4, lambda worker, threads: told.append((worker, threads)))
    for at_work in ({1}, {1}, {1, 2}, {1, 2}, {2}, set[int](), {2}):
        leases.share(at_work)
    assert told == [(1, 4), (1, 2), (2, 2), (2, 4)]
    leases.worker_gone(2)
    leases.share({2})
    assert told[-1] == (2, 4)
    assert len(told) == 5


def test_fixed_threads_are_not_lent() -> None:
    told: list[int] = []
    Leases(0, lambda worker, threads: told.append(worker)).share({1, 2})
    assert told == []


async def test_a_worker_alone_has_all_cores_and_gives_some_up_to_another(job: MakeJob) -> None:
    async with running(threads=0, give_way=False) as executor:
        while executor.status().workers < 2:
            await asyncio.sleep(0.05)
        alone = await answered(executor, job("threads 5"))
        assert alone == [machine.cores()]
        first, second = await asyncio.gather(
            answered(executor, job("threads 60")), answered(executor, job("threads 20"))
        )
        share = max(1, machine.cores() // 2)
        assert second == [share]
        assert share in first
        assert first[-1] == machine.cores()  # the other is done, and its cores are back


async def test_configured_threads_stay(job: MakeJob) -> None:
    async with running(threads=3) as executor:
        assert await answered(executor, job("threads 5")) == [3]


async def answered(executor, one) -> list[int]:  # type: ignore[no-untyped-def]
    outcome = [news async for news in executor.submit(one)][-1]
    assert isinstance(outcome, Answered), outcome
    text = outcome.result.text.removeprefix("echo: ")
    return [int(word) for word in text.split() if word.isdigit()]
