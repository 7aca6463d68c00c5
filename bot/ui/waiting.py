"""What is shown while a job is under way, and what of it is worth an edit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bot.locales import say
from bot.tasks.progress import Loading, Queued, Started, StepDone, TextSoFar
from bot.ui.limits import CONTENT
from bot.ui.replies import Reply, picture_file

if TYPE_CHECKING:
    from bot.tasks.progress import Progress

CURSOR = " ▌"
BAR = 12  # cells of a progress bar
SLACK = 0.2  # the share of the time to wait by which an estimate may be off before it is told anew
SLACK_S = 3.0


def waiting(progress: Progress, now: float | None = None) -> Reply:
    """Return what is shown while a job is under way.

    Args:
        progress: How far it is.
        now: Seconds since 1970; the time of the answer is told by it, and Discord counts down.
    """
    match progress:
        case Queued(ahead=ahead, eta_s=eta_s):
            text = say("Next in the queue…")
            if ahead:
                text = say("In the queue: {n} before you.", n=ahead)
            return Reply(content=text if eta_s is None else f"{text} {_due(eta_s, now)}")
        case Loading(model=model):
            return Reply(content=say("Waking {model}…", model=model))
        case TextSoFar(text=text):
            room = CONTENT - len(CURSOR)
            return Reply(content=(text if len(text) <= room else f"…{text[1 - room :]}") + CURSOR)
        case StepDone(done=done, total=total, preview=preview):
            filled = round(BAR * done / max(1, total))
            bar = "▰" * filled + "▱" * (BAR - filled)
            files = None if preview is None else (picture_file("preview", preview),)
            return Reply(content=f"{bar} {done}/{total}", files=files)
        case Started():
            return Reply(content=say("At work…"))


def is_news(shown: Progress | None, progress: Progress, since_s: float = 0.0) -> bool:
    """Say whether something is worth an edit after what is shown.

    A place in the queue that is the same is none, as long as the estimate holds: the time that is
    shown counts down by itself.

    Args:
        shown: What the message says.
        progress: What it would say.
        since_s: Seconds since it was told.
    """
    if not isinstance(shown, Queued) or not isinstance(progress, Queued):
        return progress != shown
    if progress.ahead != shown.ahead or (progress.eta_s is None) != (shown.eta_s is None):
        return True
    if progress.eta_s is None or shown.eta_s is None:
        return False
    left_s = max(0.0, shown.eta_s - since_s)
    return abs(progress.eta_s - left_s) > max(SLACK_S, SLACK * left_s)


def _due(eta_s: float, now: float | None) -> str:
    due = (time.time() if now is None else now) + max(1.0, eta_s)
    return say("The answer begins about <t:{time}:R>.", time=int(due))
