"""A job, and the ways it can end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import BotError

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.tasks.caller import Caller
    from bot.tasks.registry import AnyRequest, Result


INTERACTIVE, BACKGROUND = 0, 1
"""Priorities; the smaller number comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request on its way: who asks, of which model, with which seed, until when it may wait."""

    id: str
    request: AnyRequest
    model: Model
    seed: int
    caller: Caller
    priority: int = INTERACTIVE
    max_wait_s: float = 600.0  # in the queue, before it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How a job was done.

    Args:
        queued_s: Seconds that it waited, loading included.
        run_s: Seconds that it ran.
        batch: How many jobs, at the most, ran in one batch with it.
        worker: Which worker answered it; ``None`` where that is not known.
        runs: How often it was given to a worker; more than once where one died.
        askers: How many had asked the very same and shared the run.
    """

    queued_s: float
    run_s: float
    batch: int = 1
    worker: int | None = None
    runs: int = 1
    askers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The job is done."""

    result: Result
    timings: Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """The job ended without a result; ``error`` says to whom that is to be told, and how."""

    error: BotError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Somebody who may cancelled the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The job's time was up: ``limit_s`` of running, or of waiting where ``waiting`` is true."""

    limit_s: float
    waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The bot stopped before the job was done."""


Outcome = Answered | Unanswered | Cancelled | Expired | Interrupted
