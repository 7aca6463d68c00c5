"""Finds the lines of text in a picture by its ink alone: no net, for readers of single lines.

It cuts a page where no ink is: at gutters between columns, between lines, at wide gaps in a line.
Good for scans, receipts and screenshots; a photo at an angle wants a net that finds text.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.families.reading_order import Box, reading_order

LOOKED_AT_PIXELS = 2_000_000
"""The picture is looked at in this size; ink is found in milliseconds."""

LEAST_CONTRAST = 32
"""Paper and ink differ by so many of 255 levels, or there is no ink."""

STRIPS = 16
"""A page is looked at in so many upright strips to learn how tall its lines are."""

GUTTER = 2.0
"""A gap so many times as wide as a line is tall parts two columns."""

SPECK = 0.35
"""Marks that are lower than this part of a line are dots and accents of a line, or dirt."""

MARGIN = 0.3
"""Paper around a line, by its height."""

Ink = NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True, slots=True)
class _Block:
    """An upright rectangle: its corners in pixels, the lower and right ones not in it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top


def find_lines(picture: Image.Image) -> list[Box]:
    """Return the boxes of a picture's lines in reading order, with some paper around them.

    Corners are in pixels, from the upper left one clockwise. An even picture has no lines.
    """
    scale = min(1.0, (LOOKED_AT_PIXELS / (picture.width * picture.height)) ** 0.5)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    grey = np.asarray(picture.convert("L").resize(size, Image.Resampling.BOX))
    ink = _ink(grey)
    if ink is None:
        return []
    height = _line_height(ink)
    blocks = _cut(ink, _Block(0, 0, ink.shape[1], ink.shape[0]), height)
    lines = [block for block in blocks if block.height > SPECK * height]
    order = reading_order([_box(block, 1.0) for block in lines])
    aired = [_aired(block, lines, ink) for block in lines]
    return [_box(aired[index], picture.width / size[0]) for index in order]


def _ink(grey: NDArray[np.uint8]) -> Ink | None:
    """Return where the ink is: the rarer of dark and bright; ``None`` where all is alike."""
    levels = np.bincount(grey.ravel(), minlength=256).astype(float)
    below = levels.cumsum()
    sums = (levels * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums[-1] - sums
        means = apart / above - sums / below
        spread = np.nan_to_num(below * above * means**2)  # Otsu's: the best threshold parts most
    threshold = int(spread.argmax())
    if not spread[threshold] or means[threshold] < LEAST_CONTRAST:
        return None
    dark = grey <= threshold
    return dark if dark.mean() <= 0.5 else ~dark


def _line_height(ink: Ink) -> float:
    """Return how tall most lines are, in pixels; a strip is too narrow for two columns."""
    strips = np.array_split(ink, min(STRIPS, ink.shape[1]), axis=1)
    heights = [
        end - start
        for strip in strips
        for start, end in _runs(strip.any(axis=1))
        if end - start > 2
    ]
    return float(np.percentile(heights, 60)) if heights else float(ink.shape[0])


def _cut(ink: Ink, block: _Block, height: float) -> list[_Block]:
    """Return the lines within a block: columns first, then rows, then what is in them."""
    part = ink[block.top : block.bottom, block.left : block.right]
    columns = _joined(_runs(part.any(axis=0)), GUTTER * height)
    if len(columns) > 1:
        parts = [
            _Block(block.left + start, block.top, block.left + end, block.bottom)
            for start, end in columns
        ]
        return [line for part in parts for line in _cut(ink, part, height)]
    rows = _whole(_runs(part.any(axis=1)), height)
    if len(rows) > 1:
        parts = [
            _Block(block.left, block.top + start, block.right, block.top + end)
            for start, end in rows
        ]
        return [line for part in parts for line in _cut(ink, part, height)]
    if not columns or not rows:
        return []
    (left, right), (top, bottom) = columns[0], rows[0]
    return [_Block(block.left + left, block.top + top, block.left + right, block.top + bottom)]


def _runs(marked: Any) -> list[tuple[int, int]]:
    """Return the start and the end of every run of true values in a row of them."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], marked.astype(np.int8), [0]))))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _joined(runs: list[tuple[int, int]], gap: float) -> list[tuple[int, int]]:
    """Return the runs, those that are nearer than ``gap`` made one."""
    joined: list[tuple[int, int]] = []
    for start, end in runs:
        if joined and start - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _whole(rows: list[tuple[int, int]], height: float) -> list[tuple[int, int]]:
    """Return the rows, dots and accents put to the line that they are nearest to."""
    lines = list(rows)
    while len(lines) > 1:
        low = [n for n, (start, end) in enumerate(lines) if end - start <= SPECK * height]
        gaps = [after[0] - before[1] for before, after in pairwise(lines)]
        near = [
            (gaps[gap], gap)
            for n in low
            for gap in (n - 1, n)
            if 0 <= gap < len(gaps) and gaps[gap] < SPECK * height
        ]
        if not near:
            break
        _, gap = min(near)
        lines[gap : gap + 2] = [(lines[gap][0], lines[gap + 1][1])]
    return lines


def _aired(block: _Block, others: list[_Block], ink: Ink) -> _Block:
    """Return a block with some paper around it, at most half of that before the next one."""
    air = max(2, round(MARGIN * block.height))
    beside = [o for o in others if o.top < block.bottom and block.top < o.bottom]
    stacked = [o for o in others if o.left < block.right and block.left < o.right]
    lefts = [(block.left - o.right) // 2 for o in beside if o.right <= block.left]
    rights = [(o.left - block.right) // 2 for o in beside if o.left >= block.right]
    tops = [(block.top - o.bottom) // 2 for o in stacked if o.bottom <= block.top]
    bottoms = [(o.top - block.bottom) // 2 for o in stacked if o.top >= block.bottom]
    return _Block(
        max(0, block.left - min([air, *lefts])),
        max(0, block.top - min([air, *tops])),
        min(ink.shape[1], block.right + min([air, *rights])),
        min(ink.shape[0], block.bottom + min([air, *bottoms])),
    )


def _box(block: _Block, scale: float) -> Box:
    left, top, right, bottom = (
        round(edge * scale, 1) for edge in (block.left, block.top, block.right, block.bottom)
    )
    return ((left, top), (right, top), (right, bottom), (left, bottom))
