"""What the machine, or the container around the bot, grants: cores and memory."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
FALLBACK_MB = 4_000
MEGABYTE = 1_000_000


def cores(cgroup: Path = CGROUP) -> int:
    """Return how many cores this process may keep busy, at least one."""
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _words(cgroup / "cpu.max")
    if len(quota) == 2 and quota[0].isdigit():
        granted = min(granted or 1, int(quota[0]) // int(quota[1]))
    return max(1, granted or 1)


def memory_mb(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the megabytes of memory that this process may take: the machine's or the limit's."""
    limits = [_total(meminfo)]
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        limits += [int(word) for word in _words(cgroup / file) if word.isdigit()]
    known = [limit for limit in limits if limit > 0]
    return min(known) // MEGABYTE if known else FALLBACK_MB


def private_mb(pid: int) -> int:
    """Return what a process takes that is not a file's pages; 0 where that can't be told."""
    return _told_mb(pid, "RssAnon:")


def peak_mb(pid: int) -> int:
    """Return the most that a process ever had in memory, pages of files and all; 0 if unknown."""
    return _told_mb(pid, "VmHWM:")


def described(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the machine in a line: cores, their make where it is known, memory."""
    count = cores()
    makes = (line.partition(":")[2].strip() for line in _lines(cpuinfo) if "model name" in line)
    make = next(makes, "")
    told = f"{count} core{'s' * (count > 1)}{f' of {make}' * bool(make)}"
    return f"{told}, {round(memory_mb() / 1000)} GB of memory"


def give_back_freed_memory() -> None:
    """Hand what was freed to the system: glibc keeps blocks under 32 MB for itself."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # other C libraries have no such call
        trim(0)


def _told_mb(pid: int, key: str) -> int:
    """Return what the kernel says of a process in kilobytes, as megabytes."""
    for line in _lines(Path(f"/proc/{pid}/status")):
        if line.startswith(key):
            return int(line.split()[1]) * 1024 // MEGABYTE
    return 0


def _total(meminfo: Path) -> int:
    words = _words(meminfo)
    return int(words[1]) * 1024 if words[:1] == ["MemTotal:"] else 0


def _words(file: Path) -> list[str]:
    return [word for line in _lines(file) for word in line.split()]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
