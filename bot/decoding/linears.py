"""Linear layers for few rows: a decoding step is nothing but these, read from memory each time.

torch's own float32 product takes one and a half to four times as long as oneDNN's for 2 to 32 rows,
and what it gives one row hangs on how many there are. oneDNN's is the same bits for 2 rows and for
200. Packed into its own layout it is faster still, at the price of memory that workers do not
share. For figures see ``benchmarks/linears.py``.

Weights of one byte are read in half of the time again. torch's own dynamic quantisation takes one
scale for all rows, so that one member's text changes another's; here each row is brought to the
same range before the product and back after it. Inputs are rounded, too, which not every net bears:
:mod:`bot.decoding.selftest` measures it.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, Literal

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from bot.nets import int8

Layout = Literal["plain", "packed", "bytes"]

Replaced = list[tuple[nn.Module, str, nn.Module]]
"""What layers were in a net: the module that held each, by which name, and it."""

SMALLEST = 16
"""Sides shorter than this are left to torch: oneDNN pads them, and nothing is gained."""

COMPANY = 4
"""Fewer rows are joined by empty ones: oneDNN reads weights a sixth faster for four rows than for
two, and sums a lone row in another order."""

LEVELS = 127
"""Steps of a byte from 0 to the largest number of a row, and to the smallest."""

LEAST = 1e-12
HARDLY = 1e-3

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


class Ranges:
    """Brings rows to the range from -1 to 1; keeps the last for the layers that read the same."""

    def __init__(self) -> None:
        self._last: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def of(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return x (..., in) in float32, in range, and what it was divided by, (..., 1)."""
        if self._last is None or self._last[0] is not x:
            wide = x.float()
            most = wide.abs().amax(-1, keepdim=True).clamp_min_(LEAST)
            self._last = x, wide / most, most
        return self._last[1], self._last[2]


class BytesLinear(nn.Module):
    """The same with a byte a weight, one scale an output, and a byte an input, one scale a row.

    Sums of integers have no rounding: a row gives the same bits alone and among others.
    """

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor | None, ranges: Ranges | None = None
    ) -> None:
        super().__init__()
        self.weight = weight.new_empty(0)  # some nets ask it for its dtype
        self.bias = None if bias is None else bias.float()
        self._packed = _packed_bytes(weight.float())
        self._ranges = ranges or Ranges()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (..., out) for x of shape (..., in), in x's dtype."""
        x_in_range, most = self._ranges.of(x)
        out: torch.Tensor = _bytes_product()(x_in_range, 1 / LEVELS, LEVELS, self._packed)
        out = out.mul_(most) if self.bias is None else torch.addcmul(self.bias, out, most)
        return out.to(x.dtype)


def _packed_bytes(weight: torch.Tensor) -> Any:
    """Return weights (out, in) rounded to bytes, in the layout of FBGEMM's product."""
    scales = weight.abs().amax(1).clamp_min(LEAST).double() / LEVELS
    zeros = torch.zeros(len(weight), dtype=torch.long)
    engine = torch.backends.quantized.engine
    try:
        torch.backends.quantized.engine = "fbgemm"
        with warnings.catch_warnings():  # torch means to do without such tensors some day
            warnings.simplefilter("ignore")
            held = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
            return torch.ops.quantized.linear_prepack(held, None)
    finally:
        torch.backends.quantized.engine = engine


@functools.cache
def _bytes_product() -> Any:
    """Return the product of x (..., in), rounded to bytes, of a scale and around a zero."""
    return torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default


KINDS: dict[Layout, Any] = {"plain": PlainLinear, "packed": PackedLinear, "bytes": BytesLinear}


@functools.cache
def has_bfloat16() -> bool:
    """Say whether oneDNN takes bfloat16 on this processor; without AVX-512 it refuses."""
    try:
        _pack(torch.ones(SMALLEST, SMALLEST, dtype=torch.bfloat16))
    except RuntimeError:
        return False
    return True


@functools.cache
def has_bytes() -> bool:
    """Say whether this processor and this torch multiply bytes, and do so exactly.

    Without VNNI, FBGEMM adds pairs of products in 16 bits, which may overflow.
    """
    if not int8.is_fast():
        return False
    try:
        layer = BytesLinear(torch.ones(SMALLEST, SMALLEST), None)
        return bool((layer(torch.ones(1, SMALLEST)) - SMALLEST).abs().max() < HARDLY)
    except (RuntimeError, AttributeError):  # of a torch without these
        return False


def relay(net: nn.Module, layout: Layout) -> Replaced:
    """Replace the linear layers of a net, in place; return what :func:`restore` wants.

    Embeddings keep their weights, also those that a linear layer shares.
    """
    replaced: Replaced = []
    shared = (Ranges(),) if layout == "bytes" else ()
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            found = _weights_of(child)
            if found is None or min(found[0].shape) < SMALLEST:
                continue
            replaced.append((parent, name, child))
            setattr(parent, name, KINDS[layout](*found, *shared))
    return replaced


def restore(replaced: Replaced) -> None:
    """Put layers that were replaced back where they were."""
    for parent, name, child in replaced:
        setattr(parent, name, child)


def _weights_of(module: Any) -> tuple[torch.Tensor, torch.Tensor | None] | None:
    """Return what a linear layer holds, (out, in) and (out,); ``None`` for any other module."""
    if type(module) is nn.Linear:
        weight = module.weight.detach()
    elif type(module) is Conv1D:  # GPT-2's, stored as (in, out)
        weight = module.weight.detach().t()
    else:
        return None
    return weight, None if module.bias is None else module.bias.detach()
