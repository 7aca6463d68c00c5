"""Teaches a small BigGAN-deep to draw things by their names, without an adversary.

Two cores are too few for a contest of two nets. Here each class is a vector that is learnt together
with the net (generative latent optimisation, Bojanowski et al., arXiv:1707.05776), and the first
numbers of the noise are told what they mean: what :mod:`bot.training.variations` did to a drawing.
The others mean nothing, and their weights stay zero. So new noise draws a thing in a new way, and
the mean of two classes lies between two things.

The norms' statistics are taken once, from the net before it learns, and held: so each picture is
drawn by itself in the training too, just as it is served, and at every truncation alike.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bot.catalogue.things import Listed, write_things
from bot.nets.biggan import FIRST_SIDE, Attention, Block, Config, Convolution, Generator
from bot.training import loop
from bot.training.emoji_art import cached, read
from bot.training.emoji_things import FAVOURITES, kinds, taught
from bot.training.patches import decibels
from bot.training.variations import MEANINGS, varied
from bot.training.vqgan import picture_loss

WIDTH = 32
LAYERS = (  # whether it doubles the sides; channels inside and outside, in widths
    (True, 16, 8), (True, 8, 6), (True, 6, 4), (False, 4, 3), (True, 3, 1),
)  # fmt: skip
SETTINGS: dict[str, Any] = {
    "channel_width": WIDTH, "layers": LAYERS, "attention_layer_position": 1, "z_dim": 80,
    "class_embed_dim": 80, "n_stats": 51, "eps": 1e-4,
}  # fmt: skip
BATCH = 24
STEPS = 1300
LEARNING_RATE = 2.0e-3
MIXED = 0  # examples of a batch that show two things; the net that ships saw none
BOUND = 2.0  # as the family draws noise
LEAST = 0.1  # truncation
TESTED = 8  # batches
STEEP = 0.985  # up to where the tanh is taught to go
BEFORE = 0.1  # what counts before the tanh


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures (B, 3, SIDE, SIDE) in 0..1, what they mix, two classes each, and noise (B, D)."""

    pictures: Tensor
    classes: Tensor  # (B, 2); twice the same where nothing is mixed
    noise: Tensor


