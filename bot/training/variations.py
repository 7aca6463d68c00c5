"""The ways in which a drawing varies, each of them a number of the noise: 0 changes nothing.

A number is about as large as normal noise, -2 to 2. All that is done to pictures is smooth in it,
so that half the noise makes half the change.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MEANINGS = (
    "hue", "saturation", "brightness", "size", "lean", "across", "down", "width", "warm", "rosy"
)  # fmt: skip
"""What the first numbers of the noise mean, in their order; the last two colour the background."""

SIZE = 0.9  # of the drawing in its middle size, of the page
HUE, SATURATION, BRIGHTNESS = math.radians(22.0), 0.2, 0.07
GROWTH, LEAN, SHIFT, STRETCH = 0.04, math.radians(5.0), 0.04, 0.04  # shift: of half the page
TINT = 0.11
TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
FROM_YIQ = torch.linalg.inv(TO_YIQ)


def varied(drawings: Tensor, noise: Tensor) -> Tensor:
    """Change drawings as their noise says and put them before their backgrounds.

    Args:
        drawings: (B, 4, H, W) in 0..1: red, green and blue, times opacity, and opacity.
        noise: (B, len(MEANINGS)).

    Returns:
        Pictures (B, 3, H, W) in 0..1.
    """
    drawings = placed(drawings, noise[:, 3:8])
    opacity = drawings[:, 3:]
    colours = torch.einsum("bij,bjhw->bihw", colouring(noise[:, :3]), drawings[:, :3])
    colours = torch.minimum(colours.clamp(min=0), opacity)
    return colours + (1 - opacity) * backgrounds(noise[:, 8:10])[:, :, None, None]


def colouring(noise: Tensor) -> Tensor:
    """Return the matrices (B, 3, 3) that turn hues, and scale saturation and brightness."""
    hue, saturation, brightness = noise.unbind(1)
    cosine, sine = (HUE * hue).cos(), (HUE * hue).sin()
    strength = 1 + SATURATION * saturation
    turned = torch.zeros(len(noise), 3, 3)
    turned[:, 0, 0] = 1.0
    turned[:, 1, 1], turned[:, 1, 2] = strength * cosine, -strength * sine
    turned[:, 2, 1], turned[:, 2, 2] = strength * sine, strength * cosine
    matrices: Tensor = FROM_YIQ @ turned @ TO_YIQ
    return (1 + BRIGHTNESS * brightness)[:, None, None] * matrices


def backgrounds(noise: Tensor) -> Tensor:
    """Return light colours (B, 3), white for no noise."""
    warm, rosy = (TINT * noise).unbind(1)
    chroma = torch.stack((torch.ones_like(warm), warm, rosy), 1)
    colours: Tensor = chroma @ FROM_YIQ.T
    return colours.clamp(0, 1)


def placed(drawings: Tensor, noise: Tensor) -> Tensor:
    """Scale, lean, move and stretch drawings (B, 4, H, W)."""
    size, lean, across, down, width = noise.unbind(1)
    scale = 1 / (SIZE * (1 + GROWTH * size))
    cosine, sine = (LEAN * lean).cos() * scale, (LEAN * lean).sin() * scale
    narrow = 1 / (1 + STRETCH * width)
    matrix = torch.stack((
        torch.stack((cosine * narrow, -sine, -SHIFT * across), 1),
        torch.stack((sine * narrow, cosine, -SHIFT * down), 1),
    ), 1)  # fmt: skip
    grid = F.affine_grid(matrix, list(drawings.shape), align_corners=False)
    return F.grid_sample(drawings, grid, align_corners=False)
