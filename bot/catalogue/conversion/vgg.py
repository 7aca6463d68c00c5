"""Takes out of a VGG-19 of timm what style transfer reads: a tenth of its weights.

The file is mapped, so that the classifier, which is most of it, is never read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bot.errors import OperatorError
from bot.nets.vgg import BLOCKS, NAMES

OUTPUT = "model.safetensors"
SETTINGS = "config.json"
ARCHITECTURE = "vgg19"
KERNEL = (3, 3)


def positions() -> list[int]:
    """Return where our layers stand in the file, which counts activations and halvings too."""
    found: list[int] = []
    place = 0
    for count in BLOCKS:
        found += range(place, place + 2 * count, 2)
        place += 2 * count + 1
    return found


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write ``folder/model.safetensors`` from the one file, of which the ``config.json`` tells.

    Raises:
        OperatorError: The files are damaged, or of another net.
    """
    if len(files) != 1:
        raise OperatorError(f"A VGG comes as one model.safetensors; here are {len(files)}.")
    if dtype not in ("float32", "bfloat16"):
        raise OperatorError(f"A VGG cannot be written in {dtype}, only in float32 or bfloat16.")
    (source,) = files
    _check_architecture(source.with_name(SETTINGS))
    try:
        with safe_open(source, "pt") as file:
            tensors = _taken_from(source, file)
    except (OSError, SafetensorError) as error:
        raise OperatorError(f"{source}: this file cannot be read as weights: {error}") from error
    held = {name: tensor.to(getattr(torch, dtype)) for name, tensor in tensors.items()}
    save_file(held, folder / OUTPUT, {"format": "pt", "converted_from": source.name})


def _check_architecture(path: Path) -> None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["architecture"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{path}: this does not say which net it is of ({error!r}).") from error
    if said != ARCHITECTURE:
        raise OperatorError(f"{path}: this is of a net {said!r}; only {ARCHITECTURE!r} is known.")


def _taken_from(source: Path, file: Any) -> dict[str, Tensor]:
    """Return the tensors of our layers under our names."""
    there = set(file.keys())
    tensors: dict[str, Tensor] = {}
    inside = 3
    for name, position in zip(NAMES, positions(), strict=True):
        for part in ("weight", "bias"):
            key = f"features.{position}.{part}"
            if key not in there:
                raise OperatorError(f"{source}: it lacks {key}, which is {name} of a VGG-19.")
            tensors[f"layers.{name}.{part}"] = file.get_tensor(key)
        weight, bias = tensors[f"layers.{name}.weight"], tensors[f"layers.{name}.bias"]
        wanted = (len(bias), inside, *KERNEL)
        if tuple(weight.shape) != wanted or bias.ndim != 1:
            raise OperatorError(
                f"{source}: features.{position} has the shape {tuple(weight.shape)}; here it must "
                f"be {wanted}."
            )
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise OperatorError(f"{source}: features.{position} holds numbers that are no numbers.")
        inside = len(bias)
    return tensors
