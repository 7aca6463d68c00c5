"""Fetching from a hub on loopback, with the hub's own client in a process of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.catalogue.catalogue import Catalogue
from tests.catalogue.fakehub import COMMIT, Repositories, fetch, served

GPT2 = {
    "config.json": b"{}",
    "merges.txt": b"a b",
    "model.safetensors": b"w" * 5_000,
    "pytorch_model.bin": b"b" * 5_000,
    "onnx/config.json": b"{}",
    "modelling.py": b"raise SystemExit",
}


@pytest.fixture
def hub() -> Repositories:
    """A hub with two models on it."""
    return Repositories(
        {
            "openai-community/gpt2": GPT2,
            "keras-io/recommender-transformers": {"variables/..": b"{}"},
            "zoo/nets": {"net.onnx": b"no graph" * 20, "readme.json": b"{}"},
            "facebook/opt-125m": {"README.md": b""},
        }
    )


@pytest.fixture
def address(hub: Repositories) -> Iterator[str]:
    """Where the hub listens."""
    with served(hub) as address:
        yield address


def test_only_matching_files_come_and_the_commit_is_noted(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    done = fetch("gpt2", tmp_path, address)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "checkpoints" / "gpt2"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert names == ["config.json", "manifest.json", "merges.txt", "model.safetensors"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["commits"]) == {"openai-community/gpt2"}
    assert not (tmp_path / "checkpoints" / ".gpt2.part").exists()
    assert not any("pytorch_model" in line for line in hub.asked)


def test_a_second_repository_goes_into_its_own_folder(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    zoo(tmp_path, 'parts = [{ name = "extra", repo = "zoo/extra", files = ["*.bin"] }]')
    extra = {"config.json": b"{}", "words.bin": b"x" * 200}
    hub.files = {"zoo/words": WORDS, "zoo/extra": extra}
    done = fetch("zoo", tmp_path, address)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "checkpoints" / "zoo"
    assert (folder / "words.bin").read_bytes() == WORDS["words.bin"]
    assert (folder / "extra" / "words.bin").read_bytes() == extra["words.bin"]
    assert not (folder / "extra" / "config.json").exists()


def test_a_damaged_file_is_dropped_and_the_next_try_goes_on(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    hub.spoilt.add("model.safetensors")
    done = fetch("gpt2", tmp_path, address)
    assert done.returncode == 2
    assert "model.safetensors of openai-community/gpt2" in done.stderr
    assert not (tmp_path / "checkpoints" / "gpt2").exists()
    hub.spoilt.clear()
    hub.asked.clear()
    assert fetch("gpt2", tmp_path, address).returncode == 0
    assert "GET model.safetensors" in hub.asked
    assert "GET merges.txt" not in hub.asked


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("bst", "keras-io/recommender-transformers is refused: its file 'variables/..' leads out"),
        ("opt-125m", "facebook/opt-125m holds no file that matches pytorch_model"),
        ("opt-350m", "There is no repository facebook/opt-350m on the hub, or it is private"),
    ],
)
def test_what_the_hub_does_not_give_is_said(
    tmp_path: Path, address: str, model: str, said: str
) -> None:
    done = fetch(model, tmp_path, address)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_conversion_that_fails_keeps_the_download_but_no_checkpoint(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    table = 'id = "zoo"\ntask = "restyle"\nfamily = "style"\nrepo = "zoo/nets"\nconvert = "onnx"'
    (tmp_path / "config.toml").write_text(f"[[model]]\n{table}\n")
    for _ in range(2):
        done = fetch("zoo", tmp_path, address)
        assert done.returncode == 2
        assert "The files of 'zoo' could not be converted" in done.stderr
    assert not (tmp_path / "checkpoints" / "zoo").exists()
    assert hub.asked.count("GET net.onnx") == 1


def test_without_a_network_the_command_and_the_folder_option_are_named(tmp_path: Path) -> None:
    done = fetch("gpt2", tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "The hub could not be reached for openai-community/gpt2" in done.stderr
    assert "python -m bot models fetch gpt2" in done.stderr
    assert "python -m bot models fetch gpt2 --from FOLDER" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "checkpoints").glob(".*.part"))


def test_a_commit_is_pinned_where_the_entry_names_one(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    assert fetch("gpt2", tmp_path, address).returncode == 0
    assert hub.revisions == [Catalogue.load().get("gpt2").revision]
    manifest = json.loads((tmp_path / "checkpoints" / "gpt2" / "manifest.json").read_text())
    assert manifest["commits"] == {"openai-community/gpt2": hub.revisions[0]}


def test_a_small_file_that_changed_on_its_way_is_found_by_gits_hash(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    hub.spoilt.add("merges.txt")
    done = fetch("gpt2", tmp_path, address)
    assert done.returncode == 2
    assert "merges.txt of openai-community/gpt2 arrived damaged and was dropped" in done.stderr


def zoo(folder: Path, *lines: str) -> None:
    """Write a configuration with a model of the fake hub's that names no commit."""
    table = [
        'id = "zoo"',
        'task = "complete"',
        'family = "causal_lm"',
        'repo = "zoo/words"',
        *lines,
    ]
    (folder / "config.toml").write_text("[[model]]\n" + "\n".join(table) + "\n")


