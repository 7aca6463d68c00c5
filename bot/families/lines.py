"""Makes lines fit for nets that were taught single ones: dark ink on light paper, and not too long.

Knows nothing of nets. What a line holds is told from its ink alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

LEAST_CONTRAST = 32
"""Paper and ink differ by so many of 255 levels, or there is no ink."""

EARLIEST = 0.6
"""A piece has at least this part of the length that it would have if all were alike."""

WORD_GAP = 0.6
"""Gaps of this part of the widest are between words too; those between letters are narrower."""

Levels = NDArray[np.uint8]  # (H, W)
Ink = NDArray[np.bool_]  # (H, W)


def dark_on_light(line: Image.Image) -> Image.Image:
    """Return a line with its ink darker than its paper: one in light letters is inverted."""
    grey = np.asarray(line.convert("L"))
    ink = _ink(grey)
    if ink is None or grey[ink].mean() < grey[~ink].mean():
        return line
    return ImageOps.invert(line)


def pieces(line: Image.Image, longest: float) -> list[tuple[int, int]]:
    """Return where a long line is cut between its words: (left, right) in pixels, from the left.

    Together the pieces are the line; they are of about one length. Where there is no gap in reach,
    a line is cut where it has least ink.

    Args:
        line: One line of text, level.
        longest: How many times as wide as high a piece may be, at least 1.
    """
    most = max(1, int(longest * line.height))
    if line.width <= most:
        return [(0, line.width)]
    ink = _ink(np.asarray(line.convert("L")))
    columns = np.zeros(line.width) if ink is None else ink.mean(axis=0)
    found: list[tuple[int, int]] = []
    start = 0
    while line.width - start > most:
        left = line.width - start
        even = left / math.ceil(left / most)
        first = start + max(1, int(EARLIEST * even))
        cut = first + _gap(columns[first : start + most + 1], start + even - first)
        found.append((start, cut))
        start = cut
    return [*found, (start, line.width)]


def _gap(columns: NDArray[np.float64], wanted: float) -> int:
    """Return the middle of a run of the columns with the least ink: a wide one, near to a place."""
    empty = columns <= columns.min()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2)  # (runs, 2): start, end
    widths = runs[:, 1] - runs[:, 0]
    middles = runs[widths >= WORD_GAP * widths.max()].sum(axis=1) // 2
    return int(middles[np.abs(middles - wanted).argmin()])


def _ink(grey: Levels) -> Ink | None:
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
