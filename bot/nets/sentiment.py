"""A head that tells a mood from the states of an encoder: some layers of its own, and one number.

The layers begin as copies of the encoder's last ones and learn on from there, so that what lies
below can be shared with other tasks. A layer is BERT's (Devlin et al. 2018): torch's own encoder
layer, normalised after each half.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Config:
    """The sizes of a head, and where in the encoder it begins.

    Args:
        below: Layers of the encoder whose states it reads.
        layers: Its own.
        width: Of a state.
        heads: Of attention, in each of its layers.
        inner: Width between the two linear maps of a layer.
        dropout: Share of what is dropped while it learns.
    """

    below: int
    layers: int
    width: int = 384
    heads: int = 12
    inner: int = 1536
    dropout: float = 0.1


class Head(nn.Module):
    """From the states of a text's tokens to how pleased it sounds: a logit, 0 in the middle."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width,
                config.heads,
                config.inner,
                config.dropout,
                activation="gelu",
                layer_norm_eps=1e-12,
                batch_first=True,
            )
            for _ in range(config.layers)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(2 * config.width, 1)

    def forward(self, states: torch.Tensor, absent: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits (B,) for states (B, T, C); ``absent`` (B, T) is true where nothing is."""
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=absent)
        if absent is None:
            mean, most = states.mean(1), states.amax(1)
        else:
            gone = absent[:, :, None]
            count = (~gone).sum(1)
            mean = states.masked_fill(gone, 0.0).sum(1) / count
            most = states.masked_fill(gone, -torch.inf).amax(1)
        return self.out(self.dropout(torch.cat((mean, most), 1)))[:, 0]


def layer_weights(bert: dict[str, torch.Tensor], number: int) -> dict[str, torch.Tensor]:
    """Return the weights of BERT's layer ``number``, named as our layers name them.

    Args:
        bert: A checkpoint of transformers' ``BertModel``, by name.
        number: From 0.
    """
    start = f"encoder.layer.{number}"
    own = [f"{start}.attention.self.{part}" for part in ("query", "key", "value")]
    places = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    found: dict[str, torch.Tensor] = {}
    for kind in ("weight", "bias"):
        found[f"self_attn.in_proj_{kind}"] = torch.cat([bert[f"{name}.{kind}"] for name in own])
        found |= {f"{ours}.{kind}": bert[f"{start}.{name}.{kind}"] for ours, name in places.items()}
    return found
