"""What encoders find, as a member reads it."""

from __future__ import annotations

import pytest

from bot.tasks.recommend import Film, FilmsResult
from bot.tasks.text_to_text import (
    Candidate,
    CandidatesResult,
    Label,
    LabelsResult,
    Quotation,
    QuotationsResult,
    SentenceLabels,
    percent,
)
from bot.ui import findings
from bot.ui.limits import ALT_TEXT

RIVER = Quotation(
    text="the Seine", start=1499, end=1508, score=0.874, before="…It lies on\n", after=", in*deed…"
)
ROAD = Quotation(text="a road", start=2, end=8, score=0.04)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.001, "< 1 %"), (0.005, "< 1 %"), (0.5, "50 %"), (0.999, "> 99 %"),
     (1.0, "100 %")],
)  # fmt: skip
def test_a_share_is_said_in_per_cent(share: float, said: str) -> None:
    assert percent(share) == said


def test_the_likeliest_word_stands_in_the_text_and_all_words_below() -> None:
    result = CandidatesResult(
        before="I *love* ",
        after=" so much.",
        candidates=(Candidate(word="you", probability=0.7), Candidate(word="it", probability=0.2)),
    )
    assert findings.candidates(result).splitlines() == [
        "I \\*love\\* **you** so much.",
        "▰▰▰▰▰▰▰▱▱▱ 70 % you",
        "▰▰▱▱▱▱▱▱▱▱ 20 % it",
    ]


def test_words_stand_in_one_column_whatever_their_shares() -> None:
    shares = {"mat": 0.57, "bed": 0.04, "cat": 0.001}
    chosen = tuple(Candidate(word=word, probability=share) for word, share in shares.items())
    result = CandidatesResult(before="on the ", after=".", candidates=chosen)
    assert findings.candidates(result).splitlines()[1:] == [
        "▰▰▰▰▰▰▱▱▱▱ \u200757 % mat",
        "▱▱▱▱▱▱▱▱▱▱ \u2007\u20074 % bed",
        "▱▱▱▱▱▱▱▱▱▱ < 1 % cat",
    ]


def test_a_piece_of_a_word_is_joined_to_what_stands_before() -> None:
    piece = Candidate(word="ing", probability=1.0, joined=True)
    result = CandidatesResult(before="we play ", after=".", candidates=(piece,))
    first, second = findings.candidates(result).splitlines()
    assert first == "we play**ing**."
    assert second.endswith("100 % -ing")


def test_no_word_is_said_too() -> None:
    result = CandidatesResult(before="", after="", candidates=())
    assert findings.candidates(result) == "*(The model knows no word for this hole.)*"


def test_a_long_text_is_shown_around_its_hole() -> None:
    word = Candidate(word="here", probability=1.0)
    result = CandidatesResult(before="x" * 7000, after="y" * 7000, candidates=(word,))
    assert len(findings.candidates(result)) < 1000


@pytest.mark.parametrize(
    ("uncertain", "verdict"),
    [(False, "**Positive**"), (True, "**Uncertain**, rather Positive than not")],
)
def test_a_mood_is_a_verdict_and_the_score_of_each_label(uncertain: bool, verdict: str) -> None:
    scores = (Label(name="POSITIVE", score=0.7), Label(name="NEGATIVE", score=0.3))
    assert findings.labels(LabelsResult(labels=scores, uncertain=uncertain)).splitlines() == [
        verdict,
        "▰▰▰▰▰▰▰▱▱▱ 70 % Positive",
        "▰▰▰▱▱▱▱▱▱▱ 30 % Negative",
    ]


def mood(text: str, share: float) -> SentenceLabels:
    labels = (Label(name="POSITIVE", score=share), Label(name="NEGATIVE", score=1 - share))
    return SentenceLabels(text=text, labels=labels, uncertain=share < 0.75)


