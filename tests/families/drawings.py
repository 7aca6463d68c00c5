"""Pages drawn for readers: words at places, Japanese columns, a manga page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

FONT = ImageFont.load_default(size=22)
FONT_FOLDERS = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts")
JAPANESE_FONTS = ("VL-Gothic-Regular.ttf", "ipag.ttf", "ipam.ttf", "NotoSansCJK-Regular.ttc")

Words = Sequence[tuple[int, int, str]]
Place = tuple[float, float, float, float]

ROWS: Words = [
    (20, 20, "Hello, world, jumping!"),
    (20, 60, "iii second one, too"),
    (20, 100, "and"),
]
RECEIPT: Words = [(20, 20, "Coffee"), (400, 20, "3.20"), (20, 60, "TOTAL"), (400, 60, "3.20")]
COLUMNS: Words = [
    (20, 20, "the quick brown fox"), (20, 50, "jumps over the lazy"), (20, 80, "dog and goes away"),
    (320, 33, "to another column"), (320, 63, "where it does rest"), (320, 93, "until the evening"),
]  # fmt: skip
LONG = "the quick brown fox jumps over the lazy dog and " * 4

Bubble = tuple[tuple[str, ...], tuple[int, int]]
PANELS: list[Place] = [(410, 20, 780, 530), (20, 20, 390, 530), (20, 550, 780, 1080)]
"""Of a manga page, in the order of reading."""

BUBBLES: list[Bubble] = [
    (("何をして", "いるの"), (690, 130)),
    (("本を読んで", "いるんだ"), (500, 330)),
    (("面白い", "ですか"), (300, 130)),
    (("とても",), (90, 380)),
    (("じゃあ", "私も読んで", "みたいな"), (600, 750)),
    (("いいよ", "貸してあげる"), (200, 850)),
]
"""Columns from the right, and the middle of the bubble; in the order of reading, panel by panel."""


def page(
    words: Words, size: tuple[int, int] = (600, 160), paper: str = "white", ink: str = "black"
) -> Image.Image:
    """Write words at places."""
    picture = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(picture)
    for x, y, text in words:
        draw.text((x, y), text, font=FONT, fill=ink)
    return picture


def places(words: Words) -> list[Place]:
    """Return left, top, right, bottom of what was written."""
    found = []
    for x, y, text in words:
        left, top, right, bottom = FONT.getbbox(text)
        found.append((x + left, y + top, x + right, y + bottom))
    return found


def japanese_font(size: int = 36) -> ImageFont.FreeTypeFont:
    """Return a font with Japanese letters, or skip the test."""
    for folder in FONT_FOLDERS:
        for name in JAPANESE_FONTS:
            for path in folder.glob(f"**/{name}"):
                return ImageFont.truetype(path, size)
    pytest.skip("no Japanese font; `apt-get install fonts-vlgothic` brings one")


def write_columns(
    picture: Image.Image, columns: Sequence[str], right: float, top: float, size: int = 26
) -> None:
    """Write columns downwards, from the right."""
    font = japanese_font(size)
    draw = ImageDraw.Draw(picture)
    for index, column in enumerate(columns):
        for row, letter in enumerate(column):
            at = (right - 1.35 * size * (index + 1), top + 1.1 * size * row)
            draw.text(at, letter, font=font, fill="black")


def manga_page() -> Image.Image:
    """Draw three framed panels with two, two and two bubbles."""
    picture = Image.new("RGB", (800, 1100), "white")
    draw = ImageDraw.Draw(picture)
    for panel in PANELS:
        draw.rectangle(panel, outline="black", width=5)
    for columns, (x, y) in BUBBLES:
        width, height = 1.35 * 26 * len(columns), 1.1 * 26 * max(map(len, columns))
        edges = (x - 0.75 * width - 12, y - 0.72 * height, x + 0.75 * width + 12, y + 0.72 * height)
        draw.ellipse(edges, fill="white", outline="black", width=3)
        write_columns(picture, columns, x + width / 2, y - height / 2)
    return picture
