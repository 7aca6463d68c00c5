"""Marian's small translators: a transformer reads, a simple recurrent unit (SSRU) writes.

The writer has no attention to what it wrote: each of its layers keeps one vector, which the next
token changes by a gate. That makes a step cheap, and as cheap at the end of a sentence as at its
beginning. Everything is normalised after the residual sum (post-norm), the embeddings are shared by
reader, writer and output, and places are told by sines that are not trained.

References: Kim et al. 2019, "From Research to Production and Back: Ludicrously Fast Neural Machine
Translation" (the SSRU, and the "tiny" sizes); Vaswani et al. 2017 (the transformer); Marian's
``src/models/transformer.h`` and ``src/rnn/cells.h`` (github.com/browsermt/marian-dev at 2781d735)
for the order of its operations, its sines and its epsilon.

Knows nothing of texts, files or languages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-6
LONGEST_WAVE = 10_000.0


@dataclass(frozen=True, slots=True)
class SsruConfig:
    """The sizes of a net; those of Bergamot's "tiny11" by default.

    Args:
        vocabulary: Tokens, for both languages together.
        width: Numbers in the vector of a token; even, and a multiple of ``heads``.
        inner: Numbers in the wide part of a feed-forward layer.
        heads: Heads of every attention.
        readers: Layers of the encoder.
        writers: Layers of the decoder.
    """

    vocabulary: int = 32_000
    width: int = 256
    inner: int = 1536
    heads: int = 8
    readers: int = 6
    writers: int = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """What the writer's layers look at: keys and values (B, heads, S, width / heads) of each.

    ``mask`` (B, 1, 1, S) is 0 where a token stands and minus infinity where none does.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    mask: Tensor

    def of(self, rows: Tensor) -> Memory:
        """Return the memory of some rows (N,) of the batch."""
        layers = tuple((keys[rows], values[rows]) for keys, values in self.layers)
        return Memory(layers, self.mask[rows])


class Attention(nn.Module):
    """Attention with several heads, split in two: what is looked at, and who looks."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def remember(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, S, width) to keys and values (B, heads, S, width / heads)."""
        return self._split(self.key(seen)), self._split(self.value(seen))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, width), and what is seen, to (B, T, width)."""
        mixed = F.scaled_dot_product_attention(self._split(self.query(x)), keys, values, mask)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Widen, cut off what is negative, narrow."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        return self.narrow(self.widen(x).relu_())


class Recurrence(nn.Module):
    """The simple recurrent unit: a gate says how much of the kept vector stays."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fresh = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, width)

    def forward(self, x: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, width) and what is kept (B, width) to the output and what is kept next."""
        kept = torch.lerp(self.fresh(x), kept, self.gate(x).sigmoid_())
        return kept.relu(), kept


class Reader(nn.Module):
    """One layer of the encoder."""

    def __init__(self, config: SsruConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads)
        self.attention_norm = nn.LayerNorm(config.width, EPSILON)
        self.forth = FeedForward(config.width, config.inner)
        self.forth_norm = nn.LayerNorm(config.width, EPSILON)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, S, width) to (B, S, width); mask as in :class:`Memory`."""
        x = self.attention_norm(x + self.attention(x, *self.attention.remember(x), mask))
        return self.forth_norm(x + self.forth(x))


class Writer(nn.Module):
    """One layer of the decoder."""

    def __init__(self, config: SsruConfig) -> None:
        super().__init__()
        self.recurrence = Recurrence(config.width)
        self.recurrence_norm = nn.LayerNorm(config.width, EPSILON)
        self.attention = Attention(config.width, config.heads)
        self.attention_norm = nn.LayerNorm(config.width, EPSILON)
        self.forth = FeedForward(config.width, config.inner)
        self.forth_norm = nn.LayerNorm(config.width, EPSILON)

    def forward(
        self, x: Tensor, kept: Tensor, seen: tuple[Tensor, Tensor], mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, width) and what is kept (B, width) to both of the next token."""
        out, kept = self.recurrence(x, kept)
        x = self.recurrence_norm(x + out)
        x = self.attention_norm(x + self.attention(x[:, None], *seen, mask)[:, 0])
        return self.forth_norm(x + self.forth(x)), kept


class MarianSsru(nn.Module):
    """Reads token ids of one language, and writes those of another, one step at a time."""

    def __init__(self, config: SsruConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.readers = nn.ModuleList(Reader(config) for _ in range(config.readers))
        self.writers = nn.ModuleList(Writer(config) for _ in range(config.writers))
        self.out_bias = nn.Parameter(torch.zeros(config.vocabulary))

    def read(self, ids: Tensor, lengths: Tensor) -> Memory:
        """Read a batch of texts.

        Args:
            ids: Tokens (B, S), the end of the text included; anything may stand behind it.
            lengths: How many tokens of each row are the text's (B,).
        """
        places = torch.arange(ids.shape[1])
        x = self._scaled(ids) + waves(places, self.config.width)  # (B, S, width)
        behind = places >= lengths[:, None]  # (B, S)
        mask = torch.zeros_like(behind, dtype=x.dtype).masked_fill_(behind, -torch.inf)
        mask = mask[:, None, None]
        for layer in self.readers:
            x = layer(x, mask)
        layers = [writer.get_submodule("attention") for writer in self.writers]
        return Memory(tuple(layer.remember(x) for layer in layers), mask)  # type: ignore[operator]

    def begin(self, batch: int) -> Tensor:
        """Return what is kept before the first token: zeros (writers, B, width)."""
        return self.out_bias.new_zeros(self.config.writers, batch, self.config.width)

    def step(
        self, last: Tensor | None, place: int, kept: Tensor, memory: Memory
    ) -> tuple[Tensor, Tensor]:
        """Say how likely each token is to come next.

        Args:
            last: The tokens written last (B,); ``None`` before the first.
            place: How many tokens have been written.
            kept: What :meth:`begin` or the last step returned.
            memory: What was read.

        Returns:
            Logits (B, vocabulary), and what is kept for the next step (writers, B, width).
        """
        x = torch.zeros_like(kept[0]) if last is None else self._scaled(last)
        x = x + waves(torch.tensor([place]), self.config.width)
        after = []
        for number, layer in enumerate(self.writers):
            x, state = layer(x, kept[number], memory.layers[number], memory.mask)
            after.append(state)
        return F.linear(x, self.embedding.weight, self.out_bias), torch.stack(after)

    def _scaled(self, ids: Tensor) -> Tensor:
        return self.embedding(ids) * math.sqrt(self.config.width)


def waves(places: Tensor, width: int) -> Tensor:
    """Return the sines and then the cosines (N, width) that tell these places (N,)."""
    half = width // 2
    speeds = torch.exp(torch.arange(half) * (-math.log(LONGEST_WAVE) / max(half - 1, 1)))
    turns = places[:, None] * speeds
    return torch.cat((turns.sin(), turns.cos()), 1)
