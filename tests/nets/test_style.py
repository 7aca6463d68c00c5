"""The style nets with weights drawn by chance: shapes, sizes, batches, stopping."""

from __future__ import annotations

import pytest
import torch

from bot.nets.style import (
    SMALLEST_SIDE,
    STYLE_SIDE,
    AnyStyle,
    LearntStyles,
    Painter,
    Predictor,
    style_norm,
)


@pytest.fixture(params=["learnt", "any"])
def painter(request: pytest.FixtureRequest) -> Painter:
    torch.manual_seed(0)
    net = LearntStyles() if request.param == "learnt" else AnyStyle()
    return net.painter.requires_grad_(requires_grad=False).eval()


@pytest.mark.parametrize(
    "size", [(SMALLEST_SIDE, SMALLEST_SIDE), (33, 46), (64, 48), (17, 130), (95, 31)]
)
def test_a_picture_keeps_its_size_and_stays_in_range(
    painter: Painter, size: tuple[int, int]
) -> None:
    painted = painter(torch.rand(1, 3, *size), torch.randn(1, painter.style_size))
    assert painted.shape == (1, 3, *size)
    assert 0 <= painted.min() <= painted.max() <= 1


def test_pictures_of_one_batch_do_not_touch_each_other(painter: Painter) -> None:
    pictures, styles = torch.rand(3, 3, 32, 40), torch.randn(3, painter.style_size)
    together = painter(pictures, styles)
    for index in range(3):
        alone = painter(pictures[index, None], styles[index, None])[0]
        assert torch.allclose(together[index], alone, atol=1e-5)


def test_style_norm_gives_each_channel_its_mean_and_spread() -> None:
    style = torch.tensor([[2.0, 3.0, -1.0, 5.0]])  # scales 2 and 3, shifts -1 and 5
    normed = style_norm(torch.rand(1, 2, 50, 60) * 9, style)
    assert torch.allclose(normed.mean((2, 3)), torch.tensor([[-1.0, 5.0]]), atol=1e-4)
    spread = normed.std((2, 3), correction=0)
    assert torch.allclose(spread, torch.tensor([[2.0, 3.0]]), atol=1e-4)


def test_every_layer_is_told_and_may_stop_the_painter(painter: Painter) -> None:
    told: list[tuple[int, int]] = []
    picture, style = torch.rand(1, 3, 16, 16), torch.zeros(1, painter.style_size)
    painter(picture, style, lambda done, total: told.append((done, total)))
    layers = len(painter.layers)
    assert told == [(done, layers) for done in range(1, layers + 1)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        painter(picture, style, stop)


def test_the_predictor_sums_up_each_picture() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        assert Predictor()(torch.rand(2, 3, STYLE_SIDE, STYLE_SIDE)).shape == (2, 100)


def test_the_nets_have_the_sizes_of_the_papers() -> None:
    def count(net: torch.nn.Module) -> int:
        return sum(weight.numel() for weight in net.parameters())

    assert count(LearntStyles()) == 166_104
    assert LearntStyles().painter.style_size == 2 * (15 * 32 + 8 + 4 + 3)
    assert AnyStyle().painter.style_size == 2 * (10 * 32 + 16 + 8 + 3)
