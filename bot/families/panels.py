"""Finds the panels of a manga page: what straight strips of paper part, in the order of reading.

A page is cut from edge to edge where there is nothing but paper, first across, then downwards, and
each part again. Panels that overlap or whose gutters slant stay together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.families.detection import Page
from bot.families.reading_order import Rectangle

SIDE = 800
"""Pixels of the longer side in which a page is looked at."""

TONE = 30
"""Levels of 255 by which paper may be darker than the brightest tenth of the page."""

DIRT = 0.01
"""So much of a gutter may be dirt."""

GUTTER = 0.006
"""The least width of a gutter, by the side of the page."""

LEAST = 0.08
"""The least width and height of a panel, by the side of the page."""

Paper = NDArray[np.bool_]  # (H, W)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the page as it is looked at: its edges in pixels, the later ones not in it."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, across: bool, runs: list[tuple[int, int]]) -> list[_Part]:
        """Return what lies between gutters, as it is read: from the top, or from the right."""
        if across:
            return [_Part(self.top + a, self.top + b, self.left, self.right) for a, b in runs]
        return [_Part(self.top, self.bottom, self.left + a, self.left + b) for a, b in runs[::-1]]


def find_panels(page: Page) -> list[Rectangle]:
    """Return the panels of a page, in pixels of the upload, from the top and from the right."""
    picture = Image.fromarray(page.pixels).convert("L")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    grey = np.asarray(picture)
    paper: Paper = grey >= np.percentile(grey, 90) - TONE
    height, width = grey.shape
    x_size = page.pixel_size[0] * page.pixels.shape[1] / width
    y_size = page.pixel_size[1] * page.pixels.shape[0] / height
    left, top = page.corner
    return [
        (
            left + part.left * x_size,
            top + part.top * y_size,
            left + part.right * x_size,
            top + part.bottom * y_size,
        )
        for part in _parts(paper, _Part(0, height, 0, width), across=True)
    ]


def _parts(paper: Paper, part: _Part, *, across: bool, last: bool = False) -> list[_Part]:
    """Return what gutters leave of a part; ``last`` says that the other way there were none."""
    inside = paper[part.top : part.bottom, part.left : part.right]
    empty = inside.mean(axis=1 if across else 0) >= 1 - DIRT
    runs = _runs_between(empty, paper.shape[0 if across else 1])
    if len(runs) < 2:
        return [part] if last else _parts(paper, part, across=not across, last=True)
    return [
        panel
        for piece in part.cut(across, runs)
        for panel in _parts(paper, piece, across=not across)
    ]


def _runs_between(empty: NDArray[np.bool_], side: int) -> list[tuple[int, int]]:
    """Return the (start, end) of what lies between gutters, slivers put to their neighbours."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    cuts = [
        (int(start) + int(end)) // 2
        for start, end in edges.reshape(-1, 2)
        if end - start >= max(2, GUTTER * side) and start > 0 and end < len(empty)
    ]
    kept = [0]
    for cut in cuts:
        if min(cut - kept[-1], len(empty) - cut) >= LEAST * side:
            kept.append(cut)
    return list(zip(kept, [*kept[1:], len(empty)], strict=True))
