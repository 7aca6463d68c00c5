"""A prepared folder in service: who makes it, alone; what is served from it; what falls back."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from bot.catalogue.model import Defaults, Limits, Model
from bot.decoding.export import prepared
from bot.decoding.export.build import export
from bot.decoding.paged import PagedRuntime
from bot.decoding.serving import Serving, open_prepared
from bot.errors import UserError
from bot.families.causal_lm import load
from bot.tasks.text_to_text import CompleteText
from tests.decoding.architectures import SIZE, net_of
from tests.decoding.vocabularies import numbers

WINDOW = 128  # a quarter of what the config allows
LIMITS = Limits(max_new_tokens=16)
DEFAULTS = Defaults(max_new_tokens=8, temperature=0.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
MODEL = Model(
    id="tiny", name="Tiny", task="complete", family="causal_lm", checkpoint="x",
    limits=LIMITS, defaults=DEFAULTS,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    net_of("llama").save_pretrained(folder)
    vocabulary = numbers(SIZE)
    vocabulary.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=vocabulary).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def made(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what was prepared, by model."""
    folder = tmp_path_factory.mktemp("prepared")
    rng = random.Random(1)
    export(
        net_of("llama"), folder / MODEL.id, [rng.randrange(6, SIZE) for _ in range(200)],
        source=prepared.fingerprint(checkpoint), window=WINDOW, threads=1, seconds=0.02,
    )  # fmt: skip
    return folder


def serving(folder: Path, arena_bytes: int = 0) -> Serving:
    return Serving(runtime="auto", dtype="float32", prepared=folder, arena_bytes=arena_bytes)


def test_a_text_is_held_against_the_window_that_was_prepared(
    made: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENAGERIE_RUNTIME", "auto")
    monkeypatch.setenv("MENAGERIE_DTYPE", "float32")
    monkeypatch.setenv("MENAGERIE_PREPARED", str(made))
    family = load(MODEL, checkpoint)
    assert "on OpenVINO" in family.engine.note
    room = WINDOW - DEFAULTS.max_new_tokens
    request = CompleteText(prompt=" ".join(["7"] * room))
    assert len(family.row(request, 0).ids) == room
    with pytest.raises(UserError, match=f"at most {room}"):
        family.row(CompleteText(prompt=request.prompt + " 7"), 0)
    family.engine.join("job", family.row(request, 0))
    while len(family.engine):
        assert all(emission.error is None for emission in family.engine.step())


def test_the_limit_of_the_texts_under_way_reaches_the_runtime(made: Path, checkpoint: Path) -> None:
    free = open_prepared(MODEL, checkpoint, serving(made)).runtime
    limit = free.cache_bytes  # what its test took
    runtime = open_prepared(MODEL, checkpoint, serving(made, limit)).runtime
    assert runtime.cache_bytes <= limit
    with pytest.raises(MemoryError):
        for slot in range(100):
            runtime.begin(slot, runtime.window, None)


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [(PagedRuntime, "step", RuntimeError("infer")), (prepared, "size_of", OSError())],
    ids=["infer", "size"],
)
def test_whatever_goes_wrong_torch_serves_and_it_is_noted(
    made: Path, checkpoint: Path, owner: object, name: str, error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, failing)
    opened = open_prepared(MODEL, checkpoint, serving(made))
    assert opened.runtime is None
    assert opened.note.startswith("on torch, for OpenVINO failed: ")
    assert opened.note.endswith(str(error) or "OSError()")


def test_a_limit_without_room_for_the_test_leaves_it_to_torch(made: Path, checkpoint: Path) -> None:
    assert open_prepared(MODEL, checkpoint, serving(made, 1)).runtime is None


def exporter(checkpoint: Path, folder: Path) -> list[str]:
    return [sys.executable, "-m", "bot.decoding.export", str(checkpoint), str(folder), "1"]


def until(happened: Callable[[], bool]) -> None:
    for _ in range(3000):
        if happened():
            return
        time.sleep(0.01)
    raise TimeoutError


def is_first_to_go(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_an_exporter_waits_for_another_and_sweeps_what_is_left(
    made: Path, checkpoint: Path, tmp_path: Path
) -> None:
    shutil.copytree(made / MODEL.id, tmp_path / MODEL.id)  # it has nothing left to do
    for name in (".tiny-abc_d123", ".tiny-large-abc_d123"):
        (tmp_path / name).mkdir()
    with FileLock(tmp_path / ".tiny.lock"):
        child = subprocess.Popen(exporter(checkpoint, tmp_path / MODEL.id))
        until(lambda: is_first_to_go(child.pid))
        time.sleep(0.3)
        assert child.poll() is None
        assert ".tiny-abc_d123" in names(tmp_path)
    assert child.wait(20) == 0
    assert names(tmp_path) - {".tiny.lock"} == {"tiny", ".tiny-large-abc_d123"}


def test_an_exporter_that_is_asked_to_end_leaves_nothing_half_made(
    checkpoint: Path, tmp_path: Path
) -> None:
    child = subprocess.Popen(exporter(checkpoint, tmp_path / MODEL.id))
    until(lambda: any(name.startswith(".tiny-") for name in names(tmp_path)))
    child.terminate()
    assert child.wait(30) == 128 + signal.SIGTERM
    assert names(tmp_path) - {".tiny.lock"} == set()


def test_an_exporter_does_not_outlive_its_parent(checkpoint: Path, tmp_path: Path) -> None:
    arguments = exporter(checkpoint, tmp_path / MODEL.id)
    start = f"import subprocess; c = subprocess.Popen({arguments!r}); print(c.pid, flush=True)"
    with FileLock(tmp_path / ".tiny.lock"):
        parent = subprocess.Popen(
            [sys.executable, "-c", f"{start}; c.wait()"], stdout=subprocess.PIPE, text=True
        )
        with parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            until(lambda: is_first_to_go(child))
            parent.kill()
        until(lambda: not is_alive(child))


def test_an_exporter_whose_parent_died_before_it_was_up_does_nothing(
    checkpoint: Path, tmp_path: Path
) -> None:
    environ = {**os.environ, "MENAGERIE_PARENT": "1" if os.getpid() != 1 else "2"}
    arguments = exporter(checkpoint, tmp_path / "deep" / MODEL.id)
    done = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "its parent is gone" in done.stderr
    assert names(tmp_path) == set()
