"""Blocks of keys and values: given out from the lowest, and given back to the system."""

from __future__ import annotations

import errno
import mmap
from pathlib import Path

import numpy as np
import pytest

from bot.decoding import blocks as module
from bot.decoding.blocks import Blocks

MIB = 2**20
KINDS = {"keys": ((4, MIB // 16), np.float32), "values": ((MIB,), np.uint8)}  # 2 MiB a block


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / MIB


def test_the_lowest_free_block_is_the_next() -> None:
    blocks = Blocks(KINDS, 5)
    assert [blocks.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(MemoryError, match="no more than 5 blocks"):
        blocks.take()
    blocks.give_back([3, 1])
    assert [blocks.take() for _ in range(2)] == [1, 3]


def test_there_must_be_room_for_one() -> None:
    with pytest.raises(MemoryError, match="no room"):
        Blocks(KINDS, 0)


class WithoutHugePages(mmap.mmap):
    """What a kernel gives that was built without them."""

    def madvise(self, option: int, *place: int) -> None:
        if option == mmap.MADV_HUGEPAGE:
            raise OSError(errno.EINVAL, "Invalid argument")
        super().madvise(option, *place)


@pytest.mark.parametrize("known", [True, False], ids=["refused", "unknown"])
def test_a_kernel_without_huge_pages_will_do(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if known:
        monkeypatch.setattr(module.mmap, "mmap", WithoutHugePages)
    else:
        monkeypatch.delattr(module.mmap, "MADV_HUGEPAGE")
    blocks = Blocks(KINDS, 5)
    blocks.arrays["keys"][blocks.take()] = 7
    assert (blocks.arrays["keys"][0] == 7).all()


def test_memory_comes_as_it_is_written_to_and_goes_when_all_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 8 * MIB)
    before = resident_mib()
    blocks = Blocks(KINDS, 500)
    assert resident_mib() - before < 20, "a thousand MiB asked for, none written to"
    taken = [blocks.take() for _ in range(60)]
    for block in taken:
        for array in blocks.arrays.values():
            array[block] = 7
    assert resident_mib() - before > 100
    assert blocks.used_bytes == 60 * 2 * MIB
    blocks.give_back([block for block in taken if block != 20])
    blocks.shrink()
    assert blocks.used_bytes == 21 * 2 * MIB, "what lies below a block in use stays"
    assert (blocks.arrays["keys"][20] == 7).all()
    blocks.give_back([20])
    blocks.shrink()
    assert blocks.used_bytes == 8 * MIB
    assert resident_mib() - before < 40
    assert [blocks.take() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    assert not blocks.arrays["values"][5].any()