class Learner(nn.Module):
    """A generator that draws batches."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.generator = Generator(config)
        self.seen: list[tuple[Tensor, Tensor]] | None = None  # what norms met, where it is wanted

    def forward(self, noise: Tensor, kinds: Tensor) -> Tensor:
        """Draw (B, 3, side, side), as it is before the tanh, for noise and kinds (B, D)."""
        net = self.generator
        condition = torch.cat((noise, kinds), 1)
        norms = self._norms(condition)
        x = net.start(condition).view(len(noise), FIRST_SIDE, FIRST_SIDE, -1).permute(0, 3, 1, 2)
        for number, block in enumerate(net.blocks):
            if number == net.config.attention_at:
                x = attended(net.attention, x)
            x = around(block, x, norms)
        scale, shift = net.last_scale, net.last_shift
        x = self._norm(x, net.last_means[0], net.last_variances[0], scale[None], shift[None])
        last: Convolution = net.to_rgb
        assert last.bias is not None
        x = F.conv2d(x, last.weight[:3], last.bias[:3], padding=last.padding)
        return x.float()

    def _norms(self, condition: Tensor) -> Iterator[Callable[[Tensor], Tensor]]:
        norms = self.generator.norms
        scales, shifts = F.linear(condition, norms.weight).float().chunk(2, 1)
        rows = (norms.means[0], norms.variances[0], 1 + scales, shifts)
        parts = (torch.split(row, norms.channels, -1) for row in rows)
        for mean, variance, scale, shift in zip(*parts, strict=True):
            yield partial(self._norm, mean=mean, variance=variance, scale=scale, shift=shift)

    def _norm(
        self, x: Tensor, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor
    ) -> Tensor:
        if self.seen is not None:
            variance, mean = torch.var_mean(x.float(), (0, 2, 3), unbiased=False)
            self.seen.append((mean, variance))
        by = scale * (variance + self.generator.config.epsilon).rsqrt()  # (B, C)
        plus = shift - mean * by
        x = torch.addcmul(spread(plus, x), x, spread(by, x))
        return F.relu(x)

    @torch.no_grad()
    def hold(self, noise: Tensor, kinds: Tensor) -> None:
        """Have the norms hold the statistics of a batch, at every truncation the same."""
        self.seen = []
        self(noise, kinds)
        means, variances = zip(*self.seen, strict=True)
        self.seen = None
        net = self.generator
        net.norms.means[:], net.norms.variances[:] = (
            torch.cat(means[:-1]),
            torch.cat(variances[:-1]),
        )
        net.last_means[:], net.last_variances[:] = means[-1], variances[-1]


def spread(row: Tensor, x: Tensor) -> Tensor:
    """Return (B, C) as it is added to x, (B, C, H, W), and in its dtype."""
    return row[:, :, None, None].to(x.dtype)


def around(block: Block, x: Tensor, norms: Iterator[Callable[[Tensor], Tensor]]) -> Tensor:
    """Map (B, C, H, W) through a block, as :class:`bot.nets.biggan.Block` does with one picture."""
    kept = x[:, : block.stage.outside]
    for convolution in block.convolutions:
        x = convolution(next(norms)(x))
    if block.stage.enlarge:
        kept = F.interpolate(kept, scale_factor=2.0, mode="nearest")
    return x + kept


def attended(attention: Attention, x: Tensor) -> Tensor:
    """Map (B, C, H, W) to the same shape, as :class:`bot.nets.biggan.Attention` does with one."""
    queries = attention.queries(x).flatten(2).transpose(1, 2)  # (B, HW, C/8)
    keys = F.max_pool2d(attention.keys(x), 2).flatten(2)  # (B, C/8, HW/4)
    values = F.max_pool2d(attention.values(x), 2).flatten(2).transpose(1, 2)  # (B, HW/4, C/2)
    seen = (queries @ keys).softmax(-1) @ values  # (B, HW, C/2)
    seen = seen.transpose(1, 2).reshape(len(x), -1, *x.shape[2:])
    added: Tensor = attention.gain * attention.out(seen)
    return x + added


def begin(net: Generator) -> None:
    """Draw first weights; those of noise that means nothing are zero, and stay so."""
    config = net.config
    for module in net.modules():
        if isinstance(module, Convolution):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for block in net.blocks:
        with torch.no_grad():
            block.convolutions[-1].weight.mul_(0.5)
    nn.init.normal_(net.classes)
    nn.init.normal_(net.start.weight, std=1 / math.sqrt(config.noise))
    nn.init.zeros_(net.start.bias)
    nn.init.normal_(net.norms.weight, std=0.3 / math.sqrt(config.noise))
    nn.init.normal_(net.to_rgb.weight, std=0.02)
    nn.init.ones_(net.last_scale)
    nn.init.zeros_(net.last_shift)
    nn.init.zeros_(net.attention.gain)
    with torch.no_grad():
        for weight in (net.start.weight, net.norms.weight):
            weight[:, len(MEANINGS) : config.noise] = 0.0
        net.to_rgb.weight[3:] = 0.0
    for name in ("means", "last_means"):
        getattr(net if "last" in name else net.norms, name).zero_()
    for name in ("variances", "last_variances"):
        getattr(net if "last" in name else net.norms, name).fill_(1.0)


class Pictures(loop.Lesson[Examples]):
    """What it is taught: to draw each thing, changed as its noise says."""

    def __init__(self, net: Learner, drawings: Tensor, mixed: int = MIXED) -> None:
        self.net = net
        self._learner = net
        self._drawings = drawings  # (classes, 4, SIDE, SIDE) in 0..1, colours times opacity
        self._size = min(BATCH, len(drawings))
        self._mixed = 0
        luck = torch.Generator().manual_seed(1)
        self._tested = [self.batch(luck) for _ in range(TESTED)]  # nothing mixed
        self._mixed = mixed

    def batch(self, luck: torch.Generator) -> Examples:
        """Return examples of different classes, changed at all truncations.

        A mixed one shows two things, each half transparent.
        """
        classes = torch.randperm(len(self._drawings), generator=luck)[: self._size]
        noise = torch.zeros(len(classes), self._learner.generator.config.noise)
        noise[:, : len(MEANINGS)] = meaningful(len(classes), luck)
        others = classes.clone()
        others[: self._mixed] = others[: self._mixed].roll(1)
        both = [
            varied(self._drawings[part], noise[:, : len(MEANINGS)]) for part in (classes, others)
        ]
        return Examples((both[0] + both[1]) / 2, torch.stack((classes, others), 1), noise)

    def loss(self, batch: Examples) -> Tensor:
        """Return how far the drawn pictures are off, after the tanh and before it.

        By the former alone all becomes white at first, and where the tanh is flat, stays so.
        """
        before = self.before_tanh(batch)
        wanted = (batch.pictures * 2 - 1).clamp(-STEEP, STEEP).atanh()
        return picture_loss(shown(before), batch.pictures) + BEFORE * F.l1_loss(before, wanted)

    def before_tanh(self, batch: Examples) -> Tensor:
        """Draw what the examples show."""
        kinds = self._learner.generator.classes[batch.classes].mean(1)
        with torch.autocast("cpu", torch.bfloat16):
            pictures: Tensor = self._learner(batch.noise, kinds)
        return pictures

    def hold(self) -> None:
        """Have the norms hold the statistics of every class at the beginning."""
        count, config = len(self._drawings), self._learner.generator.config
        noise = torch.zeros(count, config.noise)
        noise[:, : len(MEANINGS)] = meaningful(count, torch.Generator().manual_seed(2))
        self._learner.hold(noise, self._learner.generator.classes)

    def evaluate(self) -> loop.Figures:
        """Return the peak signal to noise ratio in decibels, of noise that it has not seen."""
        pairs = ((shown(self.before_tanh(b)), b.pictures) for b in self._tested)
        errors = [(drawn - wanted).square().mean((1, 2, 3)) for drawn, wanted in pairs]
        return {"psnr_db": decibels(torch.cat(errors))}


def shown(x: Tensor) -> Tensor:
    """Return what the net's last layer gives as a picture in 0..1."""
    return (x.tanh() + 1) / 2


