"""Every error the bot means to raise, and who is told what.

::

    BotError
    ├── UserError         its message is the reply: the fact, the limit, the next step
    │   └── BusyError     the same, and when it is worth coming back
    ├── OperatorError     the command line prints it and exits with 2
    └── InferenceError    the member gets a reference, the log gets the remote traceback

Anything else that reaches a border (the command tree, the worker's loop) is a fault of ours: the
member gets a reference number and the log gets the traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BotError(Exception):
    """The root of all errors raised on purpose."""


class UserError(BotError):
    """Something the person who asked can mend; the message is shown to them as it is."""


class BusyError(UserError):
    """The queue is full: a :class:`UserError` that says when to come back."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OperatorError(BotError):
    """Something the person who runs the bot can mend: configuration, files, checkpoints."""


class InferenceError(BotError):
    """A model failed for a reason nobody who asked can mend.

    Args:
        message: One line for the log; never shown to a member.
        reference: What the member is shown, and what the log line carries.
        remote_traceback: The worker's traceback, for the log.
    """

    def __init__(self, message: str, reference: str, remote_traceback: str = "") -> None:
        super().__init__(message)
        self.reference = reference
        self.remote_traceback = remote_traceback


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""
