"""The order in which people read the lines of a page, from their boxes alone.

Knows nothing of nets or letters. Coordinates are pixels; they grow to the right and downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Point = tuple[float, float]
Box = tuple[Point, ...]
"""The corners (x, y) of a line of text, from its upper left one clockwise."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""

TALL = 1.5
"""A box this many times taller than wide is a column; PP-OCR turns those before reading."""

STUBBY = 0.7
"""A box this tall for its width may be the end of a column: one letter."""

GAP = 1.2
"""Columns of one bubble are nearer to each other than so many of their widths."""

LONG = 5
"""A line of an article is so many times as wide as tall; most cells of a table are not."""

SLANT = math.radians(0.5)
"""Pages turned by more are made straight before they are ordered."""


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


def reading_order(boxes: Sequence[Box], panels: Sequence[Rectangle] = ()) -> list[int]:
    """Return the indices of text lines, given by their corners, as one reads them.

    Rows go from the top and from the left. Long-lined columns of an article are read one after the
    other. Tall boxes side by side are Japanese columns, read from the right; where most of a page
    is made of them, so are its rows, panel by panel. A page that was photographed at an angle is
    straightened first.

    Args:
        boxes: Those of the lines.
        panels: Those of a manga page, in their order.
    """
    blocks = _blocks(boxes)
    groups = _columns_together(blocks)
    grouped = {line for group in groups for line in group.lines}
    whole = [block for block in blocks if not grouped.issuperset(block.lines)] + groups
    from_right = len(grouped) * 2 > len(blocks)
    ordered = _by_panel(whole, boxes, panels) if from_right else _flow(whole)
    return [line for block in ordered for line in block.lines]


def bubbles(boxes: Sequence[Box], panels: Sequence[Rectangle] = ()) -> list[tuple[int, ...]]:
    """Return the lines of a manga page, those of one speech bubble together, as one reads them.

    Lines that stand close are of one bubble: columns side by side, or rows one below the other.
    Panels go as they are given; in each, bubbles go from the top and from the right, and so do the
    columns of each.
    """
    blocks = _blocks(boxes)
    groups = [_merged(group) for group in _together(blocks, _are_of_one_bubble)]
    ordered = _by_panel(groups, boxes, panels)
    return [_within_bubble([blocks[line] for line in bubble.lines]) for bubble in ordered]


def _within_bubble(blocks: list[Block]) -> tuple[int, ...]:
    """Return the lines of one bubble: columns from the right, or rows from the top."""
    columns = sum(block.is_column for block in blocks) * 2 >= len(blocks)
    if columns:
        ranked = sorted(blocks, key=lambda block: (-block.right, block.top))
    else:
        ranked = _rows(blocks)
    return tuple(line for block in ranked for line in block.lines)


def _blocks(boxes: Sequence[Box]) -> list[Block]:
    return [_block(index, box) for index, box in enumerate(_straight(boxes))]


def _straight(boxes: Sequence[Box]) -> list[Box]:
    """Return the boxes turned so that most of their text runs level, or straight down.

    Upright rectangles around slanted lines overlap so much that rows cannot be told apart.
    """
    angle = _median([_slant(box) for box in boxes])
    if abs(angle) < SLANT:
        return list(boxes)
    cosine, sine = math.cos(angle), math.sin(angle)
    return [tuple((x * cosine + y * sine, y * cosine - x * sine) for x, y in box) for box in boxes]


def _median(weighed: list[tuple[float, float]]) -> float:
    """Return the middle one of values that weigh differently, given as (value, weight)."""
    half = sum(weight for _, weight in weighed) / 2
    ranked = sorted(weighed)
    reached = list(accumulate(weight for _, weight in ranked))
    return next((ranked[n][0] for n, sum_ in enumerate(reached) if sum_ >= half), 0.0)


def _slant(box: Box) -> tuple[float, float]:
    """Return how far a box is turned from the nearest upright one, in radians, and its length."""
    sides = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(box[:3])]
    x, y = max(sides, key=lambda side: math.hypot(*side), default=(1.0, 0.0))
    quarter = math.pi / 2
    angle = math.atan2(y, x)
    return angle - quarter * round(angle / quarter), math.hypot(x, y)


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


def _stacked(a: Block, b: Block) -> float:
    """Return how much of the narrower block lies above or below the other, 0..1."""
    shared = min(a.right, b.right) - max(a.left, b.left)
    return max(0.0, shared) / max(1e-6, min(a.width, b.width))


