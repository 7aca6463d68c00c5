"""Tells moods sentence by sentence too, around any family that tells that of a whole text.

The sentences go through the net with the whole text, as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bot.errors import UserError
from bot.families.base import BatchFamily, Run
from bot.families.charts import Bar, bars
from bot.families.chunks import sentences
from bot.families.pictures import to_picture
from bot.tasks.text_to_text import (
    DRAWN_SENTENCES,
    TOLD_SENTENCES,
    ClassifySentiment,
    Label,
    LabelsResult,
    SentenceLabels,
    percent,
)

if TYPE_CHECKING:
    from bot.tasks.picture import Picture
    from bot.tasks.registry import Result

SIDES = {"positive": 1, "neutral": 0, "negative": -1}
"""Labels that stand on one line: a bar tells by its side which it means."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A whole text and its sentences, as the net reads them."""

    whole: Any
    sentences: tuple[str, ...]
    inputs: tuple[Any, ...]
    untold: int


@dataclass(frozen=True, slots=True)
class PartsOutputs:
    """What the net said of a whole text and of its sentences."""

    whole: Any
    sentences: tuple[str, ...]
    outputs: tuple[Any, ...]
    untold: int


class BySentence(BatchFamily[Any, Any]):
    """A family whose :class:`ClassifySentiment` may want a chart; what else it does is left alone.

    Args:
        whole: Tells the mood of a text.
    """

    def __init__(self, whole: BatchFamily[Any, Any]) -> None:
        self.whole = whole

    def preprocess(self, request: Any, seed: int) -> Any:
        """Have the text read, and where a chart is wanted each of its sentences."""
        inputs = self.whole.preprocess(request, seed)
        if not wants_chart(request):
            return inputs
        found = [text for sentence in sentences(request.text) if (text := sentence.strip())]
        texts: list[str] = []
        each: list[Any] = []
        untold = 0
        for text in found:
            if len(texts) == TOLD_SENTENCES:
                untold += 1
                continue
            try:
                each.append(self.whole.preprocess(ClassifySentiment(text=text), seed))
            except UserError:  # a line of emoji between sentences
                continue
            texts.append(text)
        return Parts(inputs, tuple(texts), tuple(each), untold)

    def forward(self, batch: list[Any], run: Run) -> list[Any]:
        """Run the net on all texts and sentences at once."""
        flat: list[Any] = []
        for one in batch:
            flat += [one.whole, *one.inputs] if isinstance(one, Parts) else [one]
        outputs = iter(self.whole.forward(flat, run))
        return [
            PartsOutputs(
                whole=next(outputs),
                sentences=one.sentences,
                outputs=tuple(next(outputs) for _ in one.inputs),
                untold=one.untold,
            )
            if isinstance(one, Parts)
            else next(outputs)
            for one in batch
        ]

    def postprocess(self, outputs: Any, request: Any) -> Result:
        """Name the mood of the text, and those of its sentences where a chart is wanted."""
        if not isinstance(outputs, PartsOutputs):
            return self.whole.postprocess(outputs, request)
        result = self.whole.postprocess(outputs.whole, request)
        if not isinstance(result, LabelsResult):  # a family of somebody's own: nothing to draw
            return result
        each: list[SentenceLabels] = []
        for text, one in zip(outputs.sentences, outputs.outputs, strict=True):
            told = self.whole.postprocess(one, ClassifySentiment(text=text))
            assert isinstance(told, LabelsResult)
            each.append(SentenceLabels(text=text, labels=told.labels, uncertain=told.uncertain))
        return msgspec.structs.replace(
            result, sentences=tuple(each), chart=chart(each), untold=outputs.untold
        )

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self.whole.size_bytes()


def wants_chart(request: Any) -> bool:
    """Say whether a request is for a mood with a chart."""
    return isinstance(request, ClassifySentiment) and request.chart


def chart(each: list[SentenceLabels]) -> Picture | None:
    """Draw the first sentences with their moods, or nothing where there is no sentence."""
    if not each:
        return None
    drawn = each[:DRAWN_SENTENCES]
    two_sided = all(label.name.casefold() in SIDES for label in drawn[0].labels)
    names = {label.name.casefold(): _word(label) for label in drawn[0].labels}
    left, right = (names.get(name, name.capitalize()) for name in ("negative", "positive"))
    rows = [_row(one, two_sided=two_sided) for one in drawn]
    sheet = bars(rows, left, right) if two_sided else bars(rows)
    said = "; ".join(f"{n}: {row.label or _word(one.labels[0])} {row.score}"
                     for n, (row, one) in enumerate(zip(rows, drawn, strict=True), 1))  # fmt: skip
    return to_picture(sheet, f"A chart of {len(drawn)} sentences. {said}.")


def _row(one: SentenceLabels, *, two_sided: bool) -> Bar:
    best = one.labels[0]
    score, sure = percent(best.score), not one.uncertain
    if not two_sided:
        return Bar(one.text, best.score, score, sure, _word(best))
    leaning = sum(label.score * SIDES[label.name.casefold()] for label in one.labels)
    neutral = best.name.casefold() == "neutral"
    return Bar(one.text, leaning, score, sure and not neutral)


def _word(label: Label) -> str:
    return label.name.capitalize() if label.name.isupper() else label.name
