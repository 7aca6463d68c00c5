"""What trials measured, and the file that keeps it: a table of TOML for each model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from bot.tables import read_toml, to_struct

HEAD = """\
# What models take, as `python -m bot models check ID --synthetic --record FILE` measured it:
# written by that command, model by model, and read by `python -m bot models document`.
"""


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long one request took.

    ``first_s`` is its first run, ``best_s`` the best of those after it, both from the submission to
    the answer; ``tokens`` are those that the answer counts; ``bar_s`` is for each of its ``parts``.
    """

    what: str
    first_s: float
    best_s: float
    parts: int = 1
    part: str = ""
    tokens: int | None = None
    bar_s: float | None = None

    @property
    def each_s(self) -> float:
        """Seconds for each part of the answer."""
        return self.best_s / self.parts

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second, where the answer counts any."""
        return self.tokens / self.best_s if self.tokens else None

    @property
    def met(self) -> bool | None:
        """Whether the bar is met, where there is one."""
        return None if self.bar_s is None else self.each_s <= self.bar_s


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the trial of one model gave.

    ``fetched_mb`` are the files that a fetch brings, ``disk_mb`` the checkpoint; ``peak_mb`` is the
    most that the worker had in memory, mapped weights and libraries counted, ``own_mb`` what of it
    was its own; ``note`` is what the engine says of how it runs.
    """

    id: str
    date: str
    machine: str
    threads: int
    weights: Literal["synthetic", "its own"]
    fetched_mb: int
    disk_mb: int
    params: int | None = None
    convert_s: float | None = None
    load_s: float
    peak_mb: int
    own_mb: int
    note: str = ""
    job: tuple[Timing, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: tuple[Measured, ...] = ()


def read(path: Path) -> dict[str, Measured]:
    """Return what a file holds by model; nothing where there is no such file.

    Raises:
        OperatorError: It is not what :func:`record` wrote.
    """
    if not path.exists():
        return {}
    return {one.id: one for one in to_struct(read_toml(path), _File, path.name).model}


def record(path: Path, measured: Measured, order: Iterable[str]) -> None:
    """Put one model's figures into a file in place of its earlier ones.

    ``order`` are the ids of all models; those that are not among them are dropped.
    """
    known = read(path) | {measured.id: measured}
    kept = [known[model_id] for model_id in order if model_id in known]
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(HEAD + "".join(map(_table, kept)), encoding="utf-8")
    fresh.replace(path)


def _table(measured: Measured) -> str:
    """Return a model's figures as TOML."""
    plain = msgspec.to_builtins(measured)
    jobs = plain.pop("job")
    lines = ["\n[[model]]", *_lines(plain)]
    for job in jobs:
        lines += ["[[model.job]]", *_lines(job)]
    return "\n".join(lines) + "\n"


def _lines(plain: dict[str, object]) -> list[str]:
    return [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in plain.items()
        if value not in (None, "")
    ]
