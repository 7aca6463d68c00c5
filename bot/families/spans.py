"""Answers a question with words of a given text, by a net that writes: its spans are weighed.

Examples teach the net to answer briefly. Of the words with which it would begin, the likeliest that
stand in the text are followed, and every span from there gets the probability that the net writes
just that and ends. A small net follows the salient more than the question, so clues of the words
themselves are added (:mod:`bot.families.clues`), and the spans of the best sentences are asked for
once more with nothing but their sentence before the net.
"""

from __future__ import annotations

import bisect
import heapq
import re
from dataclasses import dataclass
from typing import Any

import torch

from bot.errors import OperatorError, UserError
from bot.families.chunks import chunked, sentences
from bot.families.clues import Clues
from bot.families.extractive_qa import BEST, QUESTION, SHOWN, quotation
from bot.families.likelihoods import Beginning, Likelihoods, Pieces
from bot.tasks.text_to_text import Quotation, QuotationsResult

EXAMPLES = """\
Text: In May 1842 Leopold Marsh left Bristol on the Heron, a ship with a cargo of wool, because \
his father had lost everything in a fire. The voyage took eleven weeks, and his sister Clara \
waited for him at the harbour of Boston.
Question: When did Marsh leave?
Answer: May 1842
Question: What did the ship carry?
Answer: wool
Question: Who waited for Leopold?
Answer: his sister Clara
Question: How long did the voyage take?
Answer: eleven weeks
Question: Why did he leave Bristol?
Answer: because his father had lost everything in a fire

"""
ASKED = "Text: {context}\nQuestion: {question}\nAnswer:"

WINDOW = 384
"""Tokens of the text that are read at once."""

STARTS = 24
"""Words of the text from which spans are followed."""

FAVOURED = 2.0
"""What a sentence that has the question's words counts there, in log-probability."""

SENTENCES = 2
"""Sentences that are read once more by themselves."""

WORDS = 10
"""Words that an answer may have."""

TOKENS = 32
"""And tokens."""

IN_TEXT = 0.25
ALONE = 0.25
"""What the log-probability of a span counts, after the whole text and after its sentence alone."""

CLUES = {
    "sentence": 1.5,
    "near": 7.0,
    "echo": -3.5,
    "fits": 2.5,
    "jars": -1.25,
    "closes": 1.0,
    "cut": -4.5,
    "ragged": -1.5,
}
"""What the clues count (:mod:`bot.families.clues`).

All of these were fitted on the questions of ``benchmarks/questions.py`` that are kept for choosing
(a log-linear model over the spans, its weights held near what seemed likely), and rounded.
"""

NOTHING = 0.75
UNKNOWN = 4.0
"""What a span must reach to be an answer, the score of "there is none", and what is added to it
if the text has none of the question's words; chosen on the same questions."""

_WORD = re.compile(r"\S+")
_OPENING = "\"'“‘«([{*_"
_CLOSING = ".,;:!?\"'”’»)]}*_…"
_ENDS = ("\n", ".", ".\n", "\n\n")


Scores = dict[tuple[int, int], float]
"""Scores of spans by where they lie in the context, (start, end)."""


@dataclass(frozen=True, slots=True)
class _Start:
    """Where an answer may begin: tokens of what stands there, and where spans of them end.

    ``ends`` are pairs: a number of tokens, and the place in the context up to which they go.
    """

    place: int
    ids: tuple[int, ...]
    ends: tuple[tuple[int, int], ...]


