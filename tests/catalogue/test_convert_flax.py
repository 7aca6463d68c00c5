"""DALL-E mini's Flax files into our safetensors: read, placed, and refused if odd."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from bot.catalogue.conversion.flax import convert, read_leaves
from bot.catalogue.synthetic.dalle_mini import (
    NET,
    TINY_NET,
    TINY_VQGAN,
    VQGAN,
    net_shapes,
    vqgan_shapes,
    write,
    write_flax,
)
from bot.errors import OperatorError
from bot.families.dalle_mini import read_config
from bot.families.prompts import Words
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from bot.nets.vqgan import VQGANConfig
from tests.nets import judges

Mend = Callable[[dict[str, Any]], object]

WEIGHTS = "flax_model.msgpack"
LAYERS = "model.decoder.layers.FlaxBartDecoderLayers"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    write(folder, tiny=True)
    return folder


@pytest.fixture(scope="module")
def done(hub: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    convert(sorted(hub.rglob(WEIGHTS)), folder, "bfloat16")
    return folder


@pytest.fixture
def copied(hub: Path, tmp_path: Path) -> Path:
    """The hub's files, to be spoilt."""
    return Path(shutil.copytree(hub, tmp_path / "hub"))


def packed(array: np.ndarray[Any, Any]) -> msgspec.msgpack.Ext:
    """Return an array as Flax serialises it."""
    inside = msgspec.msgpack.encode((array.shape, array.dtype.name, array.tobytes("C")))
    return msgspec.msgpack.Ext(1, inside)


def unpacked(path: Path) -> Any:
    """Return a Flax file as a tree of arrays, read by other means than ours."""

    def array(kind: int, data: memoryview) -> np.ndarray[Any, Any]:
        assert kind == 1
        shape, dtype, raw = msgspec.msgpack.decode(bytes(data))
        return np.frombuffer(raw, dtype).reshape(shape)

    return msgspec.msgpack.decode(path.read_bytes(), ext_hook=array)


def change(path: Path, mend: Mend) -> None:
    """Write a Flax file anew with something changed; ``mend`` gets its arrays by dotted names."""
    leaves = {name: leaf.numpy().copy() for name, leaf in read_leaves(path).items()}
    mend(leaves)
    tree: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *branches, last = name.split(".")
        at = tree
        for branch in branches:
            at = at.setdefault(branch, {})
        at[last] = packed(leaf) if isinstance(leaf, np.ndarray) else leaf
    path.write_bytes(msgspec.msgpack.encode(tree))


