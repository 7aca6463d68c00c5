"""What one row computes is the same bits whoever shares the batch, in every dtype and layout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bot.decoding import attention, linears
from bot.decoding.arena import ArenaRuntime, UnsuitableError
from bot.decoding.linears import Layout
from bot.decoding.wiring import Wiring
from tests.decoding.architectures import CONFIGS, SIZE, START, net_of, source_of

ROWS = 9
STEPS = 70  # past the first block of columns


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


def arena_of(kind: str, dtype: torch.dtype, layout: Layout) -> ArenaRuntime:
    net = net_of(kind).to(dtype)
    linears.relay(net, layout)
    wiring = Wiring(net)
    return ArenaRuntime(wiring, wide=attention.widen(wiring.decoder()))


def begin(arena: ArenaRuntime, kind: str, slot: int, length: int) -> None:
    rng = random.Random(f"{kind} {length}")
    source = source_of(kind, rng)
    ids = [rng.randrange(6, SIZE) for _ in range(length)]
    if source is not None:
        arena.begin(slot, source)
        ids[0] = START
    arena.extend(slot, ids)


def alone(kind: str, dtype: torch.dtype, layout: Layout, length: int) -> list[torch.Tensor]:
    """Return the logits of each step of a row that nobody shares the batch with."""
    arena = arena_of(kind, dtype, layout)
    begin(arena, kind, 0, length)
    return [arena.step([0], [6 + step])[0] for step in range(STEPS)]


@pytest.mark.parametrize("layout", ["plain", "packed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "gptj", "bart", "mt5", "vit_trocr"])
def test_neighbours_do_not_change_a_bit(kind: str, dtype: torch.dtype, layout: Layout) -> None:
    expected = alone(kind, dtype, layout, length=11)
    rng = random.Random(kind)
    arena = arena_of(kind, dtype, layout)
    begin(arena, kind, 0, 3)
    begin(arena, kind, 1, 11)  # the row that is watched
    others, seen = {0}, 1
    for step in range(STEPS):
        if len(others) < ROWS and rng.random() < 0.4:
            seen += 1
            begin(arena, kind, seen, rng.randint(2, 90))
            others.add(seen)
        if others and rng.random() < 0.2:
            gone = rng.choice(sorted(others))
            others.discard(gone)
            arena.free(gone)
        slots = [*sorted(others), 1]
        logits = arena.step(slots, [*(rng.randrange(6, SIZE) for _ in others), 6 + step])
        assert torch.equal(logits[-1], expected[step]), f"step {step} beside {len(others)}"


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_a_row_that_is_still_read_is_not_disturbed_by_steps(kind: str) -> None:
    arena = arena_of(kind, torch.float32, "plain")
    ids = [START, *range(10, 40)]
    source = source_of(kind, random.Random(1))
    for slot in (0, 1):
        if source is not None:
            arena.begin(slot, source)
    expected = arena.extend(0, ids)
    arena.extend(1, ids[:10])
    arena.step([0], [7])
    arena.step([0], [8])
    assert torch.allclose(arena.extend(1, ids[10:]), expected, atol=1e-4)


def test_a_slot_forgets_even_what_was_not_a_number() -> None:
    arena = arena_of("gpt2", torch.float32, "plain")
    begin(arena, "gpt2", 0, 5)
    expected = arena.step([0], [7])
    begin(arena, "gpt2", 1, 40)
    for layer in arena._own:
        layer._keys[1, :, :40] = torch.nan
        layer._values[1, :, :40] = torch.nan
    arena.free(1)
    arena.free(0)
    begin(arena, "gpt2", 2, 5)
    assert torch.equal(arena.step([2], [7]), expected)


def test_freeing_what_is_not_there_does_nothing() -> None:
    arena_of("gpt2", torch.float32, "plain").free(5)


def test_windows_that_slide_are_refused() -> None:
    net: Any = net_of("qwen2")
    net.config.layer_types = ["sliding_attention", "full_attention"]
    net.config.sliding_window = 8
    net.config.use_sliding_window = True
    with pytest.raises(UnsuitableError, match="qwen2"):
        ArenaRuntime(Wiring(net))


def test_every_architecture_is_in_the_matrix() -> None:
    wanted = {
        "gpt2", "opt", "gptj", "gpt_neo", "gpt_neox", "bloom", "llama", "qwen2", "bart", "m2m100",
        "marian", "mt5", "vit_trocr", "vit_gpt2",
    }  # fmt: skip
    assert wanted <= set(CONFIGS)
