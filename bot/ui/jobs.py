"""What is told of a job that was: what was asked, and the command that asks it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bot.locales import say
from bot.presets import RENAMED
from bot.tasks.text_to_text import Turn
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from bot.service import Kept
    from bot.tasks.request import Request


def job_card(kept: Kept, failure: str = "") -> str:
    """Return what is remembered of a job, why it failed, and how to ask the same again."""
    asked = int(kept.asked_at.timestamp())
    typed = command(kept.request, kept.model_id, kept.seed).replace("```", "'''")
    lines = [
        say(
            "**Job `{id}`**: /{task}, asked by <@{user}> <t:{time}:R>",
            id=kept.job_id,
            task=kept.request.task(),
            user=kept.caller.user_id,
            time=asked,
        ),
        say("Model: `{model}`, seed {seed}", model=kept.model_id, seed=kept.seed)
        if kept.request.uses_seed
        else say("Model: `{model}`", model=kept.model_id),
        failure or say("On this machine the same command gives the same answer:"),
    ]
    head = "\n".join(lines) + "\n```\n"
    return head + clip(typed, CONTENT - len(head) - 4) + "\n```"


def command(request: Request, model_id: str, seed: int) -> str:
    """Return what somebody can paste to get the same answer; files are to be attached anew."""
    options = {
        RENAMED.get(field.name, field.name): getattr(request, field.name)
        for field in msgspec.structs.fields(request)
        if getattr(request, field.name) not in (None, field.default)
    }
    options["model"] = model_id
    if request.uses_seed:
        options["seed"] = seed
    typed = (f"{name}:{_value(value)}" for name, value in options.items())
    return f"/{request.task()} {' '.join(typed)}"


def _value(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[-1], Turn):
        return value[-1].job_id  # a conversation is known by its last answer
    if isinstance(value, bytes):
        return say("(the file)")
    return " ".join(str(value).split())  # an option is one line
