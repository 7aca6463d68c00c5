"""Blocks of keys and values: asked for in whole at once, given by the system as they are used."""

from __future__ import annotations

import contextlib
import heapq
import math
import mmap
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEPT_BYTES = 256 * 2**20
"""What is kept of blocks that nobody is in; the system takes back the rest."""


class Blocks:
    """Numbered blocks in memory that costs nothing until it is written to.

    The lowest free block is always the next, so what is in use lies together at the beginning.

    Args:
        kinds: By the name of an array: the shape of one block, and what numpy holds it as.
        most: How many blocks there are.

    Raises:
        MemoryError: There is to be no block at all.
    """

    def __init__(self, kinds: Mapping[str, tuple[Sequence[int], Any]], most: int) -> None:
        self.block_bytes = bytes_of(kinds)
        if most < 1:
            raise MemoryError(f"no room for a single block of {self.block_bytes} bytes")
        self.most = most
        self.arrays: dict[str, Any] = {}  # by name: (most, *shape of a block)
        self._maps: list[mmap.mmap] = []
        for name, (shape, dtype) in kinds.items():
            size = most * math.prod(shape) * np.dtype(dtype).itemsize
            mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with contextlib.suppress(AttributeError, OSError):  # not every kernel knows of them
                mapped.madvise(mmap.MADV_HUGEPAGE)
            self._maps.append(mapped)
            self.arrays[name] = np.frombuffer(mapped, dtype).reshape(most, *shape)
        self._free: list[int] = []
        self._touched = 0  # the blocks below this number have been given out

    @property
    def used_bytes(self) -> int:
        """What the blocks take that are in use or kept."""
        return self._touched * self.block_bytes

    def take(self) -> int:
        """Return the lowest free block.

        Raises:
            MemoryError: All are taken.
        """
        if self._free:
            return heapq.heappop(self._free)
        if self._touched == self.most:
            raise MemoryError(f"there are no more than {self.most} blocks")
        self._touched += 1
        return self._touched - 1

    def give_back(self, blocks: Sequence[int]) -> None:
        """Let others have these blocks."""
        for block in blocks:
            heapq.heappush(self._free, block)

    def shrink(self) -> None:
        """Let the system have the highest free blocks but for :data:`KEPT_BYTES` of all."""
        kept = max(1, KEPT_BYTES // self.block_bytes)
        free = set(self._free)
        touched = self._touched
        while touched > kept and touched - 1 in free:
            touched -= 1
        if touched == self._touched:
            return
        self._free = sorted(block for block in free if block < touched)
        self._touched = touched
        for mapped in self._maps:
            begin = -(-touched * (len(mapped) // self.most) // mmap.PAGESIZE) * mmap.PAGESIZE
            if begin < len(mapped):
                mapped.madvise(mmap.MADV_DONTNEED, begin)


def bytes_of(kinds: Mapping[str, tuple[Sequence[int], Any]]) -> int:
    """Return what one block takes in all arrays."""
    return sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in kinds.values())
