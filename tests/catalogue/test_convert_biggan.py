"""BigGAN's pickled weights: the stand-in for them, their folding, and files that are none."""

from __future__ import annotations

import json
import pickle
import pickletools
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.conversion.biggan import convert
from bot.catalogue.synthetic import biggan as synthetic
from bot.errors import OperatorError
from bot.families.biggan import load
from tests.catalogue.fakehub import Repositories, fetch, served

SOURCE = "pytorch_model.bin"


def judge_of(config: dict[str, Any]) -> Any:
    judge = pytest.importorskip("pytorch_pretrained_biggan", reason="the judge: make judges")
    return judge.BigGAN(judge.BigGANConfig.from_dict(config)).eval()


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


@pytest.fixture
def rewrite(repository: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Change the tensors of the repository's file."""

    def go(change: Callable[[dict[str, Any]], object]) -> Path:
        tensors = torch.load(repository / SOURCE, weights_only=True)
        change(tensors)
        torch.save(tensors, repository / SOURCE)
        return repository / SOURCE

    return go


def test_the_stand_in_has_the_layout_of_the_hubs_files(tmp_path: Path) -> None:
    synthetic.write(tmp_path)
    assert (tmp_path / "config.json").stat().st_size == 630
    assert (tmp_path / SOURCE).stat().st_size == pytest.approx(211e6, rel=0.002)
    assert not zipfile.is_zipfile(tmp_path / SOURCE)
    tensors = torch.load(tmp_path / SOURCE, weights_only=True)
    assert len(tensors) == 506
    with torch.device("meta"):
        wanted = judge_of(synthetic.FULL).state_dict()
    shapes = [(name, tensor.shape, tensor.dtype) for name, tensor in tensors.items()]
    assert shapes == [(name, tensor.shape, tensor.dtype) for name, tensor in wanted.items()]


def test_the_stand_in_is_a_pickle_of_nothing_but_tensors(repository: Path) -> None:
    named = set()
    with (repository / SOURCE).open("rb") as file:
        for _ in range(4):  # magic number, version, machine, and the dictionary itself
            named |= {str(arg) for op, arg, _ in pickletools.genops(file) if op.name == "GLOBAL"}
    assert named == {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch FloatStorage",
    }


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        synthetic.write(tmp_path / name, tiny=True, seed=seed)
    one, again, other = (
        torch.load(tmp_path / name / SOURCE, weights_only=True)["embeddings.weight"]
        for name in ("one", "again", "other")
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_spectral_norms_are_folded_as_the_judge_applies_them(
    repository: Path, target: Path
) -> None:
    convert([repository / SOURCE], target, "float32")
    found = load_file(target / "model.safetensors")
    judge = judge_of(json.loads((repository / "config.json").read_text()))
    judge.load_state_dict(torch.load(repository / SOURCE, weights_only=True))
    with torch.no_grad():
        judge(torch.zeros(1, 8), torch.zeros(1, 1000), 0.4)  # its hooks fold now
    generator = judge.generator
    assert torch.equal(found["start.weight"], generator.gen_z.weight)
    assert torch.equal(found["to_rgb.weight"], generator.conv_to_rgb.weight)
    assert torch.equal(found["attention.keys.weight"], generator.layers[3].snconv1x1_phi.weight)
    assert torch.equal(found["attention.out.weight"], generator.layers[3].snconv1x1_o_conv.weight)
    blocks = [layer for layer in generator.layers if hasattr(layer, "conv_0")]
    scales, shifts = [], []
    for number, block in enumerate(blocks):
        for part in range(4):
            ours = f"blocks.{number}.convolutions.{part}"
            theirs, norm = getattr(block, f"conv_{part}"), getattr(block, f"bn_{part}")
            assert torch.equal(found[f"{ours}.weight"], theirs.weight)
            assert torch.equal(found[f"{ours}.bias"], theirs.bias)
            scales.append(norm.scale.weight)
            shifts.append(norm.offset.weight)
    assert torch.equal(found["norms.weight"], torch.cat([*scales, *shifts]))


def test_layers_are_written_in_their_serving_dtype(repository: Path, target: Path) -> None:
    arguments = ["biggan", "bfloat16", str(target), str(repository / SOURCE)]
    subprocess.run(
        [sys.executable, "-m", "bot.catalogue.conversion", *arguments],
        check=True, capture_output=True,
    )  # fmt: skip
    assert {path.name for path in target.iterdir()} == {"config.json", "model.safetensors"}
    config = "config.json"
    assert (target / config).read_bytes() == (repository / config).read_bytes()
    with safe_open(target / "model.safetensors", "pt") as file:
        assert file.metadata()["converted_from"] == SOURCE
        dtypes = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    full = {name for name, dtype in dtypes.items() if dtype == torch.float32}
    assert full == {
        "classes", "norms.means", "norms.variances",
        "last_scale", "last_shift", "last_means", "last_variances",
    }  # fmt: skip
    assert set(dtypes.values()) == {torch.float32, torch.bfloat16}


LAST = "generator.conv_to_rgb.weight_u"
NORM = "generator.layers.0.bn_0.running_vars"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.pop(LAST), "it has no tensor generator.conv_to_rgb.weight_u"),
        (lambda t: t.pop(NORM), "it has no tensor generator.layers.0.bn_0.running_vars"),
        (lambda t: t.update(more=torch.ones(1)), "1 tensors that .* does not ask for.* more"),
        (lambda t: t.update({LAST: torch.ones(3)}), "generator.conv_to_rgb has odd shapes"),
        (lambda t: t.update({NORM: t[NORM][:, :5]}), "norms.variances comes out as"),
        (lambda t: t.update({LAST: torch.zeros(8)}), "to_rgb.weight holds numbers that are infini"),
        (lambda t: t.update({NORM: t[NORM] * torch.nan}), "norms.variances holds numbers"),
        (lambda t: t.update(more=3), "other things than tensors"),
    ],
)
def test_tensors_of_another_net_are_refused(
    change: Callable[[dict[str, Any]], object],
    complaint: str,
    rewrite: Callable[[Callable[[dict[str, Any]], object]], Path],
    target: Path,
) -> None:
    with pytest.raises(OperatorError, match=complaint):
        convert([rewrite(change)], target, "float32")
    assert list(target.iterdir()) == []


