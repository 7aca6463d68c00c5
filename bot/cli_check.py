"""``python -m bot models check --synthetic``: tries models out, and says what they take."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import bot
from bot.errors import OperatorError

if TYPE_CHECKING:
    from bot.catalogue.catalogue import Catalogue
    from bot.catalogue.model import Model
    from bot.config import Config
    from bot.trials.measured import Measured, Timing
    from bot.trials.trial import Settings

MEASURED = Path(bot.__file__).parents[1] / "docs" / "measured.toml"
"""Where a checkout keeps what was measured."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator wants of trials.

    ``every`` model rather than those that are named, the ``large`` ones only where that is said;
    ``keep`` is a folder for the checkpoints, which are otherwise thrown away; ``record`` is the
    file that the figures are put into; ``threads`` is 0 for all cores.
    """

    every: bool = False
    large: bool = False
    keep: Path | None = None
    record: Path | None = None
    threads: int = 0
    runs: int = 3
    json: bool = False


def try_models(named: list[Model], catalogue: Catalogue, config: Config, wishes: Wishes) -> bool:
    """Try models out one after the other, and print what each takes; return whether all worked.

    Raises:
        OperatorError: The one that was named cannot be tried out here; of several, each is told.
    """
    from bot import log

    models = _every(catalogue, wishes) if wishes.every else named
    if not models or (wishes.every and named):
        raise OperatorError(
            "Say which models, or --all: python -m bot models check ID... --synthetic"
        )
    wishes = _placed(wishes)
    log.set_up("warning", "console")
    os.environ.pop("DISCORD_TOKEN", None)
    done: list[Measured] = []
    for model in models:
        try:
            done.append(_tried(model, catalogue, config, wishes))
        except OperatorError as error:
            if len(models) == 1:
                raise
            sys.stderr.write(f"{error}\n")
    if wishes.json:
        plain = [told(found) for found in done]
        sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
    return len(done) == len(models)


def _placed(wishes: Wishes) -> Wishes:
    """Return the wishes with a file for the figures, where all models are tried."""
    record = wishes.record or (MEASURED if wishes.every else None)
    if record is not None and not record.parent.is_dir():
        raise OperatorError(
            f"The figures cannot be put into {record}: there is no such folder. Name another file "
            "with --record."
        )
    return msgspec.structs.replace(wishes, record=record)


def _tried(model: Model, catalogue: Catalogue, config: Config, wishes: Wishes) -> Measured:
    """Try one model out, print and record what it takes."""
    from bot.trials import measured
    from bot.trials.trial import try_out

    _check(model, config, wishes)
    with _settings(config, wishes) as settings:
        found = asyncio.run(try_out(model, settings))
    if wishes.record is not None:
        measured.record(wishes.record, found, [other.id for other in catalogue])
    if not wishes.json:
        sys.stdout.write(as_text(found))
        sys.stdout.flush()
    return found


def _every(catalogue: Catalogue, wishes: Wishes) -> list[Model]:
    """Return the models that can be tried out at all; starters only where they are fetched."""
    from bot.catalogue.catalogue import has_family
    from bot.catalogue.checkpoints import is_present
    from bot.config import cache_folder
    from bot.trials.trial import is_large, refusal

    cache = cache_folder(os.environ)
    return [
        model
        for model in catalogue
        if has_family(model.family)
        and refusal(model) is None
        and model.status != "too-big"
        and (wishes.large or not is_large(model))
        and (not model.starter or is_present(model, cache))
    ]


def as_text(measured: Measured) -> str:
    """Return what people read of a trial."""
    come = f"{measured.fetched_mb:,} MB fetched, {measured.disk_mb:,} MB on disk"
    if measured.convert_s is not None:
        come += f", converted in {measured.convert_s} s"
    weights = "weights of chance" if measured.weights == "synthetic" else "its own weights"
    lines = [
        f"{measured.id} ({weights}; {measured.machine}; threads: {measured.threads})",
        f"  {come}",
        f"  loaded in {measured.load_s} s; {measured.peak_mb:,} MB of memory at most, "
        f"{measured.own_mb:,} MB of them its own",
    ]
    if measured.note:
        lines.append(f"  {measured.note}")
    lines += [f"  {_line(timing)}" for timing in measured.job]
    return "\n".join(lines) + "\n"


def told(measured: Measured) -> dict[str, object]:
    """Return all figures as plain data, with those that follow from others."""
    plain: dict[str, object] = msgspec.to_builtins(measured)
    plain["job"] = [
        {
            **msgspec.to_builtins(timing),
            "each_s": timing.each_s,
            "tokens_per_s": timing.tokens_per_s,
            "met": timing.met,
        }
        for timing in measured.job
    ]
    return plain


def _line(timing: Timing) -> str:
    text = f"{timing.what}: {timing.best_s:.2f} s (the first {timing.first_s:.2f} s)"
    if timing.part:
        text += f", {timing.each_s:.2f} s a {timing.part}"
    if timing.tokens_per_s is not None:
        text += f", {timing.tokens_per_s:.1f} tokens/s"
    if timing.met is not None:
        verdict = "met" if timing.met else "NOT met"
        text += f"; the bar of {timing.bar_s:g} s is {verdict}"
    return text


def _check(model: Model, config: Config, wishes: Wishes) -> None:
    from bot.catalogue.catalogue import has_family, refusal
    from bot.trials.trial import is_large

    if not has_family(model.family):
        raise OperatorError(f"{model.id}: its family {model.family!r} is not built yet.")
    if reason := refusal(model, config.inference.chosen_memory_mb()):
        raise OperatorError(reason)
    if is_large(model) and not wishes.large:
        raise OperatorError(
            f"{model.id}: {model.size_mb:,} MB are written, and written again where they are "
            "converted. Add --large if you mean it."
        )


@contextmanager
def _settings(config: Config, wishes: Wishes) -> Iterator[Settings]:
    """Give the settings of a trial, with a cache that is gone after it unless it is to be kept."""
    from bot.config import cache_folder
    from bot.trials.trial import Settings

    with tempfile.TemporaryDirectory(prefix="menagerie-") as passing:
        yield Settings(
            inference=msgspec.structs.replace(config.inference, threads=wishes.threads),
            environ=dict(os.environ),
            cache=wishes.keep or Path(passing),
            starters=cache_folder(os.environ),
            runs=wishes.runs,
            tell=lambda text: _say(text),
        )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
