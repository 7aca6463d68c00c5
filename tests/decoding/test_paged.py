"""The paged runtime: the same tokens as ``generate``, and the same bits whoever is in company."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from bot.decoding.engine import Engine
from bot.decoding.export.graph import converted, save, with_small_weights
from bot.decoding.export.measure import CHUNK
from bot.decoding.paged import PagedRuntime, Precision, capabilities
from bot.decoding.sampling import Row, Sampling
from tests.decoding.architectures import net_of
from tests.decoding.vocabularies import numbers

WINDOW = 512
SLOTS = 8
BLOCK = 32
WORDS = 97
NEW_TOKENS = 12
TIE = 1e-4
FLOAT = Precision(inference="f32", cache="f32")
HALF = Precision(inference="bf16", cache="bf16")
LENGTHS = (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, CHUNK, CHUNK + 1, 2 * CHUNK + 60)
SERVED = ("gpt2", "llama", "gptj", "gpt_neox", "opt", "qwen2")
FAST = ("gpt2", "llama")

needs_half = pytest.mark.skipif(
    "BF16" not in capabilities(), reason="this processor has no bfloat16"
)


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a net of some size: products of one shape are not much of a test."""
    folder = tmp_path_factory.mktemp("graphs")
    config = LlamaConfig(
        hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=1000, max_position_embeddings=WINDOW,
        initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(2)
    model = converted(AutoModelForCausalLM.from_config(config).eval())
    save(model, folder / "float32.xml")
    save(with_small_weights(model), folder / "int8.xml")
    return folder


def opened(
    graph: Path, precision: Precision = FLOAT, slots: int = SLOTS, limit_bytes: int = 0
) -> PagedRuntime:
    return PagedRuntime(
        graph, precision, threads=2, window=WINDOW, slots=slots, limit_bytes=limit_bytes
    )


def prompts(rng: random.Random, lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    return [[rng.randrange(6, WORDS) for _ in range(length)] for length in lengths]


def read(runtime: PagedRuntime, slot: int, ids: list[int]) -> torch.Tensor:
    return [runtime.extend(slot, ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK)][-1]


def generated(net: Any, prompt: list[int]) -> tuple[list[int], list[torch.Tensor]]:
    """Return what greedy ``generate`` makes of one prompt alone: ids, and each step's logits."""
    ids = torch.tensor([prompt])
    out = net.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False,
        return_dict_in_generate=True, output_scores=True, eos_token_id=None,
    )  # fmt: skip
    return out.sequences[0, len(prompt) :].tolist(), list(out.scores)


def grown(runtime: PagedRuntime, texts: list[list[int]], rng: random.Random) -> list[list[int]]:
    """Let rows join, read chunk by chunk, grow and leave at random; some leave and come again."""
    waiting, free = list(range(len(texts))), list(range(3))
    unread: dict[int, list[int]] = {}
    slot_of: dict[int, int] = {}
    tokens: list[list[int]] = [[] for _ in texts]
    impatient = rng.sample(waiting, 3)
    while waiting or slot_of:
        while waiting and free and rng.random() < 0.5:
            row = waiting.pop(0)
            slot_of[row], unread[row], tokens[row] = free.pop(), list(texts[row]), []
        due = [row for row in slot_of if tokens[row]]
        if due:
            logits = runtime.step([slot_of[r] for r in due], [tokens[r][-1] for r in due])
            for row, scores in zip(due, logits, strict=True):
                tokens[row].append(int(scores.argmax()))
        for row in [r for r in slot_of if unread[r]]:
            scores = runtime.extend(slot_of[row], unread[row][:CHUNK])
            unread[row] = unread[row][CHUNK:]
            if not unread[row]:
                tokens[row].append(int(scores.argmax()))
        for row in list(slot_of):
            leaves = row in impatient and rng.random() < 0.3
            if leaves or len(tokens[row]) == NEW_TOKENS:
                runtime.free(slot_of[row])
                free.append(slot_of.pop(row))
            if leaves:
                impatient.remove(row)
                waiting.append(row)
    return tokens


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=() if k in FAST else pytest.mark.slow) for k in SERVED],
)
def test_rows_that_come_and_go_get_what_generate_gives_each_alone(
    kind: str, tmp_path: Path
) -> None:
    rng, net = random.Random(kind), net_of(kind)
    save(converted(net), tmp_path / "net.xml")
    texts = prompts(rng)
    mine = grown(opened(tmp_path / "net.xml", slots=3), texts, rng)
    ties = 0
    for text, tokens in zip(texts, mine, strict=True):
        theirs, scores = generated(net, text)
        if tokens != theirs:
            parted = next(n for n in range(NEW_TOKENS) if tokens[n] != theirs[n])
            first, second = scores[parted][0].topk(2).values.tolist()
            assert first - second < TIE, f"a prompt of {len(text)} parts at {parted}"
            ties += 1
    assert ties <= 1


