"""Turns Marian's binary models, as Bergamot's translators come, into safetensors.

Such a file is: a version, the number of items, a header of four numbers for each (bytes of the
name, type, dimensions, bytes of the data), the names, the shapes, a gap up to the next multiple of
256 bytes, the data. Numbers of the headers have eight bytes, those of shapes four, all
little-endian. Type 0x4101 ("intgemm8") is one byte a weight, and behind the weights stands, as a
float, by what they had been multiplied. Such a matrix lies there with its columns as rows (output
by output, as torch wants it), but its shape does not say so; embeddings lie as their shape says.
``_QuantMultA`` items say how Marian rounds what goes into a product; here nothing is rounded again.

Source: ``src/common/binary.cpp``, ``src/common/types.h`` and
``src/tensors/cpu/integer_common.h`` of github.com/browsermt/marian-dev at 2781d735.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from bot.errors import OperatorError

Floats = NDArray[np.float32]

OUTPUT = "model.safetensors"
VERSION = 1
FLOAT32, INT8, INTGEMM8 = 0x404, 0x101, 0x4101
SETTINGS = "special:model.yml"
EMBEDDING = "Wemb"
MODEL_FILE = re.compile(r"^model\.([a-z]{2})([a-z]{2})\..*bin$")

WANTED = {
    "type": "transformer",
    "dec-cell": "ssru",
    "transformer-decoder-autoreg": "rnn",
    "transformer-postprocess": "dan",
    "transformer-preprocess": '""',
    "transformer-postprocess-top": '""',
    "transformer-ffn-activation": "relu",
    "transformer-ffn-depth": "2",
    "transformer-train-position-embeddings": "false",
    "transformer-no-projection": "false",
    "transformer-tied-layers": "[]",
    "tied-embeddings-all": "true",
    "layer-normalization": "false",
}
"""The settings of the one architecture that :mod:`bot.nets.marian_ssru` is."""

PARTS = {
    "self_Wq": "attention.query.weight", "self_bq": "attention.query.bias",
    "self_Wk": "attention.key.weight", "self_bk": "attention.key.bias",
    "self_Wv": "attention.value.weight", "self_bv": "attention.value.bias",
    "self_Wo": "attention.out.weight", "self_bo": "attention.out.bias",
    "self_Wo_ln_scale": "attention_norm.weight", "self_Wo_ln_bias": "attention_norm.bias",
    "ffn_W1": "forth.widen.weight", "ffn_b1": "forth.widen.bias",
    "ffn_W2": "forth.narrow.weight", "ffn_b2": "forth.narrow.bias",
    "ffn_ffn_ln_scale": "forth_norm.weight", "ffn_ffn_ln_bias": "forth_norm.bias",
    "rnn_W": "recurrence.fresh.weight",
    "rnn_Wf": "recurrence.gate.weight", "rnn_bf": "recurrence.gate.bias",
    "rnn_ffn_ln_scale": "recurrence_norm.weight", "rnn_ffn_ln_bias": "recurrence_norm.bias",
}  # fmt: skip
"""Marian's name of a part of a layer -> ours; its attention between the languages is "context"."""


