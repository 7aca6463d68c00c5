"""Panels of a manga page, by its gutters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bot.families.detection import page_of
from bot.families.panels import find_panels
from tests.families.drawings import PANELS, Place

TIERS: list[Place] = [
    (520, 20, 780, 340), (20, 20, 500, 340),
    (20, 360, 780, 700),
    (600, 720, 780, 1080), (300, 720, 580, 1080), (20, 720, 280, 1080),
]  # fmt: skip


def drawn(panels: list[Place], size: tuple[int, int] = (800, 1100)) -> Image.Image:
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for number, panel in enumerate(panels):
        draw.rectangle(panel, outline="black", width=5)
        left, top, right, bottom = panel
        draw.line((left, top, right, bottom), "black", 3 + number)
    return picture


def holding(panels: list[Place], point: tuple[float, float]) -> list[int]:
    x, y = point
    return [
        number
        for number, (left, top, right, bottom) in enumerate(panels)
        if left <= x < right and top <= y < bottom
    ]


@pytest.mark.parametrize("panels", [PANELS, TIERS], ids=["three", "six"])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_panels_are_found_and_go_from_the_top_and_from_the_right(
    panels: list[Place], scale: float
) -> None:
    picture = drawn(panels)
    size = (round(picture.width * scale), round(picture.height * scale))
    found = find_panels(page_of(picture.resize(size, Image.Resampling.BICUBIC)))
    assert len(found) == len(panels)
    for number, (left, top, right, bottom) in enumerate(panels):
        middle = ((left + right) / 2 * scale, (top + bottom) / 2 * scale)
        assert holding(found, middle) == [number]


def test_what_no_gutter_parts_is_one_panel(photo: Image.Image) -> None:
    assert len(find_panels(page_of(photo))) == 1
    assert len(find_panels(page_of(Image.new("RGB", (1, 10_000), "white")))) == 1
    assert len(find_panels(page_of(Image.new("RGB", (1, 1), "black")))) == 1


def test_dirt_in_a_gutter_does_not_close_it() -> None:
    picture = drawn(PANELS)
    ImageDraw.Draw(picture).ellipse((100, 537, 104, 541), fill="black")
    assert len(find_panels(page_of(picture))) == len(PANELS)


rectangles = st.lists(
    st.tuples(st.integers(0, 180), st.integers(0, 180), st.integers(5, 80), st.integers(5, 80)),
    max_size=8,
)


@given(rectangles)
def test_every_place_of_a_page_is_in_one_panel(drawings: list[tuple[int, int, int, int]]) -> None:
    picture = Image.new("RGB", (200, 200), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 199, 199), outline="black")
    for x, y, width, height in drawings:
        draw.rectangle((x, y, x + width, y + height), outline="black", width=2)
    panels = find_panels(page_of(picture))
    for x in range(1, 200, 17):
        for y in range(1, 200, 17):
            assert len(holding(panels, (x, y))) == 1
