"""Writes the files of a BigGAN-deep repository with weights drawn by chance.

What the hub's repository holds, in its very layout: a ``config.json`` and a ``pytorch_model.bin``,
which is an old pickle of an ordered dictionary with each spectrally normalised weight as three
tensors. The pictures of such a net are patterns; names, shapes and sizes are those of the real one.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

FULL: dict[str, Any] = {
    "attention_layer_position": 8,
    "channel_width": 128,
    "class_embed_dim": 128,
    "eps": 1e-4,
    "layers": [
        [False, 16, 16], [True, 16, 16], [False, 16, 16], [True, 16, 8], [False, 8, 8],
        [True, 8, 4], [False, 4, 4], [True, 4, 2], [False, 2, 2], [True, 2, 1],
    ],
    "n_stats": 51,
    "num_classes": 1000,
    "output_dim": 128,
    "z_dim": 128,
}  # fmt: skip
"""The configuration of osanseviero/BigGAN-deep-128."""

TINY: dict[str, Any] = {
    **FULL,
    "attention_layer_position": 3,
    "channel_width": 8,
    "class_embed_dim": 8,
    "layers": [[False, 16, 16], [True, 16, 8], [False, 8, 4], [True, 4, 2], [False, 2, 1]],
    "output_dim": 16,
    "z_dim": 8,
}
"""A net of every kind of layer that draws 16 x 16 pixels."""

POWER_ITERATIONS = 8
HALF = 0.5  # the mean square of what is left of a normal variable when the negative is dropped


def write(folder: Path, *, tiny: bool = False, seed: int = 0) -> None:
    """Write the repository's files into ``folder``; the same seed writes the same files."""
    config = TINY if tiny else FULL
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    tensors = _Drawing(config, seed).tensors
    torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


class _Drawing:
    """Draws the tensors of a net, in the order in which the hub's file has them.

    Means and variances are about those that the net's activations will have: without that, forty
    norms on end would swell or starve what they pass on.
    """

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        self.tensors: OrderedDict[str, Tensor] = OrderedDict()
        self._luck = torch.Generator().manual_seed(seed)
        self._truncations = torch.linspace(0, 1, config["n_stats"])[:, None]  # (S, 1)
        width, self._condition = config["channel_width"], 2 * config["z_dim"]
        self.tensors["embeddings.weight"] = HALF * self._normal(
            config["class_embed_dim"], config["num_classes"]
        )
        out = 16 * width * config["layers"][0][1]
        spread = self._spectral("generator.gen_z", out, self._condition, square=HALF)
        places = range(len(config["layers"]) + 1)
        layers = iter(config["layers"])
        for place in places:
            name = f"generator.layers.{place}"
            if place == config["attention_layer_position"]:
                self._attention(name, width * config["layers"][place][1])
            else:
                _, inside, outside = next(layers)
                spread += self._block(name, width * inside, width * outside, spread)
        self._statistics("generator.bn", width, spread, affine=True)
        self._spectral("generator.conv_to_rgb", width, width, 3)

    def _block(self, name: str, inside: int, outside: int, spread: float) -> float:
        """Draw a residual block; return the variance that it adds."""
        narrow = inside // 4
        shapes = (
            (inside, narrow, 1),
            (narrow, narrow, 3),
            (narrow, narrow, 3),
            (narrow, outside, 1),
        )
        for number, (taken, given, kernel) in enumerate(shapes):
            norm = f"{name}.bn_{number}"
            self._statistics(norm, taken, spread, affine=False)
            for part in ("scale", "offset"):
                self._spectral(f"{norm}.{part}", taken, self._condition, bias=False)
            spread = self._spectral(f"{name}.conv_{number}", given, taken, kernel)
        return spread

    def _attention(self, name: str, channels: int) -> None:
        self.tensors[f"{name}.gamma"] = torch.full((1,), HALF)
        for part, outside, inside in (
            ("theta", channels // 8, channels), ("phi", channels // 8, channels),
            ("g", channels // 2, channels), ("o_conv", channels, channels // 2),
        ):  # fmt: skip
            self._spectral(f"{name}.snconv1x1_{part}", outside, inside, 1, bias=False)

    def _statistics(self, name: str, channels: int, spread: float, *, affine: bool) -> None:
        if affine:
            self.tensors[f"{name}.weight"] = 1 + 0.1 * self._normal(channels)
            self.tensors[f"{name}.bias"] = 0.1 * self._normal(channels)
        means = 0.3 * math.sqrt(spread) * self._normal(1, channels)
        self.tensors[f"{name}.running_means"] = (0.5 + self._truncations) * means
        variances = spread * (0.1 * self._normal(1, channels)).exp()
        self.tensors[f"{name}.running_vars"] = (0.8 + self._truncations / 2) * variances

    def _spectral(
        self, name: str, outside: int, inside: int, kernel: int = 0, *,
        bias: bool = True, square: float = HALF,
    ) -> float:  # fmt: skip
        """Draw a weight and its first singular vectors; return the variance of what it gives.

        ``kernel`` is 0 for a linear layer; ``square`` is the mean square of what the layer takes.
        """
        shape = (outside, inside, kernel, kernel) if kernel else (outside, inside)
        weight = self._normal(*shape)
        if bias:
            self.tensors[f"{name}.bias"] = 0.05 * self._normal(outside)
        matrix = weight.view(outside, -1)
        left = F.normalize(self._normal(outside), dim=0)
        for _ in range(POWER_ITERATIONS):
            right = F.normalize(matrix.T.mv(left), dim=0)
            left = F.normalize(matrix.mv(right), dim=0)
        self.tensors |= {
            f"{name}.weight_orig": weight, f"{name}.weight_u": left, f"{name}.weight_v": right,
        }  # fmt: skip
        return square * matrix.shape[1] / float(left.dot(matrix.mv(right))) ** 2

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._luck)
