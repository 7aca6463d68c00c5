"""Teaches a small VQGAN to put pictures of 64 pixels into 64 codes, and to draw them again.

Only the drawing half, :class:`bot.nets.vqgan.VQGANDecoder`, is served; the half here looks at
pictures while codes are learnt and while a caption's codes are. The codebook follows the running
means of what falls to each code (van den Oord et al., arXiv:1711.00937, appendix A.1), and a code
to which nothing falls is put where something is (Dhariwal et al., arXiv:2005.00341).
"""

from __future__ import annotations

import argparse
import itertools
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bot.nets.vqgan import Attention, Norm, ResidualBlock, VQGANConfig, VQGANDecoder
from bot.training import loop
from bot.training.emoji_art import SIDE, read
from bot.training.emoji_scenes import Scenes

CONFIG = VQGANConfig(
    codes=1024, code_width=64, z_width=96, channels=24, multiples=(1, 1, 3, 4), blocks=1,
    side=SIDE, attended=(8,), groups=8,
)  # fmt: skip
BATCH = 32
STEPS = 1000
LEARNING_RATE = 1.2e-3
DECAY = 0.99  # of the running means
COMMITMENT = 0.25
EDGES = 1.0  # what differences between neighbouring pixels count beside the pixels
DEAD = 0.05  # pictures' positions a step that fall to a code, below which it is moved
TESTED = 256


class Encoder(nn.Module):
    """From pictures (B, 3, H, W) in 0..1 to vectors (B, code_width, H / stride, W / stride)."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        widths = [config.channels * multiple for multiple in config.multiples]
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1)]
        for inside, outside in itertools.pairwise(widths):
            layers += [ResidualBlock(config, inside, inside), nn.Conv2d(inside, outside, 4, 2, 1)]
        top = widths[-1]
        layers += [ResidualBlock(config, top, top), Attention(config, top)]
        layers += [ResidualBlock(config, top, top), Norm(config, top)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(top, config.code_width, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Look at pictures."""
        vectors: Tensor = self.layers(pictures * 2 - 1)
        return vectors


