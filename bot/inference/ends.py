"""The jobs of a worker, and how they end: each in exactly one message to the bot."""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, Any

from bot.errors import UserError
from bot.families.base import Stopped
from bot.inference import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.inference.running import Running
    from bot.inference.wire import FromWorker


class Jobs:
    """What a worker was ordered to do and has not ended.

    Args:
        send: Takes every message for the bot.
    """

    def __init__(self, send: Callable[[FromWorker], None]) -> None:
        self._send = send
        self.by_id: dict[str, Running] = {}
        self.left: Callable[[Running], None] = lambda _: None  # told of each that ends

    def knows(self, running: Running) -> bool:
        """Say whether a job is still wanted; the same may have been ordered anew."""
        return self.by_id.get(running.order.job_id) is running

    @contextlib.contextmanager
    def ending(self, running: Running) -> Any:
        """Turn what a family raises into the job's end."""
        try:
            yield
        except UserError as error:
            self.forget(running)
            self._send(wire.Refused(running.order.job_id, error.sentence))
        except Stopped:
            self.stopped(running)
        except Exception as error:  # the other border
            self.failed(running, error)

    def done(self, running: Running, result: Any) -> None:
        """End a job with its result."""
        self.forget(running)
        self._send(wire.Done(running.order.job_id, result, running.run_s, running.batch))

    def stopped(self, running: Running) -> None:
        """End a job that was cancelled, or whose time is up."""
        self.forget(running)
        expired = not running.cancelled.is_set()
        self._send(wire.Ended(running.order.job_id, expired))

    def failed(self, running: Running, error: Exception) -> None:
        """End a job by a fault of the model's or of ours."""
        self.forget(running)
        text = f"{type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        self._send(wire.Failed(running.order.job_id, text, trace))

    def forget(self, running: Running) -> None:
        """Drop a job, and its rows where it has some."""
        if self.knows(running):  # else it was ordered anew meanwhile
            del self.by_id[running.order.job_id]
        self.left(running)
