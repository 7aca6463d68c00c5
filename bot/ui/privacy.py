"""What people are told of what is remembered of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bot.locales import say, say_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.service import Kept


def summary(requests: int, jobs: int, days: int) -> str:
    """Return what is kept of somebody in two or three sentences."""
    if not days:
        clock = say("Jobs are kept without what was asked, and requests not at all.")
    else:
        clock = say_many(
            "Both are deleted {n} day after they were asked.",
            "Both are deleted {n} days after they were asked.",
            days,
        )
    return say(
        "Kept of you: {requests}, by which the buttons below an answer work, and {jobs} of the "
        "list of jobs (when, which command and model, how long; not what you asked). {clock} "
        "Answers are kept by Discord alone.\n-# `/privacy export` gives you all of it; `/privacy "
        "delete` deletes it.",
        requests=say_many("{n} request", "{n} requests", requests),
        jobs=say_many("{n} line", "{n} lines", jobs),
        clock=clock,
    )


def export(kept: Sequence[Kept], jobs: Sequence[dict[str, Any]]) -> bytes:
    """Return all that is kept of somebody as JSON; of files, only how long they are."""
    everything = {
        "requests": [_plain(msgspec.to_builtins(k, builtin_types=(bytes,))) for k in kept]
    }
    everything["jobs"] = [_plain(job) for job in jobs]
    return msgspec.json.format(msgspec.json.encode(everything), indent=2)


def deleted(count: int) -> str:
    """Return what is said when all is deleted."""
    return say_many(
        "Deleted: {n} job and all that you asked in it. The buttons below that answer do nothing "
        "any more, but for *Delete*, which still deletes the answer.",
        "Deleted: {n} jobs and all that you asked in them. The buttons below those answers do "
        "nothing any more, but for *Delete*, which still deletes the answer.",
        count,
    )


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case bytes():
            return f"({len(value):,} bytes)"
    return value
