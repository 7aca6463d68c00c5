"""The catalogue's entries: the packaged tables, and what an operator's tables make of them.

Merging happens on the tables as TOML gives them, so a changed entry names only the keys it changes.
"""

from __future__ import annotations

import functools
import pkgutil
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from bot.catalogue.model import Model
from bot.catalogue.sources import Folder, source_of
from bot.errors import OperatorError, nearest
from bot.tables import to_struct
from bot.tasks.registry import REQUESTS

Table = Mapping[str, Any]

FILES = ("models.toml", "starters.toml")
ORIGIN = frozenset(
    {
        "checkpoint",
        "sha256",
        "repo",
        "revision",
        "files",
        "parts",
        "convert",
        "status",
        "reason",
        "beside",
    }
)
NO_FAMILIES = frozenset(
    {
        "base", "captions", "charts", "checkpoints", "chunks", "clues", "crops", "detection",
        "drawing", "encoders", "extracts", "generation", "guessing", "holes", "languages",
        "layouts", "likelihoods", "lines", "moods", "overlays", "panels", "pictures", "prompts",
        "reading_order", "romanising", "spans", "vocabularies", "walks", "weighing",
    }
)  # fmt: skip


@functools.cache
def packaged_tables() -> Mapping[str, Table]:
    """Return the tables that ship with the bot, by model id, in their order."""
    folder = resources.files("bot.catalogue")
    tables: dict[str, Table] = {}
    for file in FILES:
        for table in tomllib.loads(folder.joinpath(file).read_text(encoding="utf-8"))["model"]:
            if table["id"] in tables:
                raise OperatorError(f"{file}: the id {table['id']!r} is there twice.")
            tables[table["id"]] = table
    return tables


def read_anew() -> None:
    """Forget the packaged tables, so that the next look at them is one at their files."""
    packaged_tables.cache_clear()


def packaged_models() -> list[Model]:
    """Return the models that ship with the bot."""
    return [
        _checked(to_struct(table, Model, "bot/catalogue", _entry(table)), "bot/catalogue")
        for table in packaged_tables().values()
    ]


def merged_models(tables: object, file: str, folder: Path) -> tuple[Model, ...]:
    """Return the models that the ``[[model]]`` tables of ``file`` add, or change, whole.

    Relative checkpoint folders start from ``folder``. Raises :class:`OperatorError` naming the
    file, the model, the key, what the key wants and the nearest known key.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise OperatorError(f"{file}, model: each model is a table of its own, headed [[model]].")
    models: dict[str, Model] = {}
    for number, table in enumerate(tables, start=1):
        model = _merged(table, number, file, folder)
        if model.id in models:
            raise OperatorError(f"{file}, [[model]] {model.id!r}: this id is there twice.")
        models[model.id] = model
    return tuple(models.values())


def families() -> list[str]:
    """Return the names of the families that are built, without importing them."""
    import bot.families

    names = (module.name for module in pkgutil.iter_modules(bot.families.__path__))
    return sorted(name for name in names if name[0] != "_" and name not in NO_FAMILIES)


def _merged(table: Table, number: int, file: str, folder: Path) -> Model:
    if not isinstance(table.get("id"), str):
        raise OperatorError(f"{file}, [[model]] number {number}: the key 'id' is needed: a text.")
    base = packaged_tables().get(table["id"], {})
    if table.keys() & {"checkpoint", "repo"}:  # another origin: nothing of the old one holds
        base = {key: value for key, value in base.items() if key not in ORIGIN}
    model = to_struct(_overlaid(base, table), Model, file, _entry(table))
    return _placed(_checked(model, file, own=True), folder)


def _overlaid(base: Table, change: Table) -> dict[str, Any]:
    """Return ``base`` with the keys of ``change``, tables inside tables likewise."""
    result = dict(base)
    for key, value in change.items():
        below = result.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        result[key] = _overlaid(below, value) if both and below is not None else value
    return result


def _checked(model: Model, file: str, own: bool = False) -> Model:
    """Refuse what the types cannot: unknown tasks, unknown families, impossible sources."""
    place = f"{file}, [[model]] {model.id!r}"
    for task in model.tasks:
        if task not in REQUESTS:
            known = ", ".join(sorted(REQUESTS))
            raise OperatorError(
                f"{place} task: there is no task {task!r}.{nearest(task, REQUESTS)} "
                f"There are: {known}."
            )
    if not model.tasks:
        raise OperatorError(f"{place} task: it must name one task at least.")
    if model.convert and model.dtype == "int8":
        raise OperatorError(
            f"{place} dtype: files that are converted cannot be held in int8. Write float32 or "
            "bfloat16."
        )
    if model.status != "ok" and not model.reason:
        raise OperatorError(f"{place} reason: it is needed where the status is {model.status!r}.")
    if model.status == "too-big" and model.needed_mb is None:
        raise OperatorError(f"{place} params: it is needed where the status is 'too-big'.")
    if own:
        _check_family(model, place)
    try:
        source_of(model)
    except OperatorError as error:
        raise OperatorError(f"{file}, {error}") from None
    return model


def _check_family(model: Model, place: str) -> None:
    planned = {str(table["family"]) for table in packaged_tables().values()}
    known = sorted({*families(), *planned})
    if model.family not in known:
        raise OperatorError(
            f"{place} family: there is no family {model.family!r}.{nearest(model.family, known)} "
            f"There are: {', '.join(known)}."
        )


def _placed(model: Model, folder: Path) -> Model:
    source = source_of(model)
    if not isinstance(source, Folder) or source.ours:
        return model
    return msgspec.structs.replace(model, checkpoint=str(folder / source.path))


def _entry(table: Table) -> str:
    return f"[[model]] {table['id']!r}"
