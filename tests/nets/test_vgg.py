"""VGG-19's first layers against plain sums in float64, and what is told on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bot.nets.vgg import MEAN, NAMES, SMALLEST_SIDE, SPREAD, VGG, WIDTHS, Halving

Array = NDArray[np.float64]

TINY = (4,) * 2 + (5,) * 2 + (6,) * 4 + (7,) * 5


class Halt(Exception):
    """Raised by what is told."""


def tiny(halving: Halving = "mean") -> VGG:
    """Return a small net whose layers keep the size of what they take."""
    torch.manual_seed(3)
    net = VGG(TINY, halving).double()
    for weight in net.parameters():
        torch.nn.init.normal_(
            weight, std=(2 / weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.1
        )
    return net


def plain(net: VGG, picture: Array, halving: str) -> dict[str, Array]:
    """Work out all layers for a picture (3, H, W) by shifts and sums."""
    x = (picture - np.reshape(MEAN, (3, 1, 1))) / np.reshape(SPREAD, (3, 1, 1))
    found = {}
    for name in NAMES:
        if name.endswith("_1") and name != "conv1_1":
            height, width = (side // 2 * 2 for side in x.shape[1:])
            pairs = x[:, :height, :width].reshape(len(x), height // 2, 2, width // 2, 2)
            x = pairs.mean((2, 4)) if halving == "mean" else pairs.max((2, 4))
        layer: Any = net.layers[name]
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        height, width = x.shape[1:]
        x = np.tile(bias[:, None, None], (1, height, width))
        for down in range(3):
            for right in range(3):
                seen = padded[:, down : down + height, right : right + width]
                x += np.tensordot(weight[:, :, down, right], seen, 1)
        found[name] = x = np.maximum(x, 0)
    return found


@pytest.mark.parametrize("halving", ["mean", "max"])
@pytest.mark.parametrize("size", [(16, 16), (35, 22), (17, 64)])
def test_layers_equal_plain_sums(size: tuple[int, int], halving: Halving) -> None:
    net = tiny(halving)
    picture = torch.rand(1, 3, *size, dtype=torch.float64)
    expected = plain(net, picture[0].numpy(), halving)
    found = net(picture, NAMES)
    assert list(found) == list(NAMES)
    for name, features in found.items():
        assert features.shape[1:] == expected[name].shape
        np.testing.assert_allclose(features[0].detach().numpy(), expected[name], atol=1e-12)


def test_the_layers_are_those_of_the_paper() -> None:
    assert (len(NAMES), NAMES[0], NAMES[7], NAMES[-1]) == (13, "conv1_1", "conv3_4", "conv5_1")
    with torch.device("meta"):
        net = VGG()
    assert sum(weight.numel() for weight in net.parameters()) == 12_944_960
    assert [len(layer.bias) for layer in net.layers.values()] == list(WIDTHS)


def test_pictures_of_one_batch_do_not_touch_each_other() -> None:
    net, pictures = tiny(), torch.rand(3, 3, 20, 24, dtype=torch.float64)
    together = net(pictures, ("conv4_2",))["conv4_2"]
    for index in range(3):
        alone = net(pictures[index, None], ("conv4_2",))["conv4_2"]
        assert torch.allclose(together[index], alone[0])


def test_no_more_layers_are_run_than_are_asked_for() -> None:
    told: list[None] = []
    picture = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    found = tiny()(picture, ("conv2_1", "conv1_2"), lambda: told.append(None))
    assert set(found) == {"conv1_2", "conv2_1"}
    assert len(told) == 3


def test_every_layer_is_told_on_the_way_there_and_back_and_may_stop_it() -> None:
    net = tiny().requires_grad_(requires_grad=False)
    told = 0
    stop_at = 10_000

    def tell() -> None:
        nonlocal told
        told += 1
        if told == stop_at:
            raise Halt

    def look() -> None:
        picture = torch.rand(1, 3, 16, 16, dtype=torch.float64).requires_grad_()
        net(picture, ("conv5_1",), tell)["conv5_1"].sum().backward()

    look()
    assert told == 2 * len(NAMES)
    for stop_at in (1, 7, 13, 14, 20, 26):
        told = 0
        with pytest.raises(Halt):
            look()
        assert told == stop_at


def test_the_smallest_picture_leaves_a_pixel() -> None:
    picture = torch.rand(1, 3, SMALLEST_SIDE, SMALLEST_SIDE, dtype=torch.float64)
    assert tiny()(picture, ("conv5_1",))["conv5_1"].shape == (1, 7, 1, 1)


def test_held_in_another_dtype_it_sees_about_the_same() -> None:
    net = tiny()
    picture = torch.rand(1, 3, 32, 32)
    exact = net(picture.double(), NAMES)
    net.hold_in(torch.bfloat16)
    for name, features in net(picture, NAMES).items():
        assert features.dtype == torch.bfloat16
        off = (features.double() - exact[name]).norm() / exact[name].norm()
        assert off < 0.02
