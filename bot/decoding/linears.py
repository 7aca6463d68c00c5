"""Linear layers for few rows: a decoding step is nothing but these, read from memory each time.

torch's own float32 product takes one and a half to four times as long as oneDNN's for 2 to 32 rows,
and what it gives one row hangs on how many there are. oneDNN's is the same bits for 2 rows and for
200. Packed into its own layout it is faster still, at the price of memory that workers do not
share. For figures see ``benchmarks/linears.py``.

Weights of one byte are not here: rounded row by row (torch's dynamic quantisation takes one scale
for all rows, so that one member's text changes another's) they are no faster than packed bfloat16
from four rows up.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

Layout = Literal["plain", "packed"]

SMALLEST = 16
"""Sides shorter than this are left to torch: oneDNN pads them, and nothing is gained."""

COMPANY = 4
"""Fewer rows are joined by empty ones: oneDNN reads weights a sixth faster for four rows than for
two, and sums a lone row in another order."""

_product: Any = torch.ops.mkldnn._linear_pointwise
_pack: Any = torch.ops.mkldnn._reorder_linear_weight


class PlainLinear(nn.Module):
    """``x @ weight.T + bias`` by oneDNN, on weights as the checkpoint has them, (out, in)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (..., out) for x of shape (..., in)."""
        out: torch.Tensor = _product(x, self.weight, self.bias, "none", [], "")
        return out


class PackedLinear(nn.Module):
    """The same on a copy of the weights in oneDNN's own layout."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight = weight.new_empty(0)  # some nets ask it for its dtype
        self.bias = bias
        self._packed = _pack(weight.contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (..., out) for x of shape (..., in)."""
        rows = x.numel() // x.shape[-1]
        if rows >= COMPANY:
            return _product(x, self._packed, self.bias, "none", [], "")  # type: ignore[no-any-return]
        many = x.new_zeros(COMPANY, x.shape[-1])
        many[:rows] = x.view(rows, -1)
        out: torch.Tensor = _product(many, self._packed, self.bias, "none", [], "")[:rows]
        return out.view(*x.shape[:-1], -1)


KINDS: dict[Layout, Any] = {"plain": PlainLinear, "packed": PackedLinear}


@functools.cache
def has_bfloat16() -> bool:
    """Say whether oneDNN takes bfloat16 on this processor; without AVX-512 it refuses."""
    try:
        _pack(torch.ones(SMALLEST, SMALLEST, dtype=torch.bfloat16))
    except RuntimeError:
        return False
    return True


def relay(net: nn.Module, layout: Layout) -> None:
    """Replace the linear layers of a net, in place.

    Embeddings keep their weights, also those that a linear layer shares.
    """
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            found = _weights_of(child)
            if found is None or min(found[0].shape) < SMALLEST:
                continue
            setattr(parent, name, KINDS[layout](*found))


def _weights_of(module: Any) -> tuple[torch.Tensor, torch.Tensor | None] | None:
    """Return what a linear layer holds, (out, in) and (out,); ``None`` for any other module."""
    if type(module) is nn.Linear:
        weight = module.weight.detach()
    elif type(module) is Conv1D:  # GPT-2's, stored as (in, out)
        weight = module.weight.detach().t()
    else:
        return None
    return weight, None if module.bias is None else module.bias.detach()
