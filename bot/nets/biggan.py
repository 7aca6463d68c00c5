"""BigGAN-deep: draws one picture of a class from a vector of noise.

After Brock, Donahue and Simonyan, "Large scale GAN training for high fidelity natural image
synthesis" (arXiv:1809.11096, appendix B) and, for the truncated statistics, the TF-Hub modules
that its authors published. This is the generator for use: its spectral norms are folded into
the weights, and the numbers of all its conditional norms are made by one matrix product, because
class and noise are known before the first layer runs.

A *truncation* t scales the noise; every norm knows the mean and variance of its channels at
``statistics`` equally spaced truncations from 0 to 1, and *step* is the number of one of them.

One picture at a time: a product of this size fills the cores, so a batch would gain nothing
(``benchmarks/biggan.py``), and a picture by itself has no neighbours on which its bits could hang.
Knows nothing of files and names of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FIRST_SIDE = 4
"""Pixels in height and width with which the first stage begins."""

NARROWING = 4
"""A stage works on a quarter of the channels that it is given."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """The channels that a stage takes and gives, and whether it doubles the picture's sides."""

    inside: int
    outside: int
    enlarge: bool


@dataclass(frozen=True, slots=True)
class Config:
    """The shape of a generator; ``attention_at`` is the stage before which it attends."""

    stages: tuple[Stage, ...]
    attention_at: int
    classes: int
    noise: int
    statistics: int
    epsilon: float

    @classmethod
    def from_hub(cls, plain: Mapping[str, Any]) -> Config:
        """Read what a repository's ``config.json`` holds.

        Raises:
            ValueError: A key is absent or says what no generator can be built from.
        """
        try:
            width = int(plain["channel_width"])
            stages = tuple(
                Stage(width * int(inside), width * int(outside), bool(enlarge))
                for enlarge, inside, outside in plain["layers"]
            )
            found = cls(
                stages=stages,
                attention_at=int(plain["attention_layer_position"]),
                classes=int(plain["num_classes"]),
                noise=int(plain["z_dim"]),
                statistics=int(plain["n_stats"]),
                epsilon=float(plain["eps"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it lacks or misstates {error}") from error
        found._check(int(plain.get("class_embed_dim", found.noise)))
        return found

    @property
    def side(self) -> int:
        """Height and width of the pictures, in pixels."""
        return FIRST_SIDE << sum(stage.enlarge for stage in self.stages)

    @property
    def condition(self) -> int:
        """The length of what every norm is told: the noise, and a class of the same length."""
        return 2 * self.noise

    @property
    def norms(self) -> list[int]:
        """The channels of the conditional norms, in the order in which they are used."""
        return [
            channels
            for stage in self.stages
            for channels in (stage.inside, *3 * (stage.inside // NARROWING,))
        ]

    def step(self, truncation: float) -> int:
        """Return the number of the statistics that are nearest to a truncation in 0..1."""
        return round(truncation * (self.statistics - 1))

    def _check(self, class_length: int) -> None:
        sizes = (self.classes, self.noise, *self.norms)
        if not self.stages or min(sizes) < 1 or self.statistics < 2 or self.epsilon <= 0:
            raise ValueError("it describes no net")
        if class_length != self.noise:
            raise ValueError(f"its classes are {class_length} long, its noise {self.noise}")
        if not 0 <= self.attention_at < len(self.stages):
            raise ValueError(f"there is no stage {self.attention_at} to attend before")
        for one, following in zip(self.stages, self.stages[1:], strict=False):
            if one.outside != following.inside:
                raise ValueError(f"a stage gives {one.outside} channels to one that wants others")
        if any(stage.outside > stage.inside for stage in self.stages):
            raise ValueError("a stage gives more channels than it takes")


class Norm(NamedTuple):
    """Normalises the channels of one picture, scales and shifts them, drops what is negative.

    ``mean``, ``variance``, ``scale`` and ``shift`` are (C,) in float32.
    """

    mean: Tensor
    variance: Tensor
    scale: Tensor
    shift: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to the same shape, in its own dtype; sums are made in float32."""
        out = F.batch_norm(x, self.mean, self.variance, self.scale, self.shift, eps=self.epsilon)
        return out.relu_()


class Norms(nn.Module):
    """All conditional norms of a net side by side: N is the sum of their channels."""

    means: Tensor
    variances: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.channels = config.norms
        self.epsilon = config.epsilon
        total = sum(self.channels)
        self.weight = nn.Parameter(torch.empty(2 * total, config.condition))  # scales, shifts
        self.register_buffer("means", torch.empty(config.statistics, total))
        self.register_buffer("variances", torch.empty(config.statistics, total))

    def forward(self, condition: Tensor, step: int) -> Iterator[Norm]:
        """Make the norms, in the order of their use, for one picture's condition (1, D)."""
        told = F.linear(condition.to(self.weight.dtype), self.weight).float()
        scale, shift = told.view(2, -1)  # (N,) each
        rows = (self.means[step], self.variances[step], 1 + scale, shift)
        parts = (row.split(self.channels) for row in rows)
        for mean, variance, scale, shift in zip(*parts, strict=True):
            yield Norm(mean, variance, scale, shift, self.epsilon)


class Convolution(nn.Module):
    """A convolution that keeps the sides of what it is given, or doubles them first.

    ``pack`` puts its weights into the layout of oneDNN, and makes of doubling and convolving one
    transposed convolution, which takes less than half the products. Before that it runs as written.
    """

    def __init__(
        self, inside: int, outside: int, kernel: int, *, enlarge: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(outside)) if bias else None
        self.padding = kernel // 2
        self.enlarge = enlarge
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, inside, H, W) to (1, outside, H, W), or to twice the height and width."""
        if self._packed is None:
            if self.enlarge:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            return F.conv2d(x, self.weight, self.bias, padding=self.padding)
        if self.enlarge:
            return torch.ops.mkldnn._convolution_transpose_pointwise(
                x, self._packed, self.bias, [1, 1], [0, 0], [2, 2], [1, 1], 1, "none", [], ""
            )
        padding = [self.padding, self.padding]
        return torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self.bias, padding, [1, 1], [1, 1], 1, "none", [], ""
        )

    def pack(self, side: int) -> None:
        """Lay the weights out for pictures of ``side`` pixels; the others are let go."""
        weight = self.weight.detach()
        self.weight = nn.Parameter(weight.new_empty(0), requires_grad=False)
        size = [1, weight.shape[1], side, side]
        if self.enlarge:
            self._packed = torch.ops.mkldnn._reorder_convolution_transpose_weight(
                doubling(weight), [1, 1], [0, 0], [2, 2], [1, 1], 1, size
            )
        else:
            padding = [self.padding, self.padding]
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                weight.contiguous(), padding, [1, 1], [1, 1], 1, size
            )

    def size_bytes(self) -> int:
        """Return the size of the weights as they are held."""
        held = self.weight if self._packed is None else self._packed
        return (held.numel() + (0 if self.bias is None else len(self.bias))) * held.element_size()


def doubling(weight: Tensor) -> Tensor:
    """Return the transposed convolution that doubles a picture's sides and convolves it by 3x3.

    Maps (outside, inside, 3, 3) to (inside, outside, 4, 4), for stride 2 and padding 1. Of each
    pixel's two copies in a line, the weights that fall on both are summed.
    """
    w = weight.float()
    w = torch.stack((w[:, :, 2], w[:, :, 1] + w[:, :, 2], w[:, :, 0] + w[:, :, 1], w[:, :, 0]), 2)
    w = torch.stack((w[..., 2], w[..., 1] + w[..., 2], w[..., 0] + w[..., 1], w[..., 0]), 3)
    return w.transpose(0, 1).to(weight.dtype).contiguous()


class Attention(nn.Module):
    """Lets every place look at all others, at half their resolution (SAGAN, arXiv:1805.08318)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries = Convolution(channels, channels // 8, 1, bias=False)
        self.keys = Convolution(channels, channels // 8, 1, bias=False)
        self.values = Convolution(channels, channels // 2, 1, bias=False)
        self.out = Convolution(channels // 2, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C, H, W) to the same shape, H and W even."""
        queries = places(self.queries(x))  # (HW, C/8)
        keys = places(F.max_pool2d(self.keys(x), 2))  # (HW/4, C/8)
        values = places(F.max_pool2d(self.values(x), 2))  # (HW/4, C/2)
        seen = torch.softmax(queries @ keys.T, -1) @ values  # (HW, C/2)
        seen = seen.view(1, *x.shape[2:], -1).permute(0, 3, 1, 2)
        return torch.add(x, self.out(seen), alpha=self.gain.item())

    def pack(self, side: int) -> None:
        """Lay the weights out for pictures of ``side`` pixels."""
        for convolution in (self.queries, self.keys, self.values, self.out):
            convolution.pack(side)


def places(x: Tensor) -> Tensor:
    """Return (1, C, H, W) as (HW, C)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


class Block(nn.Module):
    """A residual block of four convolutions, 1x1, 3x3, 3x3, 1x1, each after a conditional norm."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        narrow = stage.inside // NARROWING
        self.convolutions: Any = nn.ModuleList([
            Convolution(stage.inside, narrow, 1),
            Convolution(narrow, narrow, 3, enlarge=stage.enlarge),
            Convolution(narrow, narrow, 3),
            Convolution(narrow, stage.outside, 1),
        ])  # fmt: skip
        self.stage = stage

    def forward(self, x: Tensor, norms: Iterator[Norm]) -> Tensor:
        """Map (1, inside, H, W) to (1, outside, H, W), or twice the height and width.

        Channels that are too many are dropped on the way around.
        """
        kept = x[:, : self.stage.outside]
        for convolution in self.convolutions:
            x = convolution(next(norms)(x))
        if self.stage.enlarge:
            kept = F.interpolate(kept, scale_factor=2.0, mode="nearest")
        return x.add_(kept)

    def pack(self, side: int) -> int:
        """Lay the weights out for pictures of ``side`` pixels; return the sides that it gives."""
        for convolution in self.convolutions:
            convolution.pack(side)
            side <<= convolution.enlarge
        return side


class Generator(nn.Module):
    """The whole net; its weights come from a file."""

    last_means: Tensor
    last_variances: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.stages[-1].outside
        first = FIRST_SIDE**2 * config.stages[0].inside
        self.classes = nn.Parameter(torch.empty(config.classes, config.noise))
        self.start = nn.Linear(config.condition, first)
        self.norms = Norms(config)
        self.blocks: Any = nn.ModuleList(Block(stage) for stage in config.stages)
        self.attention = Attention(config.stages[config.attention_at].inside)
        self.last_scale = nn.Parameter(torch.empty(width))
        self.last_shift = nn.Parameter(torch.empty(width))
        self.register_buffer("last_means", torch.empty(config.statistics, width))
        self.register_buffer("last_variances", torch.empty(config.statistics, width))
        self.to_rgb = Convolution(width, width, 3)  # its first three channels are the picture

    def kind(self, classes: list[int]) -> Tensor:
        """Return the vector (noise,) of a class, or the mean of several: what lies between them."""
        return self.classes[classes].float().mean(0)

    def forward(self, noise: Tensor, kind: Tensor, step: int, tell: Tell | None = None) -> Tensor:
        """Draw a picture, (3, side, side) in 0..1 and float32.

        Args:
            noise: (noise,), as it was truncated and scaled.
            kind: (noise,), as :meth:`kind` gives it.
            step: The number of the statistics that belong to the noise, see :meth:`Config.step`.
            tell: Called with (done, total) after each stage; it may raise to stop.
        """
        condition = torch.cat((noise, kind))[None]
        norms = self.norms(condition, step)
        x = self.start(condition.to(self.start.weight.dtype))
        x = x.view(1, FIRST_SIDE, FIRST_SIDE, -1).permute(0, 3, 1, 2)  # channels lie together
        for number, block in enumerate(self.blocks):
            if number == self.config.attention_at:
                x = self.attention(x)
            x = block(x, norms)
            if tell is not None:
                tell(number + 1, len(self.blocks))
        x = self.to_rgb(self._last(step)(x))[0, :3]
        return (x.float().tanh() + 1) / 2

    def hold_in(self, dtype: torch.dtype) -> None:
        """Hold the layers in ``dtype``; classes and statistics stay in float32."""
        for part in (self.start, self.blocks, self.attention, self.to_rgb):
            part.to(dtype)
        weight = self.norms.weight.detach().to(dtype)
        self.norms.weight = nn.Parameter(weight, requires_grad=False)

    def pack(self) -> None:
        """Make it ready to draw quickly, which copies its weights; needs oneDNN for most of it.

        Of the last layer only the channels that are shown are kept.
        """
        for name in ("weight", "bias"):
            shown = getattr(self.to_rgb, name).detach()[:3]
            setattr(self.to_rgb, name, nn.Parameter(shown, requires_grad=False))
        if not torch.backends.mkldnn.is_available():
            return
        side = FIRST_SIDE
        for number, block in enumerate(self.blocks):
            if number == self.config.attention_at:
                self.attention.pack(side)
            side = block.pack(side)
        self.to_rgb.pack(side)

    def size_bytes(self) -> int:
        """Return the size of the weights as they are held."""
        total = 0
        for part in self.modules():
            if isinstance(part, Convolution):
                total += part.size_bytes()
            else:
                own = (*part.parameters(recurse=False), *part.buffers(recurse=False))
                total += sum(weight.nbytes for weight in own)
        return total

    def _last(self, step: int) -> Norm:
        return Norm(
            self.last_means[step], self.last_variances[step], self.last_scale, self.last_shift,
            self.config.epsilon,
        )  # fmt: skip
