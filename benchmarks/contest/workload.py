"""What is asked: prompts, how many tokens each, and when. Seeded, the same for every contestant."""

from __future__ import annotations

import random
from dataclasses import dataclass

SHORTEST, LONGEST = 8, 128  # tokens of a prompt
MEAN_NEW, MOST_NEW = 64, 256
FIRST = "A"  # every prompt's first token: a byte, a token in any vocabulary


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; ``at_s`` is when it arrives after the workload's beginning."""

    number: int
    text: str
    ids: tuple[int, ...]
    new_tokens: int
    at_s: float = 0.0


class Writer:
    """Writes prompts of a given number of tokens, no two alike.

    Args:
        first: The id of :data:`FIRST`.
        words: Texts that are one token each, and their ids.
    """

    def __init__(self, first: int, words: list[tuple[str, int]], seed: int) -> None:
        self._first = first
        self._words = words
        self._chance = random.Random(seed)

    def prompt(self, tokens: int) -> tuple[str, tuple[int, ...]]:
        """Return a prompt as text and as ids."""
        chosen = self._chance.choices(self._words, k=tokens - 1)
        text = FIRST + "".join(word for word, _ in chosen)
        return text, (self._first, *(number for _, number in chosen))


def spread(count: int, shortest: int = SHORTEST, longest: int = LONGEST) -> list[int]:
    """Return lengths spread evenly over the range, in an order that mixes short and long."""
    step = (longest - shortest) / max(1, count - 1)
    lengths = [round(shortest + step * number) for number in range(count)]
    random.Random(count).shuffle(lengths)
    return lengths


def all_at_once(writer: Writer, count: int = 16, new_tokens: int = MEAN_NEW) -> list[Ask]:
    """Return requests that all arrive at the beginning and want the same number of tokens."""
    return [
        Ask(number, *writer.prompt(length), new_tokens)
        for number, length in enumerate(spread(count))
    ]


def poisson(writer: Writer, count: int, per_second: float, seed: int = 3) -> list[Ask]:
    """Return requests that arrive by chance and want exponentially many tokens, 1 to 256."""
    chance = random.Random(seed)
    asks, now = [], 0.0
    for number in range(count):
        text, ids = writer.prompt(chance.randint(SHORTEST, LONGEST))
        wanted = round(chance.expovariate(1 / MEAN_NEW))
        asks.append(Ask(number, text, ids, min(MOST_NEW, max(1, wanted)), round(now, 4)))
        now += chance.expovariate(per_second)
    return asks
