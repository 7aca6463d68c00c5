"""Writes weights of chance for a net of transformers, in the files and under the names of the hub.

No whole copy of the weights is ever in memory where the file is a ``.bin`` of torch's present
format: it is written with holes, mapped, and filled in place.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch.serialization import set_default_mmap_options, skip_data

QUIET = 0.02  # biases, positions, embeddings: about what training begins with
LIVELY = 2.0  # layers: so much over what keeps a signal's size, or texts repeat their first token
ATTENDING = re.compile(r"(^|[._])(q|k|query|key|q_proj|k_proj)\.weight$")
TABLES = ("embed", "wte", "wpe", "shared")
HEADS = ("lm_head.", "cls.", "output_projection.")
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the weights of a net lie in a repository of the hub.

    Args:
        file: ``model.safetensors`` or ``pytorch_model.bin``.
        architecture: The class of transformers whose weights they are.
        dtype: How they are held there.
        renamed: Today's name of a weight -> the one that it had when the file was written.
        same: Names in the file that hold what another holds, by that other name.
        extra: What old files hold besides: masks, ids of positions, heads that nobody uses.
        silent: Ids that are never written: their logits are 0, and those of others are not.
        before_zip: The .bin is of the format that torch had before 1.6.
        shard_bytes: A .bin larger than this is parted.
        queries: What the weights of queries are multiplied with, where the net scales no scores.
    """

    file: str
    architecture: str
    dtype: torch.dtype = torch.float32
    renamed: Callable[[str], str] = str
    same: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, torch.Tensor] = field(default_factory=dict)
    silent: tuple[int, ...] = ()
    before_zip: bool = False
    shard_bytes: int = 100_000_000_000
    queries: float = 1.0


def planned(folder: Path, layout: Layout) -> tuple[Tensors, str]:
    """Return the weights that belong to a folder's config.json, without their values.

    They are tensors on the device "meta" by their names in the file; the second value is the name
    of those that give the logits, or an empty text.
    """
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # transformers ties mT5's head whatever its config says, and unties it when it meets the file
    config.tie_word_embeddings = said.get("tie_word_embeddings", config.tie_word_embeddings)
    with torch.device("meta"):
        net = getattr(transformers, layout.architecture)(config)
    state = net.state_dict(keep_vars=True)
    head = net.get_output_embeddings()
    # of names that are tied, the table's counts and not the head's
    named = sorted(state, key=lambda name: any(part in name for part in HEADS))
    first = {id(state[name]): name for name in reversed(named)}
    voice = "" if head is None else first[id(head.weight)]
    held = {
        layout.renamed(name): weight.detach().to(layout.dtype)
        for name, weight in state.items()
        if first[id(weight)] == name and name not in layout.same  # tied ones once
    }
    return held | dict(layout.extra), layout.renamed(voice) if voice else ""


def write(folder: Path, layout: Layout, seed: int = 0) -> None:
    """Write the weights that belong to a folder's config.json."""
    held, voice = planned(folder, layout)

    def fill(tensors: Tensors) -> None:
        chance = torch.Generator().manual_seed(seed)
        for name, weight in tensors.items():
            if name in layout.extra:
                weight.copy_(layout.extra[name])
            else:
                _fill(name, weight, chance)
                if name.endswith(".q.weight"):
                    weight *= layout.queries
            if name == voice:
                weight[list(layout.silent)] = 0.0

    if layout.file.endswith(".safetensors"):
        tensors = _empty(held)
        fill(tensors)
        tensors |= {name: tensors[other].clone() for name, other in layout.same.items()}
        save_file(tensors, folder / layout.file, metadata={"format": "pt"})
    elif layout.before_zip:
        tensors = _empty(held)
        fill(tensors)
        tensors |= {name: tensors[other] for name, other in layout.same.items()}
        torch.save(tensors, folder / layout.file, _use_new_zipfile_serialization=False)
    else:
        _write_bins(folder, layout, held, fill)


def _write_bins(
    folder: Path, layout: Layout, held: Tensors, fill: Callable[[Tensors], None]
) -> None:
    """Write one .bin, or several and their index where they are large."""
    shards = list(_shards(held, layout.shard_bytes))
    stem = Path(layout.file).stem
    places: dict[str, str] = {}
    for number, shard in zip(count(1), shards, strict=False):
        name = layout.file
        if len(shards) > 1:
            name = f"{stem}-{number:05}-of-{len(shards):05}.bin"
        places |= dict.fromkeys(shard, name)
        same = {new: other for new, other in layout.same.items() if other in shard}
        _write_bin(folder / name, shard, same, fill)
    if len(shards) > 1:
        total = sum(weight.nbytes for weight in held.values())
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / f"{layout.file}.index.json").write_text(json.dumps(index, indent=2))


def _write_bin(
    path: Path, held: Tensors, same: Mapping[str, str], fill: Callable[[Tensors], None]
) -> None:
    tensors = _empty(held)  # pages that nobody touches take no memory
    tensors |= {name: tensors[other] for name, other in same.items()}
    with skip_data():
        torch.save(tensors, path)
    del tensors
    with set_default_mmap_options(mmap.MAP_SHARED):  # what is written there is in the file
        mapped = torch.load(path, mmap=True, weights_only=True)
    fill({name: weight for name, weight in mapped.items() if name not in same})


def _shards(held: Tensors, most_bytes: int) -> Iterable[Tensors]:
    shard: Tensors = {}
    for name, weight in held.items():
        if shard and sum(other.nbytes for other in shard.values()) + weight.nbytes > most_bytes:
            yield shard
            shard = {}
        shard[name] = weight
    yield shard


def _empty(held: Tensors) -> Tensors:
    return {name: torch.empty_like(weight, device="cpu") for name, weight in held.items()}


def _fill(name: str, weight: torch.Tensor, chance: torch.Generator) -> None:
    if weight.dim() < 2:
        weight.normal_(0.0, QUIET, generator=chance)
        if name.endswith(("weight", "gamma")):  # of a norm
            weight += 1.0
    elif any(part in name for part in TABLES) or name.endswith("bias"):
        weight.normal_(0.0, QUIET, generator=chance)
    else:
        gain = 1.0 if ATTENDING.search(name) else LIVELY  # scores that are not all or nothing
        weight.normal_(0.0, gain / weight[0].numel() ** 0.5, generator=chance)
