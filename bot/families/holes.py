"""Fills a hole with a net that writes from left to right: many words are tried, and weighed.

Words are proposed by what stands before the hole, and by a text in which what stands behind it
comes first. Then the whole sentence is weighed with each of them in its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from bot.families.likelihoods import Beginning, Likelihoods, Pieces
from bot.families.masked_lm import SHOWN, around_hole
from bot.tasks.text_to_text import Candidate, CandidatesResult

PROPOSED = 30
"""Words from each of the two sources; all of them from one where there is but one."""

NEAR = 8
"""Tokens behind the hole with which every word is weighed."""

FINAL = 10
"""The best words by then are weighed with more of them."""

FAR = 48
"""Tokens behind the hole that count, at most."""

BEFORE = 192
"""Tokens before the hole that count, at most."""

BEHIND_FIRST = "... {after}\n{before}"
FORESIGHT = 0.5
"""What the second source's log-probability of a word counts beside that of the whole sentence;
chosen on the sentences of ``benchmarks/holes.py`` that are kept for choosing."""

SPACES = ("Ġ", "▁")  # how vocabularies write the space before a word
DOCUMENT = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class _Hole:
    """What stands around a hole, as far as it counts, and which tokens may stand in it."""

    before: str
    after: str
    words: dict[int, str]
    spaced: bool


class Holes:
    """Fills holes with single words of a tokenizer's vocabulary.

    Args:
        tokenizer: Of the net.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._spaced, self._unspaced, self._breaks = _sorted_tokens(tokenizer)
        start = tokenizer.get_vocab().get(DOCUMENT)
        named = (start, tokenizer.bos_token_id, tokenizer.eos_token_id)
        self._start = next((id_ for id_ in named if id_ is not None), 0)

    def fill(self, likelihoods: Likelihoods, text: str) -> Pieces[CandidatesResult]:
        """Return the best words for the one hole in a text.

        Their probabilities are shares among the words that were weighed to the end.
        """
        before, after = around_hole(text)
        hole = self._narrowed(before, after)
        left = yield from likelihoods.begin([self._start, *self._lead(hole)])
        foresight = yield from self._foresight(likelihoods, hole)
        bonus = self._proposed(hole, left, foresight)
        scores = yield from self._weighed(likelihoods, hole, left, list(bonus), NEAR)
        scores = {word: score + bonus[word] for word, score in scores.items()}
        best = sorted(scores, key=lambda word: -scores[word])
        if len(self._ids(hole.after)) > NEAR:
            best = best[:FINAL]
            scores = yield from self._weighed(likelihoods, hole, left, best, FAR)
            scores = {word: score + bonus[word] for word, score in scores.items()}
        joined = bool(before) and before[-1].isalnum()
        return CandidatesResult(before=before, after=after, candidates=_shares(scores, joined))

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _narrowed(self, before: str, after: str) -> _Hole:
        spaced = not before or before[-1].isspace()
        kept = self._cut(before, -BEFORE)
        words = self._spaced if spaced else self._unspaced
        return _Hole(kept, self._cut(after, FAR), words, spaced)

    def _cut(self, text: str, count: int) -> str:
        """Return the first tokens of a text, or for a negative count the last ones."""
        places = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )["offset_mapping"]
        if len(places) <= abs(count):
            return text
        return text[: places[count - 1][1]] if count > 0 else text[places[count][0] :]

    def _lead(self, hole: _Hole) -> list[int]:
        return self._ids(hole.before.rstrip() if hole.spaced else hole.before)

    def _foresight(self, likelihoods: Likelihoods, hole: _Hole) -> Pieces[Beginning | None]:
        """Read what stands behind the hole before what stands before it, if it says anything."""
        if not any(letter.isalnum() for letter in hole.after):
            return None
        text = BEHIND_FIRST.format(after=hole.after.strip(), before=hole.before)
        ids = self._ids(text.rstrip() if hole.spaced else text)
        return (yield from likelihoods.begin([self._start, *ids]))

    def _proposed(
        self, hole: _Hole, left: Beginning, foresight: Beginning | None
    ) -> dict[str, float]:
        """Return the words to weigh, and what they have in advance."""
        ids = torch.tensor(list(hole.words))
        if foresight is None:
            chosen = _top(left, ids, 2 * PROPOSED)
            return dict.fromkeys((hole.words[id_] for id_ in chosen), 0.0)
        near = {word.lower() for word in hole.after.split()}
        ahead = [id_ for id_ in _top(foresight, ids, 2 * PROPOSED) if hole.words[id_] not in near]
        chosen = [*_top(left, ids, PROPOSED), *ahead[:PROPOSED]]
        bonus: dict[str, float] = {}
        for id_ in chosen:
            gained = FORESIGHT * float(foresight.next[id_])
            bonus[hole.words[id_]] = max(gained, bonus.get(hole.words[id_], -math.inf))
        return bonus

    def _weighed(
        self, likelihoods: Likelihoods, hole: _Hole, left: Beginning, words: list[str], near: int
    ) -> Pieces[dict[str, float]]:
        """Return how likely the sentence is with each word: its log-probability from the hole on.

        Where nothing stands behind the hole, the word must end there.
        """
        after = self._cut(hole.after, near)
        rows = [self._ids(hole.before + word + after) for word in words]
        shared = self._lead(hole)
        if any(row[: len(shared)] != shared or len(row) == len(shared) for row in rows):
            # some word melts into what stands before it
            count = 0
            while all(len(row) > count + 1 and row[count] == rows[0][count] for row in rows):
                count += 1
            shared = rows[0][:count]
            left = yield from likelihoods.begin([self._start, *shared])
        open_end = () if after.strip() else self._breaks
        ways = yield from likelihoods.follow(left, [row[len(shared) :] for row in rows], open_end)
        return {
            word: way.whole + (way.ends[-1] if open_end else 0.0)
            for word, way in zip(words, ways, strict=True)
        }


def _sorted_tokens(tokenizer: Any) -> tuple[dict[int, str], dict[int, str], tuple[int, ...]]:
    """Return the words that bring their space, those that do not, and the ids that begin none."""
    spaced: dict[int, str] = {}
    unspaced: dict[int, str] = {}
    breaks = []
    special = set(tokenizer.all_special_ids)
    for token, id_ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        word = tokenizer.decode([id_]).strip()
        plain = word.isalnum() and id_ not in special
        if token.startswith(SPACES) or not word[:1].isalnum():
            breaks.append(id_)
        if plain:
            (spaced if token.startswith(SPACES) else unspaced)[id_] = word
    return spaced or unspaced, unspaced or spaced, tuple(breaks)


def _top(beginning: Beginning, ids: torch.Tensor, count: int) -> list[int]:
    """Return those of some ids that come next most likely."""
    best = beginning.next[ids].topk(min(count, len(ids))).indices
    return [int(id_) for id_ in ids[best]]


def _shares(scores: dict[str, float], joined: bool) -> tuple[Candidate, ...]:
    """Return the best words with their shares of the probability."""
    words = sorted(scores, key=lambda word: -scores[word])
    shares = torch.softmax(torch.tensor([scores[word] for word in words]).double(), dim=0)
    return tuple(
        Candidate(word=word, probability=share, joined=joined)
        for word, share in list(zip(words, shares.tolist(), strict=True))[:SHOWN]
    )
