"""What goes wrong with models, workers and the forkserver, and who is told what of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from bot.catalogue.model import Model
from bot.errors import InferenceError, UserError
from bot.inference import local
from bot.inference.job import Answered, Cancelled, Job, Outcome, Unanswered
from bot.inference.local import LocalExecutor
from bot.inference.residency import Place
from bot.tasks.progress import Loading, Progress, Started, TextSoFar
from tests.inference.conftest import COUNTER, ECHO, MakeJob, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
News = AsyncIterator[Progress | Outcome]
EIGHT = msgspec.structs.replace(COUNTER, id="eight", slots=8)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[LocalExecutor]:
    async with running() as executor:
        yield executor


def echo(id: str) -> Model:
    return msgspec.structs.replace(ECHO, id=id)


async def whole(news: News) -> list[Progress | Outcome]:
    return [item async for item in news]


async def outcome_of(executor: LocalExecutor, job: Job) -> Outcome:
    return (await whole(executor.submit(job)))[-1]  # type: ignore[return-value]


def answer(outcome: Progress | Outcome) -> str:
    assert isinstance(outcome, Answered), outcome
    return outcome.result.text  # type: ignore[union-attr]


def refusal(outcome: Progress | Outcome) -> str:
    assert isinstance(outcome, Unanswered), outcome
    assert isinstance(outcome.error, UserError), outcome
    return str(outcome.error)


async def answer_to(executor: LocalExecutor, job: Job) -> str:
    return answer(await outcome_of(executor, job))


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def heard(news: News, kind: type) -> None:
    """Take the news until the first of a kind."""
    async for item in news:
        if isinstance(item, kind):
            return
    raise AssertionError(f"no {kind.__name__} came")


def counted(first: int, tokens: int) -> str:
    return " ".join(str(first + n) for n in range(1, tokens + 1))


# Who asks the same.


async def test_the_same_asked_at_once_runs_once(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path
) -> None:
    tally = f"tally {tmp_path / 'runs'}"
    outcomes = await asyncio.gather(
        *(outcome_of(executor, job(tally, member=member)) for member in range(6))
    )
    assert [answer(outcome) for outcome in outcomes] == [f"echo: {tally}"] * 6
    assert (tmp_path / "runs").read_text() == "run\n"
    assert await answer_to(executor, job(tally)) == f"echo: {tally}"
    assert (tmp_path / "runs").read_text() == "run\nrun\n", "what has ended is not shared"
    assert executor.status().running == 0


async def test_another_seed_is_another_run(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path
) -> None:
    tally = f"tally {tmp_path / 'runs'}"
    asked = [replace(job(tally), seed=seed) for seed in range(3)]
    await asyncio.gather(*(answer_to(executor, each) for each in asked))
    assert (tmp_path / "runs").read_text() == "run\n" * 3


@pytest.mark.parametrize("leaver", [0, 1], ids=["who asked first", "who came later"])
async def test_who_leaves_takes_nothing_from_those_who_stay(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path, leaver: int
) -> None:
    asked = [job(f"tally {tmp_path / 'runs'}", member=member) for member in (1, 2)]
    news = [executor.submit(each) for each in asked]
    await heard(news[0], Started)
    executor.cancel(asked[leaver].id)
    executor.cancel(asked[leaver].id)  # whoever is gone is left alone
    ends = [(await whole(each))[-1] for each in news]
    assert ends[leaver] == Cancelled()
    assert answer(ends[1 - leaver]).startswith("echo: tally")
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_when_all_have_left_the_run_stops(executor: LocalExecutor, job: MakeJob) -> None:
    before = executor.status().deaths
    asked = [job("steps 1000", member=member) for member in (1, 2)]
    news = [executor.submit(each) for each in asked]
    await heard(news[0], Started)
    for each in asked:
        executor.cancel(each.id)
    assert [(await whole(each))[-1] for each in news] == [Cancelled(), Cancelled()]
    assert await answer_to(executor, job("hello")) == "echo: hello"
    assert executor.status().deaths == before


# Poison.


async def test_known_poison_is_refused_at_once(executor: LocalExecutor, job: MakeJob) -> None:
    before = executor.status().deaths
    assert "stopped two workers" in refusal(await outcome_of(executor, job("die")))
    for again in (job("die", member=2), replace(job("die"), seed=7)):
        with pytest.raises(UserError, match="a while ago"):
            executor.submit(again)
    assert executor.status().deaths == before + 2
    assert executor.status().running == 0


async def test_poison_in_a_batch_costs_its_seven_neighbours_nothing(
    executor: LocalExecutor, job: MakeJob
) -> None:
    before = executor.status().deaths
    await answer_to(executor, job("0", EIGHT))
    poison = job("650", EIGHT, max_tokens=40)
    firsts = [100 + 10 * n for n in range(7)]
    innocents = [job(str(n), EIGHT, member=n, max_tokens=40) for n in firsts]
    outcome, *texts = await asyncio.gather(
        outcome_of(executor, poison), *(answer_to(executor, each) for each in innocents)
    )
    assert "stopped two workers" in refusal(outcome)
    assert texts == [counted(first, 40) for first in firsts]
    assert executor.status().deaths <= before + 2


async def test_a_row_that_cannot_be_sampled_fails_alone(
    executor: LocalExecutor, job: MakeJob
) -> None:
    before = executor.status().deaths
    sick = job("770", EIGHT, max_tokens=40, temperature=0.01)
    well = [job(str(n), EIGHT, max_tokens=20) for n in (100, 200, 300)]
    outcome, *texts = await asyncio.gather(
        outcome_of(executor, sick), *(answer_to(executor, each) for each in well)
    )
    assert isinstance(outcome, Unanswered)
    assert isinstance(outcome.error, InferenceError)
    assert texts == [counted(first, 20) for first in (100, 200, 300)]
    assert executor.status().deaths == before
    assert await answer_to(executor, job("400", EIGHT)) == counted(400, 5), "its slot is free"


async def test_the_coldest_temperature_is_answered(executor: LocalExecutor, job: MakeJob) -> None:
    assert await answer_to(executor, job("7", COUNTER, temperature=1e-38)) == counted(7, 5)


async def test_half_a_character_is_refused_and_leaves_nothing_behind(
    executor: LocalExecutor, job: MakeJob
) -> None:
    with pytest.raises(UserError, match="half a character"):
        executor.submit(job("\ud800"))
    assert executor.status().running == 0
    assert executor.status().waiting == 0
    assert await answer_to(executor, job("hello")) == "echo: hello"


# Loading.


async def test_cancelling_what_waits_for_its_model_costs_the_next_nothing(
    executor: LocalExecutor, job: MakeJob
) -> None:
    before = executor.status().deaths
    slow = msgspec.structs.replace(ECHO, id="slow", slots=4)
    asked = [job(f"steps {n}", slow) for n in range(1, 5)]
    news = [executor.submit(each) for each in asked]
    await heard(news[0], Loading)
    for each in asked:
        executor.cancel(each.id)
    assert [(await whole(each))[-1] for each in news] == [Cancelled()] * 4
    texts = await asyncio.gather(*(answer_to(executor, job(f"{n}", slow)) for n in range(4)))
    assert texts == [f"echo: {n}" for n in range(4)]
    assert executor.status().deaths == before


async def test_a_job_that_comes_while_its_model_leaves_has_it_loaded_again(
    job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders to unload and to load, and the job, wait in the worker at the same time."""
    monkeypatch.setattr(local, "TICK_S", 0.02)
    async with running(workers=1, idle_unload_s=0.1) as executor:
        assert await answer_to(executor, job("hello")) == "echo: hello"
        loading = job("hello", echo("slow"))
        news = executor.submit(loading)
        await heard(news, Loading)
        executor.cancel(loading.id)
        await until(lambda: executor.status().models == {1: ("slow",)})
        assert await answer_to(executor, job("again")) == "echo: again"
        assert executor.status().deaths == 0


