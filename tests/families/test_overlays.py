"""Numbered frames over a picture: seen on any paper, beside the text, light enough to be sent."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from bot.families.overlays import HALO, INK, MOST_PIXELS, numbered
from bot.families.pictures import MAX_BYTES
from bot.families.reading_order import Box
from bot.tasks.picture import Picture


def box(left: float, top: float, width: float, height: float) -> Box:
    right, bottom = left + width, top + height
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def opened(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.data))
    assert image.size == (picture.width, picture.height)
    return image.convert("RGB")


def inked(image: Image.Image) -> np.ndarray:
    return (np.asarray(image) == ImageColor.getrgb(INK)).all(axis=2)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [value / 255 for value in ImageColor.getrgb(colour)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_ink_and_halo_stand_out_from_each_other_and_so_from_any_paper() -> None:
    assert (luminance(HALO) + 0.05) / (luminance(INK) + 0.05) > 7


@pytest.mark.parametrize("paper", ["white", "black", INK, "gray"])
def test_frames_are_seen_on_any_paper(paper: str) -> None:
    blank = Image.new("RGB", (800, 600), paper)
    image = opened(numbered(blank, [box(100, 100, 300, 30), box(100, 300, 300, 30)]))
    rim = (image.width - 800) // 2
    pixels = np.asarray(image)
    for top in (100, 300):
        across = pixels[rim + top - 6 : rim + top + 7, rim + 250].astype(int)
        contrast = across.max(axis=0) - across.min(axis=0)
        assert contrast.max() > 80


def test_each_frame_has_its_number_beside_it_and_no_text_is_covered() -> None:
    picture = Image.new("RGB", (800, 600), "white")
    boxes = [box(100, 60 + 50 * row, 500, 34) for row in range(9)]
    image = opened(numbered(picture, boxes))
    rim = (image.width - 800) // 2
    ink = inked(image)
    left, right = rim + 104, rim + 596
    for row in range(9):
        top, bottom = rim + 64 + 50 * row, rim + 90 + 50 * row
        assert not ink[top:bottom, left:right].any()
        assert ink[top:bottom, left - 60 : left - 10].any()


def test_numbers_count() -> None:
    picture = Image.new("RGB", (800, 600), "white")
    boxes = [box(100, 60, 500, 34), box(100, 260, 500, 34)]
    one, two = opened(numbered(picture, boxes[:1])), opened(numbered(picture, boxes))
    assert one.size == two.size
    rim = (two.width - 800) // 2
    first = (0, rim + 55, rim + 94, rim + 100)
    second = (0, rim + 255, rim + 94, rim + 300)
    assert one.crop(first) == two.crop(first)
    assert inked(two.crop(second)).any()
    assert two.crop(second) != two.crop(first)


@pytest.mark.parametrize(
    ("size", "where"),
    [
        ((1, 1), box(0, 0, 1, 1)), ((40, 14), box(2, 1, 36, 12)), ((1, 10_000), box(0, 0, 1, 9000)),
        ((10_000, 12), box(5, 0, 9990, 12)), ((6000, 4000), box(3000, 2000, 900, 60)),
        ((500, 500), ((100, 200), (300, 100), (320, 140), (120, 240))),
        ((500, 500), ((5, 5), (5, 5), (5, 5), (5, 5))),
    ],
)  # fmt: skip
def test_any_size_comes_back_readable_and_light_enough(size: tuple[int, int], where: Box) -> None:
    result = numbered(Image.new("RGB", size, "white"), [where])
    image = opened(result)
    assert len(result.data) <= MAX_BYTES
    assert image.width * image.height < 2.5 * MOST_PIXELS
    ink = inked(image)
    rows = np.flatnonzero(ink.any(axis=1))
    assert rows[-1] - rows[0] >= 12
    assert max(image.size) >= min(400, 8 * max(size))


def test_a_heavy_picture_is_sent_as_jpeg() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2400, 2500, 3), dtype=np.uint8)
    result = numbered(Image.fromarray(noise), [box(100, 100, 300, 30)])
    assert result.media_type == "image/jpeg"
    assert len(result.data) <= MAX_BYTES


def test_it_is_described() -> None:
    picture = Image.new("RGB", (100, 100))
    boxes = [box(10, 10, 30, 10), box(10, 40, 30, 10)]
    said = numbered(picture, boxes, "bubble").alt_text
    assert said == "The picture, each bubble of text framed and numbered from 1 to 2."


def test_a_thousand_boxes_are_quick() -> None:
    picture = Image.new("RGB", (2000, 2000))
    boxes = [box(40 * (n % 40), 60 * (n // 40), 35, 20) for n in range(1000)]
    assert numbered(picture, boxes).width > 2000
