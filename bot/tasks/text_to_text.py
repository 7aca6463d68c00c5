"""Requests and results of the text tasks: complete, fill, summarize, translate, ask, sentiment."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from bot.tasks.picture import Picture
from bot.tasks.request import Request


class CompleteText(Request, frozen=True, tag="complete"):
    """Continue a text. Sampling options that are ``None`` take the model's own defaults."""

    text_fields: ClassVar[tuple[str, ...]] = ("prompt",)
    uses_seed: ClassVar[bool] = True

    prompt: str
    max_tokens: Annotated[int, Meta(ge=1, le=4096)] | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None


class FillMask(Request, frozen=True, tag="fill"):
    """Fill the one hole in a text, written ``[MASK]``, ``<mask>`` or ``___``."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str


class Summarize(Request, frozen=True, tag="summarize"):
    """Say a long text in a few sentences."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str


class Translate(Request, frozen=True, tag="translate"):
    """Translate a text; languages are codes such as ``de``."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str
    to: str
    source: str | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered before, known by its job.

    Its words are left out where they are written down elsewhere, so that a turn that is deleted
    there is gone.
    """

    job_id: str
    question: str = ""
    answer: str = ""


class AnswerQuestion(Request, frozen=True, tag="ask"):
    """Answer a question, from a given context where there is one.

    ``turns`` are what was asked and answered before it, the oldest first.
    """

    text_fields: ClassVar[tuple[str, ...]] = ("question", "context")
    uses_seed: ClassVar[bool] = True

    question: str
    context: str | None = None
    turns: tuple[Turn, ...] = ()

    @property
    def converses(self) -> bool:
        """Whether the model itself is asked, and not what a text says: that can be followed up."""
        return not (self.context or "").strip()

    def size(self) -> int:
        """Return how many characters there are, those of the turns before included."""
        return super().size() + sum(len(turn.question + turn.answer) for turn in self.turns)

    def at_rest(self) -> Self:
        """Return the question with its turns by their jobs alone."""
        turns = tuple(Turn(job_id=turn.job_id) for turn in self.turns)
        return msgspec.structs.replace(self, turns=turns)


class ClassifySentiment(Request, frozen=True, tag="sentiment"):
    """Say whether a text sounds pleased or displeased.

    With ``chart`` each of its sentences is told on its own too, and all of them drawn.
    """

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str
    chart: bool = False


class TextResult(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """A text, whole.

    ``stopped_by`` says why it ends where it does: ``end`` (the model's own end), ``length`` or
    ``stop`` (a stop string). ``tokens`` counts what the model wrote, ``recalled`` the turns of a
    conversation that it had before it.
    """

    text: str
    tokens: int
    stopped_by: str
    recalled: int = 0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A word for a hole and its probability; ``joined`` where it goes on with the word before."""

    word: str
    probability: float
    joined: bool = False


class CandidatesResult(msgspec.Struct, frozen=True, kw_only=True, tag="candidates"):
    """The words for a hole, the likeliest first, and the text before and after the hole."""

    before: str
    after: str
    candidates: tuple[Candidate, ...]

    @property
    def text(self) -> str:
        """The words with their probabilities, a line each."""
        return "\n".join(f"{percent(c.probability):>6}  {c.word}" for c in self.candidates)


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label by the name that the model's makers gave it, and its score in 0..1."""

    name: str
    score: float


DRAWN_SENTENCES = 20
"""Sentences that a chart holds: more could not be read on a phone."""


TOLD_SENTENCES = 200
"""Sentences whose moods are told; a text of as many letters as are read has fewer."""


class SentenceLabels(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence and its labels, the likeliest first."""

    text: str
    labels: tuple[Label, ...]
    uncertain: bool


class LabelsResult(msgspec.Struct, frozen=True, kw_only=True, tag="labels"):
    """Every label, the likeliest first; ``uncertain`` where even that one says little.

    ``sentences`` are the first :data:`TOLD_SENTENCES` of the text, and ``chart`` shows the first of
    them, if that was asked for; there are ``untold`` others.
    """

    labels: tuple[Label, ...]
    uncertain: bool
    sentences: tuple[SentenceLabels, ...] = ()
    chart: Picture | None = None
    untold: int = 0

    @property
    def text(self) -> str:
        """The labels with their scores, a line each, and then the sentences with theirs."""
        lines = [f"{percent(label.score):>6}  {label.name}" for label in self.labels]
        lines += [
            f"{n}. {percent(one.labels[0].score)} {one.labels[0].name}: {one.text}"
            for n, one in enumerate(self.sentences, 1)
        ]
        if self.untold:
            lines.append(f"{self.untold} sentences behind them were not looked at.")
        return "\n".join((["uncertain"] if self.uncertain else []) + lines)


class Quotation(msgspec.Struct, frozen=True, kw_only=True):
    """Words of a context: the characters from ``start`` to before ``end``, and those around them.

    ``score`` is the probability that they are the answer.
    """

    text: str
    start: int
    end: int
    score: float
    before: str = ""
    after: str = ""


class QuotationsResult(msgspec.Struct, frozen=True, kw_only=True, tag="quotations"):
    """Answers quoted from a context, the best first.

    ``found`` is false where the context seems to hold no answer, the probability of which is
    ``nothing``; the quotations are then the nearest to one. ``characters`` is the context's length.
    """

    quotations: tuple[Quotation, ...]
    found: bool
    nothing: float
    characters: int

    @property
    def text(self) -> str:
        """The answer and its place, or that there is none."""
        if not self.found:
            return f"The context seems to hold no answer ({percent(self.nothing)})."
        best = self.quotations[0]
        return f"{best.text}\n{percent(best.score)}, characters {best.start} to {best.end}"


def percent(share: float) -> str:
    """Return a share of one in per cent; what is neither all nor nothing never looks so."""
    whole = round(100 * share)
    if whole == 0 and share > 0.0:
        return "< 1 %"
    if whole == 100 and share < 1.0:
        return "> 99 %"
    return f"{whole} %"
