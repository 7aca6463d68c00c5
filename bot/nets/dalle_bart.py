"""DALL-E mini's net: an encoder reads a caption, a decoder writes the codes of a picture.

BART (Lewis et al., arXiv:1910.13461) with the changes of the DALL-E mini authors: NormFormer's
norms (Shleifer et al., arXiv:2110.09456), gated linear units (Shazeer, arXiv:2002.05202), no biases
in linear layers, positions that are learnt, and an image vocabulary of its own for the decoder.

Linear layers may be held in any dtype: they are the net's bulk, and a decoding step is little more
than reading them. Everything between them (norms, residual sums, attention) is float32.

The sizes are free. Knows nothing of texts, sampling or pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class DalleBartConfig:
    """Sizes of a net; those of ``dalle-mini/dalle-mini`` where nothing is said.

    Args:
        tokens: How many tokens captions are made of.
        codes: How many codes pictures are made of; the decoder starts from one more.
        caption_length: Tokens of a caption, padding counted.
        image_length: Codes of a picture.
        width: Numbers of a hidden state; a multiple of the numbers of heads.
        padding: The token that fills up captions.
    """

    tokens: int = 50_264
    codes: int = 16_384
    caption_length: int = 64
    image_length: int = 256
    width: int = 1024
    encoder_layers: int = 12
    encoder_heads: int = 16
    encoder_inner: int = 2730
    decoder_layers: int = 12
    decoder_heads: int = 16
    decoder_inner: int = 2730
    padding: int = 1

    @property
    def start(self) -> int:
        """The code that comes before the first."""
        return self.codes


def project(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer in the dtype that it is held in; float32 in and out."""
    return layer(x.to(layer.weight.dtype)).float()


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Map (B, T, C) to (B, heads, T, C / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def linear(inside: int, outside: int) -> nn.Linear:
    """Return a linear layer without bias."""
    return nn.Linear(inside, outside, bias=False)


class Norm(nn.Module):
    """Layer norm; without scales where a linear layer comes next, for that can scale by itself."""

    def __init__(self, width: int, *, scaled: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width)) if scaled else None
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to the same."""
        return F.layer_norm(x, self.bias.shape, self.weight, self.bias, EPSILON)


class SelfAttention(nn.Module):
    """Tokens look at tokens, or codes at the codes before them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = linear(width, 3 * width)
        self.out = linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, T, C) to the same, looking where ``mask`` (B, 1, 1, T) is true, or backwards."""
        parts = project(self.qkv, x).chunk(3, -1)
        query, key, value = (split_heads(part, self.heads) for part in parts)
        seen = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None
        )
        return project(self.out, seen.transpose(1, 2).flatten(2))

    def step(self, x: Tensor, keys: Tensor, values: Tensor, position: int) -> Tensor:
        """Do the same for one code a row, (R, C), at ``position``, and remember it.

        ``keys`` (R, heads, D, T) and ``values`` (R, heads, T, D) hold what was there before.
        """
        parts = project(self.qkv, x).unflatten(-1, (3, self.heads, -1))  # (R, 3, heads, D)
        query, keys[..., position], values[:, :, position] = parts.unbind(1)
        end = position + 1
        return project(self.out, look(query, keys[..., :end], values[:, :, :end]))


class CrossAttention(nn.Module):
    """Codes look at the caption."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = linear(width, width)
        self.key_value = linear(width, 2 * width)
        self.out = linear(width, width)

    def remember(self, caption: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, heads, S, D) of an encoder's states (B, S, C)."""
        key, value = project(self.key_value, caption).chunk(2, -1)
        return split_heads(key, self.heads), split_heads(value, self.heads)

    def forward(self, x: Tensor, caption: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, C) to the same, looking at ``caption`` where ``mask`` (B, 1, 1, S) is true."""
        query = split_heads(project(self.query, x), self.heads)
        seen = F.scaled_dot_product_attention(query, *self.remember(caption), attn_mask=mask)
        return project(self.out, seen.transpose(1, 2).flatten(2))

    def step(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Do the same for one code a row, (R, C), with keys (R, heads, D, S) that are remembered.

        ``mask`` is (R, 1, 1, S).
        """
        query = project(self.query, x).unflatten(-1, (self.heads, -1))  # (R, heads, D)
        return project(self.out, look(query, keys, values, mask))


