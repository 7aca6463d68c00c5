"""What a model is asked in a trial: a sensible request of its task, of a known amount of work.

Texts are words of :mod:`bot.catalogue.synthetic.words`, which stand-ins read as one token each.
Stand-ins never end a text by themselves, so that an entry's ``max_new_tokens``, lowered here to
what such a request usually gets, is the number of tokens that they write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bot.catalogue.synthetic.words import made_up_words
from bot.errors import OperatorError
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.image_to_text import DescribePicture, ReadText
from bot.tasks.recommend import RecommendFilms
from bot.tasks.text_to_image import ConjurePicture, ImaginePicture
from bot.tasks.text_to_text import (
    AnswerQuestion,
    ClassifySentiment,
    CompleteText,
    FillMask,
    Summarize,
    Translate,
)

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.tasks.registry import AnyRequest

SLOW_PARAMS = 2_000_000_000  # a model of more takes seconds a token
ARTICLE_TOKENS, SUMMARY_TOKENS = 800, 100
SENTENCE_TOKENS = 40
LINE_TOKENS = 20
HOLE_TOKENS = 8
CAPTION_TOKENS = 12
PICTURES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a trial.

    Args:
        what: The request and its answer, in a few words for people.
        request: It.
        new_tokens: What the entry's limit of new tokens is lowered to, where that sets the work.
        beams: What the entry's number of beams is set to, where it matters.
        parts: How many lines, pictures and so on the answer has; seconds are told for each.
        part: What such a part is called.
        bar_s: Seconds that a part may take, where the project has set itself a bar.
    """

    what: str
    request: AnyRequest
    new_tokens: int | None = None
    beams: int | None = None
    parts: int = 1
    part: str = ""
    bar_s: float | None = None

    def entry(self, model: Model) -> Model:
        """Return the catalogue's entry as this request needs it."""
        limits, defaults = model.limits, model.defaults
        if self.new_tokens is not None:
            limits = msgspec.structs.replace(limits, max_new_tokens=self.new_tokens)
        if self.beams is not None:
            defaults = msgspec.structs.replace(defaults, beams=self.beams)
        return msgspec.structs.replace(model, limits=limits, defaults=defaults)


def asks_of(model: Model) -> list[Ask]:
    """Return what a model is asked, by the first of its tasks.

    Raises:
        OperatorError: Nothing is known to ask of such a task.
    """
    task = model.tasks[0]
    if task not in ASKS:
        raise OperatorError(f"{model.id}: it is not known how to try out a model for /{task}.")
    return ASKS[task](model)


def words(count: int, skip: int = 0) -> str:
    """Return so many made-up words, the first after a space: as many tokens to a stand-in."""
    return " " + " ".join(made_up_words(skip + count)[skip:])


def _complete(model: Model) -> list[Ask]:
    new = 16 if (model.params or 0) > SLOW_PARAMS else 64
    request = CompleteText(prompt=words(32), max_tokens=new)
    return [Ask(what=f"{new} tokens after 32", request=request)]


def _fill(model: Model) -> list[Ask]:
    text = f"{words(24)} [MASK] {words(24, 24)}"
    if model.family == "masked_lm":
        return [Ask(what="a hole in 50 tokens", request=FillMask(text=text))]
    return [
        Ask(
            what=f"{HOLE_TOKENS} tokens into a hole in 50",
            request=FillMask(text=text),
            new_tokens=HOLE_TOKENS,
        )
    ]