def _are_columns_of_one_text(a: Block, b: Block) -> bool:
    """Tell whether two blocks stand side by side as columns do; one may be a lone letter."""
    if not (a.is_column or b.is_column):
        return False
    if any(block.height < STUBBY * block.width for block in (a, b)):
        return False
    gap = max(a.left, b.left) - min(a.right, b.right)
    return gap < GAP * max(a.width, b.width) and _overlap(a, b) > 0.5


def _are_rows_of_one_text(a: Block, b: Block) -> bool:
    """Tell whether two blocks stand one below the other as rows do."""
    if a.is_column or b.is_column:
        return False
    gap = max(a.top, b.top) - min(a.bottom, b.bottom)
    return gap < min(a.height, b.height) and _stacked(a, b) > 0.5


def _are_of_one_bubble(a: Block, b: Block) -> bool:
    """Tell whether two blocks are as near and as large as the lines of one bubble are."""
    sizes = sorted(min(block.width, block.height) for block in (a, b))
    if sizes[1] > 2 * sizes[0]:
        return False
    return _are_columns_of_one_text(a, b) or _are_rows_of_one_text(a, b)


def _together(blocks: list[Block], alike: Callable[[Block, Block], bool]) -> list[list[Block]]:
    """Group the blocks: any two that are alike, and what is alike to either, are together."""
    groups: list[list[Block]] = []
    for block in blocks:
        joined, apart = [block], []
        for group in groups:
            if any(alike(block, other) for other in group):
                joined = [*group, *joined]
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups


def _columns_together(blocks: list[Block]) -> list[Block]:
    """Return the texts that are written in columns side by side, their lines from the right.

    A column by itself may be a narrow word, so it takes two.
    """
    candidates = [block for block in blocks if block.height >= STUBBY * block.width]
    groups = _together(candidates, _are_columns_of_one_text)
    return [
        _merged(sorted(group, key=lambda block: (-block.right, block.top)))
        for group in groups
        if sum(block.is_column for block in group) > 1
    ]


def _by_panel(
    blocks: list[Block], boxes: Sequence[Box], panels: Sequence[Rectangle]
) -> list[Block]:
    """Order blocks panel by panel, and from the right in each; a block is where its middle is."""
    inside: dict[int, list[Block]] = {}
    for block in blocks:
        middle = _middle([boxes[line] for line in block.lines])
        holding = [n for n, panel in enumerate(panels) if _holds(panel, middle)]
        inside.setdefault(min(holding, default=0), []).append(block)
    return [block for n in sorted(inside) for block in _rows(inside[n], from_right=True)]


def _middle(boxes: list[Box]) -> Point:
    xs, ys = zip(*(corner for box in boxes for corner in box), strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _holds(panel: Rectangle, point: Point) -> bool:
    left, top, right, bottom = panel
    return left <= point[0] <= right and top <= point[1] <= bottom


def _flow(blocks: list[Block]) -> list[Block]:
    """Order blocks: by gutters down the page where there are some, else by rows."""
    gutter = _gutter(blocks)
    if gutter is None:
        return _rows(blocks)
    ordered: list[Block] = []
    across = _rows([block for block in blocks if block.left < gutter < block.right])
    edges = [-math.inf, *(block.top for block in across), math.inf]
    for index, (top, bottom) in enumerate(pairwise(edges)):
        band = [block for block in blocks if block not in across and top <= block.top < bottom]
        ordered += _flow([block for block in band if block.right <= gutter])
        ordered += _flow([block for block in band if block.left >= gutter])
        ordered += across[index : index + 1]  # the heading that ends this band
    return ordered


def _gutter(blocks: list[Block]) -> float | None:
    """Return the x of a gap between columns of long lines that the fewest lines cross.

    At most a quarter of the lines do: headings.
    """
    best: tuple[int, float] | None = None
    for x in sorted(block.right + 1 for block in blocks):
        left = [block for block in blocks if block.right < x]
        right = [block for block in blocks if block.left > x]
        across = len(blocks) - len(left) - len(right)
        fewer = best is None or across < best[0]
        if fewer and across * 4 <= len(blocks) and _are_articles(left) and _are_articles(right):
            best = (across, x)
    return best and best[1]


def _are_articles(blocks: list[Block]) -> bool:
    """Tell columns of an article from those of a table: at least three lines, mostly long."""
    long_lines = sum(block.width > LONG * block.height for block in blocks)
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