def look(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attend with one query a row, (R, heads, D), to (R, heads, D, T) and (R, heads, T, D).

    Two products that read what is remembered once and in the order in which it lies; torch's own
    attention takes three times as long on a lone query. Returns (R, heads * D).
    """
    scores = (query * query.shape[-1] ** -0.5)[:, :, None] @ keys  # (R, heads, 1, T)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return (scores.softmax(-1) @ values).flatten(1)


class GLU(nn.Module):
    """A gated linear unit: norm, widen twice, gate one by the other, norm, narrow."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = Norm(width)
        self.widen = linear(width, 2 * inner)
        self.inner_norm = Norm(inner)
        self.narrow = linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to the same."""
        gate, value = project(self.widen, self.norm(x)).chunk(2, -1)
        return project(self.narrow, self.inner_norm(F.gelu(gate) * value))


class EncoderLayer(nn.Module):
    """Self-attention and a gated unit, each led around; attention is normalised twice."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm = Norm(width)
        self.attention = SelfAttention(width, heads)
        self.after = Norm(width, scaled=True)
        self.glu = GLU(width, inner)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, C) to the same; ``mask`` (B, 1, 1, T) is true where there is no padding."""
        x = x + self.after(self.attention(self.norm(x), mask))
        return x + self.glu(x)


class DecoderLayer(nn.Module):
    """The same with a look at the caption in between."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm = Norm(width)
        self.attention = SelfAttention(width, heads)
        self.after = Norm(width, scaled=True)
        self.cross_norm = Norm(width)
        self.cross = CrossAttention(width, heads)
        self.cross_after = Norm(width, scaled=True)
        self.glu = GLU(width, inner)

    def forward(self, x: Tensor, caption: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, C) to the same, by the caption's states (B, S, C) and mask (B, 1, 1, S)."""
        x = x + self.after(self.attention(self.norm(x)))
        x = x + self.cross_after(self.cross(self.cross_norm(x), caption, mask))
        return x + self.glu(x)

    def step(self, x: Tensor, memory: LayerMemory, mask: Tensor, position: int) -> Tensor:
        """Do the same for one code a row, (R, C)."""
        seen = self.attention.step(self.norm(x), memory.keys, memory.values, position)
        x = x + self.after(seen)
        seen = self.cross.step(self.cross_norm(x), memory.caption_keys, memory.caption_values, mask)
        x = x + self.cross_after(seen)
        return x + self.glu(x)


class Reader(nn.Module):
    """What both halves begin with: the sum of a token's vector and its place's, normalised."""

    def __init__(self, tokens: int, length: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(tokens, width)
        self.places = nn.Embedding(length, width)
        self.norm = Norm(width, scaled=True)

    def forward(self, ids: Tensor, first: int = 0) -> Tensor:
        """Map ids (B, T), the first of them at the place ``first``, to (B, T, C)."""
        places = self.places.weight[first : first + ids.shape[1]]
        return self.norm(self.tokens(ids).float() + places.float())


class Encoder(nn.Module):
    """Reads a caption."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        self.read = Reader(config.tokens, config.caption_length, config.width)
        self.layers = nn.ModuleList(
            EncoderLayer(config.width, config.encoder_heads, config.encoder_inner)
            for _ in range(config.encoder_layers)
        )
        self.norm = Norm(config.width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map ids (B, S) and their mask (B, 1, 1, S) to states (B, S, C)."""
        x = self.read(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """What R rows remember in one layer of the decoder, in float32.

    ``keys`` (R, heads, D, T) and ``values`` (R, heads, T, D) are of their codes so far, the others
    (R, heads, D, S) and (R, heads, S, D) of their captions.
    """

    keys: Tensor
    values: Tensor
    caption_keys: Tensor
    caption_values: Tensor


@dataclass(frozen=True, slots=True)
class Memory:
    """What R rows remember while they grow; ``mask`` (R, 1, 1, S) is their captions'."""

    layers: tuple[LayerMemory, ...]
    mask: Tensor


class Decoder(nn.Module):
    """Writes codes, one after another."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        self.config = config
        self.read = Reader(config.codes + 1, config.image_length, config.width)
        self.layers: Any = nn.ModuleList(
            DecoderLayer(config.width, config.decoder_heads, config.decoder_inner)
            for _ in range(config.decoder_layers)
        )
        self.norm = Norm(config.width)

    def forward(self, codes: Tensor, caption: Tensor, mask: Tensor) -> Tensor:
        """Map codes (B, T), the start among them, to states (B, T, C), each of those before it."""
        x = self.read(codes)
        for layer in self.layers:
            x = layer(x, caption, mask)
        return self.norm(x)

    def remember(self, caption: Tensor, mask: Tensor, rows: Tensor) -> Memory:
        """Return a memory for rows to grow in, with room for a whole picture each.

        Args:
            caption: States of B captions, (B, S, C).
            mask: Theirs, (B, 1, 1, S).
            rows: Whose caption each row has, (R,).
        """
        heads, length = self.config.decoder_heads, self.config.image_length
        size = self.config.width // heads
        layers = []
        for layer in self.layers:
            keys, values = layer.cross.remember(caption)
            layers.append(
                LayerMemory(
                    keys=keys.new_empty(len(rows), heads, size, length),
                    values=keys.new_empty(len(rows), heads, length, size),
                    caption_keys=keys.mT.contiguous()[rows],
                    caption_values=values.contiguous()[rows],
                )
            )
        return Memory(tuple(layers), mask[rows])

    def step(self, codes: Tensor, position: int, memory: Memory) -> Tensor:
        """Map the last code of each row, (R,), which stands at ``position``, to its state (R, C).

        ``memory`` takes it in. A row's bits do not hang on the other rows.
        """
        x = self.read(codes[:, None], position)[:, 0]
        for layer, remembered in zip(self.layers, memory.layers, strict=True):
            x = layer.step(x, remembered, memory.mask, position)
        return self.norm(x)


class DalleBart(nn.Module):
    """The encoder, the decoder, and the head that says how likely each code is."""

    def __init__(self, config: DalleBartConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.head = linear(config.width, config.codes + 1)

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Map captions (B, S), filled up with padding, to states (B, S, C) and (B, 1, 1, S)."""
        mask = (ids != self.config.padding)[:, None, None]
        return self.encoder(ids, mask), mask

    def forward(self, ids: Tensor, codes: Tensor) -> Tensor:
        """Map captions (B, S) and pictures (B, T) to logits (B, T, codes + 1).

        Those at t are of what stands at t, told by the caption and what stands before.
        """
        before = F.pad(codes[:, :-1], (1, 0), value=self.config.start)
        return project(self.head, self.decoder(before, *self.encode(ids)))
