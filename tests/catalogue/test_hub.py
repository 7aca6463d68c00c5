"""Fetching from a hub on loopback, with the hub's own client in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.catalogue.hub import matches
from tests.catalogue.fakehub import COMMIT, Repositories, served

GPT2 = {
    "config.json": b"{}",
    "merges.txt": b"a b",
    "model.safetensors": b"w" * 5_000,
    "pytorch_model.bin": b"b" * 5_000,
    "onnx/config.json": b"{}",
    "modelling.py": b"raise SystemExit",
}
DALLE = {"config.json": b"{}", "vocab.json": b"{}", "flax_model.msgpack": b"f" * 300}
VQGAN = {"config.json": b"{}", "flax_model.msgpack": b"v" * 200}


@pytest.fixture
def hub() -> Repositories:
    """A hub with two models on it."""
    return Repositories(
        {
            "openai-community/gpt2": GPT2,
            "dalle-mini/dalle-mini": DALLE,
            "dalle-mini/vqgan_imagenet_f16_16384": VQGAN,
            "keras-io/recommender-transformers": {"variables/..": b"{}"},
            "zoo/nets": {"net.onnx": b"no graph", "readme.json": b"{}"},
            "facebook/opt-125m": {"README.md": b""},
        }
    )


@pytest.fixture
def address(hub: Repositories) -> Iterator[str]:
    """Where the hub listens."""
    with served(hub) as address:
        yield address


def fetch(model: str, cache: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    """Run ``models fetch`` against a hub."""
    program = "from bot.cli_models import models; models()"
    environ = {**os.environ, "HF_ENDPOINT": endpoint, "MENAGERIE_CACHE": str(cache)}
    environ["HF_HOME"] = str(cache / "hf")
    environ.pop("HF_HUB_OFFLINE", None)
    return subprocess.run(
        [sys.executable, "-c", program, "fetch", model],
        capture_output=True,
        text=True,
        env=environ,
        cwd=cache,
        timeout=60,
    )


def test_only_matching_files_come_and_the_commit_is_noted(
    tmp_path: Path, hub: Repositories, address: str
) -> None:
    done = fetch("gpt2", tmp_path, address)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "checkpoints" / "gpt2"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert names == ["config.json", "manifest.json", "merges.txt", "model.safetensors"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["commits"] == {"openai-community/gpt2": COMMIT}
    assert not (tmp_path / "checkpoints" / ".gpt2.part").exists()
    assert not any("pytorch_model" in line for line in hub.asked)


def test_a_second_repository_goes_into_its_own_folder(tmp_path: Path, address: str) -> None:
    done = fetch("dalle-mini", tmp_path, address)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "checkpoints" / "dalle-mini"
    assert (folder / "flax_model.msgpack").read_bytes() == DALLE["flax_model.msgpack"]
    assert (folder / "vqgan" / "flax_model.msgpack").read_bytes() == VQGAN["flax_model.msgpack"]


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
        ("opt-125m", "facebook/opt-125m holds no file that matches *.json"),
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
    assert 'checkpoint = "/that/folder"' in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "checkpoints").glob(".*.part"))


@pytest.mark.parametrize(
    ("name", "pattern", "wanted"),
    [
        ("config.json", "*.json", True),
        ("onnx/config.json", "*.json", False),
        ("variables/variables.index", "variables/*", True),
        ("variables/deep/x", "variables/*", False),
        ("Model.safetensors", "model.safetensors", False),
    ],
)
def test_a_pattern_stays_in_its_folder(name: str, pattern: str, wanted: bool) -> None:
    assert matches(name, [pattern]) is wanted
