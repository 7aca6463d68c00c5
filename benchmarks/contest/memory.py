"""What a process and its descendants take, each shared page counted once (PSS); Linux only."""

from __future__ import annotations

import threading
import time
from pathlib import Path

PROC = Path("/proc")

REST = 50
"""Times as long as a reading took, before the next: a gigabyte takes 30 ms of the very cores."""


def tree(root: int, parents: dict[int, int]) -> set[int]:
    """Return a process and its descendants, from a table of process -> parent."""
    found = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return found


def parents_now() -> dict[int, int]:
    """Return every process's parent."""
    table = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it ended meanwhile
            table[int(folder.name)] = int(text.rpartition(")")[2].split()[1])
    return table


def pss_mb(pid: int) -> float:
    """Return a process's share of the memory in megabytes; 0 for one that has ended."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return 0.0


class Peak:
    """Watches a process tree from a thread; ``mb`` is the most that it took.

    A reading walks all pages, so that whoever holds more would be slowed more: it rests in between.
    """

    def __init__(self, root: int, every_s: float = 0.5) -> None:
        self.mb = 0.0
        self._root = root
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause_s = self._every_s
        while not self._over.wait(pause_s):
            began = time.perf_counter()
            pids = tree(self._root, parents_now())
            self.mb = max(self.mb, sum(pss_mb(pid) for pid in pids))
            pause_s = max(self._every_s, REST * (time.perf_counter() - began))
