"""Fetches of a running bot: processes of their own, one at a time, stopped and taken up again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import is_present, verify
from bot.catalogue.fetches import Fetch, Fetched, Fetches, NotFetched, Stopped
from bot.catalogue.model import Model
from tests.catalogue.fakehub import Repositories, served

FILES = {"config.json": b"{}", "merges.txt": b"a b", "model.safetensors": b"w" * 50_000}
LIMIT_S = 60.0


@pytest.fixture
def hub() -> Repositories:
    return Repositories({"openai-community/gpt2": FILES, "distilbert/distilgpt2": FILES})


@pytest.fixture(autouse=True)
def reached(
    hub: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Repositories]:
    """Let the hub's client find ours."""
    with served(hub) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def gpt2(name: str = "gpt2") -> Model:
    return Catalogue.load().get(name)


async def downloading(fetch: Fetch, hub: Repositories) -> None:
    """Wait until the weights are on their way."""
    async with asyncio.timeout(LIMIT_S):
        while "GET model.safetensors" not in hub.asked:
            assert fetch.end is None
            await fetch.wait(0.05)


async def test_a_checkpoint_comes_whole_and_those_who_wait_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    fetches = Fetches(tmp_path, lambda model: told.append(model.id))
    fetch = fetches.begin(gpt2())
    assert fetches.of(gpt2()) is fetch is fetches.begin(gpt2())
    assert await fetch.wait(LIMIT_S) == Fetched()
    assert told == ["gpt2"]
    assert verify(gpt2(), tmp_path) == []
    assert fetches.of(gpt2()) is None


async def test_one_comes_after_the_other(tmp_path: Path, hub: Repositories) -> None:
    hub.held["model.safetensors"] = threading.Event()
    fetches = Fetches(tmp_path)
    first, second = fetches.begin(gpt2()), fetches.begin(gpt2("distilgpt2"))
    await downloading(first, hub)
    assert second.newest.stage == "waiting"
    hub.held["model.safetensors"].set()
    assert await first.wait(LIMIT_S) == Fetched()
    assert await second.wait(LIMIT_S) == Fetched()
    assert is_present(gpt2("distilgpt2"), tmp_path)


async def test_a_stopped_fetch_leaves_no_process_and_is_taken_up_again(
    tmp_path: Path, hub: Repositories
) -> None:
    held = hub.held["model.safetensors"] = threading.Event()
    fetches = Fetches(tmp_path)
    fetch = fetches.begin(gpt2())
    await downloading(fetch, hub)
    fetch.stop()
    assert await fetch.wait(LIMIT_S) == Stopped()
    assert processes_of(tmp_path) == []
    assert not is_present(gpt2(), tmp_path)
    held.set()
    hub.held.clear()
    hub.asked.clear()
    assert await fetches.begin(gpt2()).wait(LIMIT_S) == Fetched()
    assert "GET config.json" not in hub.asked  # it had come before
    assert verify(gpt2(), tmp_path) == []


async def test_a_fetch_that_waits_can_be_stopped_too(tmp_path: Path, hub: Repositories) -> None:
    held = hub.held["model.safetensors"] = threading.Event()
    fetches = Fetches(tmp_path)
    first, second = fetches.begin(gpt2()), fetches.begin(gpt2("distilgpt2"))
    await downloading(first, hub)
    second.stop()
    assert await second.wait(LIMIT_S) == Stopped()
    held.set()
    assert await first.wait(LIMIT_S) == Fetched()


async def test_closing_stops_them_all(tmp_path: Path, hub: Repositories) -> None:
    held = hub.held["model.safetensors"] = threading.Event()
    fetches = Fetches(tmp_path)
    both = fetches.begin(gpt2()), fetches.begin(gpt2("distilgpt2"))
    await downloading(both[0], hub)
    await fetches.close()
    held.set()
    assert [fetch.end for fetch in both] == [Stopped(), Stopped()]
    assert processes_of(tmp_path) == []


async def test_what_is_damaged_is_mended_and_nothing_else(
    tmp_path: Path, hub: Repositories
) -> None:
    fetches = Fetches(tmp_path)
    await fetches.begin(gpt2()).wait(LIMIT_S)
    folder = tmp_path / "checkpoints" / "gpt2"
    (folder / "merges.txt").write_bytes(b"x y")
    hub.asked.clear()
    assert await fetches.begin(gpt2()).wait(LIMIT_S) == Fetched()
    assert [line for line in hub.asked if line.startswith("GET ") and line != "GET "] == [
        "GET merges.txt"
    ]
    assert verify(gpt2(), tmp_path) == []


async def test_a_failure_is_told_in_the_words_for_an_operator(tmp_path: Path) -> None:
    fetches = Fetches(tmp_path)
    end = await fetches.begin(gpt2("bert-base-uncased")).wait(LIMIT_S)
    assert isinstance(end, NotFetched)
    assert end.reason.startswith("There is no repository google-bert/bert-base-uncased on the hub")


async def test_a_process_that_cannot_be_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")
    end = await Fetches(tmp_path).begin(gpt2()).wait(LIMIT_S)
    assert isinstance(end, NotFetched)
    assert "cannot be started" in end.reason


async def test_a_process_that_crashes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\ncat > /dev/null\necho 'KeyError: 3' >&2\nexit 3\n")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))
    end = await Fetches(tmp_path).begin(gpt2()).wait(LIMIT_S)
    assert isinstance(end, NotFetched)
    assert "ended badly (KeyError: 3)" in end.reason


async def test_the_token_stays_with_the_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "abc.def")
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\ncat > /dev/null\nenv > {tmp_path}/seen\n")
    spy.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(spy))
    assert await Fetches(tmp_path).begin(gpt2()).wait(LIMIT_S) == Fetched()
    seen = (tmp_path / "seen").read_text()
    assert "HF_ENDPOINT" in seen
    assert "abc.def" not in seen


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's end")
def test_a_killed_bot_takes_its_fetch_and_the_download_with_it(
    tmp_path: Path, hub: Repositories
) -> None:
    held = hub.held["model.safetensors"] = threading.Event()
    program = (
        "import asyncio, pathlib, sys\n"
        "from bot.catalogue.catalogue import Catalogue\n"
        "from bot.catalogue.fetches import Fetches\n"
        "async def main():\n"
        "    fetch = Fetches(pathlib.Path(sys.argv[1])).begin(Catalogue.load().get('gpt2'))\n"
        "    await fetch.wait(60)\n"
        "asyncio.run(main())\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(arguments, env=dict(os.environ)) as bot:
        while "GET model.safetensors" not in hub.asked:
            assert bot.poll() is None
            threading.Event().wait(0.05)
        assert len(processes_of(tmp_path)) == 2
        bot.kill()
    for _ in range(100):
        if not processes_of(tmp_path):
            break
        threading.Event().wait(0.05)
    held.set()
    assert processes_of(tmp_path) == []


def processes_of(cache: Path) -> list[str]:
    """Return the command lines that name this cache, but for the test's own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(cache) in line and "bot.catalogue" in line and "-c" not in line.split():
            found.append(line)
    return found
