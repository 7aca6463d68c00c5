"""The plainest runtime: each slot has a cache of its own and is stepped by itself.

It does what ``generate`` does for one prompt, so it is exact for every decoder-only architecture,
and the reference that faster runtimes are held against.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache


class SoloRuntime:
    """Runs a decoder-only transformers model with one ``DynamicCache`` per slot."""

    def __init__(self, net: Any) -> None:
        self._net = net
        self._caches: dict[int, DynamicCache] = {}

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids (T,) after what the slot holds; return the last position's logits, (V,)."""
        cache = self._caches.setdefault(slot, DynamicCache(config=self._net.config))
        output = self._net(
            input_ids=torch.tensor([ids]),  # (1, T)
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[0, -1]  # type: ignore[no-any-return]  # (V,)

    def step(self, tokens: dict[int, int]) -> dict[int, torch.Tensor]:
        """Read one token per slot; return each slot's logits, (V,)."""
        return {slot: self.extend(slot, [token]) for slot, token in tokens.items()}

    def free(self, slot: int) -> None:
        """Forget what the slot holds."""
        self._caches.pop(slot, None)