def refusal(folder: Path, target: Path) -> str:
    with pytest.raises(OperatorError) as refused:
        convert(sorted(folder.rglob(WEIGHTS)), target, "bfloat16")
    assert not (target / "model.safetensors").exists()
    return str(refused.value)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_arrays_are_read_as_flax_writes_them(dtype: str, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    arrays = {
        "a": (chance.normal(size=(3, 1, 4)) * 50).astype(dtype),
        "b": np.arange(300, dtype=dtype),
        "c": np.zeros((0, 5), dtype),
        "d": np.ones((), dtype),
    }
    tree = {"top": {"x": packed(arrays["a"]), "y": {"z": packed(arrays["b"])}},
            "none": packed(arrays["c"]), "one": packed(arrays["d"])}  # fmt: skip
    path = tmp_path / WEIGHTS
    path.write_bytes(msgspec.msgpack.encode(tree))
    leaves = read_leaves(path)
    assert list(leaves) == ["top.x", "top.y.z", "none", "one"]
    for leaf, array in zip(leaves.values(), arrays.values(), strict=True):
        assert leaf.shape == array.shape
        assert np.array_equal(leaf.numpy(), array)


def test_the_stand_in_is_what_another_reader_reads(hub: Path) -> None:
    tree = unpacked(hub / WEIGHTS)
    ours = read_leaves(hub / WEIGHTS)
    attention = tree["model"]["encoder"]["layers"]["FlaxBartEncoderLayers"]["FlaxBartAttention_0"]
    name = "model.encoder.layers.FlaxBartEncoderLayers.FlaxBartAttention_0.v_proj.kernel"
    assert attention["v_proj"]["kernel"].shape == (2, 32, 32)
    assert np.array_equal(ours[name].numpy(), attention["v_proj"]["kernel"])
    assert len(ours) == 42


def test_the_stand_in_at_full_size_has_the_numbers_of_the_hubs_files() -> None:
    shapes = dict(net_shapes(NET))
    assert len(shapes) == 42
    assert sum(map(np.prod, shapes.values())) == 437_833_712
    assert shapes[f"{LAYERS}.GLU_0.Dense_2.kernel"] == (12, 2730, 1024)
    assert sum(map(np.prod, dict(vqgan_shapes(VQGAN)).values())) == 76_073_859


def test_sizes_are_taken_from_both_configurations(done: Path) -> None:
    net, vqgan = read_config(done / "config.json")
    assert net == DalleBartConfig(
        tokens=600, codes=96, caption_length=24, image_length=16, width=32, encoder_layers=2,
        encoder_heads=2, encoder_inner=50, decoder_layers=3, decoder_heads=4, decoder_inner=42,
    )  # fmt: skip
    assert vqgan == VQGANConfig(
        codes=96, code_width=16, z_width=24, channels=32, multiples=(1, 2), blocks=1, side=8,
        attended=(4,),
    )  # fmt: skip


def test_matrices_get_the_serving_dtype_and_all_else_stays_exact(done: Path) -> None:
    with safe_open(done / "model.safetensors", "pt") as file:
        assert file.metadata()["converted_from"] == WEIGHTS
    for name, tensor in load_file(done / "model.safetensors").items():
        halved = name.startswith("net.") and tensor.dim() == 2
        assert tensor.dtype == (torch.bfloat16 if halved else torch.float32), name
        assert tensor.is_contiguous()


def test_every_array_has_its_place(hub: Path, tmp_path: Path) -> None:
    convert(sorted(hub.rglob(WEIGHTS)), tmp_path, "float32")
    ours = load_file(tmp_path / "model.safetensors")
    net, vqgan = unpacked(hub / WEIGHTS), unpacked(hub / "vqgan" / WEIGHTS)
    layers = net["model"]["decoder"]["layers"]["FlaxBartDecoderLayers"]
    cross = layers["FlaxBartAttention_1"]
    both = [cross[f"{part}_proj"]["kernel"][2].T for part in "kv"]
    expected: dict[str, Any] = {
        "net.head.weight": net["lm_head"]["kernel"].T,
        "net.encoder.read.tokens.weight": net["model"]["encoder"]["embed_tokens"]["embedding"],
        "net.decoder.read.norm.weight": net["model"]["decoder"]["layernorm_embedding"]["scale"],
        "net.decoder.norm.bias": net["model"]["decoder"]["final_ln"]["bias"],
        "net.decoder.layers.2.cross.key_value.weight": np.concatenate(both),
        "net.decoder.layers.1.cross_after.weight": layers["LayerNorm_3"]["scale"][1],
        "net.decoder.layers.0.glu.narrow.weight": layers["GLU_0"]["Dense_2"]["kernel"][0].T,
        "vqgan.codebook.weight": vqgan["quantize"]["embedding"]["embedding"],
        "vqgan.decoder.conv_in.weight": vqgan["decoder"]["conv_in"]["kernel"].transpose(3, 2, 0, 1),
        "vqgan.decoder.levels.1.enlarge.bias": vqgan["decoder"]["up_1"]["upsample"]["conv"]["bias"],
        "vqgan.decoder.middle.1.out.bias": vqgan["decoder"]["mid"]["attn_1"]["proj_out"]["bias"],
        "vqgan.decoder.levels.0.blocks.0.shortcut.weight":
            vqgan["decoder"]["up_0"]["block_0"]["nin_shortcut"]["kernel"].transpose(3, 2, 0, 1),
        "vqgan.decoder.levels.1.attentions.1.qkv.bias": np.concatenate(
            [vqgan["decoder"]["up_1"]["attn_1"][part]["bias"] for part in "qkv"]
        ),
    }  # fmt: skip
    for name, array in expected.items():
        assert np.array_equal(ours[name].numpy(), array), name
    of_net = sum(tensor.numel() for name, tensor in ours.items() if name.startswith("net."))
    assert of_net == sum(leaf.numel() for leaf in read_leaves(hub / WEIGHTS).values())
    assert not any("encoder" in name for name in ours if name.startswith("vqgan."))


def test_the_converted_net_says_what_min_dalle_says(hub: Path, tmp_path: Path) -> None:
    """Only its encoder: min-dalle's decoder is built for 256 codes a picture."""
    convert(sorted(hub.rglob(WEIGHTS)), tmp_path, "float32")
    net = DalleBart(read_config(tmp_path / "config.json")[0])
    weights = load_file(tmp_path / "model.safetensors")
    net.load_state_dict({k[4:]: v for k, v in weights.items() if k.startswith("net.")})
    ids = torch.tensor([[0, 17, 300, 599, 2, *[1] * 19]] * 2)
    with torch.inference_mode():
        judged: Tensor = judges.encoder(read_leaves(hub / WEIGHTS), TINY_NET)(ids)
        assert torch.allclose(net.encode(ids)[0], judged, atol=2e-5)


def test_the_tokenizer_and_the_words_come_along(hub: Path, done: Path) -> None:
    assert sorted(path.name for path in done.iterdir()) == [
        "config.json", "model.safetensors", "tokenizer.json", "words.tsv",
    ]  # fmt: skip
    assert Tokenizer.from_file(str(done / "tokenizer.json")).token_to_id("<pad>") == 1
    common, *_, rare = (hub / "enwiki-words-frequency.txt").read_text().split()[::2]
    words = Words(done / "words.tsv")
    assert words.cost(common) == 0
    assert words.cost(rare) == pytest.approx(np.log(400))


def test_arrays_are_refused_by_name_where_they_lack_or_are_too_many(
    copied: Path, tmp_path: Path
) -> None:
    def mend(leaves: dict[str, Any]) -> None:
        leaves[f"{LAYERS}.GLU_0.Dense_9.kernel"] = leaves.pop(f"{LAYERS}.GLU_0.Dense_1.kernel")

    change(copied / WEIGHTS, mend)
    assert f"it lacks {LAYERS}.GLU_0.Dense_1.kernel; it is of" in refusal(copied, tmp_path / "x")
    change(copied / WEIGHTS, lambda leaves: leaves.update(
        {f"{LAYERS}.GLU_0.Dense_1.kernel": leaves[f"{LAYERS}.GLU_0.Dense_9.kernel"]}
    ))  # fmt: skip
    said = refusal(copied, tmp_path / "x")
    assert f"it also holds {LAYERS}.GLU_0.Dense_9.kernel; it is of another net" in said


def test_a_vqgan_is_held_to_its_names_too(copied: Path, tmp_path: Path) -> None:
    change(copied / "vqgan" / WEIGHTS, lambda leaves: leaves.pop("decoder.up_1.block_0.conv1.bias"))
    said = refusal(copied, tmp_path / "x")
    assert "vqgan" in said
    assert "lacks decoder.up_1.block_0.conv1.bias" in said


@pytest.mark.parametrize("layers", [2, 4])
def test_stacks_of_another_height_are_refused(layers: int, copied: Path, tmp_path: Path) -> None:
    def mend(leaves: dict[str, Any]) -> None:
        for name in [name for name in leaves if name.startswith(LAYERS)]:
            leaves[name] = np.resize(leaves[name], (layers, *leaves[name].shape[1:]))

    change(copied / WEIGHTS, mend)
    said = refusal(copied, tmp_path / "x")
    assert "another shape" in said or "the configuration asks for" in said


def test_arrays_of_another_shape_are_refused(copied: Path, tmp_path: Path) -> None:
    change(copied / WEIGHTS, lambda leaves: leaves.update(
        {"lm_head.kernel": leaves["lm_head.kernel"][:, :-1]}
    ))  # fmt: skip
    said = refusal(copied, tmp_path / "x")
    assert "lm_head.kernel make (96, 32); the configuration asks for (97, 32)" in said


@pytest.mark.parametrize(
    ("file", "key", "value", "sentence"),
    [
        ("", "ln_positions", "preln", "ln_positions is 'preln'; our net is only built for 'normf"),
        ("", "use_bias", True, "use_bias is True"),
        ("", "use_scan", False, "use_scan is False"),
        ("", "decoder_start_token_id", 95, "decoder_start_token_id is 95, not 96"),
        ("", "d_model", None, "it does not say 'd_model'"),
        ("", "decoder_layers", 4, "another shape"),
        ("vqgan", "resamp_with_conv", False, "resamp_with_conv is False"),
        ("vqgan", "num_res_blocks", 2, "lacks decoder.up_0.block_2.conv1.bias"),
        ("vqgan", "attn_resolutions", [], "also holds decoder.up_1.attn_0.k.bias"),
    ],
)
def test_other_architectures_are_refused(
    file: str, key: str, value: Any, sentence: str, copied: Path, tmp_path: Path
) -> None:
    path = copied / file / "config.json"
    said = json.loads(path.read_text())
    said |= {key: value}
    if value is None:
        del said[key]
    path.write_text(json.dumps(said))
    assert sentence in refusal(copied, tmp_path / "x")


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "enwiki-words-frequency.txt", "config.json", "vqgan/config.json"]
)
def test_a_file_that_is_not_there_is_named(name: str, copied: Path, tmp_path: Path) -> None:
    (copied / name).unlink()
    assert name.rpartition("/")[2] in refusal(copied, tmp_path / "x")


