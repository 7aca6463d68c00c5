"""A job whose worker died goes on behind what it had written; preparing gives way to everyone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from bot import machine
from bot.catalogue.model import Model
from bot.config import Inference
from bot.inference import preparing, wire
from bot.inference.job import Answered
from bot.inference.local import LocalExecutor
from bot.inference.preparing import Preparing
from tests.inference.conftest import COUNTER, RELAY, MakeJob, running
from tests.inference.test_local import outcome_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[LocalExecutor]:
    async with running(workers=1) as executor:
        yield executor


@pytest.fixture
def orders(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> list[wire.RunJob]:
    """Return what workers are told to run, as it happens."""
    told: list[wire.RunJob] = []
    send = executor._pool.send

    def noted(worker_id: int, message: Any) -> None:
        if isinstance(message, wire.RunJob):
            told.append(message)
        send(worker_id, message)

    monkeypatch.setattr(executor._pool, "send", noted)
    return told


async def test_tokens_that_were_told_are_not_written_again(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path, orders: list[wire.RunJob]
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    outcome = await outcome_of(executor, job(f"37 {armed}", COUNTER, max_tokens=9))
    assert isinstance(outcome, Answered)
    assert outcome.result.text == "38 39 40 41 42 43 44 45 46"  # type: ignore[union-attr]
    first, second = orders
    assert first.written == wire.Written()
    told = second.written.tokens[0]  # what was told last before the death
    assert told
    assert told == tuple(range(38, 43))[: len(told)]


async def test_rows_that_are_whole_are_not_written_again_and_others_go_on(
    executor: LocalExecutor, job: MakeJob, tmp_path: Path, orders: list[wire.RunJob]
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    # two at once: while the first is written, two others are, and the fourth dies
    prompt = f"1,20,30,40 {armed}"
    outcome = await outcome_of(executor, job(prompt, RELAY, max_tokens=12))
    assert isinstance(outcome, Answered)
    rows = [" ".join(map(str, range(n + 1, n + 13))) for n in (1, 20, 30, 40)]
    assert outcome.result.text == " | ".join(rows)  # type: ignore[union-attr]
    written = orders[1].written
    assert [(row.number, row.text.strip()) for row in written.rows] == [*enumerate(rows[:2])]
    assert set(written.tokens) <= {2, 3}
    assert written.tokens.get(2, ()) == tuple(range(31, 43))[: len(written.tokens.get(2, ()))]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a script in the exporter's place that notes how it was called, and ends as it is told."""
    module = tmp_path / "stand_in"
    module.mkdir()
    (module / "__init__.py").touch()
    note = tmp_path / "asked.txt"
    (module / "__main__.py").write_text(
        f"import pathlib, sys\npathlib.Path({str(note)!r}).write_text(' '.join(sys.argv[1:]))\n"
        "sys.exit(int(sys.argv[1].rpartition('-')[2]))\n"
    )
    monkeypatch.setattr(preparing, "MODULE", "stand_in")
    monkeypatch.setattr(preparing, "QUIET_S", 0.02)
    monkeypatch.setattr(preparing, "LOOK_S", 0.01)
    return note


def preparing_in(
    folder: Path | None,
    status: int,
    *,
    idle: list[bool],
    checkpoint: Path | None = None,
    **settings: Any,
) -> Preparing:
    environ = {**os.environ, "PYTHONPATH": str(folder or ""), "MENAGERIE_THREADS": "1"}
    place = checkpoint or Path(f"checkpoint-{status}")
    return Preparing(
        folder, lambda _: place, environ, Inference(**settings), is_idle=lambda: all(idle)
    )


MODEL = Model(id="writer", task="complete", family="causal_lm", checkpoint="none")


async def test_a_model_is_prepared_once_nobody_asks(asked: Path, tmp_path: Path) -> None:
    idle, done = [False], asyncio.Queue[str]()
    prepares = preparing_in(tmp_path, 0, idle=idle)
    prepares.done = done.put_nowait
    prepares.want(MODEL)
    prepares.want(MODEL)
    await asyncio.sleep(0.2)
    assert not asked.exists()
    idle[0] = True
    assert await asyncio.wait_for(done.get(), 20) == "writer"
    assert asked.read_text() == f"checkpoint-0 {tmp_path / 'writer'} 1"
    asked.unlink()
    prepares.want(MODEL)
    await asyncio.sleep(0.1)
    assert not asked.exists()
    await prepares.close()


