"""Marian's binary models: what is read out of them, and what is no such model."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bot.catalogue.conversion.bergamot import convert, floats_of, read_items
from bot.errors import OperatorError
from bot.nets.marian_ssru import MarianSsru, SsruConfig
from tests.catalogue import marian_files
from tests.catalogue.marian_files import INTGEMM8, SETTINGS, Items, binary, floats, rounded

Change = Callable[[Items], object]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return marian_files.write(tmp_path / "raw")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    return folder


def test_every_weight_of_the_net_is_found(files: list[Path], target: Path) -> None:
    convert(files, target, "float32")
    assert {path.name for path in target.iterdir()} == {
        "config.json", "model.safetensors", "en-pt.spm", "pt-en.spm",
    }  # fmt: skip
    directions = json.loads((target / "config.json").read_text())["directions"]
    assert list(directions) == ["en-pt", "pt-en"]
    tensors = load_file(target / "model.safetensors")
    for pair, sizes in directions.items():
        own = {k.removeprefix(f"{pair}."): t for k, t in tensors.items() if k.startswith(pair)}
        MarianSsru(SsruConfig(**sizes)).load_state_dict(own)  # strict: none lacks, none is over
    assert (target / "pt-en.spm").read_bytes() == files[3].read_bytes()


def test_bytes_become_the_weights_that_they_were(files: list[Path], target: Path) -> None:
    weight = np.arange(-6.0, 6.0).reshape(3, 4)  # (in, out)
    for turned, wanted in ((True, weight.T), (False, weight)):
        item = next(iter(read_items(binary({"x": rounded(weight, turned=turned)}), "x").values()))
        assert item.type == INTGEMM8
        assert item.shape == (3, 4)
        np.testing.assert_allclose(floats_of(item, turned=turned), wanted, atol=6 / 127 / 2)


def test_a_product_is_turned_and_the_embeddings_are_not(files: list[Path], target: Path) -> None:
    made = marian_files.items(90)
    made["Wemb"] = rounded(np.arange(90.0 * 16).reshape(90, 16), turned=False)
    made["encoder_l2_ffn_W1"] = rounded(np.arange(16.0 * 24).reshape(16, 24), turned=True)
    made["decoder_l1_rnn_W"] = floats(np.arange(16.0 * 16).reshape(16, 16))  # not rounded: as told
    files[0].write_bytes(binary(made))
    convert(files, target, "float32")
    tensors = load_file(target / "model.safetensors")
    for name, wanted in (
        ("embedding.weight", torch.arange(90.0 * 16).view(90, 16)),
        ("readers.1.forth.widen.weight", torch.arange(16.0 * 24).view(16, 24).T),
        ("writers.0.recurrence.fresh.weight", torch.arange(16.0 * 16).view(16, 16).T),
    ):
        levels = float(wanted.max()) / 127
        torch.testing.assert_close(tensors[f"en-pt.{name}"], wanted, rtol=0, atol=levels)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda i: i.pop("special:model.yml"), "tells no settings"),
        (lambda i: i.update(Wpos=floats(np.ones((4, 4)))), "its Wpos is no weight of this"),
        (lambda i: i.update(encoder_l1_self_Wx=i["Wemb"]), "its encoder_l1_self_Wx is no weight"),
        (lambda i: i.update(encoder_l1_self_Wq=(0x404 + 4, (2, 2), bytes(32))), "the type 0x408"),
        (lambda i: i.update(encoder_l1_self_Wq=(INTGEMM8, (16, 16), bytes(512))), "multiplier 0"),
        (lambda i: i.update(encoder_l1_self_Wq=(INTGEMM8, (16, 16), bytes(64))), "cannot be read"),
        (lambda i: i.update(encoder_l1_self_bq=(0x404, (1, 16), bytes(8))), "cannot be read"),
        (
            lambda i: i.update(
                encoder_l1_self_Wq=(INTGEMM8, (2, 2), bytes(4) + struct.pack("<f", np.nan))
            ),
            "multiplier nan",
        ),
    ],
)
def test_other_items_are_refused(
    change: Change, complaint: str, files: list[Path], target: Path
) -> None:
    made = marian_files.items(90)
    change(made)
    files[0].write_bytes(binary(made))
    with pytest.raises(OperatorError, match=complaint):
        convert(files, target, "float32")
    assert not (target / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("line", "other", "complaint"),
    [
        ("dec-cell: ssru", "dec-cell: gru", "dec-cell is gru; only ssru"),
        ('transformer-preprocess: ""', "transformer-preprocess: n", 'preprocess is n; only ""'),
        ("type: transformer", "type: amun", "type is amun; only transformer"),
        ("enc-depth: 2", "", "does not say its sizes"),
        ("transformer-heads: 4", "transformer-heads: many", "does not say its sizes"),
    ],
)
def test_other_architectures_are_refused(
    line: str, other: str, complaint: str, files: list[Path], target: Path
) -> None:
    files[0].write_bytes(binary(marian_files.items(90, settings=SETTINGS.replace(line, other))))
    with pytest.raises(OperatorError, match=complaint):
        convert(files, target, "float32")


@pytest.mark.parametrize("kept", [0, 8, 15, 16, 1000, 3000, -300, -1])
def test_a_file_that_breaks_off_is_refused(kept: int, files: list[Path], target: Path) -> None:
    files[0].write_bytes(files[0].read_bytes()[:kept])
    with pytest.raises(OperatorError, match="this is no binary model of Marian"):
        convert(files, target, "float32")


def test_what_is_no_model_is_refused(files: list[Path], target: Path) -> None:
    files[0].write_bytes(binary(marian_files.items(90), version=2))
    with pytest.raises(OperatorError, match="its version is 2, not 1"):
        convert(files, target, "float32")
    files[0].write_bytes(struct.pack("<QQ", 1, 1 << 60))
    with pytest.raises(OperatorError, match="it breaks off"):
        convert(files, target, "float32")
    files[0].write_bytes(b"\x93NUMPY" * 100)
    with pytest.raises(OperatorError, match="this is no binary model of Marian"):
        convert(files, target, "float32")


def test_files_must_be_together_and_the_dtype_known(files: list[Path], target: Path) -> None:
    with pytest.raises(OperatorError, match=r"vocabulary vocab\.enpt\.spm is not among"):
        convert(files[:1], target, "float32")
    with pytest.raises(OperatorError, match="There is no model among these files"):
        convert(files[1:2], target, "float32")
    with pytest.raises(OperatorError, match="bfloat16 they cannot be"):
        convert(files, target, "bfloat16")
