"""Writes the files of timm/vgg19.tv_in1k with weights drawn by chance.

A ``config.json`` and a ``model.safetensors`` as timm writes them: sixteen convolutions named
``features.N``, the first two layers of the classifier as convolutions, ``pre_logits.fc1`` and
``fc2``, and the last, ``head.fc``. Names, shapes and sizes are those of the real one.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""Where the convolutions stand in ``features``: activations and poolings are counted too."""

FULL = ((64,) * 2 + (128,) * 2 + (256,) * 4 + (512,) * 8, 4096, 1000)
"""Channels of each convolution, what lies hidden in the classifier, and its classes."""

TINY = ((8,) * 2 + (12,) * 2 + (16,) * 4 + (24,) * 8, 32, 10)

CLASSIFIER_SIDE = 7  # pixels that its first layer sees at once


def write(folder: Path, *, tiny: bool = False, seed: int = 0) -> None:
    """Write the repository's files into ``folder``; the same seed writes the same files."""
    widths, hidden, classes = TINY if tiny else FULL
    folder.mkdir(parents=True, exist_ok=True)
    config = json.dumps(_config(hidden, classes), indent=2)
    (folder / "config.json").write_text(config + "\n", encoding="utf-8")
    luck = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}

    def draw(name: str, *shape: int) -> None:
        """Draw a layer that keeps the size of what it takes, as if half of it were zero."""
        scale = math.sqrt(2 / math.prod(shape[1:]))
        tensors[f"{name}.weight"] = torch.randn(shape, generator=luck).mul_(scale)
        tensors[f"{name}.bias"] = torch.randn(shape[0], generator=luck).mul_(0.05)

    inside = 3
    for position, outside in zip(POSITIONS, widths, strict=True):
        draw(f"features.{position}", outside, inside, 3, 3)
        inside = outside
    draw("pre_logits.fc1", hidden, inside, CLASSIFIER_SIDE, CLASSIFIER_SIDE)
    draw("pre_logits.fc2", hidden, hidden, 1, 1)
    draw("head.fc", classes, hidden)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _config(hidden: int, classes: int) -> dict[str, Any]:
    return {
        "architecture": "vgg19",
        "num_classes": classes,
        "num_features": hidden,
        "pretrained_cfg": {
            "tag": "tv_in1k",
            "custom_load": False,
            "input_size": [3, 224, 224],
            "fixed_input_size": False,
            "interpolation": "bilinear",
            "crop_pct": 0.875,
            "crop_mode": "center",
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "num_classes": classes,
            "pool_size": [7, 7],
            "first_conv": "features.0",
            "classifier": "head.fc",
        },
    }