async def test_a_model_named_twice_is_loaded_once(job: MakeJob) -> None:
    async with running(workers=1) as executor:
        executor.preload([COUNTER, ECHO, COUNTER])
        await until(lambda: executor.status().models == {1: ("counter", "echo")})
        news = await whole(executor.submit(job("hello")))
        assert answer(news[-1]) == "echo: hello"
        assert executor.status().deaths == 0


async def test_what_somebody_waits_for_comes_before_what_is_loaded_early(job: MakeJob) -> None:
    """The job came before the worker was up, and its model is not among those loaded first."""
    loaded: list[str] = []
    async with running(workers=1) as executor:
        begin = executor._loader.load

        def load(worker_id: int, model: Model, busy: Collection[Place]) -> None:
            loaded.append(model.id)
            begin(worker_id, model, busy)

        executor._loader.load = load  # type: ignore[method-assign]
        executor.preload([COUNTER, ECHO])
        assert await answer_to(executor, job("hello")) == "echo: hello"
        await until(lambda: len(loaded) == 2)
    assert loaded == ["echo", "counter"]


async def test_a_model_that_fails_twice_is_left_alone_for_a_while(
    executor: LocalExecutor, job: MakeJob
) -> None:
    broken = echo("broken")
    for _ in range(2):
        outcome = await outcome_of(executor, job("hello", broken))
        assert isinstance(outcome, Unanswered)
        assert isinstance(outcome.error, InferenceError)
    with pytest.raises(UserError, match=r"could not be loaded just now; it is tried again in"):
        executor.submit(job("hello", broken))
    assert executor.status().running == 0
    assert await answer_to(executor, job("hello")) == "echo: hello"
    await asyncio.sleep(local.LOAD_PAUSES_S[1])
    assert isinstance(await outcome_of(executor, job("hello", broken)), Unanswered)


