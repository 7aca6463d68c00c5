"""Extracts: the sentences of a text that say most of it, as they stand there.

Sentences are likened to the whole text by their vectors, and taken one by one: the nearest to the
middle of all, less what it says that is said already. Reference: maximal marginal relevance
(Carbonell and Goldstein 1998), with the centroid as the query (Radev et al. 2004).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import torch

from bot.families.chunks import sentences

WRAPPED = 50
"""Characters from which on a line that ends in no mark is taken to go on in the next."""

MOST = 6
"""Sentences of an extract."""

FEWEST_WORDS = 4
FEWEST_LETTERS = 8
"""What a sentence has, if it is to stand for a text: words, or letters where no spaces are."""

RELEVANCE = 0.7
"""How much it counts that a sentence is near the whole; the rest: that it is no repetition."""

_ENDED = re.compile(r"[.!?…。！？][\"'”’»)\]」』）]*$")
_UNCUT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]")
"""Letters of scripts without spaces between words."""


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, without white space around them and none twice.

    Lines that were broken for their width are joined: such a sentence holds the line's end.
    """
    found: list[str] = []
    going_on = ""
    for piece in sentences(text):
        whole = going_on + piece
        going_on = whole if _goes_on(piece) else ""
        if not going_on:
            found.append(whole.strip())
    found.append(going_on.strip())
    return [one for one in dict.fromkeys(found) if any(map(str.isalnum, one))]


def candidates(found: list[str], wanted: int) -> list[int]:
    """Return the places of sentences that can stand alone; of all, where those are too few."""
    places = [place for place, one in enumerate(found) if _ENDED.search(one) and _says_much(one)]
    return places if len(places) >= wanted else list(range(len(found)))


def wanted_of(count: int) -> int:
    """Return how many sentences stand for so many."""
    return max(1, min(MOST, round(math.sqrt(count))))


def chosen(vectors: torch.Tensor, wanted: int, check: Callable[[], None]) -> list[int]:
    """Return the places of the sentences that say most, in the order of the text.

    Args:
        vectors: Of the sentences, (n, C), each of length 1.
        wanted: How many.
        check: Called before each choice.
    """
    centre = torch.nn.functional.normalize(vectors.mean(0), dim=0)
    near = vectors @ centre  # (n,)
    said = torch.zeros(len(vectors))  # how near the nearest of those that are taken is
    places: list[int] = []
    for _ in range(min(wanted, len(vectors))):
        check()
        worth = RELEVANCE * near - (1 - RELEVANCE) * said
        worth[places] = -torch.inf
        place = int(worth.argmax())
        places.append(place)
        said = torch.maximum(said, vectors @ vectors[place])
    return sorted(places)


def joined(parts: list[str]) -> str:
    """Put sentences together: with spaces, but for scripts without them; lines' ends go."""
    text = ""
    for part in parts:
        plain = _unwrapped(part)
        apart = text and not (_UNCUT.search(text[-3:]) and _UNCUT.search(plain[:3]))
        text += (" " if apart else "") + plain
    return text


def _goes_on(piece: str) -> bool:
    """Say whether a line was broken for its width only."""
    line = piece.rstrip()
    broken = piece[len(line) :].count("\n") == 1
    return broken and len(line) >= WRAPPED and not _ENDED.search(line)


def _says_much(sentence: str) -> bool:
    letters = sum(map(str.isalpha, sentence))
    if _UNCUT.search(sentence):
        return letters >= FEWEST_LETTERS
    return letters >= FEWEST_LETTERS and len(sentence.split()) >= FEWEST_WORDS


def _unwrapped(sentence: str) -> str:
    return re.sub(r"[^\S\n]*\n[^\S\n]*", "" if _UNCUT.search(sentence) else " ", sentence)
