"""The batch in flight: all rows of a model share each pass through the net, on torch.

One arena of keys and values per layer, (rows, heads, columns, D). A row's first token is always in
column 0, so what a row computes does not depend on who else is there: widths are whole blocks of
columns, of which the last are masked and add exact zeros, and there are never fewer than two rows
in a step, since nets do the arithmetic of a lone row differently. (The proposal in the founders'
notes pads on the left; then a row's columns, and with them the order of its sums, hang on its
neighbours. Prefill would also have to be copied into place, and the arena shifted when full.)
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from transformers import Cache, EncoderDecoderCache
from transformers.cache_utils import CacheLayerMixin

from bot import machine
from bot.decoding.engine import ReadsOneByOne
from bot.decoding.positions import Lengths, tell_rows_apart, widen_windows
from bot.decoding.wiring import Wiring

BLOCK = 64
"""Columns by which a step widens."""

FEWEST_ROWS = 2


class UnsuitableError(Exception):
    """The net keeps something else than one key and one value per token and layer."""


class ArenaRuntime(ReadsOneByOne):
    """Runs a net on rows that come and go; every step reads its weights once for all of them.

    The cache grows by doubling, up to the rows and columns that are really used.

    Args:
        wiring: The net; if it takes no positions, its modules are changed so that it does.
        wide: Whether the net attends in float32 whatever its own dtype.
        limit_bytes: What the arena may take; 0 is as much as there is.

    Raises:
        UnsuitableError: The net's cache is not a plain one: sliding windows, recurrent states.
    """

    def __init__(self, wiring: Wiring, *, wide: bool = False, limit_bytes: int = 0) -> None:
        if not wiring.is_plain():
            kind = wiring.decoder_config.model_type
            raise UnsuitableError(f"{kind} needs a cache of its own kind")
        self._wiring = wiring
        parts = 2 * wiring.layers * (2 if wiring.has_encoder else 1)
        self._place = _Place(limit_bytes // parts)
        dtype = torch.float32 if wide else wiring.net.dtype
        self._own = [_Columns(self._place, dtype) for _ in range(wiring.layers)]
        crossings = wiring.layers if wiring.has_encoder else 0
        self._crossed = [_Crossing(self._place, dtype) for _ in range(crossings)]
        self._cache = self._new_cache()
        self._rows: list[_Row] = []
        self._picture = 0  # columns of a picture's source, once one was encoded
        self._lengths = Lengths()
        if not wiring.takes_positions:
            tell_rows_apart(wiring.decoder(), self._lengths)
        widen_windows(wiring.decoder(), self._lengths)

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        """Make room for a row of so many tokens, and for its source, if it has one.

        Raises:
            MemoryError: The arena would become larger than it may.
        """
        if self._rows and self._place.limit_bytes and not self._own[0].is_shaped:
            raise MemoryError("how much a token takes is known once the first row is read")
        longest = max([tokens, *(row.most for row in self._rows)])
        for layer in self._own:
            layer.make_room(len(self._rows) + 1, longest)
        columns = 0
        if source is not None:
            columns = len(source) if isinstance(source, tuple) else self._picture
            self._reserve(columns)
        row = self._row(slot)
        row.most, row.source = tokens, columns

    def encode(self, slot: int, source: Any) -> None:
        """Have the encoder read the source of a row that has begun."""
        row = self._row(slot)
        row.encoded = self._wiring.encode(source)
        row.source = row.encoded.shape[1]
        if not isinstance(source, tuple):
            self._picture = row.source

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        """Read ids (T,) after what the slot holds; return the last position's logits, (V,)."""
        row = self._row(slot)
        end = row.touched = row.length + len(ids)
        self._place.read(self._rows.index(row), row.length, end, max(row.most, end))
        self._set_crossed(row.crossed)
        logits = self._wiring.forward(
            torch.tensor([ids]), self._cache, encoded=self._source_of(row)
        )
        row.length += len(ids)
        if row.encoded is not None:
            row.crossed, row.encoded = row.encoded.shape[1], None
        return logits[0]

    def _reserve(self, columns: int) -> None:
        """Make room for one more source of so many columns."""
        longest = max([columns, *(row.source for row in self._rows)])
        for crossing in self._crossed:
            crossing.make_room(len(self._rows) + 1, longest)

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        """Read one token per slot; return the logits of each, (N, V).

        Rows in between that are still being read take part without effect: what is written for
        them lies behind their end, where the next chunk goes.
        """
        numbers = [self._rows.index(self._row(slot)) for slot in slots]
        count = max(FEWEST_ROWS, max(numbers) + 1)
        rows = [*self._rows, *([_Row(-1)] * FEWEST_ROWS)][:count]
        ids = torch.zeros(count, 1, dtype=torch.long)
        ids[numbers, 0] = torch.tensor(tokens)
        lengths = torch.tensor([row.length for row in rows])
        width = whole_blocks(max(rows[number].length for number in numbers) + 1)
        self._place.write(lengths, width, max(row.length for row in rows) + 1)
        self._lengths.of_rows = lengths.tolist()
        self._set_crossed(1)
        try:
            logits = self._wiring.forward(
                ids,
                self._cache,
                mask=(torch.arange(width) <= lengths[:, None]).long(),
                positions=lengths[:, None] if self._wiring.takes_positions else None,
                **self._sources_of(rows),
            )
        finally:
            self._lengths.of_rows = None
        for number in numbers:
            rows[number].length += 1
        return logits if numbers == list(range(len(logits))) else logits[numbers]

    def free(self, slot: int) -> None:
        """Forget what the slot holds; the last row moves into its place."""
        number = next((n for n, row in enumerate(self._rows) if row.slot == slot), None)
        if number is None:
            return
        gone, last = self._rows[number], self._rows.pop()
        for layer in self._own:
            layer.move(len(self._rows), number, last.length, max(gone.length, gone.touched))
        for crossing in self._crossed:
            crossing.move(len(self._rows), number, last.crossed, max(gone.crossed, gone.source))
        if last is not gone:
            self._rows[number] = last
        if not self._rows:
            for layer in (*self._own, *self._crossed):
                layer.clear()
            machine.give_back_freed_memory()

    def _row(self, slot: int) -> _Row:
        for row in self._rows:
            if row.slot == slot:
                return row
        self._rows.append(_Row(slot))
        return self._rows[-1]

    def _new_cache(self) -> Cache:
        own = Cache(layers=self._own)
        return EncoderDecoderCache(own, Cache(layers=self._crossed)) if self._crossed else own

    def _set_crossed(self, held: int) -> None:
        """Say whether the keys and values of the cross attention are there already."""
        if isinstance(self._cache, EncoderDecoderCache):
            self._cache.is_updated = dict.fromkeys(range(len(self._crossed)), held > 0)

    def _source_of(self, row: _Row) -> torch.Tensor | None:
        if row.encoded is not None or not row.crossed:
            return row.encoded
        self._place.sources = row.crossed
        return _shape_only(1, row.crossed, self._wiring.net.dtype)

    def _sources_of(self, rows: list[_Row]) -> dict[str, torch.Tensor]:
        """Return a stand-in for what the encoder made, and which of its columns count."""
        if not self._crossed:
            return {}
        width = whole_blocks(max(row.crossed for row in rows))
        self._place.sources = width
        for crossing in self._crossed:  # a row that has begun may have written none yet
            crossing.make_room(len(rows), width)
        lengths = torch.tensor([max(1, row.crossed) for row in rows])  # none at all gives NaN
        mask = (torch.arange(width) < lengths[:, None]).long()
        encoded = _shape_only(len(rows), width, self._wiring.net.dtype)
        return {"encoded": encoded, "encoded_mask": mask}


