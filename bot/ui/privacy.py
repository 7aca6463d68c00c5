"""What people are told of what is remembered of them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import msgspec

from bot.locales import say, say_many

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bot.service import Kept, Likings


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
        "Answers that have pages or can be followed up are kept with their requests, those that "
        "could not be delivered for a day, the others by Discord alone."
        "\n-# `/privacy export` gives you all of it; `/privacy "
        "delete` deletes it.",
        requests=say_many("{n} request", "{n} requests", requests),
        jobs=say_many("{n} line", "{n} lines", jobs),
        clock=clock,
    )


async def export(
    kept: AsyncIterator[Kept],
    jobs: Sequence[dict[str, Any]],
    likings: Likings,
    others: Mapping[str, Sequence[Any]],
    limit: int,
) -> tuple[str, bytes]:
    """Return all that is kept of somebody as a file: its name, and JSON; of files their lengths.

    What would be larger than the limit, in bytes, is packed.
    """
    everything = {
        "requests": [
            _plain(msgspec.to_builtins(each, builtin_types=(bytes,))) async for each in kept
        ],
        "jobs": [_plain(job) for job in jobs],
        "preferences": msgspec.to_builtins(likings),
        **{name: _plain(rows) for name, rows in others.items()},
    }
    data = msgspec.json.format(msgspec.json.encode(everything), indent=2)
    name = "menagerie-about-you.json"
    return (name, data) if len(data) <= limit else (f"{name}.gz", gzip.compress(data))


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
