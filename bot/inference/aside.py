"""A thread beside the nets: what takes long and needs none of them is done there."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.families.base import GeneratingFamily
    from bot.inference.running import Running


class Aside:
    """Prepares jobs one by one, in their order, while the main thread goes on with others.

    Args:
        done: Called in that thread with the job, and with what was raised, if anything was.
    """

    def __init__(self, done: Callable[[Running, Exception | None], None]) -> None:
        self._done = done
        self._waiting: queue.SimpleQueue[tuple[GeneratingFamily, Running]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def prepare(self, family: GeneratingFamily, running: Running) -> None:
        """Prepare a job when those before it are."""
        self._waiting.put((family, running))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            family, running = self._waiting.get()
            error: Exception | None = None
            try:
                if not running.unwanted:
                    family.prepare(running.order.request)
            except Exception as raised:  # told where the job is ended
                error = raised
            self._done(running, error)