class Spans:
    """Finds answers in texts.

    Args:
        tokenizer: Of the net.
        end_ids: The ids that end a text.
        window: Tokens that the net reads at once, the examples and the question counted.
        title: What people call the model.

    Raises:
        OperatorError: The window is too small.
    """

    def __init__(self, tokenizer: Any, end_ids: frozenset[int], window: int, title: str) -> None:
        self._tokenizer = tokenizer
        self._title = title
        self._examples = self._ids(EXAMPLES)
        self._taught: Beginning | None = None
        singles = [ids[0] for text in _ENDS if len(ids := self._ids(text)) == 1]
        self._ends = tuple(sorted({*end_ids, *singles}))
        spare = window - len(self._examples) - TOKENS - len(self._ids(ASKED))
        self._question = min(QUESTION, spare // 3)
        self._window = min(WINDOW, spare - self._question)
        if self._window < 1:
            raise OperatorError(
                f"{title} reads {window} tokens at once, too few to quote from a text. Take "
                "'quotes' out of its prompt."
            )

    def check(self, question: str) -> None:
        """Refuse a question that is too long."""
        asked = len(self._ids(question))
        if asked > self._question:
            raise UserError(
                "This question is {asked} tokens long; {model} reads at most {limit} (a "
                "token is about four letters). Shorten it, and put what it tells into the "
                "context.",
                asked=asked,
                model=self._title,
                limit=self._question,
            )

    def answer(
        self, likelihoods: Likelihoods, question: str, context: str
    ) -> Pieces[QuotationsResult]:
        """Return the likeliest answers that stand in a context.

        Shares are those of the best spans and of "there is no answer".
        """
        if self._taught is None:
            self._taught = yield from likelihoods.begin(self._examples)
        clues = Clues(question, context)
        read: list[tuple[Beginning, list[_Start]]] = []
        for offset, piece in self._windows(context):
            beginning = yield from self._asked(likelihoods, piece, question)
            read.append((beginning, self._starts(piece, offset)))
        spans: Scores = {}
        chosen = _likeliest(read, clues)
        for beginning, starts in chosen:
            spans |= yield from self._weighed(likelihoods, beginning, starts)
        spans = {span: IN_TEXT * score + _told(clues, *span) for span, score in spans.items()}
        starts = [start for _, some in chosen for start in some]
        again = yield from self._again(likelihoods, question, context, starts, spans)
        return _concluded(again, context, NOTHING + UNKNOWN * clues.unknown)

    def _asked(self, likelihoods: Likelihoods, text: str, question: str) -> Pieces[Beginning]:
        """Read a text and the question about it, behind the examples."""
        ids = self._ids(ASKED.format(context=text, question=question))
        return (yield from likelihoods.begin(ids, self._taught))

    def _weighed(
        self, likelihoods: Likelihoods, beginning: Beginning, starts: list[_Start]
    ) -> Pieces[Scores]:
        """Return the log-probability of every span from some starts."""
        ways = yield from likelihoods.follow(beginning, [s.ids for s in starts], self._ends)
        return {
            (start.place, end): sum(way.tokens[:count]) + way.ends[count - 1]
            for start, way in zip(starts, ways, strict=True)
            for count, end in start.ends
        }

    def _again(
        self,
        likelihoods: Likelihoods,
        question: str,
        context: str,
        starts: list[_Start],
        spans: Scores,
    ) -> Pieces[Scores]:
        """Return the spans of the best sentences, each asked for after its sentence alone too."""
        found: Scores = {}
        for begin, end in _best_sentences(context, spans):
            text = self._cut(context[begin:end].strip())
            inside = [start for start in starts if begin <= start.place < end]
            beginning = yield from self._asked(likelihoods, text, question)
            alone = yield from self._weighed(likelihoods, beginning, inside)
            found |= {span: spans[span] + ALONE * score for span, score in alone.items()}
        return found

    def _cut(self, sentence: str) -> str:
        """Return as much of a sentence as a window holds."""
        return chunked(sentence, lambda text: len(self._ids(text)), self._window)[0]

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _windows(self, context: str) -> list[tuple[int, str]]:
        """Return pieces of the context, cut between sentences, and where each begins."""
        windows = []
        at = 0
        for piece in chunked(context, lambda text: len(self._ids(text)), self._window):
            at = context.index(piece, at)
            windows.append((at, piece))
            at += len(piece)
        return windows

    def _starts(self, piece: str, offset: int) -> list[_Start]:
        """Return every word at which an answer may begin; none reaches over its sentence's end."""
        starts = []
        at = 0
        for sentence in sentences(piece):
            words = [(at + word.start(), at + word.end()) for word in _WORD.finditer(sentence)]
            at += len(sentence)
            cores = [_core(piece, *word) for word in words]
            for first in range(len(words)):
                start = self._start(piece, words, cores, first, offset)
                if start.ends:
                    starts.append(start)
        return starts

    def _start(
        self,
        piece: str,
        words: list[tuple[int, int]],
        cores: list[tuple[int, int]],
        first: int,
        offset: int,
    ) -> _Start:
        """Return the spans from one word on, as they are written behind "Answer:"."""
        begin = cores[first][0]
        text, ends = "", {}  # by length of the text: the place in the piece
        for (start, end), (_, core) in zip(
            words[first : first + WORDS], cores[first : first + WORDS], strict=True
        ):
            start = max(start, begin)
            text += " "
            if core > start:
                ends[len(text) + core - start] = core
            text += piece[start:end]
        encoding = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids = encoding["input_ids"][:TOKENS]
        places = [place[1] for place in encoding["offset_mapping"][: len(ids)]]
        counts = {place: number for number, place in enumerate(places, start=1)}
        found = tuple((counts[at], offset + end) for at, end in ends.items() if at in counts)
        longest = max((count for count, _ in found), default=0)
        return _Start(offset + begin, tuple(ids[:longest]), found)


def _core(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where a word lies without the marks around it."""
    word = text[start:end]
    left = len(word) - len(word.lstrip(_OPENING))
    return start + left, max(start + left, start + len(word.rstrip(_CLOSING)))


def _told(clues: Clues, start: int, end: int) -> float:
    """Return what the clues count for a span."""
    return sum(CLUES[name] * clue for name, clue in clues.clues(start, end).items())


def _likeliest(
    read: list[tuple[Beginning, list[_Start]]], clues: Clues
) -> list[tuple[Beginning, list[_Start]]]:
    """Return for each window the starts that are among the likeliest of all windows."""
    ranked = [
        (
            float(beginning.next[start.ids[0]]) + FAVOURED * clues.sentence(start.place),
            number,
            start,
        )
        for number, (beginning, starts) in enumerate(read)
        for start in starts
    ]
    best = heapq.nlargest(STARTS, ranked, key=lambda item: (item[0], -item[2].place))
    return [
        (beginning, chosen)
        for number, (beginning, _) in enumerate(read)
        if (chosen := [start for _, window, start in best if window == number])
    ]


def _best_sentences(context: str, spans: Scores) -> list[tuple[int, int]]:
    """Return where the sentences with the best spans lie, the best first."""
    places = []
    at = 0
    for sentence in sentences(context):
        places.append((at, at + len(sentence)))
        at += len(sentence)
    begins = [begin for begin, _ in places]
    ranked = sorted(spans, key=lambda span: (-spans[span], span))
    found = dict.fromkeys(bisect.bisect_right(begins, start) - 1 for start, _ in ranked)
    return [places[number] for number in list(found)[:SENTENCES]]


def _concluded(spans: Scores, context: str, none: float) -> QuotationsResult:
    """Quote the best spans; what stands in several places is quoted once.

    ``none`` is the score of "there is no answer".
    """
    best = heapq.nlargest(BEST, spans.items(), key=lambda item: (item[1], -item[0][0]))
    once: dict[str, tuple[tuple[int, int], float]] = {}
    for place, score in best:
        once.setdefault(context[slice(*place)].casefold(), (place, score))
    scores = torch.tensor([none, *(score for _, score in once.values())])
    nothing, *shares = torch.softmax(scores.double(), dim=0).tolist()
    quoted: list[Quotation] = []
    for ((start, end), _), share in zip(once.values(), shares, strict=True):
        apart = all(end <= other.start or start >= other.end for other in quoted)
        if apart and len(quoted) < SHOWN:
            quoted.append(quotation(context, start, end, share))
    return QuotationsResult(
        quotations=tuple(quoted),
        found=bool(best) and best[0][1] >= none,
        nothing=nothing,
        characters=len(context),
    )
