"""A job that has no outcome yet: who listens to it, where it runs, what has been told of it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import structlog

from bot.errors import UserError
from bot.inference import wire
from bot.inference.job import Cancelled, Outcome
from bot.tasks.progress import StepDone, TextSoFar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.inference.job import Job
    from bot.tasks.progress import Progress

log = structlog.get_logger("executor")


@dataclass(slots=True)
class Held:
    """A job under way. Several people may listen, if they asked the very same thing."""

    job: Job
    mark: bytes  # its fingerprint
    listeners: dict[str, asyncio.Queue[Progress | Outcome]] = field(default_factory=dict)
    worker_id: int | None = None
    started: bool = False
    cancelled: bool = False
    strikes: int = 0
    runs: int = 0  # how often it was given to a worker
    steps: int = 0  # its worker's, when it was cancelled
    queued_s: float = 0.0
    timer: asyncio.TimerHandle | None = None
    rows: list[wire.RowDone] = field(default_factory=list)
    tokens: wire.Tokens = field(default_factory=dict)  # of the rows that are being written
    _shown: str = ""
    _told: Progress | None = None

    def listen(self, job_id: str) -> AsyncIterator[Progress | Outcome]:
        """Return the news for one who asked; somebody who comes late hears the newest first."""
        news: asyncio.Queue[Progress | Outcome] = asyncio.Queue()
        self.listeners[job_id] = news
        if self._told is not None:
            news.put_nowait(self._told)
        return _until_outcome(news)

    def leave(self, job_id: str) -> bool:
        """Let one listener go, cancelled; return whether anybody is left."""
        self.listeners.pop(job_id).put_nowait(Cancelled())
        return bool(self.listeners)

    def tell(self, progress: Progress) -> None:
        """Tell everybody, unless they know it: a second run first catches up with the last."""
        if isinstance(progress, TextSoFar):
            if len(progress.text) <= len(self._shown):
                return
            self._shown = progress.text
        elif self._shown and not isinstance(progress, StepDone):
            return  # text that was shown stays; that the job waits and begins again is our affair
        if progress != self._told:
            self._told = progress
            for news in self.listeners.values():
                news.put_nowait(progress)

    def give_to(self, worker_id: int) -> None:
        """Note to which worker it is given."""
        self.worker_id = worker_id
        self.runs += 1
        log.info("job given out", job=self.job.id, worker=worker_id, run=self.runs)

    def begin(self) -> None:
        """Note that its worker is at work on it."""
        self.started = True
        log.info("job started", job=self.job.id, worker=self.worker_id)

    @property
    def written(self) -> wire.Written:
        """What another run need not do again."""
        return wire.Written(tuple(self.rows), dict(self.tokens))

    def wrote(self, tokens: wire.Tokens) -> None:
        """Note what is new in its rows."""
        for number, new in tokens.items():
            self.tokens[number] = self.tokens.get(number, ()) + new

    def row_done(self, row: wire.RowDone) -> None:
        """Note that a row is whole."""
        self.rows.append(row)
        self.tokens.pop(row.number, None)

    def end(self, outcome: Outcome) -> None:
        """Tell everybody how it ended."""
        if self.timer is not None:
            self.timer.cancel()
        for news in self.listeners.values():
            news.put_nowait(outcome)


async def _until_outcome(
    news: asyncio.Queue[Progress | Outcome],
) -> AsyncIterator[Progress | Outcome]:
    while True:
        item = await news.get()
        yield item
        if isinstance(item, Outcome):
            return


def fingerprint(job: Job, *, seeded: bool = True) -> bytes:
    """Return what two jobs share if they must have the same answer: model, request, seed.

    Not ``seeded``, it is what they share if they ask the same.

    Raises:
        UserError: The request holds half a character.
    """
    seed = job.seed if seeded and job.request.uses_seed else None
    try:
        key = msgspec.msgpack.encode((job.model, job.request, seed))
    except UnicodeEncodeError:  # a lone surrogate
        raise UserError(
            "This text holds half a character, which no model can read. Take it out and try again."
        ) from None
    return hashlib.blake2b(key, digest_size=16).digest()
