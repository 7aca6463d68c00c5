"""What is cut out of a page for nets that read one line, or one bubble, at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from bot.catalogue.model import Model
from bot.families.crops import LONGEST, Crop, bubble_crops, line_crops, lines_among
from bot.families.detection import packaged_finder, page_of
from bot.families.ocr import load
from tests.families.drawings import (
    BUBBLES,
    COLUMNS,
    FONT,
    LONG,
    ROWS,
    Words,
    manga_page,
    page,
    places,
    write_columns,
)


def lines_of(picture: Image.Image) -> list[Crop]:
    seen = page_of(picture)
    return line_crops(seen, lines_among(seen, packaged_finder().find(seen)))


def bubbles_of(picture: Image.Image) -> list[Crop]:
    seen = page_of(picture)
    return bubble_crops(picture, seen, lines_among(seen, packaged_finder().find(seen)))


Read = Callable[[Image.Image], str]


@pytest.fixture(scope="module")
def words_in(ocr_folder: Path) -> Read:
    """Return what PP-OCR reads in a crop, white space left out."""
    reader = load(Model(id="pp-ocr", task="ocr", family="ocr"), ocr_folder)

    def read(picture: Image.Image) -> str:
        pixels = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
        return "".join(reader._texts([pixels], [False])[0].text.split())

    return read


def is_dark_on_light(picture: Image.Image) -> bool:
    return float(np.median(np.asarray(picture.convert("L")))) > 128


@pytest.mark.parametrize("words", [ROWS, COLUMNS], ids=["rows", "columns"])
def test_lines_come_in_the_order_of_reading_each_with_its_words(
    words: Words, words_in: Read
) -> None:
    crops = lines_of(page(words))
    assert [words_in(c.picture) for c in crops] == ["".join(t.split()) for _, _, t in words]
    for crop, (left, top, right, bottom) in zip(crops, places(words), strict=True):
        xs, ys = zip(*crop.box, strict=True)
        assert min(xs) <= left + 3 < right - 3 <= max(xs)
        assert min(ys) <= top + 3 < bottom - 3 <= max(ys)


def test_light_letters_come_dark_though_others_on_the_page_are_not(words_in: Read) -> None:
    dark = page(ROWS[:1], (600, 60))
    picture = Image.new("RGB", (600, 120))
    picture.paste(dark)
    picture.paste(ImageChops.invert(dark), (0, 60))
    first, second = lines_of(picture)
    assert is_dark_on_light(first.picture)
    assert is_dark_on_light(second.picture)
    assert words_in(first.picture) == words_in(second.picture) == "Hello,world,jumping!"


@pytest.mark.parametrize("degrees", [-12, 7, 15])
def test_a_slanted_line_is_made_level(degrees: int, words_in: Read) -> None:
    level = page(ROWS[:2], (400, 120))
    turned = level.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    for straight, slanted in zip(lines_of(level), lines_of(turned), strict=True):
        assert abs(straight.picture.height - slanted.picture.height) < 8
        assert words_in(straight.picture) == words_in(slanted.picture)


def test_a_long_line_comes_in_pieces_of_one_box(words_in: Read) -> None:
    picture = page([(20, 20, LONG)], (int(FONT.getlength(LONG)) + 60, 70))
    crops = lines_of(picture)
    assert len(crops) > 1
    assert "".join(words_in(crop.picture) for crop in crops) == "".join(LONG.split())
    assert [crop.goes_on for crop in crops] == [False, *[True] * (len(crops) - 1)]
    assert len({crop.box for crop in crops}) == 1
    assert all(crop.picture.width <= LONGEST * crop.picture.height for crop in crops)


def test_a_narrow_letter_among_lines_stays_upright() -> None:
    picture = page([*ROWS, (500, 60, "I")])
    narrow = min(lines_of(picture), key=lambda crop: crop.picture.width)
    assert narrow.picture.height > narrow.picture.width


def test_the_bubbles_of_a_manga_page_come_whole_and_in_order() -> None:
    picture = manga_page()
    crops = bubbles_of(picture)
    assert len(crops) == len(BUBBLES)
    for crop, (_, (x, y)) in zip(crops, BUBBLES, strict=True):
        xs, ys = zip(*crop.box, strict=True)
        assert abs((min(xs) + max(xs)) / 2 - x) < 30
        assert abs((min(ys) + max(ys)) / 2 - y) < 30
        assert crop.picture.width >= max(xs) - min(xs)
        assert crop.picture.height >= max(ys) - min(ys)
        assert len(set(crop.picture.getpixel((5, 5)))) == 1  # grey


def test_a_picture_that_is_one_bubble_stays_whole() -> None:
    picture = Image.new("RGB", (190, 260), "pink")
    write_columns(picture, ("今日はとても", "いい天気で", "すね"), 160, 40, 32)
    (crop,) = bubbles_of(picture)
    assert crop.picture == picture.convert("L").convert("RGB")
    assert crop.box == ((0, 0), (190, 0), (190, 260), (0, 260))


def test_a_lone_bubble_on_a_page_is_cut_out() -> None:
    picture = Image.new("RGB", (900, 1200), "white")
    write_columns(picture, ("今日はとても", "いい天気で", "すね"), 800, 100, 32)
    (crop,) = bubbles_of(picture)
    assert crop.picture.width < 300
    assert crop.picture.height < 400


def test_the_judges_own_bubble_of_seven_columns_is_one_bubble() -> None:
    manga_ocr = pytest.importorskip("manga_ocr", reason="a real bubble: make judges")
    example = Image.open(Path(manga_ocr.__file__).parent / "assets" / "example.jpg").convert("RGB")
    (crop,) = bubbles_of(example)
    assert crop.picture == example.convert("L").convert("RGB")


def test_a_photo_is_no_huge_letter(photo: Image.Image) -> None:
    assert lines_of(photo.resize((640, 480))) == []
    assert bubbles_of(photo.resize((640, 480))) == []
    assert len(lines_of(page([(8, 4, "A")], (34, 36)))) == 1
