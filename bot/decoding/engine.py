"""The decoding engine: rows join, grow by a token a step, and leave, each at its own time.

It owns the rows' sampling, stops and text; a :class:`Runtime` owns the net and its caches. It
knows nothing of jobs, sockets or Discord: a row is known by a key of the caller's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from bot.decoding.sampling import Chooser, Row, choose_all
from bot.decoding.stops import GrowingText

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from bot.decoding.beams import BeamSearches

PREFILL_CHUNK = 128
"""Prompt tokens of one row that are read at once: always cut at the same places."""

PREFILL_BUDGET = 512
"""Prompt tokens read in one step, at most: what bounds how long other rows, and a cancel, wait."""

Read = torch.Tensor | Exception
"""What reading brought a row: its last logits, (V,), or what kept it from being read."""


LARGEST = PREFILL_BUDGET
"""What a picture counts for: one of them a step."""


class Runtime(Protocol):
    """A net with one cache per slot. Slots are small integers chosen by the engine.

    ``gathers`` says that its rows are best kept together: one process that reads the weights with
    all cores for many rows is faster than several that each read them for a few.
    """

    gathers: bool

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        """Make room for a row of so many tokens, and for its source, if it has one.

        Raises:
            MemoryError: There is no room beside the rows that are in.
        """

    def encode(self, slot: int, source: Any) -> None:
        """Have the encoder read the source of a row that has begun."""

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids of shape (T,) after what the slot holds; return the last logits, (V,)."""

    def read(self, slots: list[int], chunks: list[list[int]]) -> list[Read]:
        """Read some ids after what each slot holds; say of each row how that went.

        A row that failed is of no more use: what it holds may be half of what it was to read.
        """

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        """Read one token per slot; return the logits of each, (N, V)."""

    def free(self, slot: int) -> None:
        """Forget what the slot holds."""


class ReadsOneByOne:
    """What a runtime does that reads one row at a time, by its method ``extend``."""

    gathers = False

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids of shape (T,) after what the slot holds; return the last logits, (V,)."""
        raise NotImplementedError

    def read(self, slots: list[int], chunks: list[list[int]]) -> list[Read]:
        """Read some ids after what each slot holds; say of each row how that went."""
        return [self._read_one(slot, ids) for slot, ids in zip(slots, chunks, strict=True)]

    def _read_one(self, slot: int, ids: list[int]) -> Read:
        try:
            return self.extend(slot, ids)
        except Exception as error:  # of this row: its neighbours are read all the same
            return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """A row's end: its whole text, how many tokens it took, and ``end``, ``length`` or ``stop``."""

    text: str
    tokens: int
    stopped_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """What one step brought one row: its text so far, the token, and its end if it has come."""

    key: str
    text: str
    token: int | None = None
    finish: Finish | None = None
    error: Exception | None = None


@dataclass(slots=True)
class _Active:
    slot: int
    row: Row
    chooser: Chooser
    text: GrowingText
    unread: list[int]
    unencoded: bool
    tokens: int
    begun: bool = False
    last: int | None = None


