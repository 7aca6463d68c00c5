"""What those who run the bot may do to the models in memory: load, unload, pin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bot.catalogue.model import Model
    from bot.inference.loader import Loader
    from bot.inference.residency import Place, Residency


class Keeping:
    """Loads and unloads models by hand.

    Args:
        loader: Has workers load.
        residency: Knows what is loaded where.
        ready: The ids of the workers that are up.
        busy: The places at which jobs run.
    """

    def __init__(
        self,
        loader: Loader,
        residency: Residency,
        ready: Callable[[], Collection[int]],
        busy: Callable[[], Collection[Place]],
    ) -> None:
        self._loader = loader
        self._residency = residency
        self._ready = ready
        self._busy = busy

    @property
    def pinned(self) -> frozenset[str]:
        """The ids of the models that make room for no other."""
        return self._residency.pinned

    def load(self, model: Model) -> bool:
        """Have a worker load a model; return whether it had to be: one may hold it already.

        Raises:
            UserError: No worker is up.
        """
        if self._places(model.id):
            return False
        workers = sorted(self._ready(), key=lambda w: len(self._residency.models_of(w)))
        if not workers:
            raise UserError("No worker is up yet. Try again in a few seconds.")
        self._loader.load(workers[0], model, self._busy())
        return True

    def unload(self, model: Model) -> bool:
        """Have every worker put a model away; return whether any held it.

        Raises:
            UserError: A job is at work in it.
        """
        places = self._places(model.id)
        if set(places) & set(self._busy()) or any(map(self._loader.is_loading, places)):
            raise UserError(
                "{model} is at work. Wait until its answers are given, then try again.",
                model=model.title,
            )
        self._loader.unload(places)
        return bool(places)

    def pin(self, model: Model, *, wanted: bool) -> None:
        """Let a model make room for no other once it is loaded, or let it again."""
        self._residency.pin(model.id, wanted=wanted)

    def follow(self, entries: Mapping[str, Model | None]) -> None:
        """Hear of entries of the catalogue that have changed, or are gone (``None``).

        Jobs under way keep what they have; workers put it away once it is idle.
        """
        self._loader.follow(entries)

    def _places(self, model_id: str) -> list[Place]:
        places = ((worker, model_id) for worker in self._ready())
        return [place for place in places if self._residency.holds(place)]
