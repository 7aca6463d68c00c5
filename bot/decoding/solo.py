"""The plainest runtime: each slot has a cache of its own and is stepped by itself.

It does what ``generate`` does for one prompt, so it is exact for every architecture: the reference
that faster runtimes are held against, and what serves where they fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from bot.decoding.engine import ReadsOneByOne

if TYPE_CHECKING:
    from transformers import Cache

    from bot.decoding.wiring import Wiring


class SoloRuntime(ReadsOneByOne):
    """Runs a net with one cache of transformers' own per slot."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._caches: dict[int, Cache] = {}
        self._encoded: dict[int, torch.Tensor] = {}

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        """Do nothing: a cache grows as it is filled."""

    def encode(self, slot: int, source: Any) -> None:
        """Have the encoder read the source of a row."""
        self._encoded[slot] = self._wiring.encode(source)  # (1, S, D)

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids (T,) after what the slot holds; return the last position's logits, (V,)."""
        if slot not in self._caches:
            self._caches[slot] = self._wiring.new_cache()
        cache = self._caches[slot]
        return self._wiring.forward(
            torch.tensor([ids]),
            cache,
            encoded=self._encoded.get(slot),  # (1, T)
        )[0]

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        """Read one token per slot; return the logits of each, (N, V)."""
        pairs = zip(slots, tokens, strict=True)
        return torch.stack([self.extend(slot, [token]) for slot, token in pairs])

    def free(self, slot: int) -> None:
        """Forget what the slot holds."""
        self._caches.pop(slot, None)
        self._encoded.pop(slot, None)
