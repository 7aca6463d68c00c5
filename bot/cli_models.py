"""``python -m bot models``: list, show, fetch and check the models of the catalogue."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli_exit import NOT_RIGHT, exits

if TYPE_CHECKING:
    from rich.progress import Progress

    from bot.catalogue.catalogue import Catalogue
    from bot.catalogue.download import Fetching
    from bot.catalogue.model import Model
    from bot.config import Config

PRESENT = "present"
NOT_FETCHED = "not fetched"
NOT_BUILT = "family not built yet"
TOO_BIG = "too big"
UNACCEPTED = "licence not accepted"
LACKING = "files to be brought"

ConfigPath = Annotated[
    Path | None, typer.Option("--config", help="The configuration; ./config.toml if it is there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(help="A model's id or hub name.", show_default=False)]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Models by id or hub name.")
]

models = typer.Typer(help="The models of the catalogue.", no_args_is_help=True)


@models.command(name="list")
@exits
def list_models(config: ConfigPath = None, json: Json = False) -> None:
    """List every model: its tasks, size, licence, and whether it is here."""
    settings, catalogue = _settings(config)
    rows = [_row(model, settings) for model in catalogue]
    if json:
        _print_json(rows)
        return
    head = {key: key.upper() for key in rows[0]}
    _print_columns([head, *rows])


@models.command()
@exits
def show(model_id: Id, config: ConfigPath = None, json: Json = False) -> None:
    """Show all that the catalogue says of one model."""
    import msgspec

    from bot.catalogue.checkpoints import checkpoint_folder

    settings, catalogue = _settings(config)
    model = _known(catalogue, model_id)
    facts: dict[str, Any] = msgspec.to_builtins(model)
    facts |= {"state": _state(model, settings), "folder": str(checkpoint_folder(model, _cache()))}
    if json:
        _print_json(facts)
        return
    told = {key: _plain(value) for key, value in facts.items()}
    _print_columns([{"key": key, "value": text} for key, text in told.items() if text])


@models.command()
@exits
def fetch(
    model_ids: Ids = None,
    starters: Annotated[
        bool, typer.Option("--starters", help="Fetch every starter: small models, no hub.")
    ] = False,
    origin: Annotated[
        Path | None,
        typer.Option("--from", help="A folder with the hub's files of the one model."),
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licences that must be accepted.")
    ] = False,
    config: ConfigPath = None,
    json: Json = False,
) -> None:
    """Bring the checkpoints of models onto this machine; mend those that are damaged."""
    from bot.catalogue.beside import lacking
    from bot.catalogue.checkpoints import fetch as fetch_checkpoint
    from bot.errors import OperatorError

    settings, catalogue = _settings(config)
    named = [_known(catalogue, name) for name in model_ids or ()]
    wanted = named + [model for model in catalogue if starters and model.starter]
    if not wanted:
        raise OperatorError(
            "Say which models: python -m bot models fetch ID..., or --starters for the small ones."
        )
    if origin is not None and len(wanted) != 1:
        raise OperatorError("--from is a folder of one model's files. Name that one alone.")
    for model in wanted:
        _check_may_run(model, settings, accept_licence)
    folders = {}
    with _shown(quiet=json) as report:
        for model in wanted:
            accept = accept_licence and model.acknowledge is not None
            mend = model in named  # `make run` fetches the starters each time
            folder = fetch_checkpoint(
                model, _cache(), report, accept=accept, origin=origin, mend=mend
            )
            folders[model.id] = str(folder)
    rows = [{"id": model_id, "folder": folder} for model_id, folder in folders.items()]
    (_print_json if json else _print_columns)(rows)
    for model in wanted:
        if reason := lacking(model, _cache()):
            sys.stderr.write(f"{reason}\n")


@models.command()
@exits
def prepare(model_id: Id, config: ConfigPath = None) -> None:
    """Prepare a model that writes for OpenVINO now; the bot does it by itself when it is idle."""
    import subprocess

    from bot.catalogue.checkpoints import checkpoint_folder, is_present
    from bot.catalogue.download import without_secrets
    from bot.errors import OperatorError

    settings, catalogue = _settings(config)
    model = _known(catalogue, model_id)
    if not is_present(model, _cache()):
        raise OperatorError(
            f"{model.id} is not on this machine. Fetch it first: python -m bot models fetch "
            f"{model.id}"
        )
    checkpoint, folder = checkpoint_folder(model, _cache()), _cache() / "prepared" / model.id
    threads = settings.inference.chosen_threads()
    arguments = ["-m", "bot.decoding.export", str(checkpoint), str(folder), str(threads)]
    done = subprocess.run([sys.executable, *arguments], env=without_secrets(), check=False)
    if done.returncode:
        raise typer.Exit(NOT_RIGHT)


@models.command()
@exits
def check(
    model_ids: Ids = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Try it out and measure it, with made-up weights.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Try out every model; puts figures into --record.")
    ] = False,
    large: Annotated[
        bool, typer.Option("--large", help="Try out models of more than 4 GB as well.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="A folder that keeps the files of a trial.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="A file that takes the figures of a trial.")
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", min=0, help="Threads of a trial's worker; 0: all cores.")
    ] = 0,
    config: ConfigPath = None,
    json: Json = False,
) -> None:
    """Rehash a model's files against what was fetched, or try a model out; exit with 1 if wrong."""
    from bot.catalogue.checkpoints import verify
    from bot.cli_check import Wishes, try_models
    from bot.errors import OperatorError

    settings, catalogue = _settings(config)
    named = [_known(catalogue, name) for name in model_ids or ()]
    if synthetic or every:
        wishes = Wishes(
            every=every, large=large, keep=keep, record=record, threads=threads, json=json
        )
        if not try_models(named, catalogue, settings, wishes):
            raise typer.Exit(NOT_RIGHT)
        return
    if len(named) != 1:
        raise OperatorError("Say which model: python -m bot models check ID")
    (model,) = named
    faults = verify(model, _cache())
    if json:
        _print_json({"id": model.id, "faults": faults})
    else:
        lines = faults or ["all files are as they were fetched"]
        sys.stdout.writelines(f"{model.id}: {line}\n" for line in lines)
    if faults:
        raise typer.Exit(NOT_RIGHT)


