"""Codes for pictures without a net: the typical patches of 8 x 8 pixels, found by k-means.

A VQGAN learns its codes together with what draws them, for days on many processors. On two cores
and half an hour that ended in blurs without green and purple (docs/log.md); typical patches are
found in two minutes, keep their colours, and what draws them learns to join them.

``python -m bot.training.patches`` leaves ``patches.safetensors``, which the trainers of both nets
read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from bot.training import loop
from bot.training.emoji_art import SIDE, cached, read
from bot.training.emoji_scenes import Scenes

PATCH = 8
CODES = 2048
SCENES = 8000
SAMPLED = 160_000  # patches
ROUNDS = 12
AT_ONCE = 16_384
EMPTY = 2000  # of white patches, a quarter of all, so many are enough
FILE = "patches.safetensors"


class Eyes:
    """Turns pictures into codes.

    Args:
        patches: (codes, 3 * PATCH * PATCH), in 0..1.
    """

    def __init__(self, patches: Tensor) -> None:
        self.patches = patches
        self._squares = patches.square().sum(1)

    @classmethod
    def read(cls, folder: Path) -> Eyes:
        """Take up what :func:`learn` left."""
        return cls(load_file(folder / FILE)["patches"])

    def codes(self, pictures: Tensor) -> Tensor:
        """Map pictures (B, 3, H, W) in 0..1 to the codes nearest to each patch, (B, T)."""
        return torch.stack([self._nearest(each) for each in cut(pictures)])

    def _nearest(self, patches: Tensor) -> Tensor:
        return (self._squares - 2 * patches @ self.patches.T).argmin(1)

    def pasted(self, codes: Tensor) -> Tensor:
        """Lay patches side by side: pictures (B, 3, H, W) of codes (B, T) as they are."""
        side = int(codes.shape[1] ** 0.5) * PATCH
        return F.fold(self.patches[codes].mT, side, PATCH, stride=PATCH)


def cut(pictures: Tensor) -> Tensor:
    """Return the patches of pictures (B, 3, H, W), row by row: (B, T, 3 * PATCH * PATCH)."""
    return F.unfold(pictures, PATCH, stride=PATCH).mT


def learn(pictures: Tensor, seed: int = 0, codes: int = CODES, rounds: int = ROUNDS) -> Tensor:
    """Return the typical patches of pictures (B, 3, H, W): (codes, 3 * PATCH * PATCH)."""
    luck = torch.Generator().manual_seed(seed)
    patches = cut(pictures).flatten(0, 1)
    white = (patches > 0.99).all(1)
    patches = torch.cat([patches[~white], patches[white][:EMPTY]])
    patches = patches[torch.randperm(len(patches), generator=luck)[:SAMPLED]]
    centres = patches[:codes].clone()
    for _ in range(rounds):
        eyes = Eyes(centres)
        nearest = torch.cat([eyes._nearest(part) for part in torch.split(patches, AT_ONCE)])
        counts = torch.bincount(nearest, minlength=len(centres)).float()
        sums = torch.zeros_like(centres).index_add_(0, nearest, patches)
        centres = sums / counts.clamp(min=1)[:, None]
        dead = counts == 0
        if dead.any():  # put them where patches are least well told
            off = (patches - centres[nearest]).square().sum(1)
            centres[dead] = patches[off.topk(int(dead.sum())).indices]
    return centres


def psnr_db(drawn: Tensor, wanted: Tensor) -> float:
    """Return the mean peak signal to noise ratio of pictures (B, 3, H, W), in decibels."""
    return decibels((drawn - wanted).square().mean((1, 2, 3)))


def decibels(errors: Tensor) -> float:
    """Return the mean peak signal to noise ratio of pictures by their mean square errors (B,)."""
    return round((-10 * errors.log10()).mean().item(), 2)


def main() -> None:
    """Read the command line, find the patches, print how well they tell unseen pictures."""
    parser = argparse.ArgumentParser(prog="python -m bot.training.patches", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("emoji"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    scenes = Scenes(read(cached()))
    luck = torch.Generator().manual_seed(options.seed)
    pictures = torch.stack([scenes.scene(luck).picture for _ in range(SCENES)])
    tested = torch.stack([scenes.scene(luck).picture for _ in range(256)])
    sys.stderr.write(f"{SCENES} pictures drawn\n")
    eyes = Eyes(learn(pictures, options.seed))
    options.out.mkdir(parents=True, exist_ok=True)
    save_file({"patches": eyes.patches}, options.out / FILE)
    codes = eyes.codes(tested)
    loop.finish({
        "psnr_db": psnr_db(eyes.pasted(codes), tested), "codes_used": len(torch.unique(codes)),
        "codes": CODES, "side": SIDE,
    })  # fmt: skip


if __name__ == "__main__":
    main()
