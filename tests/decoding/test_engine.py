"""The engine against transformers' ``generate``: the same tokens row for row, alone or not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from bot.decoding.arena import ArenaRuntime
from bot.decoding.engine import (
    PREFILL_BUDGET,
    PREFILL_CHUNK,
    Emission,
    Engine,
    Finish,
    ReadsOneByOne,
)
from bot.decoding.sampling import Row, Sampling
from bot.decoding.solo import SoloRuntime
from bot.decoding.wiring import Wiring
from tests.decoding.architectures import (
    CONFIGS,
    END_IDS,
    SIZE,
    START,
    WINDOW,
    generated,
    is_tie,
    net_of,
    source_of,
)
from tests.decoding.vocabularies import byte_level, ids_of, numbers

SLOTS = 3


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


def rows_of(kind: str, rng: random.Random, *, sampled: bool) -> dict[str, Row]:
    """Return rows with prompts from one token to several chunks, each sampled in its own way."""
    lengths = [1, 2, 17, PREFILL_CHUNK, PREFILL_CHUNK + 1, 2 * PREFILL_CHUNK + 60]
    rows = {}
    for number, length in enumerate(lengths):
        sampling = Sampling(
            max_new_tokens=rng.randint(4, 16),
            min_new_tokens=rng.choice([0, 0, 3]),
            temperature=rng.choice([0.4, 1.0, 1.7]) if sampled else 0.0,
            top_k=rng.choice([0, 5, 50]),
            top_p=rng.choice([0.6, 0.95, 1.0]),
            repetition_penalty=rng.choice([1.0, 1.3]),
            no_repeat_ngram=rng.choice([0, 0, 2]),
            suppress=rng.choice([(), (7, 8)]),
            forced_last=rng.choice([None, None, 2]),
            seed=rng.randrange(2**32),
        )
        source = source_of(kind, rng)
        if source is not None and number < 5:  # the last has a decoder's prompt of several chunks
            length = rng.randint(1, 3)
        ids = [rng.randrange(6, SIZE) for _ in range(length)]
        if source is not None:
            ids[0] = START
        rows[f"row{number}"] = Row(ids=tuple(ids), sampling=sampling, source=source)
    return rows


@dataclass
class Told:
    """What an engine told of its rows."""

    finishes: dict[str, Finish] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    most: int = 0


def driven(engine: Engine, rows: dict[str, Row], rng: random.Random) -> Told:
    """Let rows join at random; now and then one leaves early and its twin joins anew later."""
    waiting, told = list(rows), Told()
    leaving = rng.sample(waiting, 2)
    while waiting or len(engine):
        while waiting and len(engine) < SLOTS and rng.random() < 0.4:
            key = waiting.pop(0)
            engine.join(key, rows[key])
        told.most = max(told.most, len(engine))
        for key in [k for k in leaving if k in engine.joined() and rng.random() < 0.3]:
            engine.leave(key)
            leaving.remove(key)
            waiting.append(key)
            told.texts.pop(key, None)
        for emission in engine.step():
            before = told.texts.get(emission.key, "")
            assert emission.text.startswith(before)
            told.texts[emission.key] = emission.text
            if emission.finish is not None:
                told.finishes[emission.key] = emission.finish
    return told


@pytest.mark.parametrize("sampled", [False, True], ids=["greedy", "sampled"])
@pytest.mark.parametrize("runtime", [SoloRuntime, ArenaRuntime])
@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_rows_that_come_and_go_get_what_generate_gives_each_alone(
    kind: str, runtime: Any, sampled: bool
) -> None:
    rng = random.Random(f"{kind} {sampled}")
    net, rows = net_of(kind), rows_of(kind, rng, sampled=sampled)
    expected = {key: generated(net, row) for key, row in rows.items()}  # the arena changes the net
    told = driven(Engine(runtime(Wiring(net)), numbers(SIZE), END_IDS, SLOTS), rows, rng)
    assert told.most == SLOTS
    assert set(told.finishes) == set(rows)
    ties = 0
    for key, (ids, scores) in expected.items():
        finish = told.finishes[key]
        mine = ids_of(finish.text)
        ended = ids[-1] in END_IDS
        whole = ids[:-1] if ended else ids
        if mine != whole and not sampled:
            parted = next(
                n for n, scores_ in enumerate(scores) if mine[n : n + 1] != whole[n : n + 1]
            )
            assert mine[:parted] == whole[:parted]
            assert is_tie(scores[parted]), f"{key} parts at {parted}"
            ties += 1
            continue
        assert mine == whole
        assert finish.tokens == len(whole)
        assert finish.stopped_by == ("end" if ended else "length")
    assert ties <= 1


@pytest.mark.parametrize("runtime", [SoloRuntime, ArenaRuntime])
@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_a_row_beside_one_that_cannot_be_read_is_read_once(kind: str, runtime: Any) -> None:
    rng = random.Random(kind)
    sampling = Sampling(max_new_tokens=8, min_new_tokens=8)
    source = source_of(kind, rng)
    good = Row(ids=(START, *range(20, 26)), sampling=sampling, source=source)
    bad = Row(ids=(START, SIZE + 5), sampling=sampling, source=source)  # no such token
    expected = generated(net_of(kind), good)[0]
    engine = Engine(runtime(Wiring(net_of(kind))), numbers(SIZE), END_IDS, SLOTS)
    for key, row_ in {"first": good, "bad": bad, "last": good}.items():
        engine.join(key, row_)
    texts, errors = {}, {}
    while len(engine):
        for emission in engine.step():
            if emission.finish is not None:
                texts[emission.key] = ids_of(emission.finish.text)
            if emission.error is not None:
                errors[emission.key] = type(emission.error)
    assert errors == {"bad": IndexError}
    assert texts == {"first": expected, "last": expected}


class Scripted(ReadsOneByOne):
    """A runtime that finds the next token of a script likeliest, and notes what it is asked."""

    def __init__(self, script: list[int]) -> None:
        self.script = script
        self.at: dict[int, int] = {}
        self.chunks: list[int] = []
        self.freed: list[int] = []

    def _next(self, slot: int) -> torch.Tensor:
        self.at[slot] += 1
        return torch.nn.functional.one_hot(
            torch.tensor(self.script[self.at[slot] - 1]), 400
        ).float()

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        assert len(ids) <= PREFILL_CHUNK
        self.chunks.append(len(ids))
        self.at[slot] = 0
        return self._next(slot)

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        assert source is None

    def encode(self, slot: int, source: Any) -> None:
        raise NotImplementedError

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        return torch.stack([self._next(slot) for slot in slots])

    def free(self, slot: int) -> None:
        self.freed.append(slot)


def row(*ids: int, most: int = 50, stop: tuple[str, ...] = ()) -> Row:
    return Row(ids=ids, sampling=Sampling(max_new_tokens=most), stop=stop)


def finish_of(engine: Engine) -> Finish:
    while True:
        for emission in engine.step():
            if emission.finish is not None:
                return emission.finish


def test_a_row_ends_at_an_end_id_which_is_not_counted() -> None:
    engine = Engine(Scripted([7, 8, 2, 9]), numbers(400), frozenset({2}), 1)
    engine.join("a", row(6))
    assert finish_of(engine) == Finish(text=" 7 8", tokens=2, stopped_by="end")
    assert len(engine) == 0


def test_a_row_ends_at_its_length() -> None:
    engine = Engine(Scripted([7, 8, 9]), numbers(400), frozenset({2}), 1)
    engine.join("a", row(6, most=2))
    assert finish_of(engine) == Finish(text=" 7 8", tokens=2, stopped_by="length")


def test_a_row_ends_before_its_stop_string() -> None:
    tokenizer = byte_level()
    prompt, script = (tokenizer.encode(text).ids for text in ("the", " fox END never"))
    engine = Engine(Scripted(script), tokenizer, frozenset(), 1)
    engine.join("a", row(*prompt, stop=(" END",)))
    finish = finish_of(engine)
    assert (finish.text, finish.stopped_by) == (" fox", "stop")


def test_a_row_waits_until_there_is_memory_for_it() -> None:
    wiring = Wiring(net_of("gpt2"))
    two_rows = 2 * 64 * 2 * 2 * 16 * 2 * 4
    arena = ArenaRuntime(wiring, limit_bytes=two_rows)
    engine = Engine(arena, numbers(SIZE), frozenset(), 8)
    for number in range(5):
        engine.join(str(number), row(*range(6, 26), most=4 + number))
    finished = []
    while len(engine):
        finished += [e.key for e in engine.step() if e.finish is not None]
    assert sorted(finished) == ["0", "1", "2", "3", "4"]
    engine.join("long", row(*range(6, 26), most=400))
    (emission,) = engine.step()
    assert isinstance(emission.error, MemoryError)


def test_rows_begin_in_their_order_when_there_is_memory() -> None:
    wiring = Wiring(net_of("gpt2"))
    two_rows = 2 * 64 * 2 * 2 * 16 * 2 * 4
    engine = Engine(ArenaRuntime(wiring, limit_bytes=two_rows), numbers(SIZE), frozenset(), 8)
    for key, most in {"a": 2, "b": 5, "c": 40, "d": 2}.items():
        engine.join(key, row(*range(6, 16), most=most))
    begun: list[list[str]] = []
    while len(engine):
        begun.append(engine.admit())
        assert engine.admit() == []
        for emission in engine.step():
            if (
                emission.key == "b"
                and emission.finish is not None
                and sum("b" in keys for keys in begun) == 1
            ):
                engine.join("b", row(*range(6, 16), most=3), ahead=True)
    assert [keys for keys in begun if keys] == [["a"], ["b"], ["c"], ["b"], ["d"]]


def test_a_row_that_is_in_cannot_join_again() -> None:
    runtime = Scripted([7] * 50)
    engine = Engine(runtime, numbers(400), frozenset(), 2)
    engine.join("a", row(6))
    with pytest.raises(ValueError, match="in already"):
        engine.join("a", row(6))
    engine.leave("a")
    assert runtime.freed == [0]
    engine.join("a", row(6))
    engine.join("b", row(6))


@pytest.mark.parametrize("runtime", [SoloRuntime, ArenaRuntime])
@pytest.mark.parametrize("kind", ["gpt2", "opt", "gpt_neo", "llama"])
def test_a_prompt_may_fill_the_window_up_to_what_is_written(kind: str, runtime: Any) -> None:
    rng = random.Random(kind)
    rows = {}
    for most in (1, 2, 70):
        ids = tuple(rng.randrange(6, SIZE) for _ in range(WINDOW - most))
        rows[f"{most}"] = Row(ids=ids, sampling=Sampling(max_new_tokens=most, min_new_tokens=most))
    expected = {key: generated(net_of(kind), row_)[0] for key, row_ in rows.items()}
    engine = Engine(runtime(Wiring(net_of(kind))), numbers(SIZE), END_IDS, SLOTS)
    for key, row_ in rows.items():
        engine.join(key, row_)
    found = {}
    while len(engine):
        for emission in engine.step():
            assert emission.error is None
            if emission.finish is not None:
                found[emission.key] = ids_of(emission.finish.text)
    assert found == expected


def test_a_row_that_may_write_nothing_is_refused() -> None:
    engine = Engine(Scripted([7] * 50), numbers(400), frozenset(), 1)
    with pytest.raises(ValueError, match="to write"):
        engine.join("a", row(6, most=0))
    assert engine.has_room
    assert len(engine) == 0


def test_what_is_read_in_one_step_is_bounded() -> None:
    runtime = Scripted(list(range(7, 60)))
    engine = Engine(runtime, numbers(400), frozenset(), 9)
    for number in range(9):
        engine.join(str(number), row(*[6] * PREFILL_CHUNK))
    engine.step()
    assert sum(runtime.chunks) == PREFILL_BUDGET


def test_one_picture_is_read_a_step_so_that_others_write_in_between() -> None:
    class Sighted(Scripted):
        def begin(self, slot: int, tokens: int, source: Any) -> None:
            assert source is not None

        def encode(self, slot: int, source: Any) -> None:
            assert source is not None

    runtime = Sighted(list(range(7, 60)))
    engine = Engine(runtime, numbers(400), frozenset(), 4)
    for key in ("a", "b", "c"):
        picture = torch.zeros(3, 4, 4)
        engine.join(key, Row(ids=(6,), source=picture, sampling=Sampling(max_new_tokens=9)))
    assert [[told.key for told in engine.step()] for _ in range(3)] == [
        ["a"], ["a", "b"], ["a", "b", "c"],
    ]  # fmt: skip


def test_rows_beside_others_leave_room_for_who_comes_later() -> None:
    engine = Engine(Scripted(list(range(7, 60))), numbers(400), frozenset(), 2, spare=1)
    engine.join("a", row(6))
    assert engine.has_spare
    engine.join("b", row(6))
    assert not engine.has_spare
    assert engine.has_room
    engine.join("c", row(6))
    assert not engine.has_room


def test_a_long_prompt_is_read_in_chunks_while_others_go_on() -> None:
    runtime = Scripted(list(range(7, 60)))
    engine = Engine(runtime, numbers(400), frozenset(), 2)
    engine.join("short", row(6))
    engine.step()
    engine.join("long", row(*[6] * (2 * PREFILL_CHUNK + 1)))
    told = Counter(emission.key for _ in range(3) for emission in engine.step())
    assert told == {"short": 3, "long": 1}
    assert runtime.chunks == [1, PREFILL_CHUNK, PREFILL_CHUNK, 1]


def test_leaving_frees_the_slot_and_forgets_what_it_held() -> None:
    runtime = Scripted([7] * 50)
    engine = Engine(runtime, numbers(400), frozenset(), 1)
    for turn in range(3):
        engine.join("a", row(6))
        assert engine.joined() == ["a"]
        engine.step()
        engine.leave("a")
        engine.leave("a")
        assert (len(engine), runtime.freed) == (0, [0] * (turn + 1))


def test_more_rows_than_slots_are_refused_and_those_within_stay() -> None:
    engine = Engine(Scripted([7] * 50), numbers(400), frozenset(), 2)
    engine.join("a", row(6))
    engine.join("b", row(6))
    with pytest.raises(IndexError):
        engine.join("c", row(6))
    assert engine.joined() == ["a", "b"]
    assert {emission.key for emission in engine.step()} == {"a", "b"}


def test_an_engine_without_rows_has_nothing_to_tell() -> None:
    engine = Engine(Scripted([7]), numbers(400), frozenset(), 1)
    engine.leave("nobody")
    assert engine.step() == []


def test_a_step_tells_each_row_once() -> None:
    engine = Engine(Scripted([7, 8, 9, 10]), numbers(400), frozenset(), 2)
    engine.join("a", row(6))
    assert engine.step() == [Emission(key="a", text=" 7", token=7)]
    engine.join("b", row(6))
    assert engine.step() == [
        Emission(key="a", text=" 7 8", token=8),
        Emission(key="b", text=" 7", token=7),
    ]
