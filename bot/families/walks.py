"""Ways through the space in which a generator draws: a little aside, or round in a circle."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

ASIDE = 0.35
"""How much of a variation is chance, and not the picture that it is to be like."""

Point = tuple[Tensor, Tensor]
"""A noise (noise,) and a kind (noise,): all that a picture is made of."""


def between(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Return the noise that has so large a share of the other; as long as such noise is."""
    mixed = torch.lerp(one, other, share)
    length = (1 - share) * one.norm() + share * other.norm()
    scaled: Tensor = mixed * (length / mixed.norm().clamp_min(1e-6))
    return scaled


def circle(points: Sequence[Point], frames: int) -> list[Point]:
    """Return points on the way from one to the next, and from the last to the first again."""
    found = []
    for frame in range(frames):
        leg, share = divmod(frame * len(points) / frames, 1.0)
        (noise, kind), (to_noise, to_kind) = (
            points[int(leg)], points[(int(leg) + 1) % len(points)],
        )  # fmt: skip
        eased = share * share * (3 - 2 * share)  # linger a little where a thing is itself
        found.append((between(noise, to_noise, eased), torch.lerp(kind, to_kind, eased)))
    return found