@pytest.mark.parametrize(
    ("graph", "precision"),
    [
        pytest.param("float32.xml", FLOAT, id="float32"),
        pytest.param("float32.xml", HALF, id="bfloat16", marks=needs_half),
        pytest.param("int8.xml", HALF, id="int8", marks=needs_half),
        pytest.param("int8.xml", FLOAT, id="int8-in-float32"),
    ],
)
def test_a_row_has_the_same_bits_whoever_is_in_company(
    graphs: Path, graph: str, precision: Precision
) -> None:
    rng = random.Random(3)
    runtime = opened(graphs / graph, precision, slots=2 * SLOTS)
    for slot, text in enumerate(prompts(rng)):  # every row has a twin, who always steps alone
        assert torch.equal(read(runtime, slot, text), read(runtime, SLOTS + slot, text))
    for rows in [*range(1, SLOTS + 1), *(rng.randint(1, SLOTS) for _ in range(12))]:
        slots = rng.sample(range(SLOTS), rows)
        tokens = [rng.randrange(6, WORDS) for _ in slots]
        together = runtime.step(slots, tokens)
        for slot, token, logits in zip(slots, tokens, together, strict=True):
            alone = runtime.step([SLOTS + slot], [token])
            assert torch.equal(alone[0], logits), f"{rows} rows"
        if rng.random() < 0.5:  # one leaves; another comes into its slot and its blocks
            (text,) = prompts(rng, (rng.randint(1, CHUNK),))
            for slot in (slots[0], SLOTS + slots[0]):
                runtime.free(slot)
                read(runtime, slot, text)


def test_memory_is_taken_as_it_is_written_and_changes_no_bits(graphs: Path) -> None:
    rng = random.Random(4)
    house, texts = opened(graphs / "float32.xml"), prompts(rng, (WINDOW - 8,) * 3)
    at_first = house.cache_bytes
    first = read(house, 0, texts[0])
    for slot in (1, 2):
        read(house, slot, texts[slot])
    assert house.cache_bytes == 49 * at_first  # nobody's block, and three rows of sixteen
    fresh = opened(graphs / "float32.xml")
    assert torch.equal(first, read(fresh, 0, texts[0]))
    assert torch.equal(house.step([0], [7]), fresh.step([0], [7]))


def test_blocks_that_are_left_are_used_again(graphs: Path) -> None:
    rng = random.Random(5)
    runtime = opened(graphs / "float32.xml")
    for _ in range(20):
        read(runtime, 3, prompts(rng, (15 * BLOCK,))[0])
        runtime.free(3)
        runtime.free(3)
    assert runtime.cache_bytes == 16 * opened(graphs / "float32.xml").cache_bytes


def test_a_full_house_has_room_for_every_window(graphs: Path) -> None:
    rng = random.Random(6)
    runtime = opened(graphs / "float32.xml", slots=3)
    texts = prompts(rng, (WINDOW - 1,) * 3)
    for slot, text in enumerate(texts):
        read(runtime, slot, text)
    assert runtime.step([0, 1, 2], [6, 7, 8]).shape == (3, 1000)
    with pytest.raises(ValueError, match="in a window of 512"):
        runtime.step([1], [6])
    with pytest.raises(MemoryError):
        runtime.extend(3, [6])


@pytest.fixture
def block_bytes(graphs: Path) -> int:
    """Return what a block takes."""
    return opened(graphs / "float32.xml").cache_bytes  # nobody's is in use


def test_a_row_joins_only_where_its_whole_text_has_room_under_the_limit(
    graphs: Path, block_bytes: int
) -> None:
    limit = 40 * block_bytes + 1  # one is nobody's, 39 are for rows
    runtime, rng = opened(graphs / "float32.xml", limit_bytes=limit), random.Random(8)
    runtime.begin(0, WINDOW, None)  # 16 blocks
    runtime.begin(1, WINDOW, None)
    with pytest.raises(MemoryError):
        runtime.begin(2, 7 * BLOCK + 1, None)
    runtime.begin(2, 7 * BLOCK, None)
    with pytest.raises(MemoryError):
        runtime.extend(3, [6])  # nothing was kept for it
    texts = prompts(rng, (WINDOW - 1, WINDOW - 1, 7 * BLOCK - 1))
    for slot, text in enumerate(texts):
        read(runtime, slot, text)
    assert runtime.step([0, 1, 2], [6, 7, 8]).shape == (3, 1000)
    assert runtime.cache_bytes == 40 * block_bytes
    runtime.free(1)
    runtime.begin(3, WINDOW, None)
    read(runtime, 3, texts[1])
    assert runtime.cache_bytes == 40 * block_bytes


