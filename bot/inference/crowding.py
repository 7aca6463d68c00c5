"""Tells how many of the lent threads are worth using while other programs want the cores too.

The threads of a product wait for the slowest of them. Where another program has that one's core,
they wait for the scheduler, at each of the hundreds of products of a token: two threads on two busy
cores have taken thirty times as long as one (``benchmarks/crowding.py``). Linux counts how long
each thread has stood in line for a core; from that a worker sees it, and uses fewer.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_EVERY_S = 0.25
IDLE_S = 2.0  # without a look: little was computed, what was counted says nothing
CROWDED = 0.25  # seconds in line, of all threads together, for each second of work
PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0  # before more threads are tried again
TASKS = Path("/proc/self/task")


class Crowding:
    """Halves the threads where they stand in line, and tries twice as many after a pause.

    It begins with one, which is what loading a model needs, and goes on from there.

    Args:
        waited: Returns the seconds that this process's threads have stood in line so far, or
            ``None`` where the system does not count them: then all that is lent is used.
        clock: Returns seconds that only grow.
    """

    def __init__(
        self,
        waited: Callable[[], float | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waited = waited or seconds_in_line
        self._clock = clock
        self._looked: float | None = None
        self._before = 0.0
        self._limit: int | None = 1  # ``None``: all that is lent
        self._until = 0.0
        self._pause_s = PAUSE_S

    def worth(self, lent: int) -> int:
        """Return how many of the lent threads to use from now on; looks at most every 0.25 s."""
        now = self._clock()
        if self._looked is None or now - self._looked >= LOOK_EVERY_S:
            self._look(now, lent)
        return lent if self._limit is None else max(1, min(lent, self._limit))

    def _look(self, now: float, lent: int) -> None:
        waited = self._waited()
        if waited is None:
            self._limit = None
            return
        since, before = self._looked, self._before
        self._looked, self._before = now, waited
        if since is None:
            return
        using = lent if self._limit is None else min(lent, self._limit)
        worked_s = now - since
        if worked_s <= IDLE_S and waited - before > CROWDED * worked_s:
            self._use_fewer(now, using)
        elif self._limit is not None and now >= self._until:
            self._limit = None if 2 * using >= lent else 2 * using
            self._until = now
        elif now >= self._until + LONGEST_PAUSE_S:
            self._pause_s = PAUSE_S

    def _use_fewer(self, now: float, using: int) -> None:
        if using > 1:  # one thread that stands in line has nobody to wait for it
            self._limit = using // 2
            self._until = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        else:
            self._until = max(self._until, now + PAUSE_S)


def seconds_in_line(tasks: Path = TASKS) -> float | None:
    """Return how long this process's threads have waited for a core, or ``None`` if nobody counts.

    Source: Linux, Documentation/scheduler/sched-stats.rst, the second figure of schedstat.
    """
    total, counted = 0, False
    with contextlib.suppress(OSError):
        for task in tasks.iterdir():
            with contextlib.suppress(OSError, IndexError, ValueError):  # a thread may have ended
                total += int((task / "schedstat").read_text().split()[1])
                counted = True
    return total / 1e9 if counted else None