class _Row:
    """What one slot holds: tokens read, columns of the encoder; in the order of the arena."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.length = 0
        self.touched = 0  # columns that may be written: more, where reading failed half way
        self.most = 0  # tokens that it may have in the end
        self.source = 0  # columns that its source takes in the cross attention
        self.crossed = 0  # and those that are written
        self.encoded: torch.Tensor | None = None


class _Place:
    """Where the pass under way reads and writes; the same for all layers."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes  # of one tensor
        self.row: int | None = None  # the one row that is read, or ``None``: a step of all
        self.start = 0  # columns before
        self.width = 0  # columns seen in the end
        self.need = 0  # columns that the arena must have
        self.sources = 0  # columns of the cross attention
        self.ends = torch.empty(0, dtype=torch.long)  # (N,): each row's next column

    def read(self, row: int, start: int, end: int, need: int) -> None:
        self.row, self.start, self.width, self.need = row, start, end, need

    def write(self, ends: torch.Tensor, width: int, need: int) -> None:
        self.row, self.ends, self.width, self.need = None, ends, width, max(width, need)
        self.start = width - 1

    @property
    def count(self) -> int:
        """Rows of the arena that the pass needs."""
        return len(self.ends) if self.row is None else self.row + 1


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values of one layer, (rows, heads, columns, D), of which a pass sees a part."""

    is_sliding = False

    def __init__(self, place: _Place, dtype: torch.dtype) -> None:
        super().__init__()
        self._place = place
        self._keys = torch.empty(0, 0, 0, 0, dtype=dtype)
        self._values = torch.empty(0, 0, 0, 0, dtype=dtype)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make room as it is needed; there is nothing to do before."""

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many columns the pass sees, and the first of them."""
        return self._place.start + query_length, 0

    def get_seq_length(self) -> int:
        """Return how many columns came before, for all rows alike."""
        return self._place.start

    @property
    def is_shaped(self) -> bool:
        """Whether it is known how large a column is."""
        return bool(self._keys.shape[1])

    def make_room(self, rows: int, columns: int) -> None:
        """Grow to so many rows and columns, by doubling where it may; what is there stays.

        Raises:
            MemoryError: That would be more than it may take.
        """
        have, heads, wide, size = self._keys.shape
        if not heads or (rows <= have and columns <= wide):
            return  # or nobody knows yet how large a column is
        rows, columns = max(FEWEST_ROWS, rows), whole_blocks(columns)
        cell = heads * size * self._keys.element_size()
        most = self._place.limit_bytes // cell if self._place.limit_bytes else sys.maxsize
        if rows * columns > most:
            raise MemoryError(
                f"{rows} rows of {columns} tokens are more than this model's memory for texts holds"
            )
        taller, wider = max(rows, have), max(columns, wide)
        for shape in ((_doubled(rows, have), _doubled(columns, wide)), (taller, wider)):
            if shape[0] * shape[1] <= most:
                rows, columns = shape
                break  # else what others needed once is given back
        # both or none: memory may run out between them
        self._keys, self._values = (
            _grown(tensor, rows, columns) for tensor in (self._keys, self._values)
        )

    def clear(self) -> None:
        """Give all of the memory back."""
        self._keys = self._keys[:0, :, :0].clone()
        self._values = self._values[:0, :, :0].clone()

    def _shape_as(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Take the number of heads and D from the first keys and values, (N, heads, T, D)."""
        if not self._keys.shape[1]:
            self._keys = self._keys.new_empty(0, keys.shape[1], 0, keys.shape[3])
            self._values = self._values.new_empty(0, values.shape[1], 0, values.shape[3])

    def move(self, source: int, target: int, held: int, old: int) -> None:
        """Move a row; leave zeros behind it, for a masked column counts 0 times what is in it."""
        for tensor in (self._keys, self._values):
            if source < len(tensor):
                if source != target:
                    tensor[target, :, :held] = tensor[source, :, :held]
                    tensor[target, :, held : max(held, old) + 1] = 0
                tensor[source, :, : max(held, old) + 1] = 0


