"""What has done harm is left alone for a while, longer each time. Pure.

Used for models that fail to load, and for requests that killed their workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Key = TypeVar("Key")
MEMORY_S = 3600.0  # after which a trouble that is over is forgotten


@dataclass(slots=True)
class _Trouble:
    failures: int
    until: float


class Breaker(Generic[Key]):
    """Remembers what failed, and when each may be tried again.

    Args:
        pauses_s: After the first failure, the second, and so on; the last one stays.
        clock: Seconds, monotonic.
    """

    def __init__(self, pauses_s: tuple[float, ...], clock: Callable[[], float]) -> None:
        self._pauses_s = pauses_s
        self._clock = clock
        self._troubles: dict[Key, _Trouble] = {}

    def failed(self, key: Key) -> None:
        """Note a failure; the next try has to wait."""
        now = self._clock()
        self._troubles = {k: t for k, t in self._troubles.items() if now < t.until + MEMORY_S}
        trouble = self._troubles.setdefault(key, _Trouble(0, now))
        pause = self._pauses_s[min(trouble.failures, len(self._pauses_s) - 1)]
        trouble.failures += 1
        trouble.until = now + pause

    def went_well(self, key: Key) -> None:
        """Note a success: all is forgiven."""
        self._troubles.pop(key, None)

    def wait_s(self, key: Key) -> float:
        """Return for how long this is still to be left alone; 0 where it may be tried."""
        trouble = self._troubles.get(key)
        return 0.0 if trouble is None else max(0.0, trouble.until - self._clock())
