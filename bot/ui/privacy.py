"""What people are told of what is remembered of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.service import Kept


def summary(requests: int, jobs: int, days: int) -> str:
    """Return what is kept of somebody in two or three sentences."""
    if not days:
        clock = "Jobs are kept without what was asked, and requests not at all."
    else:
        clock = f"Both are deleted {days} days after they were asked."
    return (
        f"Kept of you: {requests} request{'s' * (requests != 1)}, by which the buttons below an "
        f"answer work, and {jobs} line{'s' * (jobs != 1)} of the list of jobs (when, "
        f"which command and model, how long; not what you asked). {clock} Answers are kept by "
        "Discord alone.\n-# `/privacy export` gives you all of it; `/privacy delete` deletes it."
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
    return (
        f"Deleted: {count} job{'s' * (count != 1)} and all that you asked in them. The buttons "
        "below those answers do nothing any more, but for *Delete*, which still deletes the answer."
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
