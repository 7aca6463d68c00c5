"""Labels for texts, judged by transformers' own pipeline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import pipeline

from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.classifier import Classifier, load
from bot.tasks.text_to_text import ClassifySentiment, LabelsResult
from tests.families import hub_files
from tests.families.conftest import CountingRun

MODEL = Model(id="tiny-sst2", task="sentiment", family="classifier", checkpoint="x")
TEXTS = ["the film was good", "bad", "who loved the story, but hated it?", "a lazy dog " * 12]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.sst2(tmp_path_factory.mktemp("sst2"))


@pytest.fixture(scope="module")
def family(folder: Path) -> Classifier:
    return load(MODEL, folder)


def scores(family: Classifier, texts: list[str]) -> list[list[float]]:
    windows = [family.preprocess(ClassifySentiment(text=text), 0) for text in texts]
    return family.forward(windows, CountingRun())


def judged(folder: Path, text: str, **options: Any) -> dict[str, float]:
    judge = pipeline("text-classification", model=str(folder), dtype=torch.float32, top_k=None)
    (found,) = judge([text], **options)
    return {label["label"]: label["score"] for label in found}


@pytest.mark.parametrize("bin_file", [False, True])
def test_labels_and_scores_are_those_of_the_pipeline(bin_file: bool, tmp_path: Path) -> None:
    family = load(MODEL, hub_files.sst2(tmp_path, bin_file=bin_file))
    for text, found in zip(TEXTS, scores(family, TEXTS), strict=True):
        result = family.postprocess(found, ClassifySentiment(text=text))
        mine = {label.name: label.score for label in result.labels}
        assert mine == pytest.approx(judged(tmp_path, text), abs=1e-5)
        assert set(mine) == {"NEGATIVE", "POSITIVE"}
        assert [label.score for label in result.labels] == sorted(mine.values(), reverse=True)


def test_several_labels_may_hold_at_once_where_the_net_says_so(tmp_path: Path) -> None:
    names = {"id2label": {0: "glad", 1: "calm", 2: "sad"}}
    options = {**names, "problem_type": "multi_label_classification"}
    family = load(MODEL, hub_files.sst2(tmp_path, **options))
    (found,) = scores(family, TEXTS[:1])
    result = family.postprocess(found, ClassifySentiment(text=TEXTS[0]))
    mine = {label.name: label.score for label in result.labels}
    assert mine == pytest.approx(judged(tmp_path, TEXTS[0]), abs=1e-5)
    assert result.uncertain == (max(mine.values()) < 0.5)


@pytest.mark.parametrize("words", [62, 63, 64, 130, 500])
def test_a_long_text_is_the_mean_of_its_windows_by_their_lengths(
    words: int, folder: Path, family: Classifier
) -> None:
    room = hub_files.WINDOW - 2
    text = [["good", "bad", "film"][n * n % 3] for n in range(words)]
    length = math.ceil(words / math.ceil(words / room))
    pieces = [text[n : n + length] for n in range(0, words, length)]
    weights = [len(piece) + 2 for piece in pieces]
    theirs = [judged(folder, " ".join(piece))["POSITIVE"] for piece in pieces]
    mean = sum(w * s for w, s in zip(weights, theirs, strict=True)) / sum(weights)
    (found,) = scores(family, [" ".join(text)])
    assert found[1] == pytest.approx(mean, abs=1e-5)
    assert len(family.preprocess(ClassifySentiment(text=" ".join(text)), 0)) == len(pieces)


def test_sharing_a_batch_changes_nothing(family: Classifier) -> None:
    texts = [*TEXTS, *("the cat sat on the mat " * n for n in range(1, 30))]
    together = scores(family, texts)
    alone = [scores(family, [text])[0] for text in texts]
    assert together == [pytest.approx(score, abs=1e-5) for score in alone]


@pytest.mark.parametrize(
    ("found", "uncertain"),
    [([0.26, 0.74], True), ([0.24, 0.76], False), ([0.5, 0.5], True), ([0.99, 0.01], False)],
)
def test_near_the_middle_it_is_uncertain(
    found: list[float], uncertain: bool, family: Classifier
) -> None:
    result = family.postprocess(found, ClassifySentiment(text="x"))
    assert isinstance(result, LabelsResult)
    assert result.uncertain is uncertain
    assert result.text.startswith("uncertain") is uncertain
    assert result.labels[0].score == max(found)


def test_a_text_that_holds_no_token_gets_an_answer(family: Classifier) -> None:
    (found,) = scores(family, ["\u200b"])
    assert sum(found) == pytest.approx(1.0)


def test_a_net_that_gives_a_number_is_for_the_operator(tmp_path: Path) -> None:
    hub_files.sst2(tmp_path, id2label={0: "STARS"})
    with pytest.raises(OperatorError, match="gives a number, not a label"):
        load(MODEL, tmp_path)


def test_in_int8_a_neighbour_moves_a_score_by_rounding_alone(folder: Path) -> None:
    model = Model(id="x", task="sentiment", family="classifier", dtype="int8")
    family = load(model, folder)
    together = scores(family, TEXTS)
    alone = [scores(family, [text])[0] for text in TEXTS]
    assert together == [pytest.approx(score, abs=5e-3) for score in alone]
