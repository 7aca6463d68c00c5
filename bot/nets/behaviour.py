"""Behaviour Sequence Transformer: from films that somebody rated, the stars that others will get.

Chen et al., arXiv:1905.06874, in the form of Keras' example "A Transformer-based recommendation
system" by Khalid Salama, which keras-io/recommender-transformers was trained with: every rated film
is its embedding plus its position's, times its stars; the film in question comes last; one
transformer block over all of them, and three dense layers to one number.

Knows nothing of titles, files or training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-3  # Keras' norms; torch's own are 1e-5
SLOPE = 0.3  # of Keras' leaky rectifier where it falls


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What decides the shapes.

    Args:
        films: Films that it knows.
        width: Length of a film's embedding, and of each attention head.
        heads: Attention heads.
        history: Rated films that it reads at once.
        hidden: Widths of the dense layers before the last.
    """

    films: int
    width: int
    heads: int = 3
    history: int = 3
    hidden: tuple[int, ...] = (256, 128)


class Attention(nn.Module):
    """Every film looks at every film; heads are as wide as the embedding, as in Keras' example."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.queries = nn.Linear(width, heads * width)
        self.keys = nn.Linear(width, heads * width)
        self.values = nn.Linear(width, heads * width)
        self.out = nn.Linear(heads * width, width)
        self.heads = heads
        self.dropout = dropout

    def forward(self, x: Tensor, present: Tensor | None) -> Tensor:
        """Map (B, T, C) to the same; ``present`` (B, T) says which films there are, all if none."""
        batch, length, _ = x.shape

        def split(projected: Tensor) -> Tensor:
            return projected.view(batch, length, self.heads, -1).transpose(1, 2)  # (B, h, T, C)

        mixed = F.scaled_dot_product_attention(
            split(self.queries(x)), split(self.keys(x)), split(self.values(x)),
            attn_mask=None if present is None else present[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )  # fmt: skip
        return self.out(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """A dense layer, normalised over the batch it was trained with, then rectified."""

    def __init__(self, inside: int, outside: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inside, outside)
        self.norm = nn.BatchNorm1d(outside, eps=EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inside) to (B, outside)."""
        return self.dropout(F.leaky_relu(self.norm(self.dense(x)), SLOPE))


class BehaviourSequence(nn.Module):
    """The whole net.

    ``positions`` is a parameter here; in the hub's checkpoint it is a constant of chance that was
    never trained.
    """

    def __init__(self, config: Config, dropout: float = 0.1) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.films = nn.Embedding(config.films, width)
        self.positions = nn.Parameter(torch.empty(config.history, width))
        for table in (self.films.weight, self.positions):
            nn.init.uniform_(table, -0.05, 0.05)
        self.attention = Attention(width, config.heads, dropout)
        self.norm_1 = nn.LayerNorm(width, eps=EPSILON)
        self.dense = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width, eps=EPSILON)
        self.dropout = nn.Dropout(dropout)
        widths = ((config.history + 1) * width, *config.hidden)
        pairs = zip(widths, config.hidden, strict=False)
        self.layers = nn.ModuleList(Layer(inside, outside, dropout) for inside, outside in pairs)
        self.stars = nn.Linear(widths[-1], 1)

    def forward(self, films: Tensor, stars: Tensor, targets: Tensor) -> Tensor:
        """Return the stars that are expected for each target, (B,); they may leave 1..5.

        Args:
            films: Numbers of the films that were rated, the latest last, (B, history).
            stars: What they got, (B, history); where it is 0 there is no film.
            targets: Numbers of the films in question, (B,).
        """
        rated = (self.films(films) + self.positions) * stars[..., None]
        x = torch.cat((rated, self.films(targets)[:, None]), 1)  # (B, history + 1, C)
        present = None
        if not stars.all():
            present = F.pad(stars != 0, (0, 1), value=True)
        x = self.norm_1(x + self.dropout(self.attention(x, present)))
        x = self.norm_2(x + self.dropout(self.dense(F.leaky_relu(x, SLOPE))))
        x = x.flatten(1)
        for layer in self.layers:
            x = layer(x)
        return self.stars(x)[:, 0]
