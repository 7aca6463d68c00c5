"""The VQGAN's decoder: against min-dalle's, in other sizes, and in bfloat16."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bot.catalogue.synthetic.dalle_mini import VQGAN, vqgan_shapes
from bot.nets.vqgan import Norm, VQGANConfig, VQGANDecoder
from tests.nets import judges

ENCODER = ("encoder.", "quant_conv.")


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.inference_mode():
        yield


def small(**sizes: Any) -> VQGANDecoder:
    torch.manual_seed(0)
    given = {
        "codes": 50, "code_width": 16, "z_width": 24, "channels": 32, "multiples": (1, 2),
        "blocks": 1, "side": 8, "attended": (4,), **sizes,
    }  # fmt: skip
    net = VQGANDecoder(VQGANConfig(**given))
    return net.requires_grad_(requires_grad=False).eval()


def test_the_defaults_are_the_sizes_of_dalle_minis() -> None:
    with torch.device("meta"):
        net = VQGANDecoder(VQGANConfig())
    assert sum(weight.numel() for weight in net.parameters()) == 46_709_891
    assert (net.config.stride, net.config.square) == (16, 16)


def test_pictures_are_min_dalles() -> None:
    shapes = {k: v for k, v in vqgan_shapes(VQGAN) if not k.startswith(ENCODER)}
    shapes["quantize.embedding.embedding"] = (judges.CODES, 256)
    leaves = judges.leaves_of(shapes)
    leaves["decoder.conv_out.kernel"] *= 0.3
    leaves["decoder.conv_out.bias"] += 0.5
    judge = judges.vqgan(leaves)
    ours = judges.filled(VQGANDecoder(VQGANConfig()), leaves)
    codes = torch.randint(judges.CODES, (1, 8, 8), generator=torch.Generator().manual_seed(1))
    # its parts, for as a whole it draws nothing smaller than 16 x 16 codes
    judged = judge.decoder(judge.post_quant_conv(judge.embedding(codes).permute(0, 3, 1, 2)))
    pictures = ours(codes)
    assert pictures.shape == (1, 3, 128, 128)
    assert ((judged > 0) & (judged < 1)).float().mean() > 0.5  # the rest is clipped
    assert pictures.std() > 0.1
    assert (pictures - judged.clamp(0, 1)).abs().max() < 1e-3


def test_levels_may_be_held_in_bfloat16() -> None:
    net = small()
    net.decoder.conv_out.bias.fill_(0.5)
    codes = torch.randint(50, (1, 4, 4))
    exact = net(codes)
    for changed in (net.decoder.levels[0], net.decoder):
        changed.to(torch.bfloat16)
        net.post_quant.to(net.decoder.conv_in.weight.dtype)
        net.codebook.to(net.decoder.conv_in.weight.dtype)
        rounded = net(codes)
        assert rounded.dtype == torch.float32
        assert 0 < (rounded - exact).abs().mean() < 0.02


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"multiples": (1,), "side": 4},
        {"multiples": (1, 1, 3), "side": 16, "attended": (4, 16)},
        {"attended": ()},
        {"channels": 12, "groups": 4},
    ],
    ids=str,
)
def test_sizes_are_free(sizes: dict[str, Any]) -> None:
    net = small(**sizes)
    config = net.config
    codes = torch.randint(config.codes, (2, config.square, config.square))
    pictures = net(codes)
    assert pictures.shape == (2, 3, config.side, config.side)
    assert 0 <= pictures.min() <= pictures.max() <= 1


def test_the_upper_rows_of_a_square_can_be_drawn_alone() -> None:
    codes = torch.randint(50, (1, 2, 4))
    assert small()(codes).shape == (1, 3, 4, 8)


def test_every_code_shows_where_it_stands() -> None:
    net = small(multiples=(1, 1, 2), side=64, attended=())
    codes = torch.zeros(1, 16, 16, dtype=torch.long)
    other = codes.clone()
    other[0, 8, 12] = 7
    changed = (net(codes) != net(other)).any(1)[0]  # (64, 64)
    # norms carry a little everywhere; what changes most is around (32..35, 48..51)
    strongest = (net(codes) - net(other)).abs().sum(1)[0]
    row, column = divmod(int(strongest.argmax()), 64)
    assert changed.any()
    assert 26 <= row <= 41
    assert 42 <= column <= 57


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    net = small()
    codes = torch.randint(50, (3, 4, 4))
    together = net(codes)
    for number in range(3):
        alone = net(codes[number, None])[0]
        assert torch.allclose(together[number], alone, atol=1e-5)


def test_norms_add_what_taming_transformers_adds() -> None:
    assert {module.eps for module in small().modules() if isinstance(module, Norm)} == {1e-6}
