"""Long texts in pieces: nothing lost, nothing too long, cut where a reader would."""

from __future__ import annotations

import time

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


@given(texts, st.integers(2, 12))
def test_pieces_stay_in_order_whatever_counts_their_length(text: str, limit: int) -> None:
    """Vocabularies count a whole differently from its parts; here a piece has an end of its own."""
    pieces = chunked(text, lambda piece: len(piece) // 3 + 1, limit)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) // 3 + 1 <= limit for piece in pieces)
    assert all(piece == piece.strip() != "" for piece in pieces)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.integers(12, 60))
def test_sentences_that_fit_are_not_cut_and_pieces_are_few(sizes: list[int], limit: int) -> None:
    text = " ".join(" ".join(["Word"] * size) + "." for size in sizes)
    pieces = chunked(text, words, limit)
    assert all(piece.endswith(".") for piece in pieces)
    fewest = -(-sum(sizes) // limit)
    assert fewest <= len(pieces) <= 2 * fewest


@given(texts)
def test_lines_put_together_again_are_the_text(text: str) -> None:
    work = lines_of(text, lambda line: [line], " ")
    assert work.put(work.pieces) == text.strip()
    assert len(work.around) == len(work.pieces) + 1
    assert all(any(map(str.isalpha, piece)) for piece in work.pieces)
    for done in range(len(work.pieces)):
        assert work.piece_after(done) == work.pieces[done]
        assert text.strip().startswith(work.put(work.pieces[:done]))
    assert work.piece_after(len(work.pieces)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("Dr. Smith met J. R. Ewing at 3.5 km. They left.", None),
        ('"Really?" she asked. He did.', ['"Really?" she asked. ', "He did."]),
        ("Wait... what? Yes.", ["Wait... what? ", "Yes."]),
        ("今日は。元気？はい。", ["今日は。", "元気？", "はい。"]),
        ("a heading\nA line.", ["a heading\n", "A line."]),
        ("It is odd...  but so. Yes.", ["It is odd...  but so. ", "Yes."]),
        ("One. \n two", ["One. \n ", "two"]),
        ("Well...) \n\n \nTwo", ["Well...) \n\n \n", "Two"]),
    ],
)
def test_sentences_end_where_people_end_them(text: str, expected: list[str] | None) -> None:
    found = sentences(text)
    if expected is None:
        expected = ["Dr. Smith met J. R. Ewing at 3.5 km. ", "They left."]
    assert found == expected


@pytest.mark.parametrize(
    ("start", "run", "end"),
    [
        ("One.", " ", "two"),
        ("One", " ", "two"),
        ("One", " \t", "\ntwo"),
        ("One", ".", "two"),
        ("One", "?'", "two"),
        ("One.", "”", "two"),
        ("One", "。", "two"),
        ("One", "\n", "two"),
        ("", "Dr. ", "Two"),
        ("", "A.", "b"),
    ],
)
def test_long_runs_are_looked_at_once(start: str, run: str, end: str) -> None:
    text = start + run * (200_000 // len(run)) + end
    began = time.process_time()
    assert "".join(sentences(text)) == text
    assert time.process_time() - began < 3  # what looks at all of it from each letter takes minutes


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
