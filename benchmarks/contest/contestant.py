"""What a contestant is, and how it is driven and timed."""

from __future__ import annotations

import asyncio
import queue
import time
from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .workload import Ask


class Contestant(ABC):
    """A way to serve a model.

    Args:
        folder: The checkpoint.
        settings: What this contestant may be told; its table says what.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = settings

    async def start(self) -> None:  # noqa: B027 - those that block load elsewhere
        """Load the model and be ready."""

    @abstractmethod
    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Serve a request; return its new text, without the prompt.

        Raises:
            RuntimeError: It made more or fewer tokens than were asked for.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Let go of everything."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A request in the queue of a :class:`Blocking` contestant."""

    ask: Ask
    seen: Callable[[], None]
    answer: Future[str] = field(default_factory=Future)


class Blocking(Contestant):
    """A contestant whose work blocks: it gets the process's main thread, where torch is fastest.

    What arrives while it works waits, and then is taken up to ``most`` at a time.
    """

    most = 1

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self._queue: queue.Queue[Waiting | None] = queue.Queue()

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Queue the request and wait for it."""
        waiting = Waiting(ask, seen)
        self._queue.put(waiting)
        return await asyncio.wrap_future(waiting.answer)

    async def stop(self) -> None:
        """End :meth:`work`."""
        self._queue.put(None)

    def work(self) -> None:
        """Load, then serve until told to stop; on the main thread."""
        self.load()
        while (first := self._queue.get()) is not None:
            batch = [first]
            time.sleep(0.005)  # the rest of a burst is on its way
            while len(batch) < self.most and not self._queue.empty():
                if (another := self._queue.get()) is None:
                    return
                batch.append(another)
            try:
                self.run(batch)
            except Exception as error:
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)

    @abstractmethod
    def load(self) -> None:
        """Load the model."""

    @abstractmethod
    def run(self, batch: list[Waiting]) -> None:
        """Serve a batch: set every answer."""


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was served: seconds after the workload's beginning, and the new text."""

    number: int
    at_s: float
    first_s: float
    last_s: float
    tokens: int
    text: str


async def drive(contestant: Contestant, asks: list[Ask]) -> list[Served]:
    """Send every request when it is due, whether the contestant keeps up or not."""
    began = time.perf_counter()
    return await asyncio.gather(*(_one(contestant, ask, began) for ask in asks))


async def _one(contestant: Contestant, ask: Ask, began: float) -> Served:
    await asyncio.sleep(began + ask.at_s - time.perf_counter())
    first: list[float] = []

    def seen() -> None:
        if not first:
            first.append(time.perf_counter() - began)

    text = await contestant.ask(ask, seen)
    last = time.perf_counter() - began
    return Served(ask.number, ask.at_s, first[0] if first else last, last, ask.new_tokens, text)


def expect(tokens: int, ask: Ask, slack: int = 0) -> None:
    """Refuse an answer that is shorter or longer than asked for.

    Raises:
        RuntimeError: It is.
    """
    if abs(tokens - ask.new_tokens) > slack:
        raise RuntimeError(f"{tokens} tokens instead of {ask.new_tokens}")