def test_a_configuration_of_another_net_is_refused(repository: Path, target: Path) -> None:
    plain = json.loads((repository / "config.json").read_text())
    (repository / "config.json").write_text(json.dumps({**plain, "channel_width": 16}))
    with pytest.raises(OperatorError, match="its configuration asks for"):
        convert([repository / SOURCE], target, "float32")
    for text in ("", "[]", '"x"', "{}", json.dumps({**plain, "layers": 7})):
        (repository / "config.json").write_text(text)
        with pytest.raises(OperatorError, match=r"config\.json: this is no configuration"):
            convert([repository / SOURCE], target, "float32")
    (repository / "config.json").unlink()
    with pytest.raises(OperatorError, match=r"config\.json: this is no configuration"):
        convert([repository / SOURCE], target, "float32")
    assert list(target.iterdir()) == []


class Villain:
    """Pickled, it writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_program_in_a_pickle_is_not_run(repository: Path, target: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"x": Villain(trace)}, repository / SOURCE, _use_new_zipfile_serialization=False)
    with pytest.raises(OperatorError, match="cannot be read as weights"):
        convert([repository / SOURCE], target, "float32")
    (repository / SOURCE).write_bytes(pickle.dumps(Villain(trace), protocol=2))
    with pytest.raises(OperatorError, match="cannot be read as weights"):
        convert([repository / SOURCE], target, "float32")
    assert not trace.exists()


@pytest.mark.parametrize("kept", [0, 10, 1000, -1000])
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


def test_a_fetch_brings_what_the_family_loads(repository: Path, tmp_path: Path) -> None:
    """The catalogue's own entry, from a hub that holds the stand-in."""
    model = Catalogue.load().get("biggan-deep-128")
    assert model.repo is not None
    files = {path.name: path.read_bytes() for path in repository.iterdir()}
    hub = Repositories({model.repo: {**files, "pipeline.py": b"raise SystemExit"}})
    with served(hub) as address:
        fetch(model.id, tmp_path, address).check_returncode()
    assert not any("pipeline.py" in asked for asked in hub.asked)
    folder = checkpoint_folder(model, tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "manifest.json", "model.safetensors",
    }  # fmt: skip
    family = load(msgspec.structs.replace(model, params=None), folder)
    assert family.net.config.side == 16
    with pytest.raises(OperatorError, match="its entry in the catalogue says 50,388,609"):
        load(model, folder)
