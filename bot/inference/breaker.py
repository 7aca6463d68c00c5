"""A model that fails to load is left alone for a while, longer each time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSES_S = (0.0, 2.0, 5.0, 15.0, 60.0)
"""After the first failure, the second, and so on; the last one stays."""


@dataclass(slots=True)
class _Trouble:
    failures: int
    until: float


class Breaker:
    """Remembers which models failed to load, and when each may be tried again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}

    def failed(self, model_id: str) -> None:
        """Note that a model failed to load, or that a worker died of loading it."""
        trouble = self._troubles.setdefault(model_id, _Trouble(0, 0.0))
        pause = PAUSES_S[min(trouble.failures, len(PAUSES_S) - 1)]
        trouble.failures += 1
        trouble.until = self._clock() + pause

    def loaded(self, model_id: str) -> None:
        """Note that a model is loaded: all is forgiven."""
        self._troubles.pop(model_id, None)

    def wait_s(self, model_id: str) -> float:
        """Return for how long a model is still to be left alone; 0 where it may be tried."""
        trouble = self._troubles.get(model_id)
        return 0.0 if trouble is None else max(0.0, trouble.until - self._clock())
