"""VGG-19's weights: the stand-in for timm's file, what is taken out of it, and other files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.conversion.vgg import convert, positions
from bot.catalogue.synthetic import gatys as synthetic
from bot.errors import OperatorError
from bot.families.gatys import load
from bot.nets.vgg import NAMES, WIDTHS
from tests.catalogue.fakehub import Repositories, fetch, served

SOURCE = "model.safetensors"
Change = Callable[[dict[str, Tensor]], object]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    synthetic.write(folder, tiny=True)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_the_stand_in_has_the_layout_of_the_hubs_files(tmp_path: Path, target: Path) -> None:
    """As timm 1.0.31 names the weights of its vgg19, which has 143,667,240 of them."""
    synthetic.write(tmp_path)
    assert (tmp_path / SOURCE).stat().st_size == pytest.approx(574.7e6, rel=1e-3)
    with safe_open(tmp_path / SOURCE, "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert len(shapes) == 2 * 19
    assert shapes["features.0.weight"] == (64, 3, 3, 3)
    assert shapes["features.28.weight"] == (512, 512, 3, 3)
    assert shapes["features.34.bias"] == (512,)
    assert shapes["pre_logits.fc1.weight"] == (4096, 512, 7, 7)
    assert shapes["pre_logits.fc2.weight"] == (4096, 4096, 1, 1)
    assert shapes["head.fc.weight"] == (1000, 4096)
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 143_667_240
    convert([tmp_path / SOURCE], target, "bfloat16")
    weights = load_file(target / "model.safetensors")
    assert sum(weight.numel() for weight in weights.values()) == 12_944_960
    assert tuple(len(weights[f"layers.{name}.bias"]) for name in NAMES) == WIDTHS
    assert load(Catalogue.load().get("neural-style-transfer"), target).size_bytes() == 25_889_920


def test_the_configuration_is_as_timm_writes_it(repository: Path) -> None:
    config = json.loads((repository / "config.json").read_text(encoding="utf-8"))
    assert config["architecture"] == "vgg19"
    assert config["pretrained_cfg"]["tag"] == "tv_in1k"
    assert config["pretrained_cfg"]["mean"] == [0.485, 0.456, 0.406]


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        synthetic.write(tmp_path / name, tiny=True, seed=seed)
    one, again, other = ((tmp_path / n / SOURCE).read_bytes() for n in ("one", "again", "other"))
    assert one == again
    assert one != other


def test_the_first_layers_are_taken_and_the_classifier_is_not(
    repository: Path, target: Path
) -> None:
    convert([repository / SOURCE], target, "float32")
    theirs, ours = load_file(repository / SOURCE), load_file(target / "model.safetensors")
    assert positions() == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]
    assert len(ours) == 2 * 13
    for name, position in zip(NAMES, positions(), strict=True):
        for part in ("weight", "bias"):
            found = ours[f"layers.{name}.{part}"]
            assert torch.equal(found, theirs[f"features.{position}.{part}"])


def test_they_are_written_in_their_serving_dtype(repository: Path, target: Path) -> None:
    arguments = ["vgg", "bfloat16", str(target), str(repository / SOURCE)]
    subprocess.run(
        [sys.executable, "-m", "bot.catalogue.conversion", *arguments],
        check=True, capture_output=True,
    )  # fmt: skip
    assert [path.name for path in target.iterdir()] == ["model.safetensors"]
    with safe_open(target / "model.safetensors", "pt") as file:
        assert file.metadata()["converted_from"] == SOURCE
        dtypes = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert dtypes == {torch.bfloat16}


FIRST, LAST = "features.0.bias", "features.28.weight"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.pop(LAST), r"lacks features\.28\.weight, which is conv5_1 of a VGG-19"),
        (lambda t: t.pop(FIRST), r"lacks features\.0\.bias, which is conv1_1"),
        (lambda t: t.update({FIRST: torch.ones(9)}), r"features\.0 has the shape \(8, 3, 3, 3\)"),
        (lambda t: t.update({LAST: torch.ones(24, 24, 1, 1)}), r"must be \(24, 24, 3, 3\)"),
        (lambda t: t.update({FIRST: torch.ones(8, 1)}), r"features\.0 has the shape"),
        (lambda t: t.update({FIRST: t[FIRST] * torch.nan}), r"features\.0 holds numbers that are"),
    ],
)
def test_tensors_of_another_net_are_refused(
    change: Change, complaint: str, repository: Path, target: Path
) -> None:
    tensors = load_file(repository / SOURCE)
    change(tensors)
    save_file(tensors, repository / SOURCE)
    with pytest.raises(OperatorError, match=complaint):
        convert([repository / SOURCE], target, "float32")
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', "3"])
def test_a_configuration_that_names_no_net_is_refused(
    text: str, repository: Path, target: Path
) -> None:
    (repository / "config.json").write_text(text)
    with pytest.raises(OperatorError, match=r"config\.json: this does not say which net"):
        convert([repository / SOURCE], target, "float32")


def test_another_architecture_and_no_configuration_are_refused(
    repository: Path, target: Path
) -> None:
    (repository / "config.json").write_text('{"architecture": "vgg19_bn"}')
    with pytest.raises(OperatorError, match="of a net 'vgg19_bn'; only 'vgg19'"):
        convert([repository / SOURCE], target, "float32")
    (repository / "config.json").unlink()
    with pytest.raises(OperatorError, match=r"config\.json: this does not say which net"):
        convert([repository / SOURCE], target, "float32")


@pytest.mark.parametrize("kept", [0, 7, 100, -1000])
def test_a_file_that_breaks_off_is_refused(kept: int, repository: Path, target: Path) -> None:
    data = (repository / SOURCE).read_bytes()
    (repository / SOURCE).write_bytes(data[:kept])
    with pytest.raises(OperatorError, match="cannot be read as weights"):
        convert([repository / SOURCE], target, "float32")


def test_one_file_in_a_known_dtype_is_wanted(repository: Path, target: Path) -> None:
    with pytest.raises(OperatorError, match="here are 2"):
        convert([repository / SOURCE] * 2, target, "float32")
    with pytest.raises(OperatorError, match="cannot be written in int8"):
        convert([repository / SOURCE], target, "int8")


def test_a_fetch_brings_the_layers_only(repository: Path, tmp_path: Path) -> None:
    """The catalogue's own entry, from a hub that holds the stand-in."""
    model = Catalogue.load().get("neural-style-transfer")
    assert model.repo is not None
    files = {path.name: path.read_bytes() for path in repository.iterdir()}
    hub = Repositories({model.repo: {**files, "pytorch_model.bin": b"not asked for"}})
    with served(hub) as address:
        fetch(model.id, tmp_path, address).check_returncode()
    folder = checkpoint_folder(model, tmp_path)
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "model.safetensors"}
    with pytest.raises(OperatorError, match="its entry in the catalogue says 12,944,960"):
        load(model, folder)
