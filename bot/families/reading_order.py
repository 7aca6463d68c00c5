"""The order in which people read the lines of a page, from their boxes alone.

Knows nothing of nets or letters. Coordinates are pixels; they grow to the right and downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

Box = tuple[tuple[float, float], ...]
"""The corners (x, y) of a line of text, from its upper left one clockwise."""

TALL = 1.5
"""A box this many times taller than wide is a column; PP-OCR turns those before reading."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are read in one go, and the upright rectangle around them."""

    left: float
    top: float
    right: float
    bottom: float
    lines: tuple[int, ...]

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def is_column(self) -> bool:
        """Whether the text seems to run downwards."""
        return self.height >= TALL * self.width


def reading_order(boxes: list[Box]) -> list[int]:
    """Return the indices of text lines, given by their corners, as one reads them.

    Rows go from the top and from the left. Two long-lined columns of an article are read one
    after the other. Tall boxes side by side are Japanese columns, read from the right; where
    most of a page is made of them, so are its rows.
    """
    blocks = [_block(index, box) for index, box in enumerate(boxes)]
    columns = [block for block in blocks if block.is_column]
    grouped = [block for group in _side_by_side(columns) for block in group]
    from_right = len(grouped) * 2 > len(blocks)
    blocks = [block for block in blocks if block not in grouped]
    blocks += [_merged(reversed(group)) for group in _side_by_side(columns)]
    return [line for block in _flow(blocks, from_right=from_right) for line in block.lines]


def _block(index: int, box: Box) -> Block:
    xs, ys = zip(*box, strict=True)
    return Block(min(xs), min(ys), max(xs), max(ys), (index,))


def _merged(blocks: Iterable[Block]) -> Block:
    """Make one block of several, their lines in the given order."""
    parts = list(blocks)
    return Block(
        min(part.left for part in parts),
        min(part.top for part in parts),
        max(part.right for part in parts),
        max(part.bottom for part in parts),
        tuple(line for part in parts for line in part.lines),
    )


def _overlap(a: Block, b: Block) -> float:
    """Return how much of the shorter block lies at the height of the other, 0..1."""
    shared = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(0.0, shared) / max(1e-6, min(a.height, b.height))


def _side_by_side(columns: list[Block]) -> list[list[Block]]:
    """Group columns that stand close at one height, from the left; loners are left out."""
    groups: list[list[Block]] = []
    for column in sorted(columns, key=lambda block: block.left):
        for group in groups:
            last = group[-1]
            near = column.left - last.right < 1.5 * max(column.width, last.width)
            if near and _overlap(last, column) > 0.5:
                group.append(column)
                break
        else:
            groups.append([column])
    return [group for group in groups if len(group) > 1]


def _flow(blocks: list[Block], *, from_right: bool) -> list[Block]:
    """Order blocks: by a gutter down the page where there is one, else by rows."""
    gutter = None if from_right else _gutter(blocks)
    if gutter is None:
        return _rows(blocks, from_right=from_right)
    ordered: list[Block] = []
    across = _rows([block for block in blocks if block.left < gutter < block.right])
    edges = [-math.inf, *(block.top for block in across), math.inf]
    for index, (top, bottom) in enumerate(pairwise(edges)):
        band = [block for block in blocks if block not in across and top <= block.top < bottom]
        ordered += _rows([block for block in band if block.right <= gutter])
        ordered += _rows([block for block in band if block.left >= gutter])
        ordered += across[index : index + 1]  # the heading that ends this band
    return ordered


def _gutter(blocks: list[Block]) -> float | None:
    """Return the x of a gap between two columns of long lines, at most a quarter across it."""
    for x in sorted(block.right + 1 for block in blocks):
        left = [block for block in blocks if block.right < x]
        right = [block for block in blocks if block.left > x]
        across = len(blocks) - len(left) - len(right)
        if across * 4 <= len(blocks) and _is_text_column(left) and _is_text_column(right):
            return x
    return None


def _is_text_column(blocks: list[Block]) -> bool:
    """Tell a column of an article from one of a table: at least three lines, mostly long."""
    long_lines = sum(block.width > 6 * block.height for block in blocks)
    return long_lines >= 3 and long_lines * 3 >= len(blocks) * 2


def _rows(blocks: list[Block], *, from_right: bool = False) -> list[Block]:
    """Order blocks by rows from the top, within a row from one side."""
    rows: list[list[Block]] = []
    for block in sorted(blocks, key=lambda block: block.top + block.bottom):
        if rows and _overlap(_merged(rows[-1]), block) > 0.5:
            rows[-1].append(block)
        else:
            rows.append([block])
    side = -1 if from_right else 1
    return [block for row in rows for block in sorted(row, key=lambda block: side * block.left)]