def test_both_repositories_are_needed(copied: Path, tmp_path: Path) -> None:
    shutil.rmtree(copied / "vqgan")
    assert "flax_model.msgpack and vqgan/flax_model.msgpack" in refusal(copied, tmp_path / "x")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as weights of Flax"),
        (b"\x81\xa1", "cannot be read as weights of Flax"),
        (b"\x81\xa1x\x01", "x is int, not an array"),
        (b"\x81\xa1x\xd4\x03\x01", "an extension of type 3"),
        (b"\x93\x01\x02\x03", "the file is list, not an array"),
    ],
)
def test_files_that_are_no_weights_are_refused(
    content: bytes, sentence: str, copied: Path, tmp_path: Path
) -> None:
    (copied / WEIGHTS).write_bytes(content)
    assert sentence in refusal(copied, tmp_path / "x")


def test_a_broken_array_is_refused(copied: Path, tmp_path: Path) -> None:
    inside = msgspec.msgpack.encode(((7,), "float32", bytes(24)))
    tree = {"x": msgspec.msgpack.Ext(1, inside)}
    (copied / WEIGHTS).write_bytes(msgspec.msgpack.encode(tree))
    assert "cannot be read as weights of Flax" in refusal(copied, tmp_path / "x")
    inside = msgspec.msgpack.encode(((3,), "complex64", bytes(24)))
    tree = {"x": msgspec.msgpack.Ext(1, inside)}
    (copied / WEIGHTS).write_bytes(msgspec.msgpack.encode(tree))
    assert "an array of complex64" in refusal(copied, tmp_path / "x")


def test_other_dtypes_are_refused(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be written in int8"):
        convert(sorted(hub.rglob(WEIGHTS)), tmp_path, "int8")


def test_a_stand_in_is_the_same_for_a_seed(hub: Path, tmp_path: Path) -> None:
    write(tmp_path, tiny=True)
    for path in hub.rglob("*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(hub)).read_bytes() == path.read_bytes(), path
    write_flax(tmp_path / "other", dict(vqgan_shapes(TINY_VQGAN)), 5)
    assert (tmp_path / "other").read_bytes() != (hub / "vqgan" / WEIGHTS).read_bytes()
