"""Turns DALL-E mini's Flax files into one safetensors file under our nets' own names.

A Flax file is MessagePack: maps by name, and arrays as extensions of type 1 that hold their shape,
dtype and bytes. It is mapped, not read: arrays are views into it until they are written. Of the
VQGAN only what draws is kept.
"""

from __future__ import annotations

import json
import mmap
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from bot.catalogue.conversion.flax_names import sources
from bot.errors import OperatorError
from bot.families.prompts import write_words
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from bot.nets.vqgan import VQGANConfig, VQGANDecoder

SOURCE = "flax_model.msgpack"
VQGAN = "vqgan"
SETTINGS = "config.json"
OUTPUT = "model.safetensors"
TOKENIZER = "tokenizer.json"
WORDS_SOURCE = "enwiki-words-frequency.txt"
WORDS = "words.tsv"

ARRAY = 1  # Flax's type of extension for an array
DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int32": torch.int32,
}
MOST_NAMED = 5  # arrays in one message

UNUSED = ("encoder.", "quant_conv.")
"""What of a VQGAN turns pictures into codes."""

NORMFORMER: dict[str, Any] = {
    "activation_function": "gelu",
    "force_ln_scale": False,
    "ln_positions": "normformer",
    "ln_type": "layernorm",
    "scale_embedding": False,
    "sinkhorn_iters": 1,
    "tie_word_embeddings": False,
    "use_absolute_position_embeddings": True,
    "use_alibi": False,
    "use_bias": False,
    "use_cosine_attention": False,
    "use_deepnet_scaling": False,
    "use_final_ln_decoder": True,
    "use_final_ln_encoder": True,
    "use_glu": True,
    "use_head_scale": False,
    "use_scan": True,
    "use_subln_init": False,
    "use_swin_position_embeddings": False,
}
"""What our net is, in the words of the configuration; whatever else that says is refused."""

PLAIN_VQGAN: dict[str, Any] = {
    "double_z": False,
    "give_pre_end": False,
    "in_channels": 3,
    "out_ch": 3,
    "resamp_with_conv": True,
}

Leaves = dict[str, Tensor]


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write ``folder/model.safetensors``, its ``config.json``, tokenizer and list of words.

    Args:
        files: ``flax_model.msgpack`` of DALL-E mini with its companions beside it, and the VQGAN's
            in a folder ``vqgan``.
        folder: Where to write.
        dtype: Of the net's matrices; its norms and the VQGAN stay in float32.

    Raises:
        OperatorError: A file is absent, damaged, or of another net than our two.
    """
    if dtype not in ("float32", "bfloat16"):
        raise OperatorError(f"DALL-E mini cannot be written in {dtype}: float32 or bfloat16.")
    source, vqgan = _sources(files)
    tokenizer, words = _beside(source, TOKENIZER), _beside(source, WORDS_SOURCE)
    net_config = read_net_config(source.with_name(SETTINGS))
    vqgan_config = read_vqgan_config(vqgan.with_name(SETTINGS))
    leaves, vqgan_leaves = read_leaves(source), read_leaves(vqgan)
    for name in [name for name in vqgan_leaves if name.startswith(UNUSED)]:
        del vqgan_leaves[name]
    with torch.device("meta"):
        net, drawer = DalleBart(net_config), VQGANDecoder(vqgan_config)
    tensors = dict(_tensors("net", net, leaves, source, getattr(torch, dtype)))
    tensors |= _tensors("vqgan", drawer, vqgan_leaves, vqgan, torch.float32)
    save_file(tensors, folder / OUTPUT, {"format": "pt", "converted_from": source.name})
    settings = {"net": asdict(net_config), "vqgan": asdict(vqgan_config)}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(tokenizer, folder / TOKENIZER)
    write_words(words, folder / WORDS)


def _sources(files: list[Path]) -> tuple[Path, Path]:
    """Return DALL-E mini's file and the VQGAN's."""
    vqgans = [file for file in files if file.parent.name == VQGAN]
    others = [file for file in files if file not in vqgans]
    if len(vqgans) != 1 or len(others) != 1:
        raise OperatorError(
            f"DALL-E mini comes as {SOURCE} and {VQGAN}/{SOURCE}; here are "
            f"{', '.join(map(str, files)) or 'none'}."
        )
    return others[0], vqgans[0]


def _beside(source: Path, name: str) -> Path:
    path = source.with_name(name)
    if not path.is_file():
        raise OperatorError(f"{path} is not there; the model cannot read prompts without it.")
    return path


def read_leaves(path: Path) -> Leaves:
    """Return the arrays of a Flax file by their dotted names, as views into the mapped file.

    Raises:
        OperatorError: It is absent, damaged, or holds other things than arrays.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        tree = msgspec.msgpack.decode(mapped, ext_hook=_array)
        return dict(_flat(tree, ""))
    except (OSError, ValueError, RuntimeError, msgspec.MsgspecError) as error:
        raise OperatorError(f"{path}: this cannot be read as weights of Flax: {error}") from error


