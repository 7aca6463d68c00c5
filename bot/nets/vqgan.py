"""A VQGAN's second half: a square of codes becomes a picture.

After taming transformers (Esser, Rombach and Ommer, arXiv:2012.09841), as DALL-E mini uses it: each
code stands for 16 x 16 pixels. The codes' vectors go through levels of residual blocks, each level
but the last doubles the square's side, and at the coarsest all positions look at each other.

Each level may be held in a dtype of its own. The sizes are free. Its first half, which turns
pictures into codes, is needed only to train one; it is made of the same blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class VQGANConfig:
    """Sizes of a VQGAN; those of ``dalle-mini/vqgan_imagenet_f16_16384`` where nothing is said.

    Args:
        codes: How many codes there are.
        code_width: Numbers of a code's vector.
        z_width: Channels with which the decoder begins.
        channels: Channels of the finest level, times the last of ``multiples``.
        multiples: Channels of each level in multiples of ``channels``, the finest level first.
        blocks: Residual blocks of a level; a decoder has one more.
        side: Height and width of the pictures that it was trained on, in pixels.
        attended: Sides, in positions, of the squares on which blocks are followed by attention.
        groups: Of channels that are normalised together.
    """

    codes: int = 16_384
    code_width: int = 256
    z_width: int = 256
    channels: int = 128
    multiples: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    side: int = 256
    attended: tuple[int, ...] = (16,)
    groups: int = 32

    @property
    def stride(self) -> int:
        """Pixels of a code's side."""
        return 2 ** (len(self.multiples) - 1)

    @property
    def square(self) -> int:
        """Codes along a picture's side."""
        return self.side // self.stride

    @property
    def sides(self) -> tuple[int, ...]:
        """Positions along the side of each level's square, the finest first."""
        return tuple(self.side >> level for level in range(len(self.multiples)))


class Norm(nn.GroupNorm):
    """Group norm, then swish where wanted."""

    def __init__(self, config: VQGANConfig, channels: int, *, swish: bool = True) -> None:
        super().__init__(config.groups, channels, EPSILON)
        self.swish = swish

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same."""
        x = super().forward(x)
        return F.silu(x, inplace=True) if self.swish else x


class ResidualBlock(nn.Module):
    """Two convolutions around which the input is led, through a 1x1 where channels change."""

    def __init__(self, config: VQGANConfig, inside: int, outside: int) -> None:
        super().__init__()
        self.norm1 = Norm(config, inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2 = Norm(config, outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.shortcut = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inside, H, W) to (B, outside, H, W)."""
        h = self.conv1(self.norm1(x))
        h = self.conv2(self.norm2(h))
        return self.shortcut(x) + h


class Attention(nn.Module):
    """Every position of the square looks at every other, with one head."""

    def __init__(self, config: VQGANConfig, channels: int) -> None:
        super().__init__()
        self.norm = Norm(config, channels, swish=False)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same."""
        batch, channels, height, width = x.shape
        parts = self.qkv(self.norm(x)).reshape(batch, 3, channels, height * width)
        query, key, value = parts.mT.unbind(1)  # (B, H * W, C) each
        h = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(h.mT.reshape(x.shape))


class Level(nn.Module):
    """The residual blocks of one size, with attention behind each if wanted; then twice the side.

    ``enlarges`` is false at the finest level.
    """

    def __init__(
        self, config: VQGANConfig, inside: int, outside: int, *, attends: bool, enlarges: bool
    ) -> None:
        super().__init__()
        widths = [inside] + [outside] * config.blocks
        self.blocks = nn.ModuleList(ResidualBlock(config, width, outside) for width in widths)
        self.attentions = nn.ModuleList(
            Attention(config, outside) if attends else nn.Identity() for _ in widths
        )
        self.enlarge = nn.Conv2d(outside, outside, 3, padding=1) if enlarges else None

    @property
    def dtype(self) -> torch.dtype:
        """What it is held in, and so computes in."""
        return next(self.parameters()).dtype

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inside, H, W) to (B, outside, 2H, 2W), or (B, outside, H, W)."""
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x))
        if self.enlarge is not None:
            x = self.enlarge(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return x


class Decoder(nn.Module):
    """From vectors on a square to a picture."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        widths = [config.channels * multiple for multiple in config.multiples]
        top = widths[-1]
        self.conv_in = nn.Conv2d(config.z_width, top, 3, padding=1)
        self.middle = nn.Sequential(
            ResidualBlock(config, top, top), Attention(config, top), ResidualBlock(config, top, top)
        )
        insides = [*widths[1:], top]
        self.levels = nn.ModuleList(  # the finest first, as in the checkpoint
            Level(config, *ends, attends=side in config.attended, enlarges=level > 0)
            for level, (side, *ends) in enumerate(zip(config.sides, insides, widths, strict=True))
        )
        self.norm_out = Norm(config, widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, z_width, H, W) to pictures (B, 3, stride * H, stride * W)."""
        x = self.middle(self.conv_in(z))
        for level in reversed(self.levels):
            x = level(x.to(level.dtype))
        return self.conv_out(self.norm_out(x.to(self.conv_out.weight.dtype)))


class VQGANDecoder(nn.Module):
    """The codebook and the decoder."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.config = config
        self.codebook = nn.Embedding(config.codes, config.code_width)
        self.post_quant = nn.Conv2d(config.code_width, config.z_width, 1)
        self.decoder = Decoder(config)

    def forward(self, codes: Tensor) -> Tensor:
        """Draw pictures, float32 in 0..1, (B, 3, stride * H, stride * W), of codes (B, H, W)."""
        z = self.codebook(codes).permute(0, 3, 1, 2)  # (B, code_width, H, W)
        return self.decoder(self.post_quant(z)).float().clamp(0, 1)
