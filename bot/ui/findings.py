"""What encoders find, as people read it: words for a hole, labels, quotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.utils import escape_markdown

from bot.errors import Sentence
from bot.locales import say, say_many, told
from bot.tasks.text_to_text import percent
from bot.ui.limits import clip

if TYPE_CHECKING:
    from bot.tasks.recommend import FilmsResult
    from bot.tasks.text_to_text import CandidatesResult, LabelsResult, Quotation, QuotationsResult

LABELS = {
    "positive": Sentence("Positive"),
    "neutral": Sentence("Neutral"),
    "negative": Sentence("Negative"),
}
"""Those labels that most models have in common."""

CELLS = 10  # of a bar
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
    words = [
        f"{bar(c.probability)} {percent(c.probability)} {'-' * c.joined}{_plain(c.word)}"
        for c in result.candidates
    ]
    return "\n".join((sentence.strip(), *words))


def labels(result: LabelsResult) -> str:
    """Return the verdict, and below it the score of each label."""
    best = _named(result.labels[0].name)
    verdict = f"**{best}**"
    if result.uncertain:
        verdict = say("**Uncertain**, rather {label} than not", label=best)
    scores = [
        f"{bar(label.score)} {percent(label.score)} {_named(label.name)}" for label in result.labels
    ]
    return "\n".join((verdict, *scores))


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
    if result.note:
        lines.append(f"-# {_plain(result.note)}")
    return "\n".join(lines)


def bar(share: float) -> str:
    """Return a share of one as a bar."""
    filled = round(CELLS * share)
    return "▰" * filled + "▱" * (CELLS - filled)


def _quoted(found: Quotation, characters: int) -> str:
    words = f"{_plain(_line(found.before))}**{_plain(_line(found.text))}**"
    place = say("character {start:,} of {all:,}", start=found.start + 1, all=characters)
    return f"> {words}{_plain(_line(found.after))}\n> {percent(found.score)} · {place}"


def _named(name: str) -> str:
    """Return a label as a word: the makers of models like capitals."""
    word = LABELS.get(name.casefold())
    return told(word) if word else _plain(name.capitalize() if name.isupper() else name)


def _line(text: str) -> str:
    """Return a text on one line: a quotation ends where its line ends."""
    return text.replace("\r", " ").replace("\n", " ")


def _plain(text: str) -> str:
    return escape_markdown(text)