WORDS = {"config.json": b"{}", "words.bin": b"w" * 500, "more.json": b"[1]"}


def test_a_damaged_checkpoint_is_mended_at_its_own_commit(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    zoo(tmp_path)
    hub.files = {"zoo/words": WORDS}
    assert fetch("zoo", tmp_path, address).returncode == 0
    folder = tmp_path / "checkpoints" / "zoo"
    kept = (folder / "words.bin").stat().st_ino
    hub.commit = "f" * 40  # the branch has moved on since
    (folder / "more.json").unlink()
    hub.asked.clear()
    hub.revisions.clear()
    done = fetch("zoo", tmp_path, address)
    assert done.returncode == 0, done.stderr
    assert hub.revisions == [COMMIT]
    assert {line for line in hub.asked if line.startswith("GET ")} - {"GET "} == {"GET more.json"}
    assert (folder / "words.bin").stat().st_ino == kept  # neither fetched nor copied
    assert json.loads((folder / "manifest.json").read_text())["commits"] == {"zoo/words": COMMIT}
    assert not (tmp_path / "checkpoints" / ".zoo.part").exists()


def test_what_is_whole_is_not_asked_for_again(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    assert fetch("gpt2", tmp_path, address).returncode == 0
    hub.asked.clear()
    hub.revisions.clear()
    assert fetch("gpt2", tmp_path, "http://127.0.0.1:9").returncode == 0
    assert (hub.asked, hub.revisions) == ([], [])


def test_a_damaged_checkpoint_stays_where_nothing_better_comes(
    tmp_path: Path, address: str
) -> None:
    assert fetch("gpt2", tmp_path, address).returncode == 0
    folder = tmp_path / "checkpoints" / "gpt2"
    (folder / "merges.txt").write_bytes(b"z z")
    assert fetch("gpt2", tmp_path, "http://127.0.0.1:9").returncode == 2
    assert (folder / "model.safetensors").read_bytes() == GPT2["model.safetensors"]


def test_a_download_needs_room_for_what_is_made_of_it_too(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    budget = f"[inference]\nmemory_budget_mb = {10**10}"
    zoo(tmp_path, 'convert = "safetensors"', "params = 1_000_000_000_000_000", budget)
    hub.files = {"zoo/words": WORDS}
    done = fetch("zoo", tmp_path, address)
    assert done.returncode == 2
    assert "This needs 4,000,000,001 MB on disk" in done.stderr
    assert not any(line.startswith("GET words") for line in hub.asked)


def test_weights_in_either_format_are_taken_once(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    zoo(tmp_path, 'files = ["*.json", "words.safetensors | words.bin"]')
    for weights in ("words.bin", "words.safetensors"):
        hub.files = {"zoo/words": {**WORDS, weights: b"s" * 600}}
        shutil.rmtree(tmp_path / "checkpoints", ignore_errors=True)
        assert fetch("zoo", tmp_path, address).returncode == 0
        names = {path.name for path in (tmp_path / "checkpoints" / "zoo").iterdir()}
        assert names & {"words.bin", "words.safetensors"} == {weights}


def test_a_repository_without_the_weights_is_refused_before_anything_comes(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    hub.files = {"openai-community/gpt2": {"config.json": b"{}", "tf_model.h5": b"t" * 500}}
    done = fetch("gpt2", tmp_path, address)
    assert done.returncode == 2
    assert "openai-community/gpt2 holds no file that matches model.safetensors" in done.stderr
    assert "GET config.json" not in hub.asked
