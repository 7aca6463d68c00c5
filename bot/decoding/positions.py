"""Positions for rows of different lengths, where an architecture knows only one for all.

Most nets take ``position_ids``. Others work out from the cache, for all rows alike, how many tokens
came before: the learned and sinusoidal embeddings of BART and kin, T5's relative bias, GPT-Neo's
windows. Those are called once per row here, each time with that row's own length.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

PAST = ("past_key_values_length", "past_seen_tokens")
"""The names by which nets call the number of tokens that came before."""


class Lengths:
    """How many tokens each row holds; ``None`` while a single row is read."""

    def __init__(self) -> None:
        self.of_rows: list[int] | None = None


def tell_rows_apart(decoder: Any, lengths: Lengths) -> None:
    """Teach a decoder that takes no ``position_ids`` where each of its rows is.

    Changes the modules of this very net in place; while ``lengths.of_rows`` is ``None`` they do
    what they always did.
    """
    for module in decoder.modules():
        if hasattr(module, "embed_positions"):
            embedding = module.embed_positions
            embedding.forward = per_row(embedding.forward, lengths)
        if getattr(module, "has_relative_attention_bias", False):
            module.compute_bias = per_row(module.compute_bias, lengths)


def widen_windows(decoder: Any, lengths: Lengths) -> None:
    """Teach GPT-Neo's attention, whose window hangs on the last column, where each row ends."""
    for module in decoder.modules():
        if getattr(module, "attention_type", None) in ("global", "local") and "bias" in (
            module._buffers
        ):
            allowed = module._buffers.pop("bias")
            module.bias = _RowBias(allowed, lengths)


def per_row(original: Callable[..., torch.Tensor], lengths: Lengths) -> Callable[..., torch.Tensor]:
    """Return a function that calls ``original`` once per row, and puts the results on axis 0."""
    signature = inspect.signature(original)
    past = next(name for name in PAST if name in signature.parameters)

    def told(*args: Any, **kwargs: Any) -> torch.Tensor:
        if lengths.of_rows is None:
            return original(*args, **kwargs)
        given = dict(signature.bind(*args, **kwargs).arguments)
        given.pop("position_ids", None)  # one for all rows: what is to be avoided
        rows = []
        for number, length in enumerate(lengths.of_rows):
            alone = {name: _row(value, number) for name, value in given.items()}
            made = original(**{**alone, past: length})
            rows.append(made if made.dim() > 2 else made[None])
        return torch.cat(rows)

    return told


def _row(value: Any, number: int) -> Any:
    """Return one row of a batch: of a tensor (N, ...), or of its shape."""
    if isinstance(value, torch.Tensor):
        return value[number : number + 1]
    if isinstance(value, tuple):  # a shape, (N, T)
        return (1, *value[1:])
    return value


class _RowBias:
    """GPT-Neo's table of who may see whom, (1, 1, P, P), cut out for each row by its length."""

    def __init__(self, allowed: torch.Tensor, lengths: Lengths) -> None:
        self._allowed = allowed
        self._lengths = lengths

    def __getitem__(self, cut: tuple[slice, ...]) -> torch.Tensor:
        if self._lengths.of_rows is None:
            return self._allowed[cut]
        columns = cut[-1]
        places = torch.tensor(self._lengths.of_rows)
        return self._allowed[0, 0][places, columns][:, None, None]  # (N, 1, 1, W)
