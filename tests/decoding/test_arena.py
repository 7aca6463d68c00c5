"""What one row computes is the same bits whoever shares the batch, in every dtype and layout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bot.decoding import arena as arenas
from bot.decoding import attention, linears
from bot.decoding.arena import ArenaRuntime, UnsuitableError
from bot.decoding.engine import Engine
from bot.decoding.linears import Layout
from bot.decoding.sampling import Row, Sampling
from bot.decoding.wiring import Wiring
from tests.decoding.architectures import CONFIGS, SIZE, START, net_of, source_of
from tests.decoding.vocabularies import numbers

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
        arena.begin(slot, 200, source)
        arena.encode(slot, source)
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
    watched_beside_others(kind, dtype, layout)


@pytest.mark.skipif(not linears.has_bytes(), reason="no instructions for bytes here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["gpt2", "bart", "mt5", "vit_trocr"])
def test_nor_do_they_where_layers_are_held_in_bytes(kind: str, dtype: torch.dtype) -> None:
    watched_beside_others(kind, dtype, "bytes")


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "gptj", "mt5"])
def test_nor_do_they_on_several_threads(kind: str, threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        watched_beside_others(kind, torch.float32, "packed")
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "gptj", "bart", "mt5"])
def test_nor_do_threads_that_are_lent_and_taken_back(kind: str, dtype: torch.dtype) -> None:
    try:
        watched_beside_others(kind, dtype, "packed", lent=(1, 2, 4))
    finally:
        torch.set_num_threads(1)


def watched_beside_others(
    kind: str, dtype: torch.dtype, layout: Layout, lent: tuple[int, ...] = ()
) -> None:
    """Compare a row's logits, step by step, beside others that come and go, with those alone."""
    expected = alone(kind, dtype, layout, length=11)
    rng = random.Random(kind)
    arena = arena_of(kind, dtype, layout)
    begin(arena, kind, 0, 3)
    begin(arena, kind, 1, 11)  # the row that is watched
    others, seen = {0}, 1
    for step in range(STEPS):
        if lent:
            torch.set_num_threads(rng.choice(lent))
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
            arena.begin(slot, 200, source)
            arena.encode(slot, source)
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


def test_a_slot_forgets_what_was_read_when_reading_failed() -> None:
    arena = arena_of("gpt2", torch.float32, "plain")
    begin(arena, "gpt2", 0, 5)
    expected = arena.step([0], [7])
    update = arena._own[1].update

    def fails(keys: torch.Tensor, values: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        update(torch.full_like(keys, torch.nan), torch.full_like(values, torch.nan))
        raise RuntimeError("half way")

    arena._own[1].update = fails  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="half way"):
        begin(arena, "gpt2", 1, 40)
    del arena._own[1].update  # type: ignore[method-assign]
    arena.free(1)
    begin(arena, "gpt2", 2, 3)
    arena.free(0)
    begin(arena, "gpt2", 3, 5)
    assert torch.equal(arena.step([2, 3], [7, 7])[1:], expected)


def test_memory_that_runs_out_between_keys_and_values_leaves_both_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arena = arena_of("gpt2", torch.float32, "plain")
    begin(arena, "gpt2", 0, 5)
    grown, calls = arenas._grown, 0

    def runs_out(old: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("can't allocate memory")
        return grown(old, rows, columns)

    monkeypatch.setattr(arenas, "_grown", runs_out)
    with pytest.raises(RuntimeError, match="allocate"):
        arena.begin(1, 400, None)
    monkeypatch.undo()
    assert all(layer._keys.shape == layer._values.shape for layer in arena._own)
    arena.begin(1, 400, None)
    arena.extend(1, [7] * 300)
    assert arena.step([0, 1], [7, 8]).shape == (2, SIZE)


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_what_many_rows_needed_once_is_given_back_for_one_long_one(kind: str) -> None:
    net = net_of(kind)
    parts = 2 if kind == "bart" else 1
    limit = 1024 * parts * 2 * 2 * 16 * 2 * 4  # 1024 columns of all layers
    engine = Engine(ArenaRuntime(Wiring(net), limit_bytes=limit), numbers(SIZE), frozenset(), 32)
    source = tuple(range(6, 20)) if kind == "bart" else None
    sampling = Sampling(max_new_tokens=4)
    for number in range(16):
        engine.join(str(number), Row(ids=(START, 7), sampling=sampling, source=source))
    finished = [e.key for _ in range(40) for e in engine.step() if e.finish is not None]
    assert len(finished) == 16
    rng = random.Random(1)
    ids = tuple(rng.randrange(6, SIZE) for _ in range(300))
    long = Row(
        ids=(START,) if kind == "bart" else ids,
        sampling=sampling,
        source=ids if kind == "bart" else None,
    )
    short = Row(ids=(START, 7), sampling=sampling, source=source)
    for rounds in range(3):
        engine.join("long", long)
        for number in range(rounds * 4):
            engine.join(str(number), short)
        ended = [e for _ in range(40) for e in engine.step()]
        assert [e.error for e in ended if e.error] == []
        assert len({e.key for e in ended if e.finish is not None}) == 1 + rounds * 4


def test_the_arena_stays_within_its_memory() -> None:
    net = net_of("gpt2")
    arena = ArenaRuntime(Wiring(net), limit_bytes=4 * 128 * 2 * 2 * 16 * 2 * 4)  # four rows of 128
    for slot in range(4):
        arena.begin(slot, 100, None)
        arena.extend(slot, [7, 8, 9])
    with pytest.raises(MemoryError, match="5 rows of 128 tokens"):
        arena.begin(4, 10, None)
    arena.free(4)
    arena.free(3)
    arena.begin(5, 128, None)
    arena.extend(5, [7, 8])
    assert arena.step([0, 5], [7, 8]).shape == (2, SIZE)
    assert sum(t.nbytes for layer in arena._own for t in (layer._keys, layer._values)) <= 262144


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