def meaningful(count: int, luck: torch.Generator) -> Tensor:
    """Draw (count, MEANINGS) normal noise cut off at BOUND, each row at a truncation of its own."""
    noise = torch.empty(count, len(MEANINGS))
    nn.init.trunc_normal_(noise, a=-BOUND, b=BOUND, generator=luck)
    truncations = LEAST + (1 - LEAST) * torch.rand(count, 1, generator=luck)
    return noise * truncations


def train(
    folder: Path, data: Path, seed: int = 0, steps: int = STEPS, mixed: int = MIXED
) -> loop.Figures:
    """Teach the net; leave the checkpoint that :mod:`bot.families.biggan` reads in ``folder``."""
    drawings = chosen(data)
    settings = {**SETTINGS, "num_classes": len(drawings)}
    figures, net = learn(drawings, settings, folder, plan_of(steps, seed, mixed), mixed)
    listed = Listed(
        things=tuple(thing.names for thing in taught()),
        kinds=kinds(),
        favourites=tuple([thing.names[0] for thing in taught()].index(name) for name in FAVOURITES),
    )
    save(net, settings, listed, folder)
    return figures


def chosen(data: Path) -> Tensor:
    """Return the drawings of the classes, (classes, 4, SIDE, SIDE), for :func:`varied`."""
    by_name = {drawing.names[0]: drawing.picture for drawing in reversed(read(data))}
    drawings = torch.stack([by_name[thing.drawing] for thing in taught()]).float() / 255
    drawings[:, :3] *= drawings[:, 3:]
    return drawings


def learn(
    drawings: Tensor, settings: dict[str, Any], folder: Path, plan: loop.Plan, mixed: int = MIXED
) -> tuple[loop.Figures, Generator]:
    """Teach a net; a training that was stopped goes on from what it left in ``folder``."""
    torch.manual_seed(plan.seed)
    learner = Learner(Config.from_hub(settings))
    begin(learner.generator)
    learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Pictures(learner, drawings, mixed)
    lesson.hold()
    folder.mkdir(parents=True, exist_ok=True)
    return loop.train(lesson, plan, folder), learner.generator


def plan_of(steps: int = STEPS, seed: int = 0, mixed: int = MIXED) -> loop.Plan:
    """Return how long and how fast to learn."""
    return loop.Plan(
        steps=steps, learning_rate=LEARNING_RATE, weight_decay=0.0, seed=seed,
        evaluate_every=max(1, steps // 8), data=f"noto, mixed {mixed}",
    )  # fmt: skip


def save(net: Generator, settings: dict[str, Any], listed: Listed, folder: Path) -> None:
    """Write the checkpoint: weights in float16, sizes, and the names of the classes."""
    state = {name: weight.half().contiguous() for name, weight in net.state_dict().items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    write_things(listed, folder)


def main() -> None:
    """Read the command line, train, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bot.training.biggan", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("conjure"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--mixed", type=int, default=MIXED, help="of a batch, how many")
    options = parser.parse_args()
    loop.finish(train(options.out, cached(), options.seed, options.steps, options.mixed))


if __name__ == "__main__":
    main()
