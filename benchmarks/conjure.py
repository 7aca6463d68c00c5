"""The starter for /conjure: whether what it draws of a thing is nearest to that thing's drawing.

Of every thing it draws some pictures with noise of its own, at three truncations, as a member would
get them. A picture counts as right at 1 if of all things' drawings (as the artist made them, on
white) that of its thing is the nearest, and at 5 if it is among the nearest five. Distances are of
pixels, shrunk to 16 x 16 so that a line that is off by a pixel counts little, and of grey levels
and colours about the picture's own background. Beside it: chance, and the artist's drawings
themselves, varied by the same noise, which is what a net without a fault would draw. Ends in one
line of JSON.

    python benchmarks/conjure.py [FOLDER]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.model import Model
from bot.families.biggan import Conjurer, load, noise
from bot.training.biggan import chosen
from bot.training.emoji_art import cached
from bot.training.patches import psnr_db
from bot.training.variations import MEANINGS, varied

FOLDER = Path(__file__).parents[1] / "bot" / "starters" / "conjure"
TRUNCATIONS = (0.1, 0.4, 1.0)
EACH = 4
SEED = 20261123  # not that of the training
NEAR = 16


def wanted(folder: Path, truncation: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return classes (N,) and noise (N, D) of the pictures to draw, and the net's pictures."""
    family: Conjurer = load(Model(id="conjure", task="conjure", family="biggan"), folder)
    luck = torch.Generator().manual_seed(SEED)
    classes = torch.arange(family.net.config.classes).repeat_interleave(EACH)
    length, step = family.net.config.noise, family.net.config.step(truncation)
    noises = torch.stack([noise(length, truncation, luck) for _ in classes])
    pairs = zip(noises, classes.tolist(), strict=True)
    return (
        classes,
        noises,
        torch.stack([family.net(n, family.net.kind([c]), step) for n, c in pairs]),
    )


def features(pictures: Tensor) -> Tensor:
    """Return what pictures (N, 3, H, W) are compared by, (N, D): no plain background counts."""
    small = F.adaptive_avg_pool2d(pictures, NEAR)
    corners = torch.stack((small[:, :, 0, 0], small[:, :, 0, -1], small[:, :, -1, 0]), 0)
    return (small - corners.median(0).values[:, :, None, None]).flatten(1)


def shares(pictures: Tensor, classes: Tensor, drawings: Tensor) -> dict[str, float]:
    """Return for how many pictures the drawing is the nearest, and among the nearest five."""
    nearest = torch.cdist(features(pictures), features(drawings)).argsort(1)
    right = nearest == classes[:, None]
    return {f"at_{most}": round(right[:, :most].any(1).float().mean().item(), 3) for most in (1, 5)}


def main() -> None:
    """Draw, compare, print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    art = chosen(cached())
    drawings = varied(art, torch.zeros(len(art), len(MEANINGS)))
    found: dict[str, object] = {}
    with torch.inference_mode():
        for truncation in TRUNCATIONS:
            began = time.process_time()
            classes, noises, pictures = wanted(folder, truncation)
            seconds = (time.process_time() - began) / len(pictures)
            perfect = varied(art[classes], noises[:, : len(MEANINGS)])
            figures = {
                **shares(pictures, classes, drawings),
                "psnr_db": psnr_db(pictures, perfect),
                "cpu_s_a_picture": round(seconds, 4),
                "artist": shares(perfect, classes, drawings),
            }
            print(f"truncation {truncation}: {figures}", flush=True)
            found[f"truncation {truncation}"] = figures
    chance = {f"at_{most}": round(most / len(art), 3) for most in (1, 5)}
    print(json.dumps({"benchmark": "conjure", "things": len(art), "chance": chance, **found}))


if __name__ == "__main__":
    main()