class Autoencoder(nn.Module):
    """Both halves, and the running means that the codebook follows."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.drawer = VQGANDecoder(config)
        self.drawer.codebook.weight.requires_grad_(requires_grad=False)
        self.counts: Tensor
        self.sums: Tensor
        self.register_buffer("counts", torch.ones(config.codes))
        self.register_buffer("sums", self.drawer.codebook.weight.detach().clone())

    def codes(self, pictures: Tensor) -> Tensor:
        """Map pictures (B, 3, H, W) to codes (B, H / stride, W / stride)."""
        return self.nearest(self.encoder(pictures).float())

    def nearest(self, vectors: Tensor) -> Tensor:
        """Map vectors (B, C, h, w) to the codes nearest to them, (B, h, w)."""
        book = self.drawer.codebook.weight
        flat = vectors.detach().permute(0, 2, 3, 1).flatten(0, 2)
        apart = book.square().sum(1) - 2 * flat @ book.T
        return apart.argmin(1).view(len(vectors), *vectors.shape[2:])

    def drawn(self, vectors: Tensor) -> Tensor:
        """Draw vectors (B, C, h, w) as they are, unclamped; gradients flow."""
        drawer = self.drawer
        picture: Tensor = drawer.decoder(drawer.post_quant(vectors))
        return picture

    @torch.no_grad()
    def follow(self, vectors: Tensor, codes: Tensor) -> None:
        """Move the codebook towards the vectors (B, C, h, w) that fell to each code."""
        flat = vectors.permute(0, 2, 3, 1).flatten(0, 2)
        fell = F.one_hot(codes.flatten(), len(self.counts)).float()  # (N, codes)
        self.counts.lerp_(fell.sum(0), 1 - DECAY)
        self.sums.lerp_(fell.T @ flat, 1 - DECAY)
        dead = self.counts < DEAD
        if dead.any():
            chosen = flat[torch.randint(len(flat), (int(dead.sum()),))]
            self.counts[dead], self.sums[dead] = 1.0, chosen
        self.drawer.codebook.weight.copy_(self.sums / self.counts.clamp(min=1e-5)[:, None])


class Pictures(loop.Lesson[Tensor]):
    """What it is taught: to draw the scenes that it sees."""

    def __init__(self, net: Autoencoder, scenes: Scenes) -> None:
        self.net = net
        self._autoencoder = net
        self._scenes = scenes
        luck = torch.Generator().manual_seed(1)
        self._tested = torch.stack([scenes.scene(luck).picture for _ in range(TESTED)])

    def batch(self, luck: torch.Generator) -> Tensor:
        """Return pictures (BATCH, 3, SIDE, SIDE), half of them moved a little."""
        pictures = torch.stack([self._scenes.scene(luck).picture for _ in range(BATCH)])
        by = torch.randint(-4, 5, (2,), generator=luck).tolist()
        pictures[: BATCH // 2] = _moved(pictures[: BATCH // 2], *by)
        return pictures.contiguous(memory_format=torch.channels_last)

    def loss(self, batch: Tensor) -> Tensor:
        """Return how far the drawn pictures are off, and the vectors from their codes."""
        net = self._autoencoder
        with torch.autocast("cpu", torch.bfloat16):
            vectors = net.encoder(batch)
        vectors = vectors.float()
        codes = net.nearest(vectors)
        quantised = net.drawer.codebook(codes).permute(0, 3, 1, 2)
        commitment = F.mse_loss(vectors, quantised)
        if net.training:
            net.follow(vectors.detach(), codes)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = net.drawn(vectors + (quantised - vectors).detach())
        return picture_loss(drawn.float(), batch) + COMMITMENT * commitment

    def evaluate(self) -> loop.Figures:
        """Return the peak signal to noise ratio in decibels, and how many codes are used."""
        codes = torch.cat([self._autoencoder.codes(part) for part in torch.split(self._tested, 32)])
        drawn = torch.cat([self._autoencoder.drawer(part) for part in torch.split(codes, 32)])
        errors = (drawn - self._tested).square().mean((1, 2, 3))
        return {
            "psnr_db": round((-10 * errors.log10()).mean().item(), 2),
            "codes_used": len(torch.unique(codes)),
        }


def picture_loss(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Return how far pictures (B, 3, H, W) are off in their pixels and in their edges."""
    loss = F.l1_loss(drawn, wanted) + 2 * F.mse_loss(drawn, wanted)
    for axis in (2, 3):
        loss = loss + EDGES * F.l1_loss(drawn.diff(dim=axis), wanted.diff(dim=axis))
    return loss


def _moved(pictures: Tensor, right: int, down: int) -> Tensor:
    """Shift pictures; their edges are drawn out."""
    padded = F.pad(pictures, (4, 4, 4, 4), mode="replicate")
    return padded[:, :, 4 - down : 4 - down + SIDE, 4 - right : 4 - right + SIDE]


def train(folder: Path, data: Path, seed: int = 0, steps: int = STEPS) -> loop.Figures:
    """Teach the two halves; leave ``vqgan.safetensors`` with both in ``folder``."""
    torch.manual_seed(seed)
    net = Autoencoder(CONFIG).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Pictures(net, Scenes(read(data)))
    plan = loop.Plan(
        steps=steps, learning_rate=LEARNING_RATE, weight_decay=0.0, seed=seed,
        evaluate_every=max(1, steps // 16), data="noto",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    figures = loop.train(lesson, plan, folder)
    state = {name: weight.contiguous() for name, weight in net.state_dict().items()}
    save_file(state, folder / "vqgan.safetensors")
    return figures


def main() -> None:
    """Read the command line, train, print the figures."""
    from bot.config import cache_folder

    parser = argparse.ArgumentParser(prog="python -m bot.training.vqgan", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("vqgan"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    data = cache_folder(os.environ) / "training" / "emoji"
    figures = train(options.out, data, options.seed, options.steps)
    loop.finish({**figures, **asdict(CONFIG)})


if __name__ == "__main__":
    main()
