"""Writes the files of DALL-E mini's two repositories, with weights of chance.

``dalle-mini/dalle-mini`` in the folder itself and ``dalle-mini/vqgan_imagenet_f16_16384`` in its
folder ``vqgan``: configurations, Flax's MessagePack with the layers stacked, a byte-level
tokenizer, a list of words. Arrays are drawn one after the other and never held together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import torch

from bot.catalogue.synthetic import vocabularies
from bot.catalogue.synthetic.vocabularies import write_json
from bot.catalogue.synthetic.words import made_up_words

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
WEIGHTS = "flax_model.msgpack"
ARRAY = 1  # Flax's type of extension for one
AT_ONCE = 1 << 22  # numbers that are drawn in one go
HUB_WORDS = 2_700_000  # lines of the published list, about
TINY_WORDS = 400

NET: dict[str, Any] = {
    "activation_dropout": 0.0, "activation_function": "gelu", "architectures": ["DalleBart"],
    "attention_dropout": 0.0, "bos_token_id": 16_385, "d_model": 1024,
    "decoder_attention_heads": 16, "decoder_ffn_dim": 2730, "decoder_layers": 12,
    "decoder_start_token_id": 16_384, "do_sample": True, "dropout": 0.0,
    "encoder_attention_heads": 16, "encoder_ffn_dim": 2730, "encoder_layers": 12,
    "encoder_vocab_size": 50_264, "eos_token_id": 16_385, "force_ln_scale": False,
    "gradient_checkpointing": False, "image_length": 256, "image_vocab_size": 16_384,
    "init_std": 0.01, "is_encoder_decoder": True, "ln_positions": "normformer",
    "ln_type": "layernorm", "max_length": 257, "max_text_length": 64, "min_length": 257,
    "model_type": "dallebart", "normalize_text": True, "pad_token_id": 16_385,
    "scale_embedding": False, "sinkhorn_iters": 1, "tau_init": 0.05, "tie_word_embeddings": False,
    "use_absolute_position_embeddings": True, "use_alibi": False, "use_bias": False,
    "use_cache": True, "use_cosine_attention": False, "use_deepnet_scaling": False,
    "use_final_ln_decoder": True, "use_final_ln_encoder": True, "use_glu": True,
    "use_head_scale": False, "use_scan": True, "use_swin_position_embeddings": False,
}  # fmt: skip
TINY_NET: dict[str, Any] = NET | {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 2,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 50, "decoder_ffn_dim": 42,
    "encoder_vocab_size": 600, "image_vocab_size": 96, "image_length": 16, "max_length": 17,
    "min_length": 17, "bos_token_id": 97, "eos_token_id": 97, "pad_token_id": 97,
    "decoder_start_token_id": 96, "max_text_length": 24,
}  # fmt: skip

VQGAN: dict[str, Any] = {
    "architectures": ["VQModel"], "attn_resolutions": [16], "ch": 128,
    "ch_mult": [1, 1, 2, 2, 4], "double_z": False, "dropout": 0.0, "embed_dim": 256,
    "give_pre_end": False, "in_channels": 3, "n_embed": 16_384, "num_res_blocks": 2,
    "num_resolutions": 5, "out_ch": 3, "resamp_with_conv": True, "resolution": 256,
    "z_channels": 256,
}  # fmt: skip
TINY_VQGAN: dict[str, Any] = VQGAN | {
    "attn_resolutions": [4], "ch": 32, "ch_mult": [1, 2], "embed_dim": 16, "n_embed": 96,
    "num_resolutions": 2, "num_res_blocks": 1, "resolution": 8, "z_channels": 24,
}  # fmt: skip

Shape = tuple[int, ...]
Shapes = Iterator[tuple[str, Shape]]


def write(folder: Path, *, tiny: bool = False, seed: int = 0) -> None:
    """Write the files of both repositories into a folder; the same seed writes the same files."""
    net, vqgan = (TINY_NET, TINY_VQGAN) if tiny else (NET, VQGAN)
    place = folder / "vqgan"
    place.mkdir(exist_ok=True)
    write_json(folder / "config.json", net)
    write_json(place / "config.json", vqgan)
    _write_tokenizer(folder, net["encoder_vocab_size"], net["max_text_length"])
    _write_words(folder / "enwiki-words-frequency.txt", TINY_WORDS if tiny else HUB_WORDS)
    write_flax(folder / WEIGHTS, dict(net_shapes(net)), seed)
    write_flax(place / WEIGHTS, dict(vqgan_shapes(vqgan)), seed + 1)


def _write_tokenizer(folder: Path, size: int, length: int) -> None:
    vocabularies.byte_pairs(folder, first=SPECIAL, last=(), size=size)
    vocabularies.fast_byte_pairs(folder, SPECIAL, roberta=True)
    named = {
        "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>",
        "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>",
    }  # fmt: skip
    write_json(folder / "special_tokens_map.json", named)
    kind = {"model_max_length": length, "tokenizer_class": "BartTokenizer"}
    write_json(folder / "tokenizer_config.json", named | kind)


def _write_words(path: Path, count: int) -> None:
    """Write words and how often they are met, the commonest first."""
    words = ["the", "of", "and", "a", *made_up_words(min(count, HUB_WORDS // 10) - 4)]
    # a tenth of the list are words; what is met once or twice is mostly names and numbers
    rare = (f"x{number}" for number in range(count - len(words)))
    with path.open("w", encoding="utf-8") as file:
        for rank, word in enumerate((*words, *rare), 1):
            file.write(f"{word} {200_000_000 // rank}\n")


def net_shapes(config: dict[str, Any]) -> Shapes:
    """Yield the names and shapes of the arrays that a configuration of DALL-E mini asks for."""
    width, start = config["d_model"], config["image_vocab_size"] + 1
    tables = {
        "encoder": (config["encoder_vocab_size"], config["max_text_length"]),
        "decoder": (start, config["image_length"]),
    }
    for half, (tokens, length) in tables.items():
        name = f"model.{half}"
        yield f"{name}.embed_tokens.embedding", (tokens, width)
        yield f"{name}.embed_positions.embedding", (length, width)
        yield f"{name}.layernorm_embedding.scale", (width,)
        yield f"{name}.layernorm_embedding.bias", (width,)
        yield f"{name}.final_ln.bias", (width,)
        stack = f"{name}.layers.FlaxBart{half.title()}Layers"
        layers, inner = config[f"{half}_layers"], config[f"{half}_ffn_dim"]
        for leaf, shape in _layer_shapes(width, inner, crossed=half == "decoder"):
            yield f"{stack}.{leaf}", (layers, *shape)
    yield "lm_head.kernel", (width, start)


def _layer_shapes(width: int, inner: int, *, crossed: bool) -> Shapes:
    for attention in range(1 + crossed):
        yield f"LayerNorm_{2 * attention}.bias", (width,)  # before it: no scale
        for layer in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"FlaxBartAttention_{attention}.{layer}.kernel", (width, width)
        yield f"LayerNorm_{2 * attention + 1}.scale", (width,)
        yield f"LayerNorm_{2 * attention + 1}.bias", (width,)
    yield "GLU_0.LayerNorm_0.bias", (width,)
    yield "GLU_0.Dense_0.kernel", (width, inner)
    yield "GLU_0.Dense_1.kernel", (width, inner)
    yield "GLU_0.LayerNorm_1.bias", (inner,)
    yield "GLU_0.Dense_2.kernel", (inner, width)


def vqgan_shapes(config: dict[str, Any]) -> Shapes:
    """Yield the names and shapes of the arrays that a configuration of the VQGAN asks for."""
    widths = [config["ch"] * multiple for multiple in config["ch_mult"]]
    sides = [config["resolution"] >> level for level in range(len(widths))]
    attended = [side in config["attn_resolutions"] for side in sides]
    top, z, code = widths[-1], config["z_channels"], config["embed_dim"]
    yield from _conv("encoder.conv_in", 3, widths[0], 3)
    inside = widths[0]
    for level, width in enumerate(widths):
        name = f"encoder.down_{level}"
        yield from _blocks(name, inside, width, config["num_res_blocks"], attended[level])
        if level < len(widths) - 1:
            yield from _conv(f"{name}.downsample.conv", width, width, 3)
        inside = width
    yield from _middle("encoder", top)
    yield from _norm("encoder.norm_out", top)
    yield from _conv("encoder.conv_out", top, z, 3)
    yield from _conv("quant_conv", z, code, 1)
    yield "quantize.embedding.embedding", (config["n_embed"], code)
    yield from _conv("post_quant_conv", code, z, 1)
    yield from _conv("decoder.conv_in", z, top, 3)
    yield from _middle("decoder", top)
    inside = top
    for level, width in reversed(list(enumerate(widths))):
        name = f"decoder.up_{level}"
        yield from _blocks(name, inside, width, config["num_res_blocks"] + 1, attended[level])
        if level:
            yield from _conv(f"{name}.upsample.conv", width, width, 3)
        inside = width
    yield from _norm("decoder.norm_out", widths[0])
    yield from _conv("decoder.conv_out", widths[0], 3, 3)


def _conv(name: str, inside: int, outside: int, size: int) -> Shapes:
    yield f"{name}.kernel", (size, size, inside, outside)
    yield f"{name}.bias", (outside,)


def _norm(name: str, width: int) -> Shapes:
    yield f"{name}.scale", (width,)
    yield f"{name}.bias", (width,)


def _block(name: str, inside: int, outside: int) -> Shapes:
    yield from _norm(f"{name}.norm1", inside)
    yield from _conv(f"{name}.conv1", inside, outside, 3)
    yield from _norm(f"{name}.norm2", outside)
    yield from _conv(f"{name}.conv2", outside, outside, 3)
    if inside != outside:
        yield from _conv(f"{name}.nin_shortcut", inside, outside, 1)


def _attention(name: str, width: int) -> Shapes:
    yield from _norm(f"{name}.norm", width)
    for layer in ("q", "k", "v", "proj_out"):
        yield from _conv(f"{name}.{layer}", width, width, 1)


def _blocks(name: str, inside: int, outside: int, count: int, attended: bool) -> Shapes:
    for number in range(count):
        yield from _block(f"{name}.block_{number}", outside if number else inside, outside)
        if attended:
            yield from _attention(f"{name}.attn_{number}", outside)


def _middle(half: str, width: int) -> Shapes:
    yield from _block(f"{half}.mid.block_1", width, width)
    yield from _attention(f"{half}.mid.attn_1", width)
    yield from _block(f"{half}.mid.block_2", width, width)


def write_flax(path: Path, shapes: dict[str, Shape], seed: int) -> None:
    """Write float32 arrays of chance as Flax does, under their dotted names."""
    chance = torch.Generator().manual_seed(seed)
    tree: dict[str, Any] = {}
    for name in sorted(shapes):  # as jax orders maps
        *branches, leaf = name.split(".")
        at = tree
        for branch in branches:
            at = at.setdefault(branch, {})
        at[leaf] = name, shapes[name]
    with path.open("wb") as file:
        _write_tree(file, tree, chance)


def _write_tree(file: BinaryIO, tree: dict[str, Any], chance: torch.Generator) -> None:
    file.write(_header(0xDF, len(tree)))
    for key, branch in tree.items():
        file.write(msgspec.msgpack.encode(key))
        if isinstance(branch, dict):
            _write_tree(file, branch, chance)
        else:
            _write_array(file, branch[0], branch[1], chance)


def _write_array(file: BinaryIO, name: str, shape: Shape, chance: torch.Generator) -> None:
    """Write an extension that holds an array of three: shape, dtype, bytes."""
    size = math.prod(shape)
    head = b"\x93" + msgspec.msgpack.encode(shape) + msgspec.msgpack.encode("float32")
    head += _header(0xC6, 4 * size)
    file.write(_header(0xC9, len(head) + 4 * size) + bytes([ARRAY]) + head)
    middle, spread = _likely(name, shape)
    for begin in range(0, size, AT_ONCE):
        values = torch.empty(min(AT_ONCE, size - begin)).normal_(middle, spread, generator=chance)
        file.write(values.numpy().tobytes())


def _header(kind: int, size: int) -> bytes:
    """Return the head of a map, bytes or an extension, in its longest form."""
    return bytes([kind]) + size.to_bytes(4, "big")


def _likely(name: str, shape: Shape) -> tuple[float, float]:
    """Return the mean and the spread of an array's values."""
    match name.rpartition(".")[2]:
        case "scale":
            return 1.0, 0.05
        case "bias":  # in the middle between black and white
            return 0.5 if name == "decoder.conv_out.bias" else 0.0, 0.02
        case "embedding":
            return 0.0, 0.5
        case _:
            fan_in = math.prod(shape[:3]) if len(shape) == 4 else shape[-2]  # or a stack's
            return 0.0, float(fan_in**-0.5)