@models.command()
@exits
def document() -> None:
    """Print docs/models.md: every model, and what was measured of it."""
    from bot.catalogue.entries import packaged_models
    from bot.cli_check import MEASURED
    from bot.trials.measured import read
    from bot.trials.page import models_page

    sys.stdout.write(models_page(packaged_models(), read(MEASURED)))


def _settings(config: Path | None) -> tuple[Config, Catalogue]:
    """Return the configuration, and the catalogue with what it changes there."""
    from bot.catalogue.catalogue import Catalogue
    from bot.config import load_config

    settings = load_config(config, os.environ)
    catalogue = Catalogue.load(settings.model)
    catalogue.check_licences(settings.licences.accepted, "the configuration")
    return settings, catalogue


def _known(catalogue: Catalogue, name: str) -> Model:
    """Return a model by any of its names; on the command line a wrong one is the operator's."""
    from bot.errors import OperatorError, UserError

    try:
        return catalogue.get(name)
    except UserError as error:
        raise OperatorError(str(error)) from None


def _cache() -> Path:
    from bot.config import cache_folder

    return cache_folder(os.environ)


def _check_may_run(model: Model, settings: Config, accept_licence: bool) -> None:
    """Refuse to fetch what would not be run: it is too large, or its licence is not accepted."""
    from bot.catalogue.catalogue import refusal
    from bot.catalogue.licences import unaccepted
    from bot.errors import OperatorError

    if reason := refusal(model, settings.inference.chosen_memory_mb()):
        if model.status == "too-big":
            raise OperatorError(
                f'{reason} On a machine that has the memory, write status = "ok" into its table '
                "in config.toml."
            )
        raise OperatorError(f"{reason} Or raise [inference] memory_budget_mb.")
    reason = unaccepted(model, settings.licences.accepted, _cache())
    if reason and not accept_licence:
        raise OperatorError(reason)


def _state(model: Model, settings: Config) -> str:
    from bot.catalogue.beside import lacking
    from bot.catalogue.catalogue import has_family
    from bot.catalogue.checkpoints import is_present
    from bot.catalogue.licences import unaccepted

    if not has_family(model.family):
        return NOT_BUILT
    if model.status == "too-big":
        return TOO_BIG
    if unaccepted(model, settings.licences.accepted, _cache()):
        return UNACCEPTED
    if not is_present(model, _cache()):
        return NOT_FETCHED
    return LACKING if lacking(model, _cache()) else PRESENT


def _row(model: Model, settings: Config) -> dict[str, str]:
    return {
        "id": model.id,
        "tasks": ", ".join(model.tasks),
        "size": "" if model.size_mb is None else f"{model.size_mb:,} MB",
        "state": _state(model, settings),
        "licence": model.licence,
    }


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        told = ((key, _plain(item)) for key, item in value.items())
        return ", ".join(f"{key} = {text}" for key, text in told if text)
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).replace("\n", "\\n")


def _print_json(value: object) -> None:
    sys.stdout.write(jsonlib.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _print_columns(rows: list[dict[str, str]]) -> None:
    """Print rows of the same keys as columns as wide as they need."""
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    for row in rows:
        line = "  ".join(text.ljust(widths[key]) for key, text in row.items())
        sys.stdout.write(line.rstrip() + "\n")


@contextmanager
def _shown(quiet: bool) -> Iterator[Callable[[Fetching], None]]:
    """Give a report that shows how far a fetch is: bars on a terminal, lines elsewhere."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bars() as progress:
            yield _Bars(progress)
    else:
        yield _Lines()


def _bars() -> Progress:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[amount]}"),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
    )


class _Bars:
    """A bar for each stage of each model."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage: tuple[str, str] | None = None
        self._bar: Any = None

    def __call__(self, fetching: Fetching) -> None:
        stage = (fetching.model, fetching.stage)
        if stage != self._stage:
            self._finish()
            self._stage = stage
            self._bar = self._progress.add_task(" ".join(stage), total=None, amount="")
        trained = fetching.steps is not None
        self._progress.update(
            self._bar,
            completed=fetching.step if trained else fetching.done_bytes,
            total=fetching.steps if trained else fetching.total_bytes,
            amount=_amount(fetching),
        )

    def _finish(self) -> None:
        if self._bar is not None:
            self._progress.stop_task(self._bar)
            self._progress.remove_task(self._bar)


def _amount(fetching: Fetching) -> str:
    """Return how much is done in words: steps of a training, else megabytes."""
    if fetching.steps is not None:
        return f"step {fetching.step:,}/{fetching.steps:,}"
    done = f"{fetching.done_bytes / 1e6:,.1f}"
    return f"{done} MB" if fetching.total_bytes is None else f"{done}/{_mb(fetching.total_bytes)}"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


class _Lines:
    """A line when a stage begins, and at every tenth of a download or training."""

    def __init__(self) -> None:
        self._last: tuple[str, str, int] | None = None

    def __call__(self, fetching: Fetching) -> None:
        share = fetching.share
        tenth = int(10 * share) if share is not None else 0
        state = (fetching.model, fetching.stage, tenth)
        if state != self._last:
            self._last = state
            part = "" if share is None else f" {tenth * 10} %"
            sys.stderr.write(f"{fetching.model}: {fetching.stage}{part}\n")