@pytest.mark.parametrize("status", [1, 3])
async def test_what_cannot_be_prepared_is_left_alone(
    status: int, asked: Path, tmp_path: Path
) -> None:
    done: list[str] = []
    prepares = preparing_in(tmp_path, status, idle=[True])
    prepares.done = done.append
    prepares.want(MODEL)
    async with asyncio.timeout(20):
        while not asked.exists():
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert done == []
    await prepares.close()


async def test_without_a_folder_nothing_is_prepared(asked: Path) -> None:
    prepares = preparing_in(None, 0, idle=[True])
    prepares.want(MODEL)
    await asyncio.sleep(0.1)
    assert not asked.exists()
    await prepares.close()


async def started(pid: Path) -> int:
    """Wait until a stand-in has written its process id; return it."""
    async with asyncio.timeout(20):
        while not (pid.exists() and pid.read_text()):
            await asyncio.sleep(0.02)
    return int(pid.read_text())


def is_alive(pid: int) -> bool:
    try:
        return sys.executable in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("deaf", [False, True], ids=["tidy", "deaf"])
async def test_closing_ends_what_is_under_way_and_lets_it_tidy_up(
    deaf: bool, tmp_path: Path, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "GRACE_S", 0.5 if deaf else 10.0)
    pid, tidied = tmp_path / "pid", tmp_path / "tidied"
    (tmp_path / "stand_in" / "__main__.py").write_text(
        "import os, pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: {deaf} or sys.exit(1))\n"
        f"try:\n    pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n    time.sleep(60)\n"
        f"finally:\n    pathlib.Path({str(tidied)!r}).touch()\n"
    )
    prepares = preparing_in(tmp_path, 0, idle=[True])
    prepares.want(MODEL)
    child = await started(pid)
    await prepares.close()
    assert not is_alive(child)
    assert tidied.exists() is not deaf


async def test_what_cannot_be_started_keeps_nobody_else_from_it(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, idle = asyncio.Queue[str](), [True]
    prepares = preparing_in(tmp_path, 0, idle=idle)
    prepares.done = done.put_nowait
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        prepares.want(MODEL)
        await asyncio.sleep(0.3)
        idle[0] = False
    prepares.want(msgspec.structs.replace(MODEL, id="another"))
    idle[0] = True
    assert await asyncio.wait_for(done.get(), 20) == "another"
    await prepares.close()


async def test_closing_never_fails_for_what_went_wrong_before(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    prepares = preparing_in(tmp_path, 0, idle=[True])
    prepares.want(MODEL)
    await asyncio.sleep(0.3)
    await prepares.close()
    assert not asked.exists()


@pytest.mark.parametrize("budget_mb", [900, 400], ids=["tight", "roomy"])
@pytest.mark.parametrize("params", [12_000_000, None], ids=["params", "files"])
async def test_only_memory_beside_the_models_budget_is_taken(
    params: int | None,
    budget_mb: int,
    asked: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "memory_mb", lambda: 1000)
    checkpoint = tmp_path / "files-0"
    checkpoint.mkdir()
    for name in ("model.safetensors", "pytorch_model.bin"):  # the same weights twice
        with (checkpoint / name).open("wb") as file:
            file.truncate(24_000_000)  # of two bytes each, at least
    prepares = preparing_in(
        tmp_path, 0, idle=[True], checkpoint=checkpoint, memory_budget_mb=budget_mb
    )
    done = asyncio.Queue[str]()
    prepares.done = done.put_nowait
    prepares.want(msgspec.structs.replace(MODEL, params=params))  # 288 MB
    if budget_mb == 400:
        assert await asyncio.wait_for(done.get(), 20) == "writer"
    else:
        await asyncio.sleep(0.3)
        assert not asked.exists()
    await prepares.close()