async def test_memory_that_ran_out_once_is_made_and_tried_again(
    job: MakeJob, tmp_path: Path
) -> None:
    async with running(workers=1, folder=tmp_path) as executor:
        tight = msgspec.structs.replace(ECHO, id="tight", slots=4)
        await answer_to(executor, job("hello"))
        texts = await asyncio.gather(*(answer_to(executor, job(f"{n}", tight)) for n in range(4)))
        assert texts == [f"echo: {n}" for n in range(4)]
        assert (tmp_path / "tried").exists()
        assert executor.status().models == {1: ("tight",)}, "everything else was put away"
        assert executor.status().deaths == 0


async def test_a_model_that_never_fits_is_refused(executor: LocalExecutor, job: MakeJob) -> None:
    outcome = await outcome_of(executor, job("hello", echo("huge")))
    assert "does not fit into this machine's memory" in refusal(outcome)
    assert await answer_to(executor, job("hello")) == "echo: hello"


async def test_what_nobody_uses_is_unloaded(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TICK_S", 0.05)
    async with running(workers=1, idle_unload_s=0.3, pin=("counter",)) as executor:
        await answer_to(executor, job("1", COUNTER))
        assert await answer_to(executor, job("hello")) == "echo: hello"
        await until(lambda: executor.status().models == {1: ("counter",)})
        assert await answer_to(executor, job("again")) == "echo: again"
        assert await answer_to(executor, job("steps 60")) == "echo: steps 60"


# Workers.


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_unloading_beneath_a_cancelled_row_leaves_the_worker_idle(job: MakeJob) -> None:
    async with running(workers=1, kill_grace_s=30.0) as executor:
        counting = job("0", COUNTER, max_tokens=900)
        news = executor.submit(counting)
        await heard(news, TextSoFar)
        executor.cancel(counting.id)
        executor._loader.unload_idle(1e-9, ())
        assert (await whole(news))[-1] == Cancelled()
        (pid,) = executor.pids.values()
        before = cpu_s(pid)
        await asyncio.sleep(0.5)
        assert cpu_s(pid) - before < 0.1
        assert await answer_to(executor, job("7", COUNTER)) == counted(7, 5)
        assert executor.status().deaths == 0


async def test_a_stopped_worker_is_replaced(job: MakeJob) -> None:
    async with running(workers=1, silence_s=1.0) as executor:
        await answer_to(executor, job("hello"))
        (pid,) = executor.pids.values()
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(10):
            assert await answer_to(executor, job("again")) == "echo: again"
        assert pid not in executor.pids.values()
        assert executor.status().deaths == 1


async def test_the_bot_s_own_pause_kills_nobody(job: MakeJob) -> None:
    async with running(workers=2, silence_s=0.3) as executor:
        await answer_to(executor, job("hello"))
        await until(lambda: executor.status().workers == 2)
        for _ in range(3):
            time.sleep(1.0)  # noqa: ASYNC251 - so it is for workers when the bot is stopped
            await asyncio.sleep(0.2)
        assert executor.status().deaths == 0
        assert await answer_to(executor, job("again")) == "echo: again"


@pytest.mark.slow
async def test_the_pool_recovers_from_a_stopped_forkserver(job: MakeJob) -> None:
    async with running(workers=2) as executor:
        await until(lambda: executor.status().workers == 2)
        os.kill(executor.forkserver_pid, signal.SIGSTOP)
        victim = executor.pids[1]
        os.kill(victim, signal.SIGKILL)
        assert await answer_to(executor, job("hello")) == "echo: hello", "the other works on"
        await asyncio.sleep(0.2)
        os.kill(executor.forkserver_pid, signal.SIGCONT)
        await until(lambda: executor.status().deaths == 1 and executor.status().workers == 2)
        assert len(executor.pids) == 2
        assert victim not in executor.pids.values()
        texts = await asyncio.gather(*(answer_to(executor, job(f"steps {n}")) for n in range(8)))
        assert texts == [f"echo: steps {n}" for n in range(8)]


@pytest.mark.slow
async def test_the_forkserver_may_die_again_and_again(job: MakeJob) -> None:
    async with running(workers=2) as executor:
        for number in range(2):
            assert await answer_to(executor, job(f"{number}")) == f"echo: {number}"
            os.kill(executor.forkserver_pid, signal.SIGKILL)
            await until(lambda: executor.status().workers == 0)
        await until(lambda: executor.status().workers == 2)
        for pid in executor.pids.values():
            os.kill(pid, 0)  # each is a process of ours


async def test_a_worker_that_leaks_is_replaced_and_others_are_answered(job: MakeJob) -> None:
    """The budget is for what workers load: what their libraries take does not count."""
    async with running(workers=2, silence_s=1.0, memory_budget_mb=50) as executor:
        leak, others = job("leak 200"), [job(f"steps {n}", member=2) for n in range(20, 30)]
        outcome, *texts = await asyncio.gather(
            outcome_of(executor, leak), *(answer_to(executor, each) for each in others)
        )
        assert "stopped two workers" in refusal(outcome)
        assert texts == [f"echo: steps {n}" for n in range(20, 30)]
        assert executor.status().deaths == 2
