"""What a person's stars say of their taste: a linear model with a few hidden factors.

A film's stars are taken to be the mean of all, the film's own offset, the product of the film's
factors with the person's taste, and noise; tastes are standard normal. A person's taste then
follows from their own stars in closed form (ridge regression), for somebody never seen before too
(probabilistic principal components: Tipping and Bishop, 1999). With one constant factor it is what
recommenders call a film's and a user's bias.

Knows nothing of titles, files or training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Tastes(nn.Module):
    """Everything that is known of films and of how tastes differ.

    ``mean`` and ``noise`` (the variance of what taste does not explain) are numbers, ``offsets``
    is (films,), ``factors`` (films, K).
    """

    mean: Tensor
    noise: Tensor
    offsets: Tensor
    factors: Tensor

    def __init__(self, films: int, factors: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("noise", torch.ones(()))
        self.register_buffer("offsets", torch.zeros(films))
        self.register_buffer("factors", torch.zeros(films, factors))

    def taste(self, films: Tensor, stars: Tensor) -> Tensor:
        """Return the likeliest taste (K,) of somebody who gave ``films`` (n,) these ``stars``."""
        known = self.factors[films]  # (n, K)
        surprise = stars - self.mean - self.offsets[films]
        precision = known.T @ known + self.noise * torch.eye(known.shape[1])
        return torch.linalg.solve(precision, known.T @ surprise)

    def forward(self, films: Tensor, stars: Tensor) -> Tensor:
        """Return the stars that every film can expect, (all films,), of somebody by their stars.

        They may leave 1..5. Without any film given, they are what a film gets of everybody.
        """
        return self.mean + self.offsets + self.factors @ self.taste(films, stars)
