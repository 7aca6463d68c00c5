"""Which models there are, which of them are here and may be used, and how others come here.

Knows nothing of requests: what is done with a model is the service's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import Sentence, UserError, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.catalogue.catalogue import Catalogue
    from bot.catalogue.fetches import Fetch, Fetches
    from bot.catalogue.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A model of the catalogue as it stands here.

    ``ready`` says that it can be used now; ``refused`` why it may not be, whether or not it is
    here; ``fetch`` is under way.
    """

    model: Model
    ready: bool
    refused: Sentence | None
    fetch: Fetch | None


class Stock:
    """The models of the catalogue as they stand on this machine.

    Args:
        catalogue: Every model.
        is_present: Whether a model's checkpoint is on this machine.
        is_supported: Whether there is a family for the model.
        too_big: Why a model cannot run on this machine, or ``None`` where it can.
        unaccepted: Why a model may not be used before its licence is accepted, or ``None``.
        fetches: What brings checkpoints here; without it nothing can be fetched.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        is_present: Callable[[Model], bool],
        is_supported: Callable[[Model], bool],
        too_big: Callable[[Model], Sentence | None],
        unaccepted: Callable[[Model], Sentence | None],
        fetches: Fetches | None,
    ) -> None:
        self.is_present = is_present
        self.is_supported = is_supported
        self.too_big = too_big
        self._catalogue = catalogue
        self._unaccepted = unaccepted
        self._fetches = fetches

    def __iter__(self) -> Iterator[Model]:
        return iter(self._catalogue)

    def is_ready(self, model: Model) -> bool:
        """Say whether a model can be used now."""
        if not self.is_supported(model) or self.refused(model) is not None:
            return False
        return self.is_present(model)

    def could_run(self, model: Model) -> bool:
        """Say whether a model could be used here, if its checkpoint were."""
        return self.is_supported(model) and self.too_big(model) is None

    def refused(self, model: Model) -> Sentence | None:
        """Return why a model may not be used, whether or not it is here."""
        return self.too_big(model) or self._unaccepted(model)

    def known(self, name: str) -> Known:
        """Return what is known of a model, by any of its names.

        Raises:
            UserError: There is none of that name.
        """
        model = self._catalogue.get(name)
        return Known(
            model=model,
            ready=self.is_ready(model),
            refused=self.refused(model),
            fetch=None if self._fetches is None else self._fetches.of(model),
        )

    def lacking(self) -> list[Model]:
        """Return the models that could be used here, and whose checkpoints are not."""
        return [m for m in self if self.could_run(m) and not self.is_present(m)]

    def fetch(self, name: str, *, accept_licence: bool = False) -> Fetch:
        """Begin to bring a model's checkpoint here, or join the fetch that is under way.

        Raises:
            UserError: It is unknown, would not be run here, or its licence is to be accepted.
        """
        model = self._catalogue.get(name)
        if self._fetches is None:
            raise UserError("Nothing can be fetched from here.")
        if not self.is_supported(model):
            raise UserError(
                "{model} cannot be run by this version yet.",
                model=model.title,
            )
        if (reason := self.too_big(model)) is not None:
            raise UserError(reason)
        if not accept_licence and (reason := self._unaccepted(model)) is not None:
            here = Sentence("Here, the option `accept_licence` does it too.")
            raise UserError(joined(reason, here))
        accept = accept_licence and model.acknowledge is not None
        return self._fetches.begin(model, accept=accept)

    async def close(self) -> None:
        """Stop every fetch that is under way; what was downloaded is kept."""
        if self._fetches is not None:
            await self._fetches.close()