def _summarize(model: Model) -> list[Ask]:
    sentences = (words(20, 20 * number) + "." for number in range(ARTICLE_TOKENS // 21))
    request = Summarize(text="".join(sentences))
    shipped = model.defaults.beams
    return [
        Ask(
            what=f"{ARTICLE_TOKENS} tokens into {SUMMARY_TOKENS}, {_beams(beams)}",
            request=request,
            new_tokens=SUMMARY_TOKENS,
            beams=beams,
            bar_s=10.0 if (model.id, beams) == ("bart-large-cnn", 4) else None,
        )
        for beams in dict.fromkeys((shipped, 4))
    ]


def _beams(beams: int) -> str:
    return "greedy" if beams == 1 else f"{beams} beams"


def _translate(model: Model) -> list[Ask]:
    pair = model.languages if len(model.languages) == 2 else ("en", "de")
    source, to = pair
    request = Translate(text=words(SENTENCE_TOKENS - 3) + ".", source=source, to=to)
    return [
        Ask(
            what=f"{SENTENCE_TOKENS} tokens into {SENTENCE_TOKENS}, {_beams(model.defaults.beams)}",
            request=request,
            new_tokens=SENTENCE_TOKENS,
            bar_s=1.0 if model.id == "m2m100-418m" else None,
        )
    ]


def _ask(model: Model) -> list[Ask]:
    if model.family != "extractive_qa":
        request = AnswerQuestion(question=words(16) + "?")
        return [Ask(what="an answer to 16 tokens", request=request)]
    request = AnswerQuestion(question=words(10) + "?", context=words(300, 10))
    return [Ask(what="an answer out of 300 tokens", request=request)]


def _sentiment(model: Model) -> list[Ask]:
    return [Ask(what="a text of 64 tokens", request=ClassifySentiment(text=words(64)))]


def _imagine(model: Model) -> list[Ask]:
    prompt = "a lighthouse above a stormy sea, oil on canvas"
    request = ImaginePicture(prompt=prompt, count=PICTURES)
    return [Ask(what=f"{PICTURES} pictures with guidance", request=request, bar_s=24.0)]


def _conjure(model: Model) -> list[Ask]:
    return [Ask(what="a picture", request=ConjurePicture(what="lion"), bar_s=0.2)]


def _ocr(model: Model) -> list[Ask]:
    from bot.trials import pictures

    if model.id.startswith("manga"):
        request = ReadText(image=pictures.bubble())
        what = f"a bubble of {LINE_TOKENS} tokens, {_beams(model.defaults.beams)}"
        return [Ask(what=what, request=request, new_tokens=LINE_TOKENS)]
    count = len(pictures.LINES)
    # PP-OCR writes what it sees, in one pass
    new, told = (LINE_TOKENS, f" of {LINE_TOKENS} tokens") if model.family != "ocr" else (None, "")
    bar_s = 1.0 if model.id.startswith("trocr-base") else None
    one = Ask(
        what=f"one line{told}", request=ReadText(image=pictures.line()), new_tokens=new, bar_s=bar_s
    )
    many = Ask(
        what=f"a page of {count} lines{told}",
        request=ReadText(image=pictures.page()),
        new_tokens=new,
        parts=count,
        part="line",
    )
    return [one, many]


def _describe(model: Model) -> list[Ask]:
    from bot.trials import pictures

    return [
        Ask(
            what=f"a sentence of {CAPTION_TOKENS} tokens",
            request=DescribePicture(image=pictures.scene(384)),
            new_tokens=CAPTION_TOKENS,
        )
    ]


def _restyle(model: Model) -> list[Ask]:
    from bot.trials import pictures

    content, style = pictures.scene(256), pictures.scene(256, phase=2.0)
    request = RestylePicture(image=content, style_image=style)
    bar_s = 60.0 if model.family == "gatys" else None
    return [Ask(what="256 px in the style of a picture", request=request, bar_s=bar_s)]


def _recommend(model: Model) -> list[Ask]:
    request = RecommendFilms(liked="Alien 5, Casablanca 4, Heat 3")
    return [Ask(what="three rated films", request=request)]


ASKS: dict[str, Callable[[Model], list[Ask]]] = {
    "complete": _complete,
    "fill": _fill,
    "summarize": _summarize,
    "translate": _translate,
    "ask": _ask,
    "sentiment": _sentiment,
    "imagine": _imagine,
    "conjure": _conjure,
    "ocr": _ocr,
    "describe": _describe,
    "restyle": _restyle,
    "recommend": _recommend,
}
"""Task -> what is asked of a model for it."""
