"""Lends the machine's cores to the workers that are at work: one alone gets them all. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class Leases:
    """Keeps the busy threads of all workers together within the cores.

    Args:
        cores: What there is to lend; 0 lends nothing, so that workers keep what they were given.
        lend: Called with a worker's id and the threads that it may use from now on.
    """

    def __init__(self, cores: int, lend: Callable[[int, int], None]) -> None:
        self._cores = cores
        self._lend = lend
        self._lent: dict[int, int] = {}

    def share(self, at_work: Collection[int]) -> None:
        """Share the cores out evenly; only workers whose share has changed are told."""
        if not self._cores or not at_work:
            return
        threads = max(1, self._cores // len(at_work))
        for worker_id in at_work:
            if self._lent.get(worker_id) != threads:
                self._lent[worker_id] = threads
                self._lend(worker_id, threads)

    def worker_gone(self, worker_id: int) -> None:
        """Forget a dead worker."""
        self._lent.pop(worker_id, None)