class Engine:
    """Grows many rows side by side on one runtime.

    ``could_be_prepared`` says that a faster runtime would be there, had the model been prepared;
    ``gathers`` is the runtime's own.

    Args:
        runtime: The net and its caches.
        tokenizer: Turns tokens into text.
        end_ids: The ids that end a text; they are no part of it.
        slots: How many rows may be in at once.
        spare: So many more may be, so that who comes later finds room beside one who has many.
        searches: Runs the rows that ask for beams; without it they are refused.
        note: What the operator should know of how the rows are run.
    """

    def __init__(
        self,
        runtime: Runtime,
        tokenizer: Tokenizer,
        end_ids: frozenset[int],
        slots: int,
        searches: BeamSearches | None = None,
        *,
        spare: int = 0,
        note: str = "",
    ) -> None:
        self.note = note
        self.could_be_prepared = False
        self.gathers = runtime.gathers
        self._runtime = runtime
        self._tokenizer = tokenizer
        self._end_ids = end_ids
        self._slots = slots
        self._free = list(reversed(range(slots + spare)))
        self._rows: dict[str, _Active] = {}
        self._refused: dict[str, Exception] = {}
        self._searches = searches
        self._searched: dict[str, Row] = {}
        self._to_search: dict[str, Row] = {}

    def __len__(self) -> int:
        return len(self._rows) + len(self._searched)

    @property
    def has_room(self) -> bool:
        """Whether another row can join."""
        return len(self._free) > len(self._searched)

    @property
    def has_spare(self) -> bool:
        """Whether a job that is in may have another row beside those that it has."""
        return len(self) < self._slots

    def joined(self) -> list[str]:
        """Return the keys of the rows that are in."""
        return [*self._rows, *self._searched]

    def join(self, key: str, row: Row, *, ahead: bool = False) -> None:
        """Take a row in; once there is memory for it, it is read in chunks over the next steps.

        Args:
            key: What the caller calls it.
            row: The text to be written.
            ahead: Whether it comes before those that wait: it goes on from one that was in.

        Raises:
            IndexError: All slots are taken.
            ValueError: The row has no tokens to go on from or none to write, asks for beams where
                none can be, or another of its key is in.
        """
        if not self.has_room:
            raise IndexError("all slots are taken")
        if key in self._rows or key in self._searched:
            raise ValueError(f"the row {key} is in already")
        if not row.ids:
            raise ValueError("a row needs at least one token")
        if row.sampling.max_new_tokens < 1:
            raise ValueError("a row needs at least one token to write")
        if row.sampling.beams > 1:
            self._search(key, row)
            return
        chooser = Chooser(row, self._end_ids)
        text = GrowingText(self._tokenizer, row.stop, row.ids if row.source is None else ())
        for token in row.emitted:
            text.add(token)
        self._rows[key] = _Active(
            self._free.pop(),
            row,
            chooser,
            text,
            unread=[*row.ids, *row.emitted],
            unencoded=row.source is not None,
            tokens=len(row.emitted),
        )
        if ahead:
            for other in [k for k, a in self._rows.items() if not a.begun and k != key]:
                self._rows[other] = self._rows.pop(other)  # behind it

    def leave(self, key: str) -> None:
        """Drop a row, finished or not; unknown keys are ignored."""
        active = self._rows.pop(key, None)
        self._refused.pop(key, None)
        self._to_search.pop(key, None)
        if active is not None:
            self._runtime.free(active.slot)
            self._free.append(active.slot)
        if self._searched.pop(key, None) is not None and self._searches is not None:
            self._searches.leave(key)

    def admit(self) -> list[str]:
        """Begin the rows for which there is memory now; return their keys.

        Rows begin in the order in which they joined, or one that takes much would wait for ever.
        :meth:`step` does it, too; who asks before learns whose time begins to run.
        """
        begun = []
        for key, active in self._rows.items():
            if active.begun or key in self._refused:
                continue
            tokens = len(active.row.ids) + active.row.sampling.max_new_tokens
            try:
                self._runtime.begin(active.slot, tokens, active.row.source)
            except MemoryError as error:
                if any(other.begun for other in self._rows.values()):
                    break  # there will be room when one of them is done
                self._refused[key] = error
            except Exception as error:  # of this row: its neighbours go on
                self._refused[key] = error
            else:
                active.begun = True
                begun.append(key)
        return begun + self._begin_searches()

    def step(self) -> list[Emission]:
        """Advance every row: a token for those that are read, chunks for those that join."""
        self.admit()
        refused = [Emission(key=key, text="", error=e) for key, e in self._refused.items()]
        decoded = self._decode()
        emissions = refused + decoded + self._prefill(busy=len(decoded)) + self._searched_on()
        for emission in emissions:
            if emission.finish is not None or emission.error is not None:
                self.leave(emission.key)
        return emissions

    def _decode(self) -> list[Emission]:
        due = {key: active for key, active in self._rows.items() if active.last is not None}
        if not due:
            return []
        slots = [active.slot for active in due.values()]
        tokens = [active.last for active in due.values() if active.last is not None]
        return self._advance(due, self._runtime.step(slots, tokens))

    def _prefill(self, busy: int) -> list[Emission]:
        """Read what joining rows have not read yet: the more wait and the fewer write, the more."""
        joining = {k: row for k, row in self._rows.items() if row.begun and row.last is None}
        budget = min(PREFILL_BUDGET, PREFILL_CHUNK * (1 + len(joining) // (1 + busy)))
        emissions: list[Emission] = []
        ready: dict[str, _Active] = {}
        for key, active in joining.items():
            if budget <= 0:
                break
            try:
                if active.unencoded:
                    budget -= _cost(active.row.source)
                    self._runtime.encode(active.slot, active.row.source)
                    active.unencoded = False
            except Exception as error:  # of this row's source: its neighbours go on
                emissions.append(Emission(key=key, text="", error=error))
            else:
                ready[key] = active
                budget -= len(active.unread[:PREFILL_CHUNK])
        return emissions + self._read(ready)

    def _read(self, ready: dict[str, _Active]) -> list[Emission]:
        """Read a chunk of each row; those that are read to their end get their first token."""
        if not ready:
            return []
        chunks = [active.unread[:PREFILL_CHUNK] for active in ready.values()]
        reads = self._runtime.read([active.slot for active in ready.values()], chunks)
        failed: list[Emission] = []
        whole: dict[str, _Active] = {}
        logits: list[torch.Tensor] = []
        for (key, active), read in zip(ready.items(), reads, strict=True):
            if isinstance(read, Exception):
                failed.append(Emission(key=key, text="", error=read))
                continue
            active.unread = active.unread[PREFILL_CHUNK:]
            if not active.unread:
                whole[key] = active
                logits.append(read)
        return failed + (self._advance(whole, torch.stack(logits)) if whole else [])

    def _advance(self, due: dict[str, _Active], logits: torch.Tensor) -> list[Emission]:
        """Give each row its next token from logits of shape (N, V)."""
        chosen = choose_all([active.chooser for active in due.values()], logits)
        emissions = []
        for (key, active), token in zip(due.items(), chosen, strict=True):
            try:
                if isinstance(token, Exception):
                    raise token
                emissions.append(self._grown(key, active, token))
            except Exception as error:  # of this row's sampling or text: its neighbours go on
                emissions.append(Emission(key=key, text=active.text.whole(), error=error))
        return emissions

    def _grown(self, key: str, active: _Active, token: int) -> Emission:
        active.last = token
        if token in self._end_ids:
            return self._finished(key, active, "end")
        active.tokens += 1
        active.text.add(token)
        if active.text.stopped:
            return self._finished(key, active, "stop")
        if active.tokens >= active.row.sampling.max_new_tokens:
            return self._finished(key, active, "length")
        return Emission(key=key, text=active.text.shown(), token=token)

    @staticmethod
    def _finished(key: str, active: _Active, stopped_by: str) -> Emission:
        text = active.text.whole()
        finish = Finish(text=text, tokens=active.tokens, stopped_by=stopped_by)
        return Emission(key=key, text=text, token=active.last, finish=finish)

    def _search(self, key: str, row: Row) -> None:
        if self._searches is None:
            raise ValueError("this model cannot search with beams")
        self._searched[key] = self._to_search[key] = row

    def _begin_searches(self) -> list[str]:
        """Let the rows that ask for beams begin: nobody keeps memory for them."""
        begun, self._to_search = self._to_search, {}
        for key, row in begun.items():
            assert self._searches is not None  # else none was taken in
            self._searches.join(key, row)
        return list(begun)

    def _searched_on(self) -> list[Emission]:
        """Let the searches make a step each; a row's text is there only when its search is done."""
        if self._searches is None or not self._searched:
            return []
        emissions = []
        for key, found in self._searches.step().items():
            try:
                if isinstance(found, Exception):
                    raise found
                finish = self._written(found, self._searched[key].stop)
                emissions.append(Emission(key=key, text=finish.text, finish=finish))
            except Exception as error:  # of this row's search or text: its neighbours go on
                emissions.append(Emission(key=key, text="", error=error))
        return emissions

    def _written(self, tokens: list[int], stop: tuple[str, ...]) -> Finish:
        """Turn the tokens that a search found into the end of its row."""
        text = GrowingText(self._tokenizer, stop)
        count, stopped_by = 0, "length"
        for token in tokens:
            if token in self._end_ids:
                stopped_by = "end"
                break
            count += 1
            text.add(token)
            if text.stopped:
                stopped_by = "stop"
                break
        return Finish(text=text.whole(), tokens=count, stopped_by=stopped_by)


def _cost(source: Any) -> int:
    """Return what reading a source costs of the budget: a picture as hundreds of tokens would."""
    return max(PREFILL_CHUNK, len(source)) if isinstance(source, tuple) else LARGEST
