"""A job in a worker: what was ordered, what was told of it, and the flag that stops it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.families.base import Stopped
from bot.inference import wire
from bot.inference.rows import Rows
from bot.tasks.progress import Started, StepDone, TextSoFar

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.inference.wire import FromWorker
    from bot.tasks.picture import Picture
    from bot.tasks.progress import Progress


TELL_EVERY_S = 0.1
"""How often a growing text is told: nobody reads faster, and each message costs both ends."""


@dataclass(slots=True, eq=False)
class Running:
    """A job in this worker, and the flag by which it is stopped."""

    order: wire.RunJob
    send: Callable[[FromWorker], None]
    started_at: float = 0.0
    seq: int = 0
    batch: int = 1  # how many jobs shared its run, at the most
    shown: str = ""
    told_at: float = 0.0
    begun: bool = False  # the main thread has come to its order
    rows: Rows = field(init=False)
    untold: dict[int, list[int]] = field(default_factory=dict)  # by row: tokens not told yet
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.rows = Rows(self.order)

    def start(self) -> None:
        """Begin the clock, and say so; a job that has several rows starts with the first."""
        if not self.started_at:
            self.started_at = time.monotonic()
            self.report(Started())

    def wrote(self, number: int, token: int | None) -> None:
        """Note a token of a row; it is told with the next news."""
        if token is not None:
            self.untold.setdefault(number, []).append(token)

    def show(self, text: str) -> None:
        """Tell the text so far if it is new."""
        if text != self.shown and time.monotonic() - self.told_at >= TELL_EVERY_S:
            self.shown = text
            self.told_at = time.monotonic()
            self.report(TextSoFar(text=text))

    def report(self, progress: Progress) -> None:
        """Send news, and the tokens that have not been told."""
        tokens = {number: tuple(new) for number, new in self.untold.items()}
        self.send(wire.Progressed(self.order.job_id, self.seq, progress, tokens))
        self.untold.clear()
        self.seq += 1

    @property
    def run_s(self) -> float:
        """Seconds since it began; 0 while it waits."""
        return time.monotonic() - self.started_at if self.started_at else 0.0

    @property
    def unwanted(self) -> bool:
        """Whether it was cancelled, or its time is up."""
        return self.cancelled.is_set() or self.run_s > self.order.max_run_s


class BatchRun:
    """The :class:`bot.families.base.Run` of a batch: it goes on while one of its jobs is wanted."""

    def __init__(self, batch: list[Running], count: Callable[[], None]) -> None:
        self._batch = batch
        self._count = count

    def check(self) -> None:
        """Raise ``Stopped`` if nobody wants any of the batch."""
        self._count()
        if all(running.unwanted for running in self._batch):
            raise Stopped

    def step(self, done: int, total: int, preview: Picture | None = None) -> None:
        """Tell everybody of a step, then :meth:`check`."""
        for running in self._batch:
            running.report(StepDone(done=done, total=total, preview=preview))
        self.check()
