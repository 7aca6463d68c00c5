"""The catalogue: every model that can be asked for, and which one a task takes by default."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator

from bot.catalogue.entries import NO_FAMILIES, packaged_models
from bot.catalogue.model import Model
from bot.errors import OperatorError, Sentence, UserError, did_you_mean, joined, nearest
from bot.tasks.registry import REQUESTS


def has_family(name: str) -> bool:
    """Say whether a family is built, without importing it."""
    if name.startswith("_") or name in NO_FAMILIES or not name.isidentifier():
        return False
    return importlib.util.find_spec(f"bot.families.{name}") is not None


class Catalogue:
    """Models by name and by task.

    The order is that of preference: the operator's own entries, the hub's models, the starters.
    """

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = {model.id: model for model in models}
        self._names = _names(self._models.values())

    @classmethod
    def load(cls, changes: Iterable[Model] = ()) -> Catalogue:
        """Return the packaged catalogue with the changes that the configuration makes."""
        packaged = {model.id: model for model in packaged_models()}
        changed = {model.id: model for model in changes}
        own = [model for model in changed.values() if model.id not in packaged]
        return cls([*own, *(changed.get(model.id, model) for model in packaged.values())])

    def become(self, other: Catalogue) -> None:
        """Hold what another catalogue holds, for everybody who looks into this one."""
        self._models, self._names = other._models, other._names

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.strip().lower() in self._names

    def get(self, name: str) -> Model:
        """Return a model by its id, its hub name or an alias, in capitals or small letters.

        Raises :class:`UserError` naming the nearest one.
        """
        model = self._names.get(name.strip().lower())
        if model is None:
            guess = did_you_mean(name.strip().lower(), self._names)
            raise UserError(
                joined(
                    Sentence("There is no model {name!r}.", {"name": name}),
                    guess or Sentence("Look at the list of models."),
                )
            )
        return model

    def for_task(self, task: str) -> list[Model]:
        """Return the models that can do a task, the most wanted first."""
        return [model for model in self if task in model.tasks]

    def chosen(self, name: str, place: str, task: str | None = None) -> Model:
        """Return a model that the configuration names at ``place``.

        Raises :class:`OperatorError` where it does not exist or cannot do ``task``.
        """
        try:
            model = self.get(name)
        except UserError as error:
            raise OperatorError(f"{place}: {error}") from None
        if task is not None and task not in model.tasks:
            able = ", ".join(other.id for other in self.for_task(task)) or "none"
            raise OperatorError(
                f"{place}: {model.id!r} cannot do {task!r}. Models that can: {able}."
            )
        return model

    def check_choices(self, defaults: dict[str, str], preload: Iterable[str], file: str) -> None:
        """Refuse a configuration whose ``[defaults]`` or ``preload`` name models in vain."""
        for task, name in defaults.items():
            if name and task in REQUESTS:
                self.chosen(name, f"{file}, [defaults] {task}", task)
        for name in preload:
            self.chosen(name, f"{file}, [inference] preload")

    def check_licences(self, accepted: Iterable[str], file: str) -> None:
        """Refuse a configuration that accepts a licence which no model asks for."""
        known = sorted({model.acknowledge for model in self if model.acknowledge is not None})
        for name in accepted:
            if name not in known:
                raise OperatorError(
                    f"{file}, [licences] accepted: no model has a licence {name!r}."
                    f"{nearest(name, known)} There are: {', '.join(known)}."
                )


def refusal(model: Model, budget_mb: int) -> Sentence | None:
    """Say why a model cannot run within a memory budget, or ``None`` where it can."""
    needed = model.needed_mb
    if model.status != "too-big" and (needed is None or needed <= budget_mb):
        return None
    sizes = Sentence(
        "{model} needs {needed:,} MB of memory; {budget:,} MB are set aside for models. Choose a "
        "smaller one.",
        {"model": model.title, "needed": needed or 0, "budget": budget_mb},
    )
    if model.status != "too-big":
        return sizes
    values = {"model": model.title, "reason": model.reason or ""}
    return joined(Sentence("{model} is too big: {reason}", values), sizes)


def _names(models: Iterable[Model]) -> dict[str, Model]:
    """Return every name that finds a model; ids win over hub names, those over aliases."""
    ordered = list(models)
    names: dict[str, Model] = {}
    for model in ordered:
        names.setdefault(model.id.lower(), model)
    for model in ordered:
        if model.repo is not None:
            names.setdefault(model.repo.lower(), model)
    for model in ordered:
        for alias in model.aliases:
            names.setdefault(alias.lower(), model)
    return names
