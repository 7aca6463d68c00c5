"""What encoders find, as people read it: words for a hole, labels, quotations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from discord.utils import escape_markdown

from bot.errors import Sentence
from bot.locales import say, say_many, told
from bot.tasks.text_to_text import DRAWN_SENTENCES, percent
from bot.ui.limits import ALT_TEXT, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.tasks.recommend import FilmsResult
    from bot.tasks.text_to_text import CandidatesResult, LabelsResult, Quotation, QuotationsResult

LABELS = {
    "positive": Sentence("Positive"),
    "neutral": Sentence("Neutral"),
    "negative": Sentence("Negative"),
}
"""Those labels that most models have in common."""

CELLS = 10  # of a bar
FIGURE_SPACE = "\u2007"  # as wide as a digit
CONTEXT = 400  # characters shown on each side of a filled hole
REASON = 40  # characters of the title that is a reason
GIVEN = 8  # films that are repeated of those that were named


def candidates(result: CandidatesResult) -> str:
    """Return the text with the likeliest word in its hole, and below it all words."""
    if not result.candidates:
        return f"*({say('The model knows no word for this hole.')})*"
    best = result.candidates[0]
    before = result.before.rstrip() if best.joined else result.before
    sentence = f"{_plain(before[-CONTEXT:])}**{_plain(best.word)}**{_plain(result.after[:CONTEXT])}"
    shares = _under_another([c.probability for c in result.candidates])
    words = [
        f"{share} {'-' * c.joined}{_plain(c.word)}"
        for share, c in zip(shares, result.candidates, strict=True)
    ]
    return "\n".join((sentence.strip(), *words))


def labels(result: LabelsResult) -> str:
    """Return the verdict, and below it the score of each label."""
    best = _named(result.labels[0].name)
    verdict = f"**{best}**"
    if result.uncertain:
        verdict = say("**Uncertain**, rather {label} than not", label=best)
    shares = _under_another([label.score for label in result.labels])
    scores = [
        f"{share} {_named(label.name)}" for share, label in zip(shares, result.labels, strict=True)
    ]
    if len(result.sentences) > DRAWN_SENTENCES:
        scores.append(f"-# {_left_out(result)}")
    return "\n".join((verdict, *scores))


def _left_out(result: LabelsResult) -> str:
    few, told = DRAWN_SENTENCES, len(result.sentences)
    if result.untold:
        return say(
            "Drawn: the first {few} of {all} sentences. The file has the first {told}.",
            few=few, all=told + result.untold, told=told,
        )  # fmt: skip
    return say("Drawn: the first {few} of {all} sentences. The file has all.", few=few, all=told)


def chart_in_words(result: LabelsResult) -> str:
    """Return what a chart of sentences shows, each with its score, for those who cannot see it."""
    drawn = result.sentences[:DRAWN_SENTENCES]
    head = say("How each sentence sounds:")
    room = (ALT_TEXT - len(head)) // max(1, len(drawn)) - 1
    lines = []
    for number, one in enumerate(drawn, 1):
        best = one.labels[0]
        word = say("Uncertain") if one.uncertain else _word_of(best.name)
        start = f"{number}. {word}, {percent(best.score)}: "
        lines.append(start + clip(_line(one.text), max(1, room - len(start))))
    return "\n".join((head, *lines))


def quotations(result: QuotationsResult) -> str:
    """Return the answer in the words around it and where it stands, then other places."""
    if not result.found:
        sure = percent(result.nothing)
        verdict = say("I can find no answer in this text ({sure} sure).", sure=sure)
        if not result.quotations:
            return verdict
        nearest = _quoted(result.quotations[0], result.characters)
        return f"{verdict} {say('The nearest to one:')}\n{nearest}"
    best, *others = result.quotations
    lines = [f"**{_plain(_line(best.text))}**", _quoted(best, result.characters)]
    if others:
        named = (f"{_plain(_line(other.text))} ({percent(other.score)})" for other in others)
        lines.append(say("Or: {others}", others="; ".join(named)))
    return "\n".join(lines)


def films(result: FilmsResult) -> str:
    """Return the films with their stars and reasons, and in small print what was understood."""
    lines = []
    for number, film in enumerate(result.films, 1):
        line = f"{number}. {_plain(film.title)} ({film.stars:.1f} ★)"
        if film.because:
            liked = _plain(clip(film.because, REASON))
            line = say("{film}, because you liked {liked}", film=line, liked=liked)
        lines.append(line)
    if not result.films:
        lines.append(say("I know no film that you have not named."))
    if result.liked:
        given = [f"{_plain(film.title)} {film.stars:g} ★" for film in result.liked[:GIVEN]]
        if len(result.liked) > GIVEN:
            given.append(say_many("{n} more", "{n} more", len(result.liked) - GIVEN))
        lines.append("-# " + say("From {films}", films=", ".join(given)))
    if result.without:
        left_out = [_plain(title) for title in result.without[:GIVEN]]
        if len(result.without) > GIVEN:
            left_out.append(say_many("{n} more", "{n} more", len(result.without) - GIVEN))
        lines.append("-# " + say("Without {films}", films=", ".join(left_out)))
    if result.note:
        lines.append(f"-# {_plain(result.note)}")
    return "\n".join(lines)


def bar(share: float) -> str:
    """Return a share of one as a bar."""
    filled = round(CELLS * share)
    return "▰" * filled + "▱" * (CELLS - filled)


def _under_another(shares: Sequence[float]) -> list[str]:
    """Return shares as bars and in per cent, so filled up that what follows begins in one column.

    They are no block of code: its letters lack bars on some phones, and it would show no markup.
    """
    said = [percent(share) for share in shares]
    wide = max(map(len, said), default=0)
    return [
        f"{bar(share)} {FIGURE_SPACE * (wide - len(one))}{one}"
        for share, one in zip(shares, said, strict=True)
    ]


def _quoted(found: Quotation, characters: int) -> str:
    before, text, after = (_cut_plain(part) for part in (found.before, found.text, found.after))
    sure = say(
        "{share} sure · at character {start:,} of {all:,}",
        share=percent(found.score),
        start=found.start + 1,
        all=characters,
    )
    return f"> {before}**{text}**{after}\n> {sure}"


def _named(name: str) -> str:
    """Return a label as a word: the makers of models like capitals."""
    return _plain(_word_of(name))


def _word_of(name: str) -> str:
    word = LABELS.get(name.casefold())
    return told(word) if word else (name.capitalize() if name.isupper() else name)


def _cut_plain(text: str) -> str:
    """Return a part of a line without its markup, also where that goes on in the next part.

    A link "[here](https://...)" that is cut in two is none to ``escape_markdown``.
    """
    return re.sub(r"(?<!\\)\[", r"\\[", _plain(_line(text)))


def _line(text: str) -> str:
    """Return a text on one line: a quotation ends where its line ends."""
    return text.replace("\r", " ").replace("\n", " ")


def _plain(text: str) -> str:
    return escape_markdown(text)
