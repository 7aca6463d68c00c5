"""Turns the pickled weights of a BigGAN-deep generator into safetensors under our net's names.

Its spectral norms are folded: of each weight the file has the original and two vectors u and v, and
what the net multiplies with is the original divided by ``u @ original @ v``, which no drawing ever
changes. The scales and shifts of all norms become one matrix (see :mod:`bot.nets.biggan`).
"""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from bot.errors import OperatorError
from bot.nets.biggan import Config, Generator

OUTPUT = "model.safetensors"
SETTINGS = "config.json"

ATTENTION = {"queries": "theta", "keys": "phi", "values": "g", "out": "o_conv"}
"""Our names of the attention's layers -> the file's."""

LAYERS = ("start.", "norms.weight", "blocks.", "attention.", "to_rgb.")
"""What is written in the serving dtype, by the beginnings of its names."""

CONVOLUTIONS = 4  # of a block, each with a norm before it


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write ``folder/model.safetensors`` from the one file, and the ``config.json`` beside it.

    Layers are written in ``dtype``; classes and statistics stay in float32.

    Raises:
        OperatorError: The files are damaged, or of another net than they say.
    """
    if len(files) != 1:
        raise OperatorError(f"A BigGAN comes as one pytorch_model.bin; here are {len(files)}.")
    if dtype not in ("float32", "bfloat16"):
        raise OperatorError(f"A BigGAN cannot be written in {dtype}, only in float32 or bfloat16.")
    (source,) = files
    settings = source.with_name(SETTINGS)
    config = read_config(settings)
    tensors = _Reading(source, _unpickled(source)).all(config)
    _check(source, tensors, config)
    for name, tensor in tensors.items():
        if name.startswith(LAYERS):
            tensors[name] = tensor.to(getattr(torch, dtype))
    save_file(tensors, folder / OUTPUT, {"format": "pt", "converted_from": source.name})
    shutil.copyfile(settings, folder / SETTINGS)


def read_config(path: Path) -> Config:
    """Read a repository's ``config.json``.

    Raises:
        OperatorError: It is absent, or describes no net of this kind.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Config.from_hub(plain)
    except (OSError, ValueError) as error:
        raise OperatorError(f"{path}: this is no configuration of a BigGAN: {error}.") from error


def _unpickled(source: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, which may be of the old kind that is no zip archive."""
    try:
        found: Any = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise OperatorError(f"{source}: this file cannot be read as weights: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise OperatorError(f"{source}: this file holds other things than tensors by their names.")
    return dict(found)


class _Reading:
    """Takes the tensors of a file out by their names, one after the other."""

    def __init__(self, source: Path, tensors: dict[str, Tensor]) -> None:
        self._source = source
        self._tensors = tensors

    def all(self, config: Config) -> dict[str, Tensor]:
        """Return every tensor of our net.

        Raises:
            OperatorError: The file lacks one, or has others besides.
        """
        tensors = {
            "classes": self._take("embeddings.weight").T,
            "start.weight": self._folded("generator.gen_z"),
            "start.bias": self._take("generator.gen_z.bias"),
            **self._stages(config),
            "last_scale": self._take("generator.bn.weight"),
            "last_shift": self._take("generator.bn.bias"),
            "last_means": self._take("generator.bn.running_means"),
            "last_variances": self._take("generator.bn.running_vars"),
            "to_rgb.weight": self._folded("generator.conv_to_rgb"),
            "to_rgb.bias": self._take("generator.conv_to_rgb.bias"),
        }
        if self._tensors:
            raise OperatorError(
                f"{self._source}: it has {len(self._tensors)} tensors that its configuration does "
                f"not ask for, the first of them {next(iter(self._tensors))}."
            )
        return {name: tensor.float().contiguous() for name, tensor in tensors.items()}

    def _stages(self, config: Config) -> dict[str, Tensor]:
        tensors = {}
        norms: list[tuple[Tensor, ...]] = []
        for number in range(len(config.stages)):
            after = number >= config.attention_at  # the attention has a number of its own
            name = f"generator.layers.{number + after}"
            for part in range(CONVOLUTIONS):
                norms.append(self._norm(f"{name}.bn_{part}"))
                ours = f"blocks.{number}.convolutions.{part}"
                tensors[f"{ours}.weight"] = self._folded(f"{name}.conv_{part}")
                tensors[f"{ours}.bias"] = self._take(f"{name}.conv_{part}.bias")
        name = f"generator.layers.{config.attention_at}"
        for ours, theirs in ATTENTION.items():
            tensors[f"attention.{ours}.weight"] = self._folded(f"{name}.snconv1x1_{theirs}")
        tensors["attention.gain"] = self._take(f"{name}.gamma")
        scales, shifts, means, variances = zip(*norms, strict=True)
        tensors["norms.weight"] = torch.cat((*scales, *shifts))
        tensors["norms.means"] = torch.cat(means, 1)
        tensors["norms.variances"] = torch.cat(variances, 1)
        return tensors

    def _norm(self, name: str) -> tuple[Tensor, ...]:
        """Return the scales' and the shifts' matrix, means and variances of a conditional norm."""
        folded = (self._folded(f"{name}.{part}") for part in ("scale", "offset"))
        plain = (self._take(f"{name}.{part}") for part in ("running_means", "running_vars"))
        return (*folded, *plain)

    def _folded(self, name: str) -> Tensor:
        """Return a weight divided by its greatest singular value, as its u and v tell it."""
        weight = self._take(f"{name}.weight_orig")
        left, right = self._take(f"{name}.weight_u"), self._take(f"{name}.weight_v")
        try:
            norm = left.dot(weight.flatten(1).mv(right))
        except (RuntimeError, IndexError) as error:
            raise OperatorError(f"{self._source}: {name} has odd shapes: {error}") from error
        return weight / norm

    def _take(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise OperatorError(
                f"{self._source}: it has no tensor {name}, which its configuration asks for."
            )
        return self._tensors.pop(name)


def _check(source: Path, tensors: dict[str, Tensor], config: Config) -> None:
    """Refuse tensors that do not fit the net, or are no numbers."""
    with torch.device("meta"):
        wanted = Generator(config).state_dict()
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise OperatorError(
                f"{source}: {name} comes out as {tuple(tensor.shape)}; its configuration asks for "
                f"{tuple(wanted[name].shape)}."
            )
        if not tensor.isfinite().all():
            raise OperatorError(f"{source}: {name} holds numbers that are infinite or none.")
