"""Lines of text found by their ink: rows, columns, receipts, white on black, nothing at all."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from bot.families.lines import find_lines

FONT = ImageFont.load_default(size=22)
Words = list[tuple[int, int, str]]

ROWS: Words = [(20, 20, "Hello, world, jumping!"), (20, 60, "iii second one äöü"), (20, 100, "and")]
RECEIPT: Words = [(20, 20, "Coffee"), (400, 20, "3.20"), (20, 60, "TOTAL"), (400, 60, "3.20")]
COLUMNS: Words = [
    (20, 20, "the quick brown fox"), (20, 50, "jumps over the lazy"), (20, 80, "dog and goes away"),
    (320, 33, "to another column"), (320, 63, "where it does rest"), (320, 93, "until the evening"),
]  # fmt: skip


def page(
    words: Words, size: tuple[int, int] = (600, 160), paper: str = "white", ink: str = "black"
) -> Image.Image:
    picture = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(picture)
    for x, y, text in words:
        draw.text((x, y), text, font=FONT, fill=ink)
    return picture


def places(words: Words) -> list[tuple[float, float, float, float]]:
    """Return left, top, right, bottom of what was drawn."""
    return [FONT.getbbox(text, anchor="la") for _, _, text in words]


@pytest.mark.parametrize("words", [ROWS, RECEIPT, COLUMNS])
@pytest.mark.parametrize(
    ("paper", "ink"), [("white", "black"), ("navy", "white"), ("#ddd", "#555")]
)
def test_each_line_is_found_once_and_in_order(words: Words, paper: str, ink: str) -> None:
    boxes = find_lines(page(words, paper=paper, ink=ink))
    assert len(boxes) == len(words)
    for (x, y, text), box in zip(words, boxes, strict=True):
        (left, top), _, (right, bottom), _ = box
        inner = FONT.getbbox(text)
        assert left <= x + inner[0] + 1 <= x + inner[2] - 1 <= right
        assert top <= y + inner[1] + 1 <= y + inner[3] - 1 <= bottom


def test_boxes_do_not_reach_into_their_neighbours() -> None:
    boxes = find_lines(page(COLUMNS))
    for number, first in enumerate(boxes):
        for second in boxes[number + 1 :]:
            apart = first[2][0] <= second[0][0] or second[2][0] <= first[0][0]
            assert apart or first[2][1] <= second[0][1] or second[2][1] <= first[0][1]


def test_boxes_are_those_of_the_whole_picture_however_large() -> None:
    small = page(ROWS)
    large = small.resize((small.width * 6, small.height * 6))
    pairs = zip(find_lines(small), find_lines(large), strict=True)
    for box, larger in pairs:
        assert all(
            abs(6 * a - b) < 40
            for p, q in zip(box, larger, strict=True)
            for a, b in zip(p, q, strict=True)
        )


@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_an_even_picture_has_no_lines(colour: str) -> None:
    assert find_lines(Image.new("RGB", (80, 60), colour)) == []
    assert find_lines(Image.new("RGB", (1, 1), colour)) == []


def test_faint_noise_is_no_ink() -> None:
    noise = Image.effect_noise((200, 100), 6).convert("RGB")
    assert find_lines(noise) == []
