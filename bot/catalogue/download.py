"""Runs the child processes that fetch and convert: pip, the hub's client, conversions.

Each child writes into a folder of ours; how far it is, is read off that folder's size, which works
for every tool. What a child says goes into a log file: people are told where it lies.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.errors import OperatorError

POLL_S = 0.2
SECRETS = ("DISCORD_TOKEN",)
MEGABYTE = 1_000_000

STEP = re.compile(rb"^step (\d+)/(\d+)\b", re.MULTILINE)
"""How a child says in its log how far it is, as the loop of :mod:`bot.training` does."""

LOG_END = 4096  # bytes of a log in which its last step is looked for

Stage = Literal[
    "waiting", "downloading", "copying", "unpacking", "converting", "training", "checking"
]


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far a fetch is; ``total_bytes`` is ``None`` where nobody knows it beforehand.

    A training counts its steps instead: ``step`` of ``steps``.
    """

    model: str
    stage: Stage
    done_bytes: int = 0
    total_bytes: int | None = None
    step: int = 0
    steps: int | None = None

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1, where that is known."""
        done, total = (self.step, self.steps) if self.steps else (self.done_bytes, self.total_bytes)
        return done / total if total else None


Report = Callable[[Fetching], None]


class ChildFailed(Exception):
    """A child process ended badly; ``output`` is all it said, and lies in ``log``."""

    def __init__(self, output: str, log: Path) -> None:
        super().__init__(output.strip().rpartition("\n")[2] or "it said nothing")
        self.output = output
        self.log = log


def without_secrets() -> dict[str, str]:
    """Return this process's environment as a child may see it."""
    return {key: text for key, text in os.environ.items() if key not in SECRETS}


def run_child(
    arguments: Sequence[str],
    log: Path,
    grown: Callable[[], None],
    extra: Mapping[str, str] | None = None,
) -> None:
    """Run ``python ARGUMENTS`` to its end, calling ``grown`` now and then.

    Raises :class:`ChildFailed`. The child never outlives this call, and never sees a secret.
    """
    environment = without_secrets() | {"PYTHONUNBUFFERED": "1", **(extra or {})}
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            _wait(child, grown)
        finally:
            child.kill()
            child.wait()
    if child.returncode:
        raise ChildFailed(log.read_text(encoding="utf-8", errors="replace"), log)
    log.unlink()


def size_of(folder: Path) -> int:
    """Return the bytes under ``folder``, counting only what is still there when looked at."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def steps_of(log: Path) -> tuple[int, int] | None:
    """Return the last step that a child has told in its log, and of how many, if it told one."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_END))
            found = STEP.findall(file.read())
    except OSError:
        return None
    return (int(found[-1][0]), int(found[-1][1])) if found else None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_room(folder: Path, needed_bytes: int) -> None:
    """Refuse a fetch that the disk has no room for."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise OperatorError(
            f"This needs {needed_bytes // MEGABYTE:,} MB on disk; {folder} has "
            f"{free // MEGABYTE:,} MB free. Make room, or set MENAGERIE_CACHE to a larger disk."
        )


def _wait(child: subprocess.Popen[bytes], grown: Callable[[], None]) -> None:
    while True:
        try:
            child.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            grown()
        else:
            return
