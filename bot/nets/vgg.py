"""The first thirteen layers of VGG-19 (Simonyan and Zisserman, arXiv:1409.1556), to conv5_1.

They tell what is in a picture and what its surface is like, which is all that style transfer asks
of the net (:mod:`bot.nets.gatys`); the layers behind them and the classifier are left out.
Layers have the paper's names: conv3_2 is the second of the third block. Blocks are divided by
halvings of the picture, by the mean (as Gatys et al. do, whose gradients reach every pixel) or by
the maximum (as the net was trained).

Pictures are RGB in 0..1, (B, 3, H, W). Knows nothing of files, sizes to choose, or losses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = (2, 2, 4, 4, 1)
"""Layers of each block; VGG-19 has three more in the last."""

NAMES = tuple(f"conv{b}_{n}" for b, count in enumerate(BLOCKS, 1) for n in range(1, count + 1))

WIDTHS = (64,) * 2 + (128,) * 2 + (256,) * 4 + (512,) * 5
"""Channels that each layer of VGG-19 gives."""

SMALLEST_SIDE = 16
"""The least height and width that it takes: four halvings must leave a pixel."""

MEAN = (0.485, 0.456, 0.406)
SPREAD = (0.229, 0.224, 0.225)
"""Of the channels of ImageNet's pictures, from which the weights were learnt."""

Halving = Literal["mean", "max"]
HALVINGS: dict[Halving, Callable[[Tensor, int], Tensor]] = {
    "mean": F.avg_pool2d,
    "max": F.max_pool2d,
}


class VGG(nn.Module):
    """The net.

    Args:
        widths: Channels that each layer gives, in the order of ``NAMES``.
        halving: How blocks are divided.
    """

    def __init__(self, widths: Collection[int] = WIDTHS, halving: Halving = "mean") -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        self.halve = HALVINGS[halving]
        inside = 3
        for name, outside in zip(NAMES, widths, strict=True):
            self.layers[name] = nn.Conv2d(inside, outside, 3, padding=1)
            inside = outside

    def hold_in(self, dtype: torch.dtype) -> None:
        """Hold the weights in a dtype, laid out in memory as oneDNN is fastest."""
        for weight in self.parameters():
            layout = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
            weight.data = weight.data.to(dtype, memory_format=layout)

    def forward(
        self, picture: Tensor, names: Collection[str], tell: Callable[[], None] | None = None
    ) -> dict[str, Tensor]:
        """Return what the layers of these names give, (B, C, H / 2^k, W / 2^k), none of it < 0.

        Layers behind the last of them are not run. ``tell`` is called before each layer, and where
        there are gradients, again on their way back through it; it may raise to stop.
        """
        dtype = next(self.parameters()).dtype
        mean, spread = (picture.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
        # (B, H, W, C) in memory is a tenth faster on oneDNN
        x = ((picture - mean) / spread).to(dtype, memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        for name, layer in self.layers.items():
            if tell is not None:
                tell()
                if x.requires_grad:
                    x.register_hook(_telling(tell))
            if name.endswith("_1") and name != NAMES[0]:
                x = self.halve(x, 2)
            x = F.relu(layer(x))
            if name in names:
                found[name] = x
            if len(found) == len(names):
                break
        return found


def _telling(tell: Callable[[], None]) -> Callable[[Tensor], None]:
    def hook(_: Tensor) -> None:
        tell()

    return hook
