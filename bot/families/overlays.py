"""Draws numbered frames over the lines of a picture, to be held against a numbered text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from bot.families.pictures import to_picture
from bot.families.reading_order import Box
from bot.tasks.picture import Picture

MOST_PIXELS = 6_000_000
"""Larger pictures are made smaller: it is for looking at, and encoded within a second."""

LEAST_SIDE = 480
"""Pictures whose longer side is shorter are enlarged."""

LEAST_LINE = 18
"""So are those whose lines are mostly lower, so that a number is no larger than a line."""

MOST_TIMES = 8
"""So many times are they enlarged at most."""

LEAST_NUMBER = 13
"""Height of a number in pixels, at least; else it is about that of most lines."""

MOST_NUMBER = 1 / 40
"""Height of a number, at most, by the longer side; or 40 pixels."""

INK = "#a8004f"
"""Stands out from light paper, and its halo from dark: 7.6 to 1 against each other."""

HALO = "white"

Point = tuple[float, float]
Rectangle = tuple[int, int, int, int]


def numbered(picture: Image.Image, boxes: Sequence[Box], what: str = "line") -> Picture:
    """Return a picture with its boxes framed and numbered, from 1 on in the order given.

    Numbers stand beside their boxes, where reading begins if nothing else is there; the picture
    gets a rim of paper, so that there is room for them.

    Args:
        picture: RGB.
        boxes: Corners in its pixels; one at least.
        what: What a box holds, for the alternative text.
    """
    low = median(min(math.dist(box[0], box[1]), math.dist(box[1], box[2])) for box in boxes)
    scale = _scale(picture, low)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    height = _number_height(low * scale, max(size))
    font = ImageFont.load_default(size=height)
    rim = round(font.getlength(str(len(boxes)))) + height
    sheet = Image.new("RGB", (size[0] + 2 * rim, size[1] + 2 * rim), HALO)
    sheet.paste(picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), (rim, rim))
    frames = [[(x * scale + rim, y * scale + rim) for x, y in box] for box in boxes]
    draw = ImageDraw.Draw(sheet)
    thick = max(1, height // 10)
    for colour, width in ((HALO, 3 * thick), (INK, thick)):
        for frame in frames:
            draw.line([*frame, *frame[:2]], colour, width, joint="curve")
    _write(draw, frames, font, height)
    alt_text = f"The picture, each {what} of text framed and numbered from 1 to {len(boxes)}."
    return to_picture(sheet, alt_text)


def _scale(picture: Image.Image, line: float) -> float:
    """Return by how much a picture is made larger or smaller; most lines are ``line`` high."""
    wanted = math.ceil(max(LEAST_SIDE / max(picture.size), LEAST_LINE / max(1.0, line)))
    most = math.sqrt(MOST_PIXELS / (picture.width * picture.height))
    return min(wanted, MOST_TIMES, most)


def _number_height(line: float, side: int) -> int:
    """Return how tall numbers are, beside lines of this height on a picture with this side."""
    return round(min(max(LEAST_NUMBER, line * 0.8), max(40, side * MOST_NUMBER)))


def _write(
    draw: ImageDraw.ImageDraw,
    frames: Sequence[Sequence[Point]],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    height: int,
) -> None:
    """Write a number beside each frame, where nothing is, or else over its first corner."""
    taken = Image.new("L", draw.im.size)
    take = ImageDraw.Draw(taken)
    for frame in frames:
        take.polygon(list(frame), 255)
    air = max(2, height // 6)
    for number, frame in enumerate(frames, 1):
        width = math.ceil(draw.textlength(str(number), font)) + 2 * air
        places = _places(frame, width, height + 2 * air, air)
        place = next((place for place in places if _is_free(taken, place)), places[-1])
        take.rectangle(place, 255)
        draw.rounded_rectangle(place, air, fill=INK, outline=HALO, width=max(1, air // 2))
        middle = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
        draw.text(middle, str(number), HALO, font, anchor="mm")


def _places(frame: Sequence[Point], width: int, height: int, air: int) -> list[Rectangle]:
    """Return where a label may stand: before the line, then around it; last, on its corner."""
    first, second, third, fourth = frame
    along = (first, second), (fourth, third)
    down = (first, fourth), (second, third)
    if math.dist(first, fourth) > math.dist(first, second):  # a column begins above
        along, down = down, along
    before = [_midway(pair[0] for pair in along), _midway(pair[1] for pair in along)]
    beside = [_midway(pair[0] for pair in down), _midway(pair[1] for pair in down)]
    centre = _midway(frame)
    middles = []
    for x, y in (*before, *beside):
        far = math.dist((x, y), centre) or 1.0
        out_x, out_y = (x - centre[0]) / far, (y - centre[1]) / far
        reach = abs(out_x) * width / 2 + abs(out_y) * height / 2 + air
        middles.append((x + out_x * reach, y + out_y * reach))
    corner = (first[0] + width / 2, first[1] + height / 2)
    return [
        (round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2))
        for x, y in (*middles, corner)
    ]


def _midway(points: Iterable[Point]) -> Point:
    xs, ys = zip(*points, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def _is_free(taken: Image.Image, place: Rectangle) -> bool:
    left, top, right, bottom = place
    inside = left >= 0 and top >= 0 and right <= taken.width and bottom <= taken.height
    return inside and taken.crop(place).getbbox() is None
