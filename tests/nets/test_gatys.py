"""Style transfer's loss, gradient and steps against the same in other code, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from bot.nets.gatys import (
    CONTENT_LAYER,
    CONTENT_WEIGHT,
    FIRST_STEP,
    LAST_STEP,
    MEMORIES,
    ROUGHNESS_WEIGHT,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    aim_at,
    loss,
    paint,
    roughness,
    step_size,
    surface_of,
)
from bot.nets.vgg import VGG
from tests.nets.test_vgg import Array, plain, tiny

SIZE = (34, 41)  # of which the last layer sees 2 x 2


@pytest.fixture
def net() -> VGG:
    return tiny().requires_grad_(requires_grad=False)


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor, Tensor]:
    """A picture under way, the content, and the style, which has another size."""
    torch.manual_seed(6)
    shapes = (SIZE, SIZE, (33, 50))
    one, two, three = (torch.rand(1, 3, *shape, dtype=torch.float64) for shape in shapes)
    return one, two, three


def plain_loss(net: VGG, picture: Array, content: Array, style: Array) -> float:
    """Work out the loss of pictures (3, H, W), sum by sum."""
    seen, wanted, stroked = (plain(net, p, "mean") for p in (picture, content, style))

    def distance(found: Array, target: Array) -> float:
        return float(np.sum((found - target) ** 2) / np.sum(target**2))

    total = CONTENT_WEIGHT * distance(seen[CONTENT_LAYER], wanted[CONTENT_LAYER])
    for name in STYLE_LAYERS:
        sums = []
        for features in (seen[name], stroked[name]):
            rows = features.reshape(len(features), -1).T  # (H W, C)
            means = np.array([sum(column) / len(rows) for column in rows.T])
            gram = np.einsum("pi,pj->ij", rows, rows) / len(rows)
            sums.append((gram - np.outer(means, means), means))
        (texture, means), (texture_wanted, means_wanted) = sums
        share = STYLE_WEIGHT / len(STYLE_LAYERS) / 2
        total += share * distance(texture, texture_wanted) + share * distance(means, means_wanted)
    below, beside = np.diff(picture, axis=1), np.diff(picture, axis=2)
    return total + ROUGHNESS_WEIGHT * float(np.mean(below**2) + np.mean(beside**2))


def test_the_loss_equals_plain_sums(net: VGG, pictures: tuple[Tensor, Tensor, Tensor]) -> None:
    picture, content, style = pictures
    ours = float(loss(net, picture, aim_at(net, content, style)))
    assert ours == pytest.approx(plain_loss(net, *(p[0].numpy() for p in pictures)), rel=1e-11)


def test_the_gradient_equals_differences_of_plain_sums(
    net: VGG, pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    picture, content, style = pictures
    looked_at = picture.clone().requires_grad_()
    aim = aim_at(net, content, style)
    (gradient,) = torch.autograd.grad(loss(net, looked_at, aim), looked_at)
    still = [p[0].numpy() for p in (content, style)]
    width = 1e-6
    luck = np.random.default_rng(0)
    for place in zip(
        luck.integers(0, 3, 25), *(luck.integers(0, n, 25) for n in SIZE), strict=True
    ):
        sides = []
        for sign in (1, -1):
            moved = picture[0].numpy().copy()
            moved[place] += sign * width
            sides.append(plain_loss(net, moved, *still))
        slope = (sides[0] - sides[1]) / (2 * width)
        assert float(gradient[0][place]) == pytest.approx(slope, rel=1e-5, abs=1e-6)


def other_painting(
    looks: Callable[[Tensor], Tensor], start: Tensor, steps: int
) -> tuple[Tensor, list[float]]:
    """Paint with torch's own Adam."""
    picture = start.clone().requires_grad_()
    adam = torch.optim.Adam([picture], betas=MEMORIES, eps=1e-8)
    distances = []
    for size in np.linspace(FIRST_STEP, LAST_STEP, steps):
        adam.param_groups[0]["lr"] = float(size)
        adam.zero_grad()
        far = looks(picture)
        far.backward()
        adam.step()
        with torch.no_grad():
            picture.clamp_(0, 1)
        distances.append(float(far.detach()))
    return picture.detach(), distances


