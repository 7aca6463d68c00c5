"""DALL-E mini's net: against min-dalle's, and against itself in pieces."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bot.catalogue.synthetic.dalle_mini import TINY_NET, net_shapes
from bot.decoding.linears import has_bfloat16, relay
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from tests.nets import judges

CODES = 64
JUDGED = {**TINY_NET, "image_vocab_size": CODES, "image_length": judges.IMAGE_LENGTH}
PADDING = 1
STEPS = 40


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def leaves() -> judges.Leaves:
    return judges.leaves_of(dict(net_shapes(JUDGED)))


@pytest.fixture(scope="module")
def net(leaves: judges.Leaves) -> Any:
    return judges.filled(DalleBart(config()), leaves)


def config() -> DalleBartConfig:
    return DalleBartConfig(
        tokens=600, codes=CODES, caption_length=24, image_length=judges.IMAGE_LENGTH, width=32,
        encoder_layers=2, encoder_heads=2, encoder_inner=50, decoder_layers=3, decoder_heads=4,
        decoder_inner=42,
    )  # fmt: skip


def captions() -> Tensor:
    """Return two: none at all, and one that leaves room for padding."""
    ids = torch.full((2, 24), PADDING)
    ids[0, :2] = torch.tensor([0, 2])
    ids[1, :9] = torch.tensor([0, 17, 599, 300, 4, 250, 251, 9, 2])
    return ids


def script(rows: int, steps: int = STEPS) -> Tensor:
    """Return codes that begin with the start, (rows, steps)."""
    codes = torch.randint(CODES, (rows, steps), generator=torch.Generator().manual_seed(3))
    codes[:, 0] = CODES
    return codes


def test_the_defaults_are_the_sizes_of_dalle_mini() -> None:
    with torch.device("meta"):
        net = DalleBart(DalleBartConfig())
    assert sum(weight.numel() for weight in net.parameters()) == 437_833_712
    assert net.config.start == 16_384


def test_captions_are_read_as_min_dalle_reads_them(net: Any, leaves: judges.Leaves) -> None:
    ids = captions()
    judged = judges.encoder(leaves, JUDGED)(ids)
    states, mask = net.encode(ids)
    assert mask.shape == (2, 1, 1, 24)
    assert mask.sum((1, 2, 3)).tolist() == [2, 9]
    assert judged.std() > 0.1
    assert torch.allclose(states, judged, atol=2e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_logits_are_min_dalles_at_every_step(net: Any, leaves: judges.Leaves, count: int) -> None:
    ids = captions()
    rows = torch.tensor([0] * count + [1] * count)
    judge = judges.decoder(leaves, JUDGED)
    steps = judges.Steps(judge, judges.encoder(leaves, JUDGED)(ids)[rows], ids[rows])
    memory = net.decoder.remember(*net.encode(ids), rows)
    codes = script(count)
    for place in range(STEPS):
        judged = steps.logits(codes[:, place], place)
        states = net.decoder.step(codes[:, place].repeat(2), place, memory)
        assert torch.allclose(net.head(states), judged, atol=1e-4), place
    assert judged.std() > 0.1


def test_the_last_place_of_a_picture_has_room(net: Any) -> None:
    ids, codes = captions()[1:], script(1, judges.IMAGE_LENGTH)
    memory = net.decoder.remember(*net.encode(ids), torch.tensor([0]))
    for place in range(judges.IMAGE_LENGTH):
        states = net.decoder.step(codes[:, place], place, memory)
    after = torch.cat([codes[:, 1:], codes[:, :1] * 0], 1)
    assert torch.allclose(net.head(states), net(ids, after)[:, -1], atol=1e-4)


def test_a_whole_picture_at_once_gives_what_its_steps_give(net: Any) -> None:
    ids, codes = captions(), script(2)
    memory = net.decoder.remember(*net.encode(ids), torch.tensor([0, 1]))
    stepped = [net.head(net.decoder.step(codes[:, place], place, memory)) for place in range(STEPS)]
    after = torch.cat([codes[:, 1:], codes[:, :1] * 0], 1)  # what follows each
    assert torch.allclose(net(ids, after), torch.stack(stepped, 1), atol=1e-4)


def test_padding_and_what_comes_later_change_nothing(net: Any) -> None:
    ids, codes = captions()[1:], script(1)
    logits = net(ids, codes)
    other = ids.clone()
    other[:, 9:] = PADDING
    longer = torch.cat([codes, torch.zeros(1, 5, dtype=torch.long)], 1)
    assert torch.allclose(net(other, longer)[:, :STEPS], logits, atol=1e-5)
    changed = codes.clone()
    changed[:, 20] += 1
    assert torch.allclose(net(ids, changed)[:, :21], logits[:, :21], atol=1e-5)
    assert not torch.allclose(net(ids, changed)[:, 21:], logits[:, 21:], atol=1e-2)


@pytest.mark.parametrize(
    ("layout", "dtype", "threads"),
    [
        ("plain", torch.float32, 1),
        ("packed", torch.float32, 1),
        ("plain", torch.bfloat16, 1),
        ("packed", torch.bfloat16, 1),
        ("packed", torch.bfloat16, 2),
    ],
)
def test_a_row_has_the_same_bits_whoever_is_beside_it(
    layout: Any, dtype: torch.dtype, threads: int
) -> None:
    if dtype == torch.bfloat16 and not has_bfloat16():
        pytest.skip("this processor has no instructions for bfloat16")
    torch.manual_seed(0)
    net = DalleBart(config())
    for weight in net.parameters():
        weight.data = torch.randn(weight.shape).mul(0.2)
        if weight.dim() > 1:
            weight.data = weight.data.to(dtype)
    relay(net.decoder, layout)
    codes = script(6, 6)
    torch.set_num_threads(threads)
    try:
        runs = {count: last_states(net, codes[:count]) for count in (1, 2, 3, 6)}
    finally:
        torch.set_num_threads(1)
    for count, (bare, told) in runs.items():
        assert torch.equal(bare, runs[6][0][:count]), count
        assert torch.equal(told, runs[6][1][:count]), count
    assert not torch.equal(runs[6][0], runs[6][1])  # the caption counts


def last_states(net: Any, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the states after the codes without and with a caption, (N, C) each."""
    count, length = codes.shape
    parts = [net.encode(one[None]) for one in captions()]
    states, masks = (torch.cat(part) for part in zip(*parts, strict=True))
    memory = net.decoder.remember(states, masks, torch.tensor([0] * count + [1] * count))
    for place in range(length):
        found = net.decoder.step(codes[:, place].repeat(2), place, memory)
    bare, told = found.chunk(2)
    return bare, told


def test_it_learns(net: Any) -> None:
    torch.manual_seed(0)
    with torch.inference_mode(mode=False):
        small = DalleBart(config())
        ids, codes = captions().clone(), script(2, 16) % CODES
        optimiser = torch.optim.Adam(small.parameters(), 3e-3)
        losses = []
        for _ in range(12):
            logits = small(ids, codes)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), codes.flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert all(weight.grad is not None for weight in small.parameters())
    assert losses[-1] < losses[0] - 1