class Item(NamedTuple):
    """One item of a file: its type, its shape, its bytes."""

    type: int
    shape: tuple[int, ...]
    data: bytes


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write ``model.safetensors``, ``config.json`` and the vocabularies of one or more directions.

    Args:
        files: For each direction ``model.enpt.….bin`` and ``vocab.enpt.spm``: two letters for the
            language that is read, two for the one that is written.
        folder: Gets the files; tensors begin with ``en-pt.``.
        dtype: ``float32``.

    Raises:
        OperatorError: A file is missing, damaged, or of another architecture.
    """
    if dtype != "float32":
        raise OperatorError(f"Marian's translators are kept in float32; {dtype} they cannot be.")
    tensors: dict[str, Floats] = {}
    directions = {}
    for path in files:
        if not (match := MODEL_FILE.match(path.name)):
            continue
        pair = f"{match[1]}-{match[2]}"
        items = read_items(path.read_bytes(), path.name)
        directions[pair] = sizes_of(items, path.name)
        tensors |= {f"{pair}.{name}": array for name, array in named(items, path.name)}
        _put_vocabulary(files, f"vocab.{match[1]}{match[2]}.spm", folder / f"{pair}.spm")
    if not directions:
        raise OperatorError("There is no model among these files: none is called model.XXYY….bin.")
    (folder / "config.json").write_text(
        json.dumps({"model_type": "marian_ssru", "directions": directions}, indent=2) + "\n"
    )
    save_file(tensors, folder / OUTPUT, metadata={"format": "pt"})


def _put_vocabulary(files: list[Path], name: str, target: Path) -> None:
    for path in files:
        if path.name == name:
            shutil.copyfile(path, target)
            return
    raise OperatorError(f"The vocabulary {name} is not among the files.")


def read_items(data: bytes, name: str) -> dict[str, Item]:
    """Return the items of a file by their names.

    Raises:
        OperatorError: It is no such file, or breaks off.
    """
    try:
        return _read_items(data)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise OperatorError(f"{name}: this is no binary model of Marian ({error}).") from error


def _read_items(data: bytes) -> dict[str, Item]:
    version, count = struct.unpack_from("<QQ", data)
    if version != VERSION:
        raise ValueError(f"its version is {version}, not {VERSION}")
    if 16 + 32 * count > len(data):
        raise ValueError("it breaks off")
    headers = [struct.unpack_from("<4Q", data, 16 + 32 * number) for number in range(count)]
    place = 16 + 32 * count
    names, shapes = [], []
    for length, *_ in headers:
        names.append(data[place : place + length].rstrip(b"\0").decode())
        place += length
    for _, _, dimensions, _ in headers:
        shapes.append(struct.unpack_from(f"<{dimensions}i", data, place))
        place += 4 * dimensions
    (gap,) = struct.unpack_from("<Q", data, place)
    place += 8 + gap
    items = {}
    for (_, kind, _, length), name, shape in zip(headers, names, shapes, strict=True):
        if place + length > len(data):
            raise ValueError(f"it breaks off in {name}")
        items[name] = Item(kind, shape, data[place : place + length])
        place += length
    return items


def floats_of(item: Item, *, turned: bool) -> Floats:
    """Return the weights of an item as float32, matrices as (out, in).

    Args:
        item: Floats, or bytes with a multiplier behind them.
        turned: Bytes lie output by output though the shape says (in, out); else as it says.

    Raises:
        ValueError: It is of another type, or too short.
    """
    count = math.prod(item.shape)
    if item.type == FLOAT32:
        return np.frombuffer(item.data, "<f4", count).reshape(item.shape).astype(np.float32)
    if item.type != INTGEMM8:
        raise ValueError(f"the type {item.type:#x}")
    (multiplier,) = struct.unpack_from("<f", item.data, count)
    if not (math.isfinite(multiplier) and multiplier > 0):
        raise ValueError(f"the multiplier {multiplier}")
    levels = np.frombuffer(item.data, np.int8, count)
    shape = item.shape[::-1] if turned else item.shape
    return levels.reshape(shape).astype(np.float32) * np.float32(1 / multiplier)


def sizes_of(items: Mapping[str, Item], name: str) -> dict[str, int]:
    """Return the arguments of :class:`bot.nets.marian_ssru.SsruConfig`.

    Raises:
        OperatorError: The file tells no sizes, or is of another architecture.
    """
    if SETTINGS not in items:
        raise OperatorError(f"{name}: this model tells no settings.")
    text = items[SETTINGS].data.rstrip(b"\0").decode(errors="replace")
    settings = dict(re.findall(r"^([a-z-]+): *(.+?) *$", text, re.MULTILINE))
    for key, value in WANTED.items():
        if settings.get(key) != value:
            raise OperatorError(
                f"{name}: this model's {key} is {settings.get(key)}; only {value} can be read."
            )
    try:
        return {
            "vocabulary": items[EMBEDDING].shape[0],
            "width": int(settings["dim-emb"]),
            "inner": int(settings["transformer-dim-ffn"]),
            "heads": int(settings["transformer-heads"]),
            "readers": int(settings["enc-depth"]),
            "writers": int(settings["dec-depth"]),
        }
    except (KeyError, ValueError) as error:
        raise OperatorError(f"{name}: this model does not say its sizes ({error}).") from error


def named(items: Mapping[str, Item], name: str) -> Iterator[tuple[str, Floats]]:
    """Yield the weights under the names of :class:`bot.nets.marian_ssru.MarianSsru`.

    Raises:
        OperatorError: There is one that the net does not have, or that cannot be read.
    """
    for key, item in items.items():
        if key == SETTINGS or key.endswith("_QuantMultA"):
            continue
        target = _target(key)
        if target is None:
            raise OperatorError(f"{name}: its {key} is no weight of this architecture.")
        try:
            weight = floats_of(item, turned=key != EMBEDDING)
        except (struct.error, ValueError) as error:
            raise OperatorError(f"{name}: its {key} cannot be read: {error}.") from error
        if key != EMBEDDING and target.endswith("weight") and item.type == FLOAT32:
            weight = weight.T  # floats lie as their shape says: (in, out); a norm's is (1, width)
        one_row = target.endswith(("bias", "norm.weight"))
        yield target, np.ascontiguousarray(weight.reshape(-1) if one_row else weight)


def _target(key: str) -> str | None:
    if key == EMBEDDING:
        return "embedding.weight"
    if key == "decoder_ff_logit_out_b":
        return "out_bias"
    match = re.fullmatch(r"(encoder|decoder)_l([1-9]\d*)_(.+)", key)
    part = PARTS.get(match[3].replace("context_", "self_")) if match else None
    if match is None or part is None:
        return None
    stack = "readers" if match[1] == "encoder" else "writers"
    return f"{stack}.{int(match[2]) - 1}.{part}"
