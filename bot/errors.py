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
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

Value: TypeAlias = "str | int | float | Sentence"


class Sentence(msgspec.Struct, frozen=True):
    """Something to say: in English as text, and so that it can be said in other languages too.

    Args:
        text: In English, with ``{names}`` for values.
        values: What stands for the names; sentences among them are translated in their turn.
    """

    text: str
    values: Mapping[str, Value] = {}

    def __str__(self) -> str:
        return self.text.format(**self.values) if self.values else self.text


def joined(*sentences: Sentence | str) -> Sentence:
    """Return several sentences as one, in this order; empty ones are left out."""
    said: dict[str, Value] = {f"part{n}": part for n, part in enumerate(sentences) if str(part)}
    text = " ".join(f"{{{name}}}" for name in said)
    return Sentence(text, said)


class BotError(Exception):
    """The root of all errors raised on purpose."""


class UserError(BotError):
    """Something the person who asked can mend; they are shown the message, in their language.

    Args:
        text: In English, as a literal, so that it can be collected for translation, with
            ``{names}`` for values; or a sentence that is made already.
        values: What stands for the names.
    """

    def __init__(self, text: str | Sentence, /, **values: Value) -> None:
        self.sentence = text if isinstance(text, Sentence) else Sentence(text, values)
        super().__init__(str(self.sentence))


class BusyError(UserError):
    """The queue is full: a :class:`UserError` that says when to come back."""

    def __init__(self, text: str | Sentence, /, *, retry_after_s: float, **values: Value) -> None:
        super().__init__(text, **values)
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


def did_you_mean(word: str, known: Iterable[str]) -> Sentence | str:
    """Return ``Did you mean 'x'?`` for the nearest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return Sentence("Did you mean {word!r}?", {"word": close[0]}) if close else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return :func:`did_you_mean` after a space, for messages to operators."""
    hint = did_you_mean(word, known)
    return f" {hint}" if hint else ""
