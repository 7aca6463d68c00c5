"""Clues: what the words of a question tell of a span, case by case."""

from __future__ import annotations

import pytest

from bot.families.clues import Clues
from tests.families import odd

TEXT = (
    "The tower was painted by Ada Holm in May 1907, because the mayor wanted it green. "
    "At nine o'clock forty guests climbed to the roof of the tower. Nobody in Lund had seen it "
    "from 30 metres before, and it cost 900 kroner."
)


def clues(question: str, span: str, context: str = TEXT) -> dict[str, float]:
    start = context.index(span)
    return Clues(question, context).clues(start, start + len(span))


def test_a_sentence_counts_by_the_words_it_shares_and_rare_ones_count_more() -> None:
    found = Clues("Which guests climbed the tower?", TEXT)
    first, second, third = (
        found.sentence(TEXT.index(word)) for word in ("painted", "guests", "Nobody")
    )
    # guests and climbed stand in one sentence, the tower in two: 1, 1 and 1/2 of 2 1/2
    assert (first, second, third) == pytest.approx((0.2, 1.0, 0.0))


def test_inflected_words_are_the_same_and_unlike_ones_are_not() -> None:
    assert Clues("Who was climbing?", TEXT).sentence(TEXT.index("guests")) == 1.0
    assert Clues("Who paints?", TEXT).sentence(0) == 1.0
    assert Clues("Who made cones?", TEXT).unknown == 1.0
    assert Clues("Who painted the ceiling?", TEXT).unknown == 0.5


def test_the_nearer_the_better() -> None:
    question = "Who climbed?"
    assert clues(question, "guests")["near"] > clues(question, "nine")["near"] > 0
    assert clues(question, "Nobody")["near"] == 0


def test_what_the_question_says_is_no_answer() -> None:
    question = "Who painted the tower?"
    assert clues(question, "tower")["echo"] == 1.0
    assert clues(question, "tower was painted by Ada Holm")["echo"] == 0.5
    assert clues(question, "Ada Holm")["echo"] == 0.0


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("Who painted it?", "Ada Holm", "May 1907"),
        ("What is the painter's name?", "Ada Holm", "forty"),
        ("When was it painted?", "May 1907", "Ada Holm"),
        ("In what year was it painted?", "1907", "green"),
        ("How many guests came?", "forty", "nine o'clock"),
        ("How many people came?", "forty", "1907"),
        ("How high is the roof?", "30 metres", "900 kroner"),
        ("What did it cost?", "900 kroner", "30 metres"),
        ("Where had nobody seen it?", "Lund", "Ada Holm"),
        ("Where did they climb?", "the roof", "forty"),
        ("Why was it painted?", "because the mayor wanted it green", "green"),
        ("How was it seen?", "from 30 metres", "Lund"),
    ],
)
def test_a_question_asks_for_a_kind_of_thing(question: str, right: str, wrong: str) -> None:
    assert clues(question, right)["fits"] > clues(question, wrong)["fits"]
    assert clues(question, right)["jars"] <= clues(question, wrong)["jars"]


def test_whole_phrases() -> None:
    question = "Who painted it?"
    assert clues(question, "Ada")["cut"] == 1.0
    assert clues(question, "Holm")["cut"] == 1.0
    assert clues(question, "Ada Holm")["cut"] == 0.0
    assert clues("How many guests?", "nine")["cut"] == 1.0
    assert clues(question, "the mayor")["closes"] == 0.0
    assert clues(question, "the mayor wanted it green")["closes"] == 1.0
    assert clues(question, "painted by")["ragged"] == 1.0
    assert clues(question, "by Ada Holm")["ragged"] == 1.0
    assert clues("How was it painted?", "by Ada Holm")["ragged"] == 0.0


@pytest.mark.parametrize("name", list(odd.TEXTS))
def test_odd_texts_have_clues_or_none(name: str) -> None:
    text = odd.TEXTS[name][:2000]
    for question in ("Who?", text):
        found = Clues(question, text)
        assert 0.0 <= found.unknown <= 1.0
        for end in range(0, len(text) + 1, 7):
            assert 0.0 <= found.sentence(end) <= 1.0 + 1e-9
            told = found.clues(max(0, end - 9), end)
            assert all(0.0 <= clue <= 1.0 + 1e-9 for clue in told.values())


def test_an_empty_text_has_none() -> None:
    found = Clues("Who?", "")
    assert found.clues(0, 0) == {}
    assert found.sentence(0) == 0.0