def _array(kind: int, data: memoryview) -> Tensor:
    if kind != ARRAY:
        raise ValueError(f"an extension of type {kind}, where only arrays are known")
    shape, dtype, raw = msgspec.msgpack.decode(data, type=tuple[tuple[int, ...], str, memoryview])
    if dtype not in DTYPES:
        raise ValueError(f"an array of {dtype}")
    if not raw.nbytes:
        return torch.empty(shape, dtype=DTYPES[dtype])
    return torch.frombuffer(raw, dtype=DTYPES[dtype]).reshape(shape)


def _flat(tree: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(tree, Tensor):
        yield name, tree
    elif isinstance(tree, dict):
        for key, branch in tree.items():
            yield from _flat(branch, f"{name}.{key}" if name else str(key))
    else:
        raise ValueError(f"{name or 'the file'} is {type(tree).__name__}, not an array")


def _tensors(
    prefix: str, net: nn.Module, leaves: Leaves, path: Path, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a net, of which the file must have all and nothing else.

    Raises:
        OperatorError: It lacks arrays, has others, or of other shapes.
    """
    wanted = dict(sources(net))
    named = {leaf for source in wanted.values() for leaf in source.leaves}
    _refuse(path, "lacks", named - leaves.keys())
    _refuse(path, "also holds", leaves.keys() - named)
    weights = dict(net.named_parameters())
    counts = (
        sum(weight.numel() for weight in weights.values()),
        sum(leaf.numel() for leaf in leaves.values()),
    )
    for name, source in wanted.items():
        try:
            tensor = source.tensor(leaves)
        except (IndexError, RuntimeError) as error:
            raise OperatorError(f"{path}: {source.leaves[0]} has another shape: {error}") from error
        if tensor.shape != weights[name].shape:
            raise OperatorError(
                f"{path}: {' and '.join(source.leaves)} make {tuple(tensor.shape)}; the "
                f"configuration asks for {tuple(weights[name].shape)}."
            )
        held = dtype if tensor.dim() > 1 else torch.float32
        yield f"{prefix}.{name}", tensor.to(held).contiguous()
    if counts[0] != counts[1]:
        raise OperatorError(
            f"{path}: it holds {counts[1]:,} numbers; the configuration asks for {counts[0]:,}."
        )


def _refuse(path: Path, what: str, names: set[str]) -> None:
    if names:
        first = ", ".join(sorted(names)[:MOST_NAMED])
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        raise OperatorError(f"{path}: it {what} {first}{more}; it is of another net.")


def read_net_config(path: Path) -> DalleBartConfig:
    """Read the ``config.json`` of DALL-E mini.

    Raises:
        OperatorError: It is absent, or describes another architecture.
    """
    said = _settings(path, NORMFORMER, {"decoder_start_token_id": None})
    config = DalleBartConfig(
        tokens=said("encoder_vocab_size"),
        codes=said("image_vocab_size"),
        caption_length=said("max_text_length"),
        image_length=said("image_length"),
        width=said("d_model"),
        encoder_layers=said("encoder_layers"),
        encoder_heads=said("encoder_attention_heads"),
        encoder_inner=said("encoder_ffn_dim"),
        decoder_layers=said("decoder_layers"),
        decoder_heads=said("decoder_attention_heads"),
        decoder_inner=said("decoder_ffn_dim"),
    )
    start = said("decoder_start_token_id")
    if start not in (None, config.start):
        raise OperatorError(f"{path}: decoder_start_token_id is {start}, not {config.start}.")
    return config


def read_vqgan_config(path: Path) -> VQGANConfig:
    """Read the ``config.json`` of its VQGAN.

    Raises:
        OperatorError: It is absent, or describes another architecture.
    """
    said = _settings(path, PLAIN_VQGAN, {})
    return VQGANConfig(
        codes=said("n_embed"),
        code_width=said("embed_dim"),
        z_width=said("z_channels"),
        channels=said("ch"),
        multiples=tuple(said("ch_mult")),
        blocks=said("num_res_blocks"),
        side=said("resolution"),
        attended=tuple(said("attn_resolutions")),
    )


def _settings(
    path: Path, wanted: Mapping[str, Any], otherwise: Mapping[str, Any]
) -> Callable[[str], Any]:
    """Return a look-up in a configuration that says nothing else than ``wanted``."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OperatorError(f"{path}: this configuration cannot be read: {error}") from error
    for key, value in wanted.items():
        if found.get(key, value) != value:
            raise OperatorError(
                f"{path}: {key} is {found[key]!r}; our net is only built for {value!r}."
            )

    def said(key: str) -> Any:
        if key not in found and key not in otherwise:
            raise OperatorError(f"{path}: it does not say {key!r}.")
        return found.get(key, otherwise.get(key))

    return said
