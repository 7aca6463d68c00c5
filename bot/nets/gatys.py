"""Style transfer by optimisation (Gatys, Ecker and Bethge, arXiv:1508.06576): the pixels learn.

A picture is changed until a net sees in it the content of one picture and the surface of another.
Where we leave the paper, and why:

- The surface is told by the Gram matrix of *centred* channels and by their means, not by one Gram
  matrix of both. The numbers are the same, but where means and deviations are judged apart, the
  larger means do not drown the textures.
- Every term is relative to its target's own size, so that the same weights of the terms do for
  light and dark, smooth and rough pictures, and for layers whose numbers differ by magnitudes.
- Adam (Kingma and Ba, arXiv:1412.6980), with steps that shrink, takes the place of L-BFGS: in a
  hundred steps it comes further, keeps pixels in range, and minds no rounding in bfloat16.

Pictures are RGB in 0..1, (1, 3, H, W). Knows nothing of files, sizes, clocks or previews.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bot.nets.vgg import VGG

CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")

CONTENT_WEIGHT = 30.0
STYLE_WEIGHT = 100.0
ROUGHNESS_WEIGHT = 40.0
"""Of the terms; chosen by eye with trained weights (docs/log.md)."""

FIRST_STEP = 0.05
LAST_STEP = 0.005
"""By how much a pixel may change in a step, of 1: the first of a painting, and the last."""

MEMORIES = (0.9, 0.99)
"""How much of the mean gradient, and of its mean square, a step keeps."""

EPSILON = 1e-8
"""No gradient's spread is taken for smaller."""

LEAST = 1e-12
"""No target is taken for smaller, or what is all zero would divide by it."""

Tell = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Surface:
    """What a layer tells of a surface: how channels (C) vary together, (C, C), and their means."""

    texture: Tensor
    means: Tensor


@dataclass(frozen=True, slots=True)
class Aim:
    """What the net is to see: features (1, C, H, W), and a surface for each layer of the style."""

    content: Tensor
    style: dict[str, Surface]


def surface_of(features: Tensor) -> Surface:
    """Return the surface that features (1, C, H, W) tell of, in float32 at least."""
    rows = features[0].permute(1, 2, 0).flatten(0, 1)  # (H W, C)
    exact = torch.promote_types(features.dtype, torch.float32)
    means = rows.to(exact).mean(0)
    centred = rows - means.to(rows.dtype)
    return Surface((centred.t() @ centred).to(exact) / len(rows), means)


def aim_at(net: VGG, content: Tensor, style: Tensor, tell: Tell | None = None) -> Aim:
    """Return what the net sees in the content, and of which surface the style is."""
    with torch.no_grad():
        seen = net(content, (CONTENT_LAYER,), tell)[CONTENT_LAYER]
        layers = net(style, STYLE_LAYERS, tell)
        return Aim(_exact(seen), {name: surface_of(layers[name]) for name in STYLE_LAYERS})


def loss(net: VGG, picture: Tensor, aim: Aim, tell: Tell | None = None) -> Tensor:
    """Return how far a picture is from what it is to be; a single number."""
    seen = net(picture, (CONTENT_LAYER, *STYLE_LAYERS), tell)
    content = _distance(_exact(seen[CONTENT_LAYER]), aim.content)
    style = torch.zeros_like(content)
    for name, wanted in aim.style.items():
        found = surface_of(seen[name])
        style = style + _distance(found.texture, wanted.texture)
        style = style + _distance(found.means, wanted.means)
    return (
        CONTENT_WEIGHT * content
        + STYLE_WEIGHT * style / (2 * len(aim.style))
        + ROUGHNESS_WEIGHT * roughness(picture)
    )


def roughness(picture: Tensor) -> Tensor:
    """Return the mean squared difference of neighbours, below and to the right of each other."""
    below = picture[..., 1:, :] - picture[..., :-1, :]
    beside = picture[..., 1:] - picture[..., :-1]
    return below.square().mean() + beside.square().mean()


def paint(
    net: VGG, start: Tensor, aim: Aim, steps: int, tell: Tell | None = None
) -> Iterator[tuple[Tensor, float]]:
    """Yield the picture after each step, and how far it was before it; ``start`` is not changed.

    Call it where autograd works: in no inference mode, with tensors that were made in none.
    """
    picture = start.detach().clone(memory_format=torch.contiguous_format)
    mean, square = torch.zeros_like(picture), torch.zeros_like(picture)
    slow, slower = MEMORIES
    for step in range(steps):
        with torch.enable_grad():
            looked_at = picture.detach().requires_grad_()
            far = loss(net, looked_at, aim, tell)
            (gradient,) = torch.autograd.grad(far, looked_at)
        mean.lerp_(gradient, 1 - slow)
        square.lerp_(gradient.square(), 1 - slower)
        # both began at zero: what they lack of a mean is made up for
        spread = (square / (1 - slower ** (step + 1))).sqrt() + EPSILON
        change = mean / (1 - slow ** (step + 1)) / spread
        picture = (picture - step_size(step, steps) * change).clamp(0, 1)
        yield picture, float(far.detach())


def step_size(step: int, steps: int) -> float:
    """Return by how much a pixel may change in a step: evenly less from the first to the last."""
    return FIRST_STEP + (LAST_STEP - FIRST_STEP) * step / max(1, steps - 1)


def _distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance, relative to the squared size of what is wanted."""
    return (found - wanted).square().sum() / wanted.square().sum().clamp(min=LEAST)


def _exact(features: Tensor) -> Tensor:
    return features.to(torch.promote_types(features.dtype, torch.float32))