class _Columns(_Layer):
    """The rows' own keys and values."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write what came, (N, heads, T, D); return what may be seen, (N, heads, W, D)."""
        place = self._place
        self._shape_as(key_states, value_states)
        self.make_room(place.count, place.need)
        if place.row is not None:
            rows, new = slice(place.row, place.row + 1), slice(place.start, place.width)
            self._keys[rows, :, new] = key_states
            self._values[rows, :, new] = value_states
        else:
            rows = slice(0, len(place.ends))
            each = torch.arange(len(place.ends))
            self._keys[each, :, place.ends] = key_states[:, :, 0].to(self._keys.dtype)
            self._values[each, :, place.ends] = value_states[:, :, 0].to(self._values.dtype)
        return self._keys[rows, :, : place.width], self._values[rows, :, : place.width]


class _Crossing(_Layer):
    """The keys and values of what the encoder made, written once and then only read."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep those of one row, (1, heads, S, D)."""
        row = self._place.row
        assert row is not None  # only a row that is read brings a source
        columns = key_states.shape[2]
        self._shape_as(key_states, value_states)
        self.make_room(row + 1, columns)
        self._keys[row, :, :columns] = key_states[0]
        self._values[row, :, :columns] = value_states[0]
        return key_states, value_states

    @property
    def keys(self) -> torch.Tensor | None:
        """The keys that the pass sees, (N, heads, S, D)."""
        return self._seen(self._keys)

    @keys.setter
    def keys(self, value: None) -> None:
        pass  # transformers' constructor says that there are none

    @property
    def values(self) -> torch.Tensor | None:
        """The values that the pass sees, (N, heads, S, D)."""
        return self._seen(self._values)

    @values.setter
    def values(self, value: None) -> None:
        pass

    def get_seq_length(self) -> int:
        """Return how many columns the pass sees."""
        return self._place.sources

    def _seen(self, tensor: torch.Tensor) -> torch.Tensor:
        place = self._place
        rows = slice(0, len(place.ends)) if place.row is None else slice(place.row, place.row + 1)
        return tensor[rows, :, : place.sources]


def whole_blocks(columns: int) -> int:
    """Return columns rounded up to whole blocks."""
    return -(-columns // BLOCK) * BLOCK


def _doubled(needed: int, have: int) -> int:
    return max(needed, 2 * have) if needed > have else have


def _grown(old: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Return zeros of (rows, heads, columns, D) with what ``old`` held there."""
    new = old.new_zeros(rows, old.shape[1], columns, old.shape[3])
    kept = old[:rows, :, :columns]
    new[: kept.shape[0], :, : kept.shape[2]] = kept
    return new


def _shape_only(rows: int, columns: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(1, 1, 1, dtype=dtype).expand(rows, columns, 1)