def test_a_limit_changes_no_bits(graphs: Path, block_bytes: int) -> None:
    (text,) = prompts(random.Random(9), (3 * BLOCK,))
    limited = opened(graphs / "float32.xml", limit_bytes=6 * block_bytes)
    limited.begin(0, 4 * BLOCK, None)
    assert torch.equal(read(limited, 0, text), read(opened(graphs / "float32.xml"), 0, text))
    assert limited.cache_bytes == 4 * block_bytes


def test_a_limit_without_room_for_a_block_is_refused(graphs: Path, block_bytes: int) -> None:
    with pytest.raises(MemoryError):
        opened(graphs / "float32.xml", limit_bytes=block_bytes - 1)


def test_rows_that_find_no_room_wait_for_those_that_are_in(graphs: Path, block_bytes: int) -> None:
    runtime = opened(graphs / "float32.xml", limit_bytes=4 * block_bytes)
    engine = Engine(runtime, numbers(1000), frozenset(), SLOTS)
    sampling = Sampling(max_new_tokens=BLOCK + 4, temperature=0.0)
    for key in "abcd":  # two blocks each, where three are
        engine.join(key, Row(ids=(7, 8, 9), sampling=sampling))
    engine.join("long", Row(ids=(7,) * WINDOW, sampling=sampling))
    texts, refused = {}, {}
    while len(engine):
        for emission in engine.step():
            if emission.finish is not None:
                texts[emission.key] = emission.finish.text
            if emission.error is not None:
                refused[emission.key] = type(emission.error)
    assert sorted(texts) == list("abcd")
    assert len(set(texts.values())) == 1
    assert refused == {"long": ValueError}


def test_a_row_longer_than_the_window_is_refused_at_once(graphs: Path) -> None:
    runtime = opened(graphs / "float32.xml")
    assert runtime.window == WINDOW
    runtime.begin(0, WINDOW, None)
    with pytest.raises(ValueError, match="in a window of 512"):
        runtime.begin(1, WINDOW + 1, None)


def test_what_has_no_tokens_is_refused_and_so_is_a_source(graphs: Path) -> None:
    runtime = opened(graphs / "float32.xml")
    with pytest.raises(ValueError, match="0 tokens"):
        runtime.extend(0, [])
    with pytest.raises(TypeError):
        runtime.begin(0, 1, "a picture")


class FailsNow:
    """A request of OpenVINO's that fails so many times when it is asked to infer."""

    def __init__(self, request: Any, times: int) -> None:
        self._request = request
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    def infer(self) -> None:
        self._request.infer()  # keys and values are written, and nobody hears of them
        if self._times:
            self._times -= 1
            raise RuntimeError("out of something")


def test_rows_that_could_not_be_read_together_are_read_anew_each_by_itself(graphs: Path) -> None:
    texts = prompts(random.Random(10), (BLOCK + 3, 20, BLOCK))
    fresh = opened(graphs / "float32.xml")
    expected = [read(fresh, slot, text) for slot, text in enumerate(texts)]
    runtime = opened(graphs / "float32.xml")
    runtime.extend(0, texts[0][:7])
    runtime._request = FailsNow(runtime._request, times=2)  # all together, then the first
    reads = runtime.read([0, 1, 2], [texts[0][7:], *texts[1:]])
    assert isinstance(reads[0], RuntimeError)
    for found, wanted in zip(reads[1:], expected[1:], strict=True):
        assert isinstance(found, torch.Tensor)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    after = runtime.step([1, 2], [8, 9])
    torch.testing.assert_close(after, fresh.step([1, 2], [8, 9]), atol=1e-4, rtol=0)
    torch.testing.assert_close(runtime.extend(0, texts[0][7:]), expected[0], atol=1e-4, rtol=0)


def test_all_logits_of_a_text_are_those_of_its_tokens_one_by_one(graphs: Path) -> None:
    (text,) = prompts(random.Random(7), (40,))
    runtime = opened(graphs / "float32.xml")
    whole = torch.cat([runtime.score(0, text[:25]), runtime.score(0, text[25:])])
    steps = torch.cat([runtime.step([1], [token]) for token in text])
    torch.testing.assert_close(whole, steps, atol=1e-4, rtol=0)


def test_nothing_is_sent_to_the_makers_of_openvino() -> None:
    assert sys.modules["openvino_telemetry"] is None
