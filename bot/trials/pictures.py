"""Pictures to try models with, drawn here: lines of print, a page, a speech bubble, a scene."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw, ImageFont

LINES = (
    "TOTAL 24.50 INCL. TAX",
    "THE BOAT LEAVES AT NINE",
    "PLEASE KEEP THIS RECEIPT",
    "2 COFFEE 1 TEA 5.60",
    "OPEN FROM MAY TO OCTOBER",
    "CHANGE 0.40 THANK YOU",
    "TABLE 7 SERVED BY ANNA",
    "NO DOGS ON THE LAWN",
    "LAST ENTRY AT 17:30",
    "CARD ENDING IN 0042",
)
SIZE = 32  # of the letters, in pixels
MARGIN = 20
INK, PAPER = (20, 20, 30), (252, 252, 248)


def line() -> bytes:
    """Return a PNG of one printed line."""
    return page(LINES[:1])


def page(lines: tuple[str, ...] = LINES) -> bytes:
    """Return a PNG of printed lines, one below the other."""
    font = ImageFont.load_default(SIZE)
    width = max(round(font.getlength(text)) for text in lines) + 2 * MARGIN
    step = 2 * SIZE
    picture = Image.new("RGB", (width, step * len(lines) + MARGIN), PAPER)
    draw = ImageDraw.Draw(picture)
    for number, text in enumerate(lines):
        draw.text((MARGIN, MARGIN // 2 + step * number), text, fill=INK, font=font)
    return _png(picture)


def bubble() -> bytes:
    """Return a PNG of a speech bubble with strokes in two columns."""
    picture = Image.new("RGB", (160, 240), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4, 4, 156, 236), outline=INK, width=2)
    for column in (92, 52):
        for row in range(5):
            left, top = column, 50 + 28 * row
            draw.line((left, top + 6, left + 20, top + 6), fill=INK, width=2)
            draw.line((left + 10, top, left + 4 + row, top + 20), fill=INK, width=2)
    return _png(picture)


def scene(side: int, phase: float = 0.0) -> bytes:
    """Return a square PNG of waves of colour under a sun, ``side`` pixels wide."""
    picture = Image.new("RGB", (side, side))
    draw = ImageDraw.Draw(picture)
    for y in range(side):
        wave = 0.5 + 0.5 * math.sin(phase + 9 * y / side)
        colour = (round(60 + 150 * wave), round(90 + 80 * y / side), round(200 - 120 * wave))
        draw.line((0, y, side, y), fill=colour)
    third = side // 3
    draw.ellipse((third, third // 2, 2 * third, third // 2 + third), fill=(250, 210, 90))
    draw.polygon([(0, side), (third, third), (2 * third, side)], fill=(40, 70, 50))
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
