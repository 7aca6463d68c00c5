"""Teaches a small VQGAN to draw 64 codes as a picture of 64 pixels.

The codes are those of :mod:`bot.training.patches`; the net learns to join their patches, and to put
back what they have lost, as far as their neighbours tell it.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bot.nets.vqgan import VQGANConfig, VQGANDecoder
from bot.training import loop
from bot.training.emoji_art import SIDE, cached, read
from bot.training.emoji_scenes import Scenes
from bot.training.patches import CODES, Eyes, psnr_db

CONFIG = VQGANConfig(
    codes=CODES, code_width=64, z_width=96, channels=24, multiples=(1, 1, 3, 4), blocks=1,
    side=SIDE, attended=(8,), groups=8,
)  # fmt: skip
BATCH = 24
STEPS = 2400
LEARNING_RATE = 1.5e-3
EDGES = 1.0  # what differences between neighbouring pixels count beside the pixels
TESTED = 256
FILE = "drawer.safetensors"


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures (B, 3, SIDE, SIDE) and their codes (B, T)."""

    pictures: Tensor
    codes: Tensor


class Pictures(loop.Lesson[Seen]):
    """What it is taught: to draw the pictures whose codes it is given."""

    def __init__(self, net: VQGANDecoder, eyes: Eyes, scenes: Scenes) -> None:
        self.net = net
        self._drawer = net
        self._eyes = eyes
        self._scenes = scenes
        self._tested = self._seen(torch.Generator().manual_seed(1), TESTED)

    def batch(self, luck: torch.Generator) -> Seen:
        """Return BATCH scenes."""
        return self._seen(luck, BATCH)

    def _seen(self, luck: torch.Generator, count: int) -> Seen:
        pictures = torch.stack([self._scenes.scene(luck).picture for _ in range(count)])
        return Seen(pictures, self._eyes.codes(pictures))

    def loss(self, batch: Seen) -> Tensor:
        """Return how far the drawn pictures are off."""
        drawer = self._drawer
        z = drawer.codebook(batch.codes.view(len(batch.codes), CONFIG.square, CONFIG.square))
        with torch.autocast("cpu", torch.bfloat16):
            drawn = drawer.decoder(drawer.post_quant(z.permute(0, 3, 1, 2)))
        return picture_loss(drawn.float(), batch.pictures)

    def evaluate(self) -> loop.Figures:
        """Return the peak signal to noise ratio, and that of the patches laid side by side."""
        square = (-1, CONFIG.square, CONFIG.square)
        parts = torch.split(self._tested.codes, 32)
        drawn = torch.cat([self._drawer(part.view(square)) for part in parts])
        return {
            "psnr_db": psnr_db(drawn, self._tested.pictures),
            "pasted_psnr_db": psnr_db(self._eyes.pasted(self._tested.codes), self._tested.pictures),
        }


def picture_loss(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Return how far pictures (B, 3, H, W) are off in their pixels and in their edges."""
    loss = F.l1_loss(drawn, wanted) + 2 * F.mse_loss(drawn, wanted)
    for axis in (2, 3):
        loss = loss + EDGES * F.l1_loss(drawn.diff(dim=axis), wanted.diff(dim=axis))
    return loss


def train(folder: Path, data: Path, seed: int = 0, steps: int = STEPS) -> loop.Figures:
    """Teach the net; leave ``drawer.safetensors`` beside the patches in ``folder``."""
    torch.manual_seed(seed)
    eyes = Eyes.read(folder)
    net = VQGANDecoder(CONFIG)
    _begin(net, eyes.patches)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = loop.Plan(
        steps=steps, learning_rate=LEARNING_RATE, weight_decay=0.0, seed=seed,
        evaluate_every=max(1, steps // 16), data="noto",
    )  # fmt: skip
    figures = loop.train(Pictures(net, eyes, Scenes(read(data))), plan, folder / "drawer")
    state = {name: weight.contiguous() for name, weight in net.state_dict().items()}
    save_file(state, folder / FILE)
    return figures


def _begin(net: VQGANDecoder, patches: Tensor) -> None:
    """Let the codes' vectors begin as what distinguishes their patches most."""
    _, _, axes = torch.pca_lowrank(patches, CONFIG.code_width, niter=4)
    vectors = (patches - patches.mean(0)) @ axes
    net.codebook.weight = nn.Parameter(vectors / vectors.std() * 0.5)


def main() -> None:
    """Read the command line, train, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bot.training.vqgan", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("emoji"), help="where patches left theirs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    figures = train(options.out, cached(), options.seed, options.steps)
    loop.finish({**figures, **asdict(CONFIG)})


if __name__ == "__main__":
    main()
