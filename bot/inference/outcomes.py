"""How jobs end, and what is said of those that end badly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import InferenceError, UserError
from bot.inference.job import Answered, Expired, Timings

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.inference.held import Held
    from bot.inference.job import Job
    from bot.inference.wire import Done, LoadFailed


def answered(held: Held, done: Done) -> Answered:
    """Return the outcome of a job that is done."""
    timings = Timings(
        queued_s=held.queued_s,
        run_s=done.run_s,
        batch=done.batch,
        worker=held.worker_id,
        runs=held.runs,
        askers=len(held.listeners),
    )
    return Answered(result=done.result, timings=timings)


def expired(held: Held) -> Expired:
    """Return the outcome of a job that ran for as long as it may."""
    return Expired(limit_s=held.job.model.limits.max_seconds)


def poison() -> UserError:
    """Return what is said of a job that killed its workers."""
    return UserError(
        "This request stopped two workers, so it will not be tried a third time. Change it, or try "
        "another model."
    )


def known_poison() -> UserError:
    """Return what is said of the like of a job that killed its workers."""
    return UserError(
        "This very request stopped two workers a while ago, so it is not tried again for some "
        "minutes. Change it, or try another model."
    )


def not_now(model: Model, wait_s: float) -> UserError:
    """Return what is said while a model that failed to load is left alone."""
    return UserError(
        "{model} could not be loaded just now; it is tried again in {seconds} s. Whoever runs the"
        " bot finds the reason in the log.",
        model=model.title,
        seconds=max(1, round(wait_s)),
    )


def load_error(job: Job, message: LoadFailed) -> InferenceError | UserError:
    """Return what is said of a job whose model could not be loaded."""
    if message.out_of_memory:
        return UserError(
            "{model} does not fit into this machine's memory, even with everything else put "
            "away. Choose a smaller model.",
            model=job.model.title,
        )
    return InferenceError(message.message, job.id, message.traceback)
