"""What our child processes ask of the system: to end with their parent, and to be taken first."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies, or the thread of it that started it.

    Args:
        parent: The parent's process id; if it has died already, this process exits at once.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        sys.exit("its parent is gone")


def offer_when_memory_runs_out(score: int) -> None:
    """Have the kernel take this process before others of lower scores, up to 1000; Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(score))
