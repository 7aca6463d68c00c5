"""Runs contestants one after the other, each in a process of its own, and gathers their figures."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contestant import Served
from .figures import figures
from .memory import Peak

if TYPE_CHECKING:
    from .workload import Ask

HERE = Path(__file__).parents[1]
INSTALL = "not installed: pip install -c constraints.txt -e '.[bench]'"
TRIAL_LIMIT_S = 60.0  # a setting that takes longer on trial is not the best
LOG_TAIL = 600  # characters of a failed contestant's log that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A contestant in the table.

    Args:
        key: Its short name, as ``--only`` takes it.
        title: What is printed.
        where: Its class, as ``module:Class``.
        dtype: The precision that it computes in.
        tries: The settings to choose the best of.
        needs: Packages that it needs.
        prepare: A function to run once before, as ``module:function``, in a process of its own.
        most: How many requests of the second workload it is sent; all where ``None``.
        warm: How many requests of the warm-up; all where ``None``.
    """

    key: str
    title: str
    where: str
    dtype: str = "float32"
    tries: tuple[dict[str, Any], ...] = ({},)
    needs: tuple[str, ...] = ()
    prepare: str | None = None
    most: int | None = None
    warm: int | None = None

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclass(slots=True)
class Outcome:
    """What became of a contestant: figures per workload, or why there are none."""

    key: str
    title: str
    dtype: str
    settings: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    peak_mb: float = 0.0
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)  # of the first workload
    tries: dict[str, float] = field(default_factory=dict)  # settings -> tokens/s in the trial

    def figure(self, workload: str, name: str) -> float | None:
        """Return one figure, if there is one."""
        return self.figures.get(workload, {}).get(name)


def python(arguments: list[str], log: Path, limit_s: float) -> tuple[int, float]:
    """Run a module of this package in a process of its own; return its status and peak memory.

    It and all that it started are killed when its time is over.
    """
    environ = {**os.environ, "PYTHONPATH": str(HERE), "HF_HUB_OFFLINE": "1"}
    environ["TOKENIZERS_PARALLELISM"] = "false"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environ,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with Peak(process.pid) as peak:
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = -signal.SIGKILL
            finally:
                with contextlib.suppress(ProcessLookupError):  # nobody was left behind
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return status, peak.mb


class Race:
    """Runs entries on one checkpoint with one set of workloads.

    Args:
        workloads: By name; ``warm`` is not timed, ``trial`` chooses among settings, and the others
            are what counts.
    """

    def __init__(self, folder: Path, workloads: dict[str, list[Ask]], limit_s: float) -> None:
        self._folder = folder
        self._workloads = workloads
        self._limit_s = limit_s

    def run(self, entry: Entry) -> Outcome:
        """Run one contestant: every setting on trial if there are several, then the best whole."""
        outcome = Outcome(entry.key, entry.title, entry.dtype)
        if entry.missing:
            outcome.error = INSTALL
            return outcome
        if entry.prepare:
            log = self._folder / f"{entry.key}.prepare.log"
            status, _ = python(
                ["contest.prepare", entry.prepare, str(self._folder)], log, self._limit_s
            )
            if status:
                outcome.error = f"not prepared: {_tail(log)}"
                return outcome
        best = entry.tries[0]
        if len(entry.tries) > 1:
            for settings in entry.tries:
                trial = Outcome(entry.key, entry.title, entry.dtype, settings)
                self._compete(entry, trial, ["trial"], min(self._limit_s, TRIAL_LIMIT_S))
                outcome.tries[words(settings)] = trial.figure("trial", "tokens_per_s") or 0.0
            best = max(entry.tries, key=lambda settings: outcome.tries[words(settings)])
        outcome.settings = best
        timed = [name for name in self._workloads if name not in ("warm", "trial")]
        self._compete(entry, outcome, timed, self._limit_s)
        return outcome

    def _compete(self, entry: Entry, outcome: Outcome, names: list[str], limit_s: float) -> None:
        order, result, log = (
            self._folder / f"{entry.key}.{end}" for end in ("order.json", "result.json", "log")
        )
        asks = {name: [dataclasses.asdict(a) for a in self._workloads[name]] for name in names}
        if entry.most is not None and "open" in asks:
            asks["open"] = asks["open"][: entry.most]
        asks["warm"] = [dataclasses.asdict(a) for a in self._workloads["warm"][: entry.warm]]
        written = {
            "where": entry.where,
            "folder": str(self._folder),
            "settings": outcome.settings,
            "workloads": asks,
            "result": str(result),
        }
        order.write_text(json.dumps(written))
        result.unlink(missing_ok=True)
        began = time.monotonic()
        status, outcome.peak_mb = python(["contest.child", str(order)], log, limit_s)
        found = json.loads(result.read_text()) if result.exists() else {}
        if found.get("error") or not found:
            seconds = time.monotonic() - began
            over = "over its time, " if seconds > limit_s else ""
            why = f"{over}exit status {status} after {seconds:.0f} s; {_tail(log)}"
            why = found.get("error") or why
            outcome.error = why
            return
        for name in names:
            served = [Served(**one) for one in found[name]]
            outcome.figures[name] = figures(served)
            if name == "closed":
                outcome.texts = {one.number: one.text for one in served}


def words(settings: dict[str, Any]) -> str:
    """Return settings in one line."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return ", ".join(f"{name} {value}" for name, value in flat.items()) or "as it comes"


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-LOG_TAIL:].strip().rpartition("\n")[2]
