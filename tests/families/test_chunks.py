"""Long texts in pieces: nothing lost, nothing too long, cut where a reader would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.families.chunks import chunked, sentences
from bot.families.layouts import lines_of

texts = st.text(alphabet="ab .!?\n。「」\u00e9Z", max_size=200)


def words(text: str) -> int:
    return len(text.split())


@given(texts)
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


@given(texts, st.integers(1, 30))
def test_pieces_hold_every_letter_and_fit(text: str, limit: int) -> None:
    pieces = chunked(text, len, limit)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= limit for piece in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("Dr. Smith met J. R. Ewing at 3.5 km. They left.", None),
        ('"Really?" she asked. He did.', ['"Really?" she asked. ', "He did."]),
        ("Wait... what? Yes.", ["Wait... what? ", "Yes."]),
        ("今日は。元気？はい。", ["今日は。", "元気？", "はい。"]),
        ("a heading\nA line.", ["a heading\n", "A line."]),
    ],
)
def test_sentences_end_where_people_end_them(text: str, expected: list[str] | None) -> None:
    found = sentences(text)
    if expected is None:
        expected = ["Dr. Smith met J. R. Ewing at 3.5 km. ", "They left."]
    assert found == expected


def test_pieces_are_cut_between_sentences_and_about_alike() -> None:
    text = " ".join(f"This is sentence number {number} of them." for number in range(30))
    pieces = chunked(text, words, 100)
    assert len(pieces) == 3
    assert all(piece.endswith(".") for piece in pieces)
    assert max(map(words, pieces)) - min(map(words, pieces)) <= 7


def test_a_text_that_fits_stays_whole() -> None:
    assert chunked(" One. Two. ", words, 2) == ["One. Two."]
    assert chunked(" \n ", words, 2) == []


def test_lines_without_words_stay_as_they_are() -> None:
    work = lines_of("one two\n\n---\n3 4\nfive", lambda line: line.split(), " ")
    assert work.pieces == ("one", "two", "five")
    assert work.put(["a", "b", "c"]) == "a b\n\n---\n3 4\nc"
    assert work.put(["a", "b"]) == "a b"
    assert work.put([]) == ""
