"""Follows the catalogue and the configuration while the bot runs: what of them counts now."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from bot.catalogue.beside import is_complete
from bot.catalogue.catalogue import has_family, refusal
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.films import titles_of
from bot.catalogue.licences import unaccepted
from bot.catalogue.things import things_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from bot.catalogue.catalogue import Catalogue
    from bot.catalogue.model import Model
    from bot.config import Config
    from bot.errors import Sentence
    from bot.inference.local import LocalExecutor

ASK_AGAIN_S = 5.0  # before a checkpoint that was missing is looked for again

T = TypeVar("T")


class _Remembered(Generic[T]):
    """A question about models whose answer is remembered: for good once it is settled.

    Args:
        ask: What it takes to know; an answer that is not settled is asked for again later.
        settled: Whether an answer stays.
    """

    def __init__(self, ask: Callable[[Model], T], *, settled: Callable[[T], bool]) -> None:
        self._ask = ask
        self._settled = settled
        self._known: dict[str, T] = {}
        self._until: dict[str, float] = {}

    def __call__(self, model: Model) -> T:
        now = time.monotonic()
        if now >= self._until.get(model.id, 0.0):
            known = self._known[model.id] = self._ask(model)
            self._until[model.id] = math.inf if self._settled(known) else now + ASK_AGAIN_S
        return self._known[model.id]

    def forget(self, model_id: str) -> None:
        """Ask again the next time."""
        self._until.pop(model_id, None)


def _read_once(read: Callable[[Path], T], cache: Path) -> _Remembered[T]:
    """Return what reads something out of models' checkpoints and remembers it."""
    return _Remembered(lambda model: read(checkpoint_folder(model, cache)), settled=bool)


class Terms:
    """On what terms models are used here: whether they are here, fit, and may be used."""

    def __init__(self, config: Config, cache: Path) -> None:
        accepted, budget_mb = config.licences.accepted, config.inference.chosen_memory_mb()
        self.present = _Remembered(lambda model: is_complete(model, cache), settled=bool)
        self.unaccepted = _Remembered(
            lambda model: unaccepted(model, accepted, cache), settled=lambda reason: reason is None
        )
        self.supported = _Remembered(lambda model: has_family(model.family), settled=bool)
        self.titles = _read_once(titles_of, cache)
        self.things = _read_once(things_of, cache)
        self.too_big: Callable[[Model], Sentence | None] = lambda model: refusal(model, budget_mb)

    def allow(self, model: Model) -> bool:
        """Say whether a model can be used, as far as its checkpoint goes."""
        refused = self.too_big(model) or self.unaccepted(model)
        return refused is None and self.present(model)

    def forget(self, model_ids: Iterable[str]) -> None:
        """Look at models anew: their checkpoints have come, or their entries have changed."""
        for model_id in model_ids:
            for known in (self.present, self.unaccepted, self.supported, self.titles, self.things):
                known.forget(model_id)


class Following:
    """Keeps workers, and what is remembered of models, true to the catalogue and the checkpoints.

    Args:
        config: Names the models that workers load as soon as they are up.
        catalogue: The one that everybody looks into.
        terms: What is remembered.
        executor: Has the workers.
        starters: Whether they load the starters where nothing is named.
    """

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        terms: Terms,
        executor: LocalExecutor,
        *,
        starters: bool,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._terms = terms
        self._executor = executor
        self._starters = starters

    def preload(self) -> None:
        """Have workers that come up load what they should."""
        wanted = _early(self._catalogue, self._config, self._starters)
        self._executor.preload(list(filter(self._terms.allow, wanted)))

    def fetched(self, model: Model) -> None:
        """Look at a model anew: its checkpoint has come."""
        self._terms.forget([model.id])
        self._executor.renew(model)

    def preferred(self, task: str) -> str:
        """Return the operator's choice of model for a task; empty leaves it to the catalogue."""
        return self._config.defaults.for_task(task)

    def follow(self, entries: Mapping[str, Model | None], config: Config) -> None:
        """Look at models anew: their entries have changed, or are gone; so may have the choices."""
        self._config = config
        self._terms.forget(entries)
        for model in filter(None, entries.values()):
            self._executor.renew(model)
        self._executor.keeping.follow(entries)
        self.preload()


def _early(catalogue: Catalogue, config: Config, starters: bool) -> list[Model]:
    """Return what workers load as soon as they are up."""
    wanted = [catalogue.get(name) for name in config.inference.preload if name in catalogue]
    if starters and not wanted:
        return [model for model in catalogue if model.starter]
    return wanted
