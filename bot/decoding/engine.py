"""The decoding engine: rows join, grow by a token a step, and leave, each at its own time.

It owns the rows' sampling, stops and text; a :class:`Runtime` owns the net and its caches. It
knows nothing of jobs, sockets or Discord: a row is known by a key of the caller's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.decoding.sampling import Chooser, Row
from bot.decoding.stops import GrowingText

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

PREFILL_CHUNK = 128
"""Prompt tokens read in one step: what bounds how long other rows, and a cancel, must wait."""


class Runtime(Protocol):
    """A net with one cache per slot. Slots are small integers chosen by the engine."""

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids of shape (T,) after what the slot holds; return the last logits, (V,)."""

    def step(self, tokens: dict[int, int]) -> dict[int, torch.Tensor]:
        """Read one token per slot; return each slot's logits, (V,)."""

    def free(self, slot: int) -> None:
        """Forget what the slot holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """A row's end: its whole text, how many tokens it took, and ``end``, ``length`` or ``stop``."""

    text: str
    tokens: int
    stopped_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """What one step brought one row: its text so far, and its end, good or bad, if it has come."""

    key: str
    text: str
    finish: Finish | None = None
    error: Exception | None = None


@dataclass(slots=True)
class _Active:
    slot: int
    row: Row
    chooser: Chooser
    text: GrowingText
    unread: list[int]
    tokens: int = 0
    last: int | None = None


class Engine:
    """Grows many rows side by side on one runtime."""

    def __init__(
        self, runtime: Runtime, tokenizer: Tokenizer, end_ids: frozenset[int], slots: int
    ) -> None:
        self._runtime = runtime
        self._tokenizer = tokenizer
        self._end_ids = end_ids
        self._free = list(range(slots))
        self._rows: dict[str, _Active] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def has_room(self) -> bool:
        """Whether another row can join."""
        return bool(self._free)

    def joined(self) -> list[str]:
        """Return the keys of the rows that are in."""
        return list(self._rows)

    def join(self, key: str, row: Row) -> None:
        """Take a row in; it is read in chunks over the next steps.

        Raises:
            IndexError: All slots are taken.
            ValueError: The row has no tokens to go on from.
        """
        if not row.ids:
            raise ValueError("a row needs at least one token")
        chooser, text = Chooser(row), GrowingText(self._tokenizer, row.stop, row.ids)
        slot = self._free.pop()
        self._rows[key] = _Active(slot, row, chooser, text, unread=list(row.ids))

    def leave(self, key: str) -> None:
        """Drop a row, finished or not; unknown keys are ignored."""
        active = self._rows.pop(key, None)
        if active is not None:
            self._runtime.free(active.slot)
            self._free.append(active.slot)

    def step(self) -> list[Emission]:
        """Advance every row: a token for those that are read, a chunk for those that join."""
        emissions = self._decode()
        for key, active in list(self._rows.items()):
            if active.unread:
                chunk, active.unread = active.unread[:PREFILL_CHUNK], active.unread[PREFILL_CHUNK:]
                logits = self._runtime.extend(active.slot, chunk)
                if not active.unread:
                    emissions.append(self._advance(key, active, logits))
        for emission in emissions:
            if emission.finish is not None or emission.error is not None:
                self.leave(emission.key)
        return emissions

    def _decode(self) -> list[Emission]:
        due = {k: a for k, a in self._rows.items() if a.last is not None}
        if not due:
            return []
        tokens = {a.slot: a.last for a in due.values() if a.last is not None}
        logits = self._runtime.step(tokens)
        return [self._advance(key, active, logits[active.slot]) for key, active in due.items()]

    def _advance(self, key: str, active: _Active, logits: torch.Tensor) -> Emission:
        try:
            return self._grown(key, active, logits)
        except Exception as error:  # of this row's sampling or text: its neighbours go on
            return Emission(key=key, text=active.text.whole(), error=error)

    def _grown(self, key: str, active: _Active, logits: torch.Tensor) -> Emission:
        token = active.chooser.choose(logits)
        active.last = token
        if token in self._end_ids:
            return self._finished(key, active, "end")
        active.tokens += 1
        active.text.add(token)
        if active.text.stopped:
            return self._finished(key, active, "stop")
        if active.tokens >= active.row.sampling.max_new_tokens:
            return self._finished(key, active, "length")
        return Emission(key=key, text=active.text.shown())

    @staticmethod
    def _finished(key: str, active: _Active, stopped_by: str) -> Emission:
        text = active.text.whole()
        finish = Finish(text=text, tokens=active.tokens, stopped_by=stopped_by)
        return Emission(key=key, text=text, finish=finish)
