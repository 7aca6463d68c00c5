"""Cuts what lies on a page into what nets were taught to read: single lines, or whole bubbles.

Crops come in the order in which people read them, with the place of what they show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from bot.families.detection import Corners, Page, Pixels, is_tall
from bot.families.lines import dark_on_light, pieces
from bot.families.panels import find_panels
from bot.families.reading_order import Box, bubbles, reading_order

LONGEST = 20.0
"""A line is cut where it is so many times as wide as high: the net would see it squeezed."""

WHOLE = 0.25
"""A lone bubble that takes this part of a picture is the picture: it was cut out already."""

AIR = 0.5
"""Paper around a bubble, by the size of its letters, about."""


LARGEST = 0.6
"""What is taken for a line and is thicker than this part of the page is the thing it shows..."""

LETTER = 64
"""...unless it is no thicker than so many pixels, or twice as long as thick."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture: a line or a bubble, and its box in pixels of the upload.

    ``goes_on`` says that it is a further piece of the line before it, which has the same box.
    """

    picture: Image.Image
    box: Box
    goes_on: bool = False


def lines_among(page: Page, found: Corners) -> Corners:
    """Return what is text of what was found: the detector takes some photos for one huge letter.

    A reader that says how sure it is needs no such guess.
    """
    sides = np.linalg.norm(found - np.roll(found, -1, axis=1), axis=2)  # (lines, 4)
    thick, long = sides.min(axis=1), sides.max(axis=1)
    least = max(LETTER, LARGEST * min(page.pixels.shape[:2]))
    text: Corners = found[(thick <= least) | (long >= 2 * thick)]
    return text


def line_crops(page: Page, found: Corners) -> list[Crop]:
    """Return the lines of a page, level, in dark ink, long ones in pieces.

    Args:
        page: What the lines were found on.
        found: Their corners, (lines, 4, 2).
    """
    boxes = [page.box(corners) for corners in found]
    sideways = sum(map(is_tall, found)) * 2 > len(found)
    crops: list[Crop] = []
    for index in reading_order(boxes):
        strip = page.strip(found[index], standing=not sideways)
        line = dark_on_light(_opened(strip))
        for left, right in pieces(line, LONGEST):
            part = line.crop((left, 0, right, line.height))
            crops.append(Crop(part, boxes[index], goes_on=left > 0))
    return crops


def bubble_crops(picture: Image.Image, page: Page, found: Corners) -> list[Crop]:
    """Return the speech bubbles of a page in grey, from the right; each is of one or more lines.

    A picture that is one bubble stays as it is, as Manga OCR's makers have it.
    """
    boxes = [page.box(corners) for corners in found]
    groups = bubbles(boxes, find_panels(page))
    grey = picture.convert("L").convert("RGB")
    if len(groups) == 1:
        left, top, right, bottom = _around(boxes)
        if (right - left) * (bottom - top) >= WHOLE * picture.width * picture.height:
            return [Crop(grey, _rectangle(0.0, 0.0, *map(float, picture.size)))]
    return [_bubble(grey, [boxes[line] for line in group]) for group in groups]


def _bubble(grey: Image.Image, boxes: list[Box]) -> Crop:
    left, top, right, bottom = _around(boxes)
    air = AIR * min(right - left, bottom - top) / len(boxes)
    edges = (
        int(max(0.0, left - air)),
        int(max(0.0, top - air)),
        round(min(grey.width, right + air + 1)),
        round(min(grey.height, bottom + air + 1)),
    )
    return Crop(grey.crop(edges), _rectangle(left, top, right, bottom))


def _opened(strip: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(strip[:, :, ::-1]))


def _around(boxes: list[Box]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of all of them."""
    xs, ys = zip(*(corner for box in boxes for corner in box), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Box:
    return ((left, top), (right, top), (right, bottom), (left, bottom))
