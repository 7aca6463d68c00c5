"""Linear layers in int8: near the float ones, and the same bits whoever shares the batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bot.nets.int8 import Int8Linear, Rounder, relay


@pytest.fixture(autouse=True)
def chance() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_gives_nearly_what_the_float_layer_gives(bias: bool, dtype: torch.dtype) -> None:
    linear = nn.Linear(96, 40, bias=bias)
    x = torch.randn(3, 5, 96)
    exact = linear(x).detach()
    found = Int8Linear(linear, Rounder())(x.to(dtype))
    assert (found.dtype, found.shape) == (dtype, exact.shape)
    assert (found.float() - exact).abs().max() < 0.02 * exact.abs().max()


def test_it_is_a_product_of_integers_with_one_scale_a_row_and_one_an_output() -> None:
    linear = nn.Linear(64, 32)
    x = torch.randn(7, 64)
    weight, bias = linear.weight.detach().double(), linear.bias.detach().double()
    of_outputs = weight.abs().amax(1) / 127
    of_rows = x.double().abs().amax(1, keepdim=True) / 127
    whole = (x.double() / of_rows).round() @ (weight / of_outputs[:, None]).round().t()
    wanted = whole * of_rows * of_outputs + bias
    assert torch.allclose(Int8Linear(linear, Rounder())(x).double(), wanted, atol=2e-2)


def test_a_row_gives_the_same_bits_alone_and_among_others() -> None:
    layer = Int8Linear(nn.Linear(256, 128), Rounder())
    x = torch.randn(40, 256) * torch.logspace(-3, 3, 40)[:, None]  # one shouts, one whispers
    together = layer(x)
    for row in range(40):
        assert torch.equal(layer(x[row : row + 1].clone())[0], together[row])


def test_rows_of_nothing_give_the_bias() -> None:
    linear = nn.Linear(16, 8)
    assert torch.equal(Int8Linear(linear, Rounder())(torch.zeros(2, 16))[0], linear.bias.detach())


def test_layers_that_read_the_same_share_the_rounding() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = nn.Linear(32, 32), nn.Linear(32, 32)

    both = Both()
    plain = both.query, both.key
    relay(both)
    assert isinstance(both.query, Int8Linear)
    assert both.query.rounder is both.key.rounder
    for x in (torch.randn(4, 32), torch.randn(4, 32)):  # the second is not taken for the first
        for layer, linear in zip((both.query, both.key), plain, strict=True):
            assert (layer(x) - linear(x)).abs().max() < 0.05
