"""Beam search beside rows in flight: what ``generate`` finds, and nobody waits for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bot.decoding import attention
from bot.decoding.arena import ArenaRuntime
from bot.decoding.beams import BeamSearches
from bot.decoding.engine import Engine, Finish
from bot.decoding.sampling import Row, Sampling
from bot.decoding.stops import GrowingText
from bot.decoding.wiring import Wiring
from tests.decoding.architectures import END_IDS, SIZE, START, generated, net_of, source_of
from tests.decoding.vocabularies import ids_of, numbers

BEAMS = Sampling(
    max_new_tokens=20, min_new_tokens=4, beams=3, no_repeat_ngram=3, length_penalty=2.0,
    early_stopping=True,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield


def engine_of(kind: str, *, wide: bool = False) -> Engine:
    wiring = Wiring(net_of(kind))
    if wide:
        assert attention.widen(wiring.decoder())
    searches = BeamSearches(wiring, END_IDS, wide=wide)
    return Engine(ArenaRuntime(wiring), numbers(SIZE), END_IDS, 8, searches)


def rows_of(kind: str, count: int, sampling: Sampling = BEAMS) -> dict[str, Row]:
    rng = random.Random(kind)
    rows = {}
    for number in range(count):
        source = source_of(kind, rng)
        ids = (START,) if source is not None else tuple(rng.randrange(6, SIZE) for _ in range(9))
        rows[f"row{number}"] = Row(ids=ids, sampling=sampling, source=source)
    return rows


def finished(engine: Engine) -> dict[str, Finish]:
    done = {}
    while len(engine):
        done |= {e.key: e.finish for e in engine.step() if e.finish is not None}
    return done


@pytest.mark.parametrize(
    ("kind", "wide"),
    [
        *((kind, False) for kind in ("bart", "m2m100", "mt5", "vit_trocr", "gpt2")),
        *((kind, True) for kind in ("bart", "m2m100", "mt5", "gpt2")),
    ],
)
def test_rows_find_together_what_each_finds_alone(kind: str, wide: bool) -> None:
    rows = rows_of(kind, 4)
    expected = {key: generated(net_of(kind), row)[0] for key, row in rows.items()}
    engine = engine_of(kind, wide=wide)
    for key, row in rows.items():
        engine.join(key, row)
    done = finished(engine)
    for key, ids in expected.items():
        ends = [at for at, token in enumerate(ids) if token in END_IDS]
        assert ids_of(done[key].text) == (ids[: ends[0]] if ends else ids)
        assert done[key].stopped_by == ("end" if ends else "length")


def test_rows_in_flight_go_on_beside_a_search() -> None:
    engine = engine_of("bart")
    searched, quick = rows_of("bart", 2).values()
    greedy = Row(
        ids=(START,), sampling=Sampling(max_new_tokens=3, min_new_tokens=3), source=quick.source
    )
    engine.join("searched", searched)
    engine.join("greedy", greedy)
    steps = [[e.key for e in engine.step() if e.finish is not None] for _ in range(3)]
    assert steps[2] == ["greedy"]
    assert engine.joined() == ["searched"]
    assert set(finished(engine)) == {"searched"}


def test_a_search_can_be_left_and_ends_with_its_last_row() -> None:
    engine = engine_of("bart")
    rows = rows_of("bart", 3)
    for key, row in rows.items():
        engine.join(key, row)
    engine.step()
    engine.leave("row0")
    engine.step()
    engine.leave("row1")
    assert engine.joined() == ["row2"]
    expected = generated(net_of("bart"), rows["row2"])[0]
    assert ids_of(finished(engine)["row2"].text) == [t for t in expected if t not in END_IDS]
    engine.join("again", rows["row0"])
    engine.step()
    engine.leave("again")
    assert len(engine) == 0
    assert engine.step() == []


def test_a_search_ends_before_its_stop_string() -> None:
    engine = engine_of("bart")
    (plain,) = rows_of("bart", 1).values()
    engine.join("plain", plain)
    words = finished(engine)["plain"].text.split()
    stop = f" {words[1]}"
    assert stop not in f" {words[0]}"
    engine.join("stopped", Row(ids=plain.ids, sampling=BEAMS, source=plain.source, stop=(stop,)))
    finish = finished(engine)["stopped"]
    assert (ids_of(finish.text), finish.tokens) == ([int(words[0])], 2)
    assert finish.stopped_by == "stop"


def test_the_first_token_can_be_forced() -> None:
    sampling = Sampling(max_new_tokens=6, beams=2, forced_first=33)
    engine = engine_of("m2m100")
    engine.join("a", rows_of("m2m100", 1, sampling)["row0"])
    assert ids_of(finished(engine)["a"].text)[0] == 33


def test_a_search_that_fails_fails_its_rows_only() -> None:
    engine = engine_of("bart")
    bad = Row(ids=(START,), sampling=BEAMS, source=(SIZE + 5,))  # no such token
    good = Row(ids=(START,), sampling=Sampling(max_new_tokens=2), source=(7, 8))
    engine.join("bad", bad)
    engine.join("good", good)
    emissions = {emission.key: emission for emission in engine.step()}
    assert isinstance(emissions["bad"].error, IndexError)
    assert set(finished(engine)) == {"good"}


def test_a_bad_source_does_not_fail_those_who_share_its_search() -> None:
    rows = rows_of("bart", 3)
    bad = Row(ids=(START,), sampling=BEAMS, source=(SIZE + 5,))
    alone = {key: ids_of(finish.text) for key, finish in finished_all("bart", rows).items()}
    engine = engine_of("bart")
    for key, row in {"row0": rows["row0"], "bad": bad, **rows}.items():
        engine.join(key, row)
    engine.step()
    engine.leave("row2")
    ended = [e for _ in range(60) for e in engine.step() if e.finish or e.error]
    assert len(engine) == 0
    (failed,) = (e for e in ended if e.error)
    assert (failed.key, type(failed.error)) == ("bad", IndexError)
    found = {e.key: ids_of(e.finish.text) for e in ended if e.finish}
    assert found == {key: alone[key] for key in ("row0", "row1")}


def finished_all(kind: str, rows: dict[str, Row]) -> dict[str, Finish]:
    engine = engine_of(kind)
    for key, row in rows.items():
        engine.join(key, row)
    return finished(engine)


def test_rows_in_flight_wait_for_one_source_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, encoded = engine_of("bart"), []
    encode = Wiring.encode

    def noted(self: Wiring, source: Any) -> torch.Tensor:
        encoded.append(source)
        return encode(self, source)

    monkeypatch.setattr(Wiring, "encode", noted)
    for key, row in rows_of("bart", 3).items():
        engine.join(key, row)
    counts = []
    for _ in range(4):
        engine.step()
        counts.append(len(encoded))
    assert counts == [1, 2, 3, 3]
    assert set(finished(engine)) == {"row0", "row1", "row2"}


def test_a_text_that_cannot_be_decoded_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of("bart")
    searched, quick = rows_of("bart", 2).values()
    flight = Row(ids=(START,), sampling=Sampling(max_new_tokens=90, min_new_tokens=90),
                 source=quick.source)  # fmt: skip
    engine.join("searched", searched)
    engine.join("flight", flight)

    def fails(self: GrowingText) -> str:  # what is in flight asks for it at its end only
        raise RuntimeError("no text")

    monkeypatch.setattr(GrowingText, "whole", fails)
    told = [e for _ in range(40) for e in engine.step()]
    assert [str(e.error) for e in told if e.error] == ["no text"]
    assert [e.key for e in told if e.error] == ["searched"]
    assert len([e for e in told if e.key == "flight"]) == 40


def test_a_net_without_an_end_searches_up_to_the_length() -> None:
    net = net_of("gpt2")
    net.generation_config.eos_token_id = net.config.eos_token_id = None
    row = rows_of("gpt2", 1, Sampling(max_new_tokens=9, beams=2))["row0"]
    expected = generated(net, row)[0]
    wiring = Wiring(net)
    searches = BeamSearches(wiring, frozenset())
    engine = Engine(ArenaRuntime(wiring), numbers(SIZE), frozenset(), 2, searches)
    engine.join("a", row)
    finish = finished(engine)["a"]
    assert (ids_of(finish.text), finish.stopped_by) == (expected, "length")


def test_beams_need_something_that_searches() -> None:
    engine = Engine(ArenaRuntime(Wiring(net_of("gpt2"))), numbers(SIZE), END_IDS, 2)
    with pytest.raises(ValueError, match="beams"):
        engine.join("a", rows_of("gpt2", 1)["row0"])
