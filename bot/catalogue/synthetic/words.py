"""Words that nobody speaks: what synthetic vocabularies hold, and texts to try them with.

Standard library only: the bot's side writes its requests in the words that a child process put
into a tokenizer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

ONSETS = (*"bcdfghjklmnprstvwz", "br", "cl", "dr", "fl", "gr", "pl", "pr", "sh", "st", "th", "tr")
VOWELS = (*"aeiou", "ai", "ea", "io", "ou")
CODAS = ("", "", "n", "r", "s", "l", "t", "m")


def endless_words(seed: int = 1) -> Iterator[str]:
    """Yield different words of one to three syllables, always the same ones for a seed."""
    chance = random.Random(seed)
    known: set[str] = set()
    while True:
        syllables = chance.choice((1, 2, 2, 3))
        parts = (
            chance.choice(ONSETS) + chance.choice(VOWELS) + chance.choice(CODAS)
            for _ in range(syllables)
        )
        word = "".join(parts)
        if word not in known:
            known.add(word)
            yield word


def made_up_words(count: int, seed: int = 1) -> list[str]:
    """Return the first ``count`` words of :func:`endless_words`."""
    return list(islice(endless_words(seed), count))


def stems(count: int, seed: int = 1) -> list[str]:
    """Return different beginnings of words, each after those that it begins with.

    Whole words are among them from the first on, so that a vocabulary of ``count`` such pieces
    reads a text of the first words as one token a word, by whichever rule it joins letters.
    """
    found: dict[str, None] = {}
    for word in endless_words(seed):
        for length in range(1, len(word) + 1):
            if len(found) == count:
                return list(found)
            found[word[:length]] = None
    raise AssertionError("words never end")
