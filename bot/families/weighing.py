"""Lets jobs that weigh texts take turns with the rows of an engine: one piece of work a step.

Nobody waits for a whole question to be answered: rows grow by a token between two pieces, and a
cancel or a deadline gets through there. Of the jobs that weigh, the oldest is worked on alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.decoding.engine import Emission, Engine, Finish
from bot.decoding.sampling import Row
from bot.families.likelihoods import Pieces
from bot.tasks.registry import Result

if TYPE_CHECKING:
    from bot.families.base import Rows

Work = Callable[[], Pieces[Result]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed(Row):
    """A job that writes nothing: work in pieces, at the end of which there is its result."""

    work: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion(Finish):
    """The end of such a job."""

    result: Result


class TakingTurns:
    """An engine, and beside its rows jobs that weigh; to a worker it is one engine.

    Args:
        engine: Grows the rows that write.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine: Rows = engine
        self._works: dict[str, Generator[None, None, Any]] = {}  # the oldest first
        self._at_work: str | None = None

    @property
    def note(self) -> str:
        """What the operator should know of how the rows are run."""
        return self._engine.note

    @property
    def could_be_prepared(self) -> bool:
        """Whether the rows would run faster, had the model been prepared."""
        return self._engine.could_be_prepared

    @property
    def gathers(self) -> bool:
        """Whether the rows are best kept together in one process."""
        return self._engine.gathers

    @property
    def has_room(self) -> bool:
        """Whether another row can join; those that weigh take no slot."""
        return self._engine.has_room

    @property
    def has_spare(self) -> bool:
        """Whether a job that is in may have another row beside those that it has."""
        return self._engine.has_spare

    def __len__(self) -> int:
        return len(self._engine) + len(self._works)

    def joined(self) -> list[str]:
        """Return the keys of all that are in."""
        return [*self._engine.joined(), *self._works]

    def join(self, key: str, row: Row, *, ahead: bool = False) -> None:
        """Take a row or a job that weighs in."""
        if isinstance(row, Weighed):
            self._works[key] = row.work()
        else:
            self._engine.join(key, row, ahead=ahead)

    def leave(self, key: str) -> None:
        """Drop whatever has this key."""
        if (work := self._works.pop(key, None)) is not None:
            work.close()
        if key == self._at_work:
            self._at_work = None
        self._engine.leave(key)

    def admit(self) -> list[str]:
        """Begin the rows for which there is memory, and the oldest job that weighs."""
        begun = self._engine.admit()
        key = next(iter(self._works), None)
        if key != self._at_work and key is not None:
            begun.append(key)
        self._at_work = key
        return begun

    def step(self) -> list[Emission]:
        """Advance every row by a step, and the oldest job that weighs by a piece."""
        emissions = self._engine.step() if len(self._engine) else []
        key = next(iter(self._works), None)
        return emissions if key is None else [*emissions, self._advanced(key)]

    def _advanced(self, key: str) -> Emission:
        try:
            next(self._works[key])
        except StopIteration as end:
            del self._works[key]
            finish = Conclusion(text="", tokens=0, stopped_by="end", result=end.value)
            return Emission(key=key, text="", finish=finish)
        except Exception as error:  # of this job: the rows go on
            del self._works[key]
            return Emission(key=key, text="", error=error)
        return Emission(key=key, text="")
