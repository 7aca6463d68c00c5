"""The jobs of a worker that write: their rows join the engines, grow, and are put together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.families.base import BatchFamily, GeneratingFamily
from bot.inference import wire
from bot.inference.aside import Aside
from bot.inference.rows import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.decoding.engine import Finish
    from bot.inference.ends import Jobs
    from bot.inference.running import Running
    from bot.inference.wire import FromWorker


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job's family has done what it can do beside others, or this is what it raised."""

    running: Running
    error: Exception | None


class Writing:
    """Grows the rows of jobs, of each as many as it may have beside the others.

    Args:
        families: Those that are loaded, by model.
        jobs: All jobs of the worker.
        send: Takes every message for the bot.
        wake: Takes what another thread has prepared, for :meth:`prepared` in this one.
        count: Called before each step of a net.
    """

    def __init__(
        self,
        families: Mapping[str, BatchFamily[Any, Any] | GeneratingFamily],
        jobs: Jobs,
        send: Callable[[FromWorker], None],
        wake: Callable[[Prepared], None],
        count: Callable[[], None],
    ) -> None:
        self._families = families
        self._jobs = jobs
        jobs.left = self._drop
        self._send = send
        self._count = count
        self._aside = Aside(lambda running, error: wake(Prepared(running, error)))
        self._preparing: list[Running] = []
        self._joining: deque[Running] = deque()
        self._rows: dict[str, tuple[Running, int]] = {}  # by their keys in the engines

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do in this thread."""
        return bool(self._joining or self._rows)

    def begin(self, family: GeneratingFamily, running: Running) -> None:
        """Take a job in; it joins at once, or when what takes long is prepared."""
        if type(family).prepare is GeneratingFamily.prepare:
            self._joining.append(running)
            return
        running.start()
        self._preparing.append(running)
        self._aside.prepare(family, running)

    def stop_waiting(self) -> None:
        """Let go the jobs that were cancelled while they are prepared."""
        for running in [r for r in self._preparing if r.cancelled.is_set()]:
            self._jobs.stopped(running)

    def prepared(self, message: Prepared) -> None:
        """Let a job join that waited for its family, or end it."""
        running = message.running
        if running not in self._preparing:
            return  # it was stopped meanwhile
        self._preparing.remove(running)
        with self._jobs.ending(running):
            if message.error is not None:
                raise message.error
            self._joining.append(running)

    def let_join(self) -> None:
        """Let rows join where there is room: jobs given up by the bot may still hold a slot."""
        for _ in range(len(self._joining)):
            running = self._joining.popleft()
            family = self._families.get(running.order.model_id)
            if not self._jobs.knows(running) or not isinstance(family, GeneratingFamily):
                continue
            if running.cancelled.is_set():
                self._jobs.stopped(running)
            elif not family.engine.has_room:
                self._joining.append(running)
            else:
                with self._jobs.ending(running):
                    if not self._join_row(family, running):  # all was written before
                        request, finishes = running.order.request, running.rows.finishes
                        self._jobs.done(running, family.result_of(request, finishes))

    def _join_row(self, family: GeneratingFamily, running: Running, *, ahead: bool = False) -> bool:
        """Let a job's next row join its engine; return whether there was one."""
        if (begun := running.rows.begin(family)) is None:
            return False
        number, row = begun
        key = f"{running.order.job_id} {number}"
        family.engine.join(key, row, ahead=ahead)
        self._rows[key] = running, number
        return True

    def advance(self) -> None:
        """Advance every row by a step, after those that nobody wants have left."""
        for family in self._families.values():
            if isinstance(family, GeneratingFamily) and len(family.engine):
                self._stop_rows(family)
                for key in family.engine.admit():  # those that wait for memory lose no time
                    self._rows[key][0].start()
                self._join_more(family)
                self._step(family)

    def _stop_rows(self, family: GeneratingFamily) -> None:
        for running in self._jobs_in(family):
            if running.unwanted:
                self._jobs.stopped(running)

    def _join_more(self, family: GeneratingFamily) -> None:
        """Let jobs have several rows side by side, each as many as the others may have.

        Only those whose time runs: their rows come before those of jobs that wait for memory.
        """
        jobs = [running for running in self._jobs_in(family) if running.started_at]
        share = max(1, AT_ONCE // max(1, len(jobs)))
        while jobs and family.engine.has_spare:
            running = min(jobs, key=lambda job: len(job.rows))
            joined = False
            if len(running.rows) < share and running.rows.may_begin:
                with self._jobs.ending(running):
                    joined = self._join_row(family, running, ahead=True)
            if not joined:
                jobs.remove(running)

    def _jobs_in(self, family: GeneratingFamily) -> list[Running]:
        """Return the jobs that have rows in a family's engine, each once."""
        return list(dict.fromkeys(self._rows[key][0] for key in family.engine.joined()))

    def _step(self, family: GeneratingFamily) -> None:
        self._count()
        try:
            emissions = family.engine.step()
        except Exception as error:  # one border of two: a fault ends these rows, not the worker
            jobs = self._jobs_in(family)
            for running in [job for job in jobs if job.started_at] or jobs:  # others only wait
                self._jobs.failed(running, error)
            return
        together = len({self._rows[emission.key][0] for emission in emissions})
        for emission in emissions:
            if emission.key not in self._rows:
                continue  # another row of its job has just ended it
            running, number = self._rows[emission.key]
            running.batch = max(running.batch, together)
            with self._jobs.ending(running):
                if emission.error is not None:
                    raise emission.error
                if emission.finish is not None:
                    del self._rows[emission.key]
                    self._row_done(family, running, number, emission.finish)
                else:
                    running.wrote(number, emission.token)
                    if running.rows.grew(number, emission.text):
                        self._show(family, running)

    def _row_done(
        self, family: GeneratingFamily, running: Running, number: int, finish: Finish
    ) -> None:
        """End a job whose last row is finished, or let its next row join."""
        order, rows = running.order, running.rows
        rows.finished(number, finish)
        running.untold.pop(number, None)
        # its time runs already: its next row waits for nobody's memory
        if not len(rows) and not self._join_row(family, running, ahead=True):
            self._jobs.done(running, family.result_of(order.request, rows.finishes))
            return
        done = wire.RowDone(order.job_id, finish.text, finish.tokens, finish.stopped_by, number)
        self._send(done)
        self._show(family, running)

    def _show(self, family: GeneratingFamily, running: Running) -> None:
        request, rows = running.order.request, running.rows
        running.show(family.shown_with(request, rows.finishes, rows.text))

    def _drop(self, running: Running) -> None:
        """Drop the rows of a job."""
        if running in self._preparing:
            self._preparing.remove(running)
        family = self._families.get(running.order.model_id)
        for key in [key for key, (other, _) in self._rows.items() if other is running]:
            del self._rows[key]
            if isinstance(family, GeneratingFamily):
                family.engine.leave(key)
