"""What happened to a job, in plain words: only what the list of jobs knows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from bot.errors import Sentence
from bot.locales import say, say_many, told
from bot.tasks.registry import REQUESTS
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from bot.service import Deed

ENDS = {
    "queued": Sentence("It has not ended yet; or the bot stopped before it could note the end."),
    "failed": Sentence("It failed. Whoever runs the bot finds the reason in the log, by its id."),
    "cancelled": Sentence("It was cancelled."),
    "expired": Sentence("Its time was up before there was an answer, so it was stopped."),
    "interrupted": Sentence("The bot was restarted in the middle; the job went on as a new one."),
}
REASON = 600  # characters that are shown of why a job failed
STOPS = {
    "end": Sentence("The model came to an end by itself, after {n} tokens."),
    "stop": Sentence("It ended after {n} tokens, at a text that always ends this model's answers."),
    "length": Sentence(
        "It was cut off after {n} tokens: there was no room for more. `max_tokens`, where a "
        "command has it, or a shorter text makes room."
    ),
}


def explanation(deed: Deed) -> str:
    """Return what happened to a job."""
    asked = deed.created_at.replace(tzinfo=dt.UTC).timestamp()
    lines = [
        say("**What happened to job `{id}`**", id=deed.id),
        say(
            "/{task} was asked <t:{time}:F>, of the model `{model}`.",
            task=deed.task, time=int(asked), model=deed.model,
        ),
        *(_way(deed) if deed.state == "done" else [_end(deed)]),
        _luck(deed),
    ]  # fmt: skip
    return clip("\n- ".join(lines), CONTENT)


def _end(deed: Deed) -> str:
    """Return why there was no answer."""
    return failure(deed) or told(ENDS[deed.state])


def failure(deed: Deed) -> str:
    """Return why a job failed, where the one who asked was told; else nothing."""
    if deed.reason is None:
        return ""
    return say("It failed: {reason}", reason=clip(told(deed.reason), REASON))


def _way(deed: Deed) -> list[str]:
    """Return what is known of the way to an answer."""
    lines = []
    if deed.queued_s is not None and deed.run_s is not None:
        waited, ran = f"{deed.queued_s:.1f}", f"{deed.run_s:.1f}"
        lines.append(
            say(
                "It waited {waited} s for its turn and for the model to be loaded, then ran for "
                "{ran} s.",
                waited=waited, ran=ran,
            )
        )  # fmt: skip
    if deed.worker is not None:
        lines.append(say("Worker {n} answered it.", n=deed.worker))
    if deed.batch is not None and deed.batch > 1:
        lines.append(
            say("It ran in one batch with others: {n} jobs at the most, with it.", n=deed.batch)
        )
    elif deed.batch is not None:
        lines.append(say("It ran alone, in no batch."))
    if deed.runs is not None and deed.runs > 1:
        lines.append(
            say_many(
                "Its worker died {n} time; another one took the job over.",
                "Its worker died {n} times; another one took the job over each time.",
                deed.runs - 1,
            )
        )
    if deed.askers is not None and deed.askers > 1:
        lines.append(
            say(
                "{n} had asked the very same at the same time; one run answered all.", n=deed.askers
            )
        )
    if deed.stopped_by in STOPS and deed.tokens is not None:
        lines.append(say(STOPS[deed.stopped_by].text, n=deed.tokens))
    return lines


def _luck(deed: Deed) -> str:
    request = REQUESTS.get(deed.task)
    if request is not None and not request.uses_seed:
        return say("Chance played no part in it: no seed is used.")
    return say(
        "Its seed was {seed}: with the same words and model it gives the same.", seed=deed.seed
    )