def other_loss(net: VGG, content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the loss in torch's functions for what ours works out by hand."""
    names = ("conv4_2", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    seen, stroked = net(content, names), net(style, names)

    def relative(found: Tensor, wanted: Tensor) -> Tensor:
        return (torch.dist(found, wanted) / torch.linalg.vector_norm(wanted)) ** 2

    def looks(picture: Tensor) -> Tensor:
        now = net(picture, names)
        total = 30 * relative(now["conv4_2"], seen["conv4_2"])
        for name in names[1:]:
            found, wanted = now[name].flatten(2)[0], stroked[name].flatten(2)[0]  # (C, H W)
            total = total + 10 * relative(
                torch.cov(found, correction=0), torch.cov(wanted, correction=0)
            )
            total = total + 10 * relative(found.mean(1), wanted.mean(1))
        return total + 40 * sum(picture.diff(dim=d).square().mean() for d in (2, 3))

    return looks


def test_a_painting_equals_that_of_other_code(
    net: VGG, pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    start, content, style = pictures
    expected, distances = other_painting(other_loss(net, content, style), start, 12)
    *_, (picture, _) = steps = list(paint(net, start, aim_at(net, content, style), 12))
    assert [far for _, far in steps] == pytest.approx(distances, rel=1e-9)
    torch.testing.assert_close(picture, expected, rtol=0, atol=1e-9)
    assert float((picture - start).abs().max()) > 0.1


def test_painting_comes_near_and_stays_in_range(
    net: VGG, pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    _, content, style = pictures
    before = content.clone()
    steps = list(paint(net, content, aim_at(net, content, style * 0.3), 40))
    assert steps[-1][1] < 0.2 * steps[0][1]
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture, _ in steps)
    assert torch.equal(content, before)


def test_in_bfloat16_it_comes_as_near(net: VGG, pictures: tuple[Tensor, Tensor, Tensor]) -> None:
    _, content, bright = pictures
    style = 0.3 * bright
    exact = aim_at(net, content, style)
    rounding = tiny().requires_grad_(requires_grad=False)
    rounding.hold_in(torch.bfloat16)
    still = float(loss(net, content, exact))
    reached = []
    for other, kind in ((net, torch.float64), (rounding, torch.float32)):
        aim = aim_at(other, content.to(kind), style.to(kind))
        *_, (picture, _) = paint(other, content.to(kind), aim, 25)
        reached.append(float(loss(net, picture.double(), exact)))
    assert reached[0] < 0.3 * still
    assert reached[1] < 1.1 * reached[0]


def test_the_surface_is_of_float32_at_least() -> None:
    features = torch.rand(1, 5, 30, 20)
    surface = surface_of(features.bfloat16())
    assert surface.texture.dtype == surface.means.dtype == torch.float32
    exact = np.cov(features[0].flatten(1).numpy(), bias=True)
    np.testing.assert_allclose(surface.texture.numpy(), exact, atol=2e-3)


@pytest.mark.parametrize("colour", [0.0, 1.0, 0.5])
def test_a_plain_style_or_content_gives_finite_steps(net: VGG, colour: float) -> None:
    flat = torch.full((1, 3, 16, 16), colour, dtype=torch.float64)
    grain = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    for content, style in ((flat, grain), (grain, flat), (flat, flat)):
        for picture, far in paint(net, content, aim_at(net, content, style), 3):
            assert torch.isfinite(picture).all()
            assert np.isfinite(far)


def test_an_aim_of_zeros_is_no_division_by_zero(net: VGG) -> None:
    for weight in net.parameters():
        weight.zero_()
    grain = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    ((picture, far),) = paint(net, grain, aim_at(net, grain, grain), 1)
    assert far == pytest.approx(ROUGHNESS_WEIGHT * float(roughness(grain)))
    assert torch.isfinite(picture).all()


def test_steps_shrink_evenly() -> None:
    assert [step_size(n, 3) for n in range(3)] == pytest.approx([0.05, 0.0275, 0.005])
    assert step_size(0, 1) == FIRST_STEP


def test_one_pixel_has_no_roughness_to_speak_of() -> None:
    picture = torch.zeros(1, 3, 2, 2)
    picture[0, 0, 0, 0] = 1.0
    assert float(roughness(picture)) == pytest.approx(2 / 6)
