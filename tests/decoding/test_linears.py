"""Linear layers in bytes: what they compute, and for whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from bot.decoding import linears
from bot.decoding.linears import BytesLinear, Ranges

pytestmark = pytest.mark.skipif(not linears.has_bytes(), reason="no instructions for bytes here")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_it_is_a_product_of_integers_with_one_scale_a_row_and_one_an_output(
    bias: bool, dtype: torch.dtype
) -> None:
    linear = nn.Linear(96, 40, bias=bias)
    x = torch.randn(3, 5, 96).to(dtype)
    weight = linear.weight.double()
    of_outputs = weight.abs().amax(1) / 127
    of_rows = x.double().abs().amax(-1, keepdim=True) / 127
    whole = (x.double() / of_rows).round() @ (weight / of_outputs[:, None]).round().t()
    wanted = whole * of_rows * of_outputs + (linear.bias.double() if bias else 0)
    found = BytesLinear(linear.weight, linear.bias)(x)
    assert (found.dtype, found.shape) == (dtype, (3, 5, 40))
    step = float((of_rows.max() * of_outputs.max()) * 127)  # of one input that rounds otherwise
    assert torch.allclose(found.double(), wanted, atol=step, rtol=1e-2)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_row_gives_the_same_bits_alone_and_among_others(threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        layer = BytesLinear(torch.randn(130, 256), torch.randn(130))
        x = torch.randn(40, 256) * torch.logspace(-3, 3, 40)[:, None]  # one shouts, one whispers
        together = layer(x)
        for count in (1, 2, 3, 5, 16):
            for first in range(0, 40 - count, 7):
                few = layer(x[first : first + count].clone())
                assert torch.equal(few, together[first : first + count])
    finally:
        torch.set_num_threads(1)


def test_large_numbers_do_not_overflow() -> None:
    layer = BytesLinear(torch.full((16, 4096), 3.0), None)
    found = layer(torch.full((2, 4096), 5.0))
    assert torch.allclose(found, torch.full((2, 16), 15.0 * 4096), rtol=1e-5)


def test_rows_of_nothing_give_the_bias_and_rows_of_no_numbers_none() -> None:
    bias = torch.randn(32)
    x = torch.zeros(3, 64)
    x[1, 5] = torch.nan
    x[2, 5] = torch.inf
    found = BytesLinear(torch.randn(32, 64), bias)(x)
    assert torch.equal(found[0], bias)
    assert not found[1:].isfinite().any()


def test_layers_that_read_the_same_share_the_range() -> None:
    ranges = Ranges()
    x = torch.randn(2, 32)
    first, again, other = ranges.of(x), ranges.of(x), ranges.of(x.clone())
    assert first[0] is again[0]
    assert other[0] is not first[0]
    assert torch.equal(other[0], first[0])


def test_what_was_replaced_can_be_put_back() -> None:
    net = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Sequential(nn.Linear(32, 16)))
    x = torch.randn(2, 32)
    before, layers = net(x), list(net.modules())
    replaced = linears.relay(net, "bytes")
    assert not torch.equal(net(x), before)
    linears.restore(replaced)
    assert list(net.modules()) == layers
    assert torch.equal(net(x), before)


def test_it_leaves_the_engine_of_quantisation_as_it_was() -> None:
    engine = torch.backends.quantized.engine
    BytesLinear(torch.randn(32, 32), None)
    assert torch.backends.quantized.engine == engine
