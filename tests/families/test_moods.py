"""Moods sentence by sentence, and their chart: judged by asking of each sentence alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.catalogue.model import Model
from bot.families import charts
from bot.families.charts import Bar, bars, drawable, wrapped
from bot.families.classifier import load
from bot.families.moods import BySentence
from bot.tasks.text_to_text import (
    DRAWN_SENTENCES,
    TOLD_SENTENCES,
    ClassifySentiment,
    LabelsResult,
)
from bot.ui.findings import labels
from tests.families import hub_files
from tests.families.conftest import CountingRun

MODEL = Model(id="tiny-sst2", task="sentiment", family="classifier", checkpoint="x")
ALONE = ("The film was good.", "The dog hated the story!", "Who was in Paris?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.sst2(tmp_path_factory.mktemp("sst2"))


@pytest.fixture(scope="module")
def family(folder: Path) -> BySentence:
    return BySentence(load(MODEL, folder))


def told(family: Any, *requests: ClassifySentiment) -> list[LabelsResult]:
    inputs = [family.preprocess(request, 0) for request in requests]
    outputs = family.forward(inputs, CountingRun())
    results = [family.postprocess(*pair) for pair in zip(outputs, requests, strict=True)]
    assert all(isinstance(result, LabelsResult) for result in results)
    return results


def scores(result: Any) -> dict[str, float]:
    return pytest.approx({label.name: label.score for label in result.labels}, abs=1e-5)


def test_each_sentence_has_the_scores_that_it_has_alone(family: BySentence) -> None:
    text = " ".join(ALONE)
    plain, drawn, *alone = told(
        family,
        ClassifySentiment(text=text),
        ClassifySentiment(text=text, chart=True),
        *(ClassifySentiment(text=one) for one in ALONE),
    )
    assert [one.text for one in drawn.sentences] == list(ALONE)
    assert [scores(one) for one in drawn.sentences] == [
        {label.name: label.score for label in one.labels} for one in alone
    ]
    assert scores(drawn) == {label.name: label.score for label in plain.labels}
    assert (plain.sentences, plain.chart) == ((), None)


def test_the_chart_is_a_picture_that_says_its_scores(family: BySentence) -> None:
    (result,) = told(family, ClassifySentiment(text=" ".join(ALONE), chart=True))
    assert result.chart is not None
    image = Image.open(io.BytesIO(result.chart.data))
    assert image.size == (result.chart.width, result.chart.height) == (charts.WIDTH, image.height)
    assert result.chart.alt_text.startswith("A chart of 3 sentences. 1: ")


def test_a_long_text_is_told_whole_and_drawn_in_part(family: BySentence) -> None:
    text = " ".join(["The film was good."] * (DRAWN_SENTENCES + 5))
    (result,) = told(family, ClassifySentiment(text=text, chart=True))
    assert len(result.sentences) == DRAWN_SENTENCES + 5
    assert result.chart is not None
    assert result.chart.alt_text.startswith(f"A chart of {DRAWN_SENTENCES} ")


def test_empty_lines_are_no_sentences(family: BySentence) -> None:
    (result,) = told(family, ClassifySentiment(text="\n \n\t\nThe film was good.\n\n", chart=True))
    assert [one.text for one in result.sentences] == ["The film was good."]


def test_of_very_many_sentences_the_first_are_told(family: BySentence) -> None:
    text = "Good.\n" * (TOLD_SENTENCES + 3)
    (result,) = told(family, ClassifySentiment(text=text, chart=True))
    assert (len(result.sentences), result.untold) == (TOLD_SENTENCES, 3)
    assert result.text.endswith("\n3 sentences behind them were not looked at.")
    shown = labels(result)
    assert f"the first {DRAWN_SENTENCES} of {TOLD_SENTENCES + 3} sentences" in shown
    assert f"The file has the first {TOLD_SENTENCES}." in shown


def colours(image: Image.Image, box: tuple[int, int, int, int]) -> set[Any]:
    return {colour for _, colour in image.crop(box).getcolors(1 << 20) or ()}


def rgb(name: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(name.removeprefix("#")))


def test_bars_go_to_their_sides_and_unsure_ones_are_grey() -> None:
    half = (charts.WORDS_END + charts.GAP + charts.WIDTH - charts.EDGE) // 2
    head = charts.LINE + 2 * charts.AIR
    for bar, left, right in (
        (Bar("x", 0.9, "95 %"), False, True), (Bar("x", -0.9, "95 %"), True, False)
    ):  # fmt: skip
        image = bars([bar], "Negative", "Positive")
        sides = ((0, head, half, image.height), (half, head, image.width, image.height))
        found = [colours(image, side) for side in sides]
        assert (rgb(charts.LEFT) in found[0], rgb(charts.RIGHT) in found[1]) == (left, right)
    grey = bars([Bar("x", 0.1, "55 %", sure=False)], "Negative", "Positive")
    body = colours(grey, (0, head, grey.width, grey.height))
    assert rgb(charts.UNSURE) in body
    assert not body & {rgb(charts.LEFT), rgb(charts.RIGHT)}


class Counted:
    """A font that counts the letters which it is asked to measure."""

    def __init__(self) -> None:
        self.letters = 0

    def getlength(self, text: str) -> float:
        self.letters += len(text)
        return 15.0 * len(text)


@pytest.mark.parametrize("text", ["x" * 8000, "x " * 4000, f"{'x' * 900} " * 9, "…" * 8000])
def test_long_words_cost_no_more_than_there_is_room_for(text: str) -> None:
    font: Any = Counted()
    assert 1 <= len(wrapped(text, font, 400, 2)) <= 2
    assert font.letters < 100_000  # of 8,000 letters, cut one by one: 32 million


@pytest.mark.parametrize("text", ["one " * 90, "x" * 300, "a", "", "Donau" * 20 + " and more"])
def test_words_keep_to_their_lines(text: str) -> None:
    font = charts._font(charts.LETTERS)
    lines = wrapped(text, font, 400, 2)
    assert 1 <= len(lines) <= 2
    assert all(font.getlength(line) <= 400 for line in lines)
    whole = " ".join(lines) == " ".join(text.split())
    assert whole or any(line.endswith("…") for line in lines)


def test_what_has_no_letters_here_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "_has", lambda letter: letter.isascii())
    assert drawable("Crème brûlée — naïve") == "Creme brulee - naive"
    assert drawable("とても良い天気です。") == ""
