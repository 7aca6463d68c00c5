"""Checkpoints in zip archives: what is taken out, and that nothing gets out of the folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from bot.catalogue.conversion import zip as archive
from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.checkpoints import load_net, load_tokenizer
from tests.families import minilm


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.encoder(tmp_path_factory.mktemp("minilm"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inside" / "done"
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_net_comes_out_as_it_went_in(
    dtype: str, checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    archive.convert([minilm.archive(checkpoint, tmp_path / "model.zip")], folder, dtype)
    model = Model(id="x", task="summarize", family="sentences", checkpoint="x")
    net = load_net(AutoModel, model, folder)
    weights = load_file(checkpoint / "model.safetensors")
    for name, weight in net.state_dict().items():
        assert torch.equal(weight, weights[name].to(getattr(torch, dtype)).float())
    mine, theirs = (load_tokenizer(model, place) for place in (folder, checkpoint))
    assert mine("the film was good")["input_ids"] == theirs("the film was good")["input_ids"]
    assert not (folder / "1_Pooling").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["done"]


def test_a_members_name_leads_nowhere(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    evil = minilm.archive(checkpoint, tmp_path / "evil.zip")
    names = ("../out.json", "/tmp/out.json", "a/../../out.json", "..\\out.json", "C:out.json")
    with zipfile.ZipFile(evil, "a") as file:
        for name in (*names, ".hidden.json", "run.py", "weights.pickle"):
            file.writestr(name, "{}")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    archive.convert([evil], folder, "float32")
    fresh = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.parent for path in fresh} == {folder}
    assert not {path.name for path in fresh} & {"out.json", "link", "run.py", "weights.pickle"}
    assert not Path("/tmp/out.json").exists()


def test_what_unpacks_to_too_much_is_refused(
    checkpoint: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 100_000)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model.safetensors", b"\0" * 3_000_000)
    assert bomb.stat().st_size < 10_000
    with pytest.raises(OperatorError, match="more than 100,000 bytes"):
        archive.convert([bomb], folder, "float32")
    assert not list(folder.iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
        file.writestr("config.json", "{}")
    with pytest.raises(OperatorError, match="same name"):
        archive.convert([path], folder, "float32")


def test_damage_and_emptiness_are_told(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    whole = minilm.archive(checkpoint, tmp_path / "model.zip").read_bytes()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OperatorError, match="cannot be unpacked"):
        archive.convert([broken], folder, "float32")
    turned = bytearray(whole)
    turned[len(whole) // 2] ^= 255  # in the weights: their checksum tells
    broken.write_bytes(turned)
    with pytest.raises(OperatorError, match="cannot be unpacked"):
        archive.convert([broken], folder, "float32")
    with zipfile.ZipFile(broken, "w") as file:
        file.writestr("readme.txt", "nothing")
    with pytest.raises(OperatorError, match=r"no config\.json"):
        archive.convert([broken], folder, "float32")
    with pytest.raises(OperatorError, match="here are 2"):
        archive.convert([broken, broken], folder, "float32")


def test_lacking_weights_are_refused(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    poor = tmp_path / "poor"
    poor.mkdir()
    for name in minilm.MEMBERS:
        (poor / name).write_bytes((checkpoint / name).read_bytes())
    weights = load_file(poor / "model.safetensors")
    del weights["encoder.layer.2.output.dense.weight"]
    save_file(weights, poor / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="1 weights are missing"):
        archive.convert([minilm.archive(poor, tmp_path / "poor.zip")], folder, "float32")
