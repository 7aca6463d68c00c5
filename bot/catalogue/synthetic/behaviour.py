"""Writes the files of keras-io/recommender-transformers with weights drawn by chance.

What the hub's repository holds, in its very layout: a Keras SavedModel whose variables lie in a
TensorFlow checkpoint (an index with checksums, and data, with the optimizer's sums between the
weights), whose description of the layers holds the films' numbers and the positions, and whose
graph, which nobody here reads, is left out. ``movies.dat`` is not the hub's: it is what whoever
runs the bot brings, here with made-up titles, but for a few that anybody may type.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bot.catalogue.bundles import FLOAT, FOOTER_BYTES, MAGIC, STRING, crc32c, mask

FILMS, TINY_FILMS = 3883, 60
HEADS, HISTORY, HIDDEN = 3, 3, (256, 128)
UNSEEN = 177  # films of MovieLens 1M that nobody rated
KNOWN_TITLES = (
    "Alien (1979)", "Casablanca (1942)", "Heat (1995)", "Godfather, The (1972)",
    "Star Wars: Episode IV - A New Hope (1977)", "Toy Story (1995)", "Seven (Se7en) (1995)",
)  # fmt: skip

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
SLOT = "/.OPTIMIZER_SLOT/optimizer/accumulator"
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
FIRST_SUM = 0.1  # what Keras' Adagrad begins its sums of squares with
BLOCK_BYTES = 4096  # of the index, about
RESTART = 16  # keys after which one is written whole again


def write(folder: Path, *, tiny: bool = False, seed: int = 0) -> None:
    """Write the repository's files into ``folder``; the same seed writes the same files."""
    films = TINY_FILMS if tiny else FILMS
    luck = torch.Generator().manual_seed(seed)
    ids = torch.randperm(films + films // 50, generator=luck)[:films].sort().values + 1
    numbers = [str(number) for number in ids.tolist()]
    width = int(films**0.5)
    weights = _weights(films, width, luck)
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    _write_bundle(_entries(weights, films), _object_graph(weights), folder / "variables")
    positions = _uniform(luck, HISTORY, width)
    described = json.dumps(_description(numbers, positions, width))
    node = _field(3, b"root") + _field(4, b"_tf_keras_network") + _field(5, described.encode())
    (folder / "keras_metadata.pb").write_bytes(_field(1, node))
    (folder / "saved_model.pb").write_bytes(_number(1, 1) + _field(2, b""))
    (folder / "movies.dat").write_bytes(_titles(numbers).encode("latin-1"))


def _weights(films: int, width: int, luck: torch.Generator) -> dict[str, tuple[str, Tensor]]:
    """Return the variables by their keys, each with the name that Keras gave it.

    They are as large as after some training: the stars that come out differ from film to film.
    """
    found: dict[str, tuple[str, Tensor]] = {}
    layer = 0

    def add(name: str, **variables: Tensor) -> None:
        nonlocal layer
        for part, tensor in variables.items():
            found[f"layer_with_weights-{layer}/{part}"] = (f"{name}/{part}", tensor)
        layer += 1

    def dense(name: str, inside: int, outside: int, level: float = 0.0) -> None:
        kernel = torch.randn(inside, outside, generator=luck) * inside**-0.5
        add(name, kernel=kernel, bias=level + 0.1 * torch.randn(outside, generator=luck))

    def norm(name: str, size: int, **more: Tensor) -> None:
        near = 0.1 * torch.randn(2, size, generator=luck)
        add(name, gamma=1 + near[0], beta=near[1], **more)

    add("movie_embedding", embeddings=torch.randn(films, width, generator=luck) * 0.3)
    _add_attention(found, width, luck)
    layer += 1
    norm("layer_normalization", width)
    dense("dense", width, width)
    norm("layer_normalization_1", width)
    inside = (HISTORY + 1) * width
    for place, size in enumerate(HIDDEN):
        dense(f"dense_{place + 1}", inside, size)
        mean, spread = 0.3 * torch.randn(2, size, generator=luck)
        name = "batch_normalization" + (f"_{place}" if place else "")
        norm(name, size, moving_mean=mean, moving_variance=0.5 + spread.abs())
        inside = size
    dense(f"dense_{len(HIDDEN) + 1}", inside, 1, level=3.6)
    return found


def _add_attention(found: dict[str, tuple[str, Tensor]], width: int, luck: torch.Generator) -> None:
    """Add the attention's variables, which lie beside the layers, numbered from 1."""
    shapes = [((width, HEADS, width), (HEADS, width))] * 3
    names = ("query", "key", "value", "attention_output")
    pairs = zip(names, [*shapes, ((HEADS, width, width), (width,))], strict=True)
    for place, (name, (kernel, bias)) in enumerate(pairs):
        inside = width if place < 3 else HEADS * width
        for part, shape, scale in (("kernel", kernel, inside**-0.5), ("bias", bias, 0.1)):
            key = f"variables/{1 + 2 * place + (part == 'bias')}"
            value = torch.randn(shape, generator=luck) * scale
            found[key] = (f"multi_head_attention/{name}/{part}", value)


def _entries(weights: Mapping[str, tuple[str, Tensor]], films: int) -> dict[str, Tensor]:
    """Return all tensors of the checkpoint: the weights, and what the optimizer summed for each.

    Films that nobody rated have no sums.
    """
    entries = {}
    unseen = max(1, films * UNSEEN // FILMS)
    for key, (_, weight) in weights.items():
        entries[key + VALUE] = weight
        if "moving_" not in key:
            sums = FIRST_SUM + weight.square()
            if key.endswith("embeddings"):
                sums[-unseen:] = FIRST_SUM
            entries[key + SLOT + VALUE] = sums
    return entries


def _write_bundle(tensors: Mapping[str, Tensor], graph: bytes, folder: Path) -> None:
    """Write a TensorFlow checkpoint: the data one tensor after another, and the index."""
    header = _number(1, 1) + _field(3, _number(1, 1))
    rows = {b"": header}
    data = bytearray()
    length = _varint(len(graph))
    checked = struct.pack("<I", len(graph))
    told = struct.pack("<I", mask(crc32c(checked)))
    checksum = crc32c(checked + told + graph)
    data += length + told + graph
    rows[GRAPH.encode()] = _entry(STRING, (), 0, len(data), checksum)
    for key in sorted(tensors):
        raw = tensors[key].contiguous().numpy().tobytes()
        shape = tuple(tensors[key].shape)
        rows[key.encode()] = _entry(FLOAT, shape, len(data), len(raw), crc32c(raw))
        data += raw
    (folder / "variables.data-00000-of-00001").write_bytes(data)
    (folder / "variables.index").write_bytes(_sorted_table(rows))


def _entry(dtype: int, shape: Iterable[int], offset: int, size: int, checksum: int) -> bytes:
    sides = b"".join(_field(2, _number(1, side)) for side in shape)
    place = (_number(4, offset) if offset else b"") + _number(5, size)
    sum_of_all = _varint(6 << 3 | 5) + struct.pack("<I", mask(checksum))
    return _number(1, dtype) + _field(2, sides) + place + sum_of_all


def _sorted_table(rows: Mapping[bytes, bytes]) -> bytes:
    """Return a sorted string table: blocks of rows, an empty one, an index of them, a footer."""
    out, index = bytearray(), {}
    block: dict[bytes, bytes] = {}
    for key in sorted(rows):
        block[key] = rows[key]
        if sum(len(k) + len(v) for k, v in block.items()) > BLOCK_BYTES:
            index[key] = _add_block(out, block)
            block = {}
    if block:
        index[max(block)] = _add_block(out, block)
    empty, root = _add_block(out, {}), _add_block(out, index)
    footer = (empty + root).ljust(FOOTER_BYTES - 8, b"\0") + struct.pack("<Q", MAGIC)
    return bytes(out + footer)


def _add_block(out: bytearray, rows: Mapping[bytes, bytes]) -> bytes:
    """Append a block; return its handle. Keys leave out what they share with the one before."""
    body, restarts, last = bytearray(), [], b""
    for place, (key, value) in enumerate(rows.items()):
        shared = 0
        if place % RESTART == 0:
            restarts.append(len(body))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        body += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        body += key[shared:] + value
        last = key
    for restart in restarts or [0]:
        body += struct.pack("<I", restart)
    body += struct.pack("<I", len(restarts) or 1)
    handle = _varint(len(out)) + _varint(len(body))
    body += b"\0"  # not compressed
    out += body + struct.pack("<I", mask(crc32c(bytes(body))))
    return handle


def _object_graph(weights: Mapping[str, tuple[str, Tensor]]) -> bytes:
    """Return Keras' objects, of which only the variables' names are of use."""
    return b"".join(
        _field(
            1,
            _field(
                2,
                _field(1, b"VARIABLE_VALUE")
                + _field(2, name.encode())
                + _field(3, (key + VALUE).encode()),
            ),
        )
        for key, (name, _) in weights.items()
    )


def _description(numbers: list[str], positions: Tensor, width: int) -> dict[str, Any]:
    """Return what Keras says of the net: its layers, of which these tell something."""
    added = {"y": positions.tolist(), "name": None}
    norm = {"axis": [2], "epsilon": 0.001, "center": True, "scale": True}
    layers = [
        _layer(
            "StringLookup", "movie_index_lookup",
            {
                "invert": False, "num_oov_indices": 0, "oov_token": "[UNK]", "mask_token": None,
                "vocabulary": [f"movie_{number}" for number in numbers],
            },
        ),
        _layer("Embedding", "movie_embedding", {"input_dim": len(numbers), "output_dim": width}),
        _layer(
            "TFOpLambda", "tf.__operators__.add", {"function": "__operators__.add"},
            ["movie_embedding", 1, 0, added],
        ),
        _layer("MultiHeadAttention", "multi_head_attention", {"num_heads": HEADS}),
        _layer("LayerNormalization", "layer_normalization", norm),
        _layer("LeakyReLU", "leaky_re_lu", {"alpha": 0.30000001192092896}),
        _layer("BatchNormalization", "batch_normalization", {"axis": [1], "epsilon": 0.001}),
    ]  # fmt: skip
    config = {"name": "model", "trainable": True, "layers": layers}
    return {"name": "model", "class_name": "Functional", "config": config}


def _layer(
    kind: str, name: str, config: Mapping[str, Any], node: list[Any] | None = None
) -> dict[str, Any]:
    nodes = [] if node is None else [node]
    return {
        "class_name": kind, "config": {"name": name, **config}, "name": name,
        "inbound_nodes": nodes,
    }  # fmt: skip


def _titles(numbers: list[str]) -> str:
    """Return lines of ``movies.dat``: made-up titles, and those that anybody may type."""
    lines = []
    for place, number in enumerate(numbers):
        made_up = f"Made-up Film No. {number} ({1920 + place % 80})"
        title = KNOWN_TITLES[place] if place < len(KNOWN_TITLES) else made_up
        lines.append(f"{number}::{title}::Drama\n")
    return "".join(lines)


def _uniform(luck: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=luck) * 0.1 - 0.05


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
