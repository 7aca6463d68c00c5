"""What those who run the bot read of models in memory, and everybody of what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import UserError
from bot.locales import say, say_many
from bot.ui.limits import CONTENT, clip
from bot.ui.waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.service import Keeping, Model, UnderWay

SHOWN = 20  # jobs


def load(keeping: Keeping | None, model: Model) -> str:
    """Wake a model."""
    if _there(keeping).load(model):
        return say(
            "**{model}** is being woken. `/status` shows when it is awake.", model=model.title
        )
    return say("**{model}** is awake already.", model=model.title)


def unload(keeping: Keeping | None, model: Model) -> str:
    """Put a model out of memory."""
    if _there(keeping).unload(model):
        return say("**{model}** is put away.", model=model.title)
    return say("**{model}** is not awake.", model=model.title)


def pin(keeping: Keeping | None, model: Model, *, wanted: bool) -> str:
    """Let a model stay, or go."""
    _there(keeping).pin(model, wanted=wanted)
    if wanted:
        return say(
            "**{model}** stays in memory once it is awake, until the bot ends. `pin` in the "
            "configuration makes that last.",
            model=model.title,
        )
    return say("**{model}** makes room for others again.", model=model.title)


def queue_list(jobs: Sequence[UnderWay], *, named: bool) -> str:
    """Return the jobs under way, a line each, and who asked for them where that is wanted."""
    if not jobs:
        return say("Nothing is under way.")
    lines = []
    for one in jobs[:SHOWN]:
        progress = say("Waiting…") if one.progress is None else waiting(one.progress).content
        who = f" · <@{one.job.caller.user_id}>" if named else ""
        line = f"`{one.job.id}` /{one.job.request.task()} · {one.job.model.title}{who}"
        lines.append(f"{line}\n> {clip(' '.join(progress.split()), 80)}")
    if len(jobs) > SHOWN:
        lines.append(say_many("{n} more", "{n} more", len(jobs) - SHOWN))
    return clip("\n".join(lines), CONTENT)


def _there(keeping: Keeping | None) -> Keeping:
    if keeping is None:
        raise UserError("Models cannot be woken or put away by hand here.")
    return keeping