def test_a_chart_is_told_in_words_with_every_score() -> None:
    each = (mood("Good!", 0.98), mood("It is\na *day*.", 0.6))
    result = LabelsResult(labels=each[0].labels, uncertain=False, sentences=each)
    assert findings.chart_in_words(result).splitlines() == [
        "How each sentence sounds:",
        "1. Positive, 98 %: Good!",
        "2. Uncertain, 60 %: It is a *day*.",
    ]
    assert "Drawn:" not in findings.labels(result)
    long = LabelsResult(
        labels=each[0].labels, uncertain=False, sentences=(mood("word " * 99, 0.9),) * 25
    )
    said = findings.chart_in_words(long)
    assert len(said) <= ALT_TEXT
    assert said.splitlines()[20].startswith("20. Positive, 90 %: word word")
    assert findings.labels(long).endswith("the first 20 of 25 sentences. The file has all.")


def test_an_answer_is_a_quotation_with_its_place_and_score() -> None:
    result = QuotationsResult(quotations=(RIVER, ROAD), found=True, nothing=0.01, characters=20_000)
    assert findings.quotations(result).splitlines() == [
        "**the Seine**",
        "> …It lies on **the Seine**, in\\*deed…",
        "> 87 % sure · at character 1,500 of 20,000",
        "Or: a road (4 %)",
    ]


def test_markup_that_a_quotation_cuts_in_two_is_none() -> None:
    cut = Quotation(
        text="here", start=9, end=13, score=0.9, before="**bold [press ", after="](https://x.org) *"
    )
    result = QuotationsResult(quotations=(cut,), found=True, nothing=0.01, characters=40)
    line = findings.quotations(result).splitlines()[1]
    assert line == "> \\*\\*bold \\[press **here**](https://x.org) \\*"


def test_a_whole_link_is_escaped_once() -> None:
    cut = Quotation(text="x", start=9, end=13, score=0.9, before="[a](https://x.org) ")
    result = QuotationsResult(quotations=(cut,), found=True, nothing=0.01, characters=40)
    assert findings.quotations(result).splitlines()[1] == "> \\[a](https://x.org) **x**"


def test_that_there_is_no_answer_is_said_with_the_nearest_to_one() -> None:
    result = QuotationsResult(quotations=(ROAD,), found=False, nothing=0.96, characters=9)
    said = findings.quotations(result)
    assert said.startswith("I can find no answer in this text (96 % sure). The nearest to one:\n> ")
    assert "**a road**" in said
    empty = QuotationsResult(quotations=(), found=False, nothing=1.0, characters=9)
    assert findings.quotations(empty) == "I can find no answer in this text (100 % sure)."


def test_films_are_said_with_their_reasons_and_what_was_understood() -> None:
    result = FilmsResult(
        films=(
            Film(title="*batteries not included (1987)", stars=4.56, because="Alien (1979)"),
            Film(title="Heat (1995)", stars=4.0),
        ),
        liked=(Film(title="Alien (1979)", stars=5), Film(title="Fargo (1996)", stars=3.5)),
        note="I know no film 'Inception'.",
    )
    assert findings.films(result).splitlines() == [
        "1. \\*batteries not included (1987) (4.6 ★), because you liked Alien (1979)",
        "2. Heat (1995) (4.0 ★)",
        "-# From Alien (1979) 5 ★, Fargo (1996) 3.5 ★",
        "-# I know no film 'Inception'.",
    ]


def test_ten_films_with_long_titles_fit_a_message() -> None:
    long = Film(title="A rather long title of a film " * 3, stars=4.0, because="A reason " * 20)
    result = FilmsResult(films=(long,) * 10, liked=(long,) * 50)
    text = findings.films(result)
    assert text.splitlines()[-1].endswith("42 more")
    assert len("\n".join(text.splitlines()[:-1])) < 1700


def test_somebody_who_has_seen_everything_is_told() -> None:
    result = FilmsResult(films=(), liked=(Film(title="Heat", stars=4),))
    assert findings.films(result).startswith("I know no film that you have not named.")
