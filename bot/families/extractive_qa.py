"""Extractive question answering: finds the place in a text that answers a question, and quotes it.

Source: transformers' ``AutoModelForQuestionAnswering`` and ``AutoTokenizer``. Its pipeline is gone,
so windows and spans are our own, after the script by which SQuAD 2 is scored.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForQuestionAnswering

from bot.errors import UserError
from bot.families.base import BatchFamily, Run
from bot.families.encoders import Encoder, Window, windows_of
from bot.tasks.text_to_text import AnswerQuestion, Quotation, QuotationsResult

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

WINDOW = 384
"""Tokens of a window, question and all: what these nets were trained on."""

OVERLAP = 128
"""Tokens that a window shares with the last, so that an answer at its edge is seen whole."""

QUESTION = 64
"""Tokens that a question may have."""

ANSWER = 30
"""Tokens that an answer may have."""

BEST = 20
"""Spans that share the probability, with "there is no answer"."""

TOKENS_OF_A_LETTER = 4
"""A rare letter is as many tokens as bytes, and spans from each of them are one and the same."""

SHOWN = 3
AROUND = 80
"""Characters shown on each side of a quotation."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A window, and for each of its tokens where in the context it lies: (start, end) characters.

    What is no part of the context lies nowhere, (0, 0).
    """

    window: Window
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a context: its best spans by (start, end), and the score of no answer.

    Scores are sums of logits.
    """

    spans: dict[tuple[int, int], float]
    nothing: float


def load(model: Model, folder: Path) -> ExtractiveQA:
    """Load a checkpoint; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights.
    """
    return ExtractiveQA(model, Encoder(AutoModelForQuestionAnswering, model, folder))


class ExtractiveQA(BatchFamily[list[Passage], Found]):
    """The family for :class:`bot.tasks.text_to_text.AnswerQuestion` with a context."""

    def __init__(self, model: Model, encoder: Encoder) -> None:
        self._model = model
        self._encoder = encoder
        self._length = min(WINDOW, encoder.room)

    def preprocess(self, request: AnswerQuestion, seed: int) -> list[Passage]:
        """Lay overlapping windows over the context, each with the question before it.

        Chance plays no part, so the seed is not used.
        """
        if not request.context:
            raise UserError(
                "{model} finds answers in a text, and there is none. Give one as context or "
                "file, or choose a model that answers by itself.",
                model=self._model.title,
            )
        question = request.question.strip()
        tokenizer = self._encoder.tokenizer
        asked = len(tokenizer(question, add_special_tokens=False, verbose=False)["input_ids"])
        limit = min(QUESTION, self._length // 4)
        if asked > limit:
            raise UserError(
                "This question is {asked} tokens long; {model} reads at most {limit} (a token"
                " is about four letters). Shorten it, and put what it tells into the context.",
                asked=asked,
                model=self._model.title,
                limit=limit,
            )
        encoding = tokenizer(
            [question],
            [request.context],
            truncation="only_second",
            max_length=self._length,
            stride=min(OVERLAP, self._length // 3),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        return [
            Passage(window, _places(encoding["offset_mapping"][n], encoding.sequence_ids(n)))
            for n, window in enumerate(windows_of(encoding))
        ]

    def forward(self, batch: list[list[Passage]], run: Run) -> list[Found]:
        """Return for each context its best spans."""
        windows = [passage.window for passages in batch for passage in passages]
        logits = iter(self._encoder.outputs(windows, run, _logits))
        return [_best([(passage, next(logits)) for passage in passages]) for passages in batch]

    def postprocess(self, outputs: Found, request: AnswerQuestion) -> QuotationsResult:
        """Quote the best spans, those left out that lie over a better one."""
        spans = list(outputs.spans.items())
        scores = torch.tensor([outputs.nothing, *(score for _, score in spans)])
        nothing, *chances = torch.softmax(scores.double(), dim=0).tolist()
        context = request.context or ""
        quoted: list[Quotation] = []
        for ((start, end), _), chance in zip(spans, chances, strict=True):
            apart = all(end <= other.start or start >= other.end for other in quoted)
            if apart and len(quoted) < SHOWN:
                quoted.append(quotation(context, start, end, chance))
        found = bool(spans) and spans[0][1] >= outputs.nothing
        return QuotationsResult(
            quotations=tuple(quoted), found=found, nothing=nothing, characters=len(context)
        )

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self._encoder.size_bytes()


def _places(offsets: list[tuple[int, int]], texts: list[int | None]) -> tuple[tuple[int, int], ...]:
    """Return where each token lies in the second text, (0, 0) for those of the first."""
    return tuple(
        (int(start), int(end)) if text == 1 else (0, 0)
        for (start, end), text in zip(offsets, texts, strict=True)
    )


def _logits(output: Any, row: int, length: int) -> torch.Tensor:
    """Return how likely the answer starts and ends at each token."""
    both = torch.stack((output.start_logits[row], output.end_logits[row]))
    return both[:, :length].float()  # (2, T)


def _best(windows: list[tuple[Passage, torch.Tensor]]) -> Found:
    """Return the best spans of all windows; one that two windows see has its better score.

    That there is no answer is told by the first token of a window; it must hold in all of them.
    """
    spans: dict[tuple[int, int], float] = {}
    for passage, logits in windows:
        for place, score in _spans(passage, logits):
            spans[place] = max(score, spans.get(place, score))
    best = heapq.nlargest(BEST, spans.items(), key=lambda item: (item[1], -item[0][0]))
    nothing = min(float(logits[:, 0].sum()) for _, logits in windows)
    return Found(dict(best), nothing)


def _spans(passage: Passage, logits: torch.Tensor) -> list[tuple[tuple[int, int], float]]:
    """Return the best spans of one window by their place in the context.

    Every span of up to :data:`ANSWER` tokens is looked at.
    """
    begins, ends = logits  # (T,) each
    inside = torch.tensor([end > start for start, end in passage.places])
    count = len(inside)
    scores = begins[:, None] + ends[None, :]  # (T, T): from this token to that one
    steps = torch.arange(count)[None, :] - torch.arange(count)[:, None]
    allowed = inside[:, None] & inside[None, :] & (steps >= 0) & (steps < ANSWER)
    scores = scores.masked_fill(~allowed, -torch.inf).flatten()
    best = scores.topk(min(BEST * TOKENS_OF_A_LETTER, int(allowed.sum())))
    found = []
    for score, flat in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        first, last = divmod(flat, count)
        found.append(((passage.places[first][0], passage.places[last][1]), score))
    return found


def quotation(context: str, start: int, end: int, score: float) -> Quotation:
    """Quote a span with the words around it; spaces at its edges are not part of it."""
    text = context[start:end]
    start += len(text) - len(text.lstrip())
    end -= len(text) - len(text.rstrip())
    return Quotation(
        text=context[start:end],
        start=start,
        end=end,
        score=score,
        before=_words(context[max(0, start - AROUND) : start], cut_left=start > AROUND),
        after=_words(context[end : end + AROUND], cut_right=end + AROUND < len(context)),
    )


def _words(text: str, *, cut_left: bool = False, cut_right: bool = False) -> str:
    """Return the whole words of a piece of text, with marks where more was cut off."""
    if cut_left:
        return "…" + (text.partition(" ")[2] or text)
    if cut_right:
        return (text.rpartition(" ")[0] or text) + "…"
    return text
