"""Learns what films and tastes are like (:class:`bot.nets.tastes.Tastes`) from everybody's stars.

Expectation maximisation in closed form: given the films, everybody's taste is a normal
distribution; given those, every film's offset and factors are a ridge regression. No gradients, no
steps to tune; a dozen rounds take seconds for 100,000 ratings.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bot.nets.tastes import Tastes

ROUNDS = 20
OFFSETS_STIFFNESS = 5.0  # how strongly a film is held to the mean of all, in ratings of noise 1
FIRST_BIAS = 0.45  # stars by which people differ in their mean, about
PEOPLE_AT_ONCE = 1024


def learn(
    tastes: Tastes, people: Tensor, films: Tensor, stars: Tensor, *, stiffness: float, seed: int = 0
) -> None:
    """Set the buffers of ``tastes``, whose first factor becomes how generous somebody is.

    Args:
        tastes: Of as many films as there are; changed in place.
        people: Numbers of those who rated, (n,), sorted.
        films: Numbers of what they rated, (n,).
        stars: What they gave, (n,).
        stiffness: How strongly films are held to being like any other, in ratings of noise 1.
        seed: Decides where the other factors begin.
    """
    size, factors = tastes.factors.shape
    luck = torch.Generator().manual_seed(seed)
    known = 0.1 * torch.randn(size, factors, generator=luck, dtype=torch.float64)
    known[:, 0] = FIRST_BIAS
    mean = stars.double().mean()
    table = torch.cat((known, torch.zeros(size, 1, dtype=torch.float64)), 1)  # the offset last
    noise = torch.tensor(0.8, dtype=torch.float64)
    people = (people.diff(prepend=people[:1]) != 0).long().cumsum(0)  # from 0, without gaps
    for _ in range(ROUNDS):
        table, noise = _round(table, noise, people, films, stars.double() - mean, stiffness)
    tastes.mean.copy_(mean)
    tastes.noise.copy_(noise)
    tastes.offsets.copy_(table[:, -1])
    tastes.factors.copy_(table[:, :-1])


def _round(
    table: Tensor, noise: Tensor, people: Tensor, films: Tensor, stars: Tensor, stiffness: float
) -> tuple[Tensor, Tensor]:
    """Return what films are like (films, K + 1), and the noise, as one more round has it."""
    size, width = table.shape
    squares = torch.zeros(size, width, width, dtype=torch.float64)
    products = torch.zeros(size, width, dtype=torch.float64)
    left = torch.zeros((), dtype=torch.float64)
    for start in range(0, int(people[-1]) + 1, PEOPLE_AT_ONCE):
        here = (people >= start) & (people < start + PEOPLE_AT_ONCE)
        person, film, mark = people[here] - start, films[here], stars[here]
        moments = _tastes(table, noise, person, film, mark)  # (p, K + 1, K + 1)
        squares.index_add_(0, film, moments[person])
        products.index_add_(0, film, moments[person, -1] * mark[:, None])
        known = torch.cat((table[film, :-1], table[film, -1:] - mark[:, None]), 1)
        left += torch.einsum("ni,nij,nj->", known, moments[person], known)
    stiff = stiffness * torch.eye(width, dtype=torch.float64)
    stiff[-1, -1] = OFFSETS_STIFFNESS
    usual = torch.zeros(width, dtype=torch.float64)
    usual[0] = table[:, 0].mean()
    fresh = torch.linalg.solve(squares / noise + stiff, products / noise + stiff @ usual)
    return fresh, left / len(stars)


def _tastes(table: Tensor, noise: Tensor, person: Tensor, film: Tensor, mark: Tensor) -> Tensor:
    """Return the second moments of everybody's taste with a 1 behind it, (people, K + 1, K + 1)."""
    factors, offsets = table[:, :-1], table[:, -1]
    width, count = factors.shape[1], int(person[-1]) + 1
    known = factors[film]  # (n, K)
    precision = torch.eye(width, dtype=torch.float64).repeat(count, 1, 1)
    precision.index_add_(0, person, known[:, :, None] * known[:, None, :] / noise)
    pull = torch.zeros(count, width, dtype=torch.float64)
    pull.index_add_(0, person, known * (mark - offsets[film])[:, None] / noise)
    spread = torch.linalg.inv(precision)
    taste = (spread @ pull[..., None])[..., 0]
    whole = torch.cat((taste, torch.ones(count, 1, dtype=torch.float64)), 1)
    moments = whole[:, :, None] * whole[:, None, :]
    moments[:, :-1, :-1] += spread
    return moments
