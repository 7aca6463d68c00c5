"""Why jobs failed, as the list of jobs has it: without the words of those who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bot.errors import Sentence, Value

if TYPE_CHECKING:
    from bot.inference.job import Job
    from bot.tasks.registry import AnyRequest


def unquoting(sentence: Sentence, job: Job) -> Sentence:
    """Return a sentence about a job without the words of the one who asked.

    The list of jobs outlives what was asked, and does not hold it.
    """
    names = (job.model.title, job.model.id, job.request.task())
    own = " ".join(_own_words(job.request)).casefold()
    values: dict[str, Value] = {}
    for name, value in sentence.values.items():
        if isinstance(value, Sentence):
            values[name] = unquoting(value, job)
        elif isinstance(value, str) and value not in names and value.casefold() in own:
            values[name] = "…"
        else:
            values[name] = value
    return Sentence(sentence.text, values)


def _own_words(request: AnyRequest) -> list[str]:
    turns = getattr(request, "turns", ())
    said = [words for turn in turns for words in (turn.question, turn.answer)]
    return [each for each in msgspec.structs.astuple(request) if isinstance(each, str)] + said
