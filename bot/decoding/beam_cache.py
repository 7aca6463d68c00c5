"""Keys and values of a beam search: what its beams read alike is there once, for all of them.

transformers repeats the source's keys and values for every beam, converts them anew for every token
where the net is held in bfloat16, and moves them about whenever beams change places. For BART's
800 tokens and four beams that was more than half of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Cache, EncoderDecoderCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

if TYPE_CHECKING:
    from bot.decoding.wiring import Wiring


def shared_cache(
    wiring: Wiring, ids: torch.Tensor, encoded: torch.Tensor, encoded_mask: torch.Tensor
) -> EncoderDecoderCache:
    """Return a cache that knows the sources already, and no token yet.

    For nets that attend by :mod:`bot.decoding.attention`, which knows that several rows of a
    query may read the same.

    Args:
        wiring: An encoder-decoder.
        ids: What the rows begin with, (N, T).
        encoded: What the encoder made of the sources, (N, S, D).
        encoded_mask: Which of the S count, (N, S).
    """
    crossed = Cache(layers=[_Source() for _ in range(wiring.layers)])
    for_once = EncoderDecoderCache(_own(wiring), crossed)
    wiring.forward(ids, for_once, encoded=encoded, encoded_mask=encoded_mask)
    return EncoderDecoderCache(_own(wiring), crossed)


def _own(wiring: Wiring) -> Cache:
    return Cache(layers=[_Wide() for _ in range(wiring.layers)])


class _Wide(DynamicLayer):  # type: ignore[misc]
    """The beams' own keys and values, in float32 as they are read."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add what came, (N x K, heads, T, D); return all of it."""
        kept: tuple[torch.Tensor, torch.Tensor] = super().update(
            key_states.float(), value_states.float(), *args, **kwargs
        )
        return kept


class _Source(CacheLayerMixin):  # type: ignore[misc]
    """The keys and values of the sources, (N, heads, S, D): written once, and never moved."""

    is_sliding = False

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: they are there from the first."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep what came."""
        self.keys, self.values = key_states.float(), value_states.float()
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many columns there are, and the first of them."""
        return self.get_seq_length(), 0

    def get_seq_length(self) -> int:
        """Return how many columns there are."""
        return 0 if self.keys is None else self.keys.shape[2]

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Stay: a text's beams change places among themselves, and read the same."""
