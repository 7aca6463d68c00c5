"""The rows of one job: which are whole, which grow, and which may begin.

A page is read line by line, a long text piece by piece. Rows that do not need one another grow side
by side, for a step of the net costs little more for eight than for one; what is shown and what the
job gives is in their order all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.decoding.engine import Finish

if TYPE_CHECKING:
    from bot.decoding.sampling import Row
    from bot.families.base import GeneratingFamily
    from bot.inference import wire

AT_ONCE = 8
"""Rows of one job that grow at once; where several jobs share an engine, they share these."""


@dataclass(slots=True)
class Rows:
    """What was written of a job, and what is being written.

    Args:
        order: The job; what a run that was broken off had written is not written again.
    """

    order: wire.RunJob
    finishes: list[Finish] = field(default_factory=list)  # of the first rows, as far as all end
    _ahead: dict[int, Finish] = field(default_factory=dict)  # of rows behind one that still grows
    _texts: dict[int, str] = field(default_factory=dict)  # of those that grow
    _next: int = 0
    _dry: bool = False  # the family has no row to begin before another ends

    def __post_init__(self) -> None:
        for row in self.order.written.rows:
            finish = Finish(text=row.text, tokens=row.tokens, stopped_by=row.stopped_by)
            self._ahead[row.number] = finish
        self._put_in_order()

    def __len__(self) -> int:
        """Return how many grow."""
        return len(self._texts)

    @property
    def may_begin(self) -> bool:
        """Whether it is worth to ask for another row."""
        return not self._dry

    @property
    def text(self) -> str:
        """What there is of the row that is shown: the first that is not whole."""
        return self._texts.get(len(self.finishes), "")

    def begin(self, family: GeneratingFamily) -> tuple[int, Row] | None:
        """Return the next row and its number; ``None`` if there is none, or it must wait.

        Raises:
            UserError: It is refused.
        """
        while self._next < len(self.finishes) or self._next in self._ahead:
            self._next += 1
        number, order = self._next, self.order
        if number == 0:
            row: Row | None = family.row(order.request, order.seed)
        else:
            ahead = number - len(self.finishes)
            row = family.next_row(order.request, order.seed, self.finishes, ahead)
        if row is None:
            self._dry = True
            return None
        self._next += 1
        self._texts[number] = ""
        return number, replace(row, emitted=order.written.tokens.get(number, ()))

    def grew(self, number: int, text: str) -> bool:
        """Take what there is of a row now; return whether it is the one that is shown."""
        self._texts[number] = text
        return number == len(self.finishes)

    def finished(self, number: int, finish: Finish) -> None:
        """Take the end of a row."""
        del self._texts[number]
        self._ahead[number] = finish
        self._put_in_order()

    def _put_in_order(self) -> None:
        while (finish := self._ahead.pop(len(self.finishes), None)) is not None:
            self.finishes.append(finish)
            self._dry = False
