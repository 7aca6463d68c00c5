"""The order of lines, from rectangles alone."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.families.reading_order import Box, bubbles, reading_order


def box(left: float, top: float, width: float, height: float) -> Box:
    right, bottom = left + width, top + height
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def test_nothing_has_no_order() -> None:
    assert reading_order([]) == []


def test_lines_go_from_the_top() -> None:
    assert reading_order([box(0, 80, 200, 20), box(0, 0, 200, 20), box(0, 40, 200, 20)]) == [
        1, 2, 0,
    ]  # fmt: skip


def test_boxes_of_one_row_go_from_the_left_though_they_do_not_align() -> None:
    assert reading_order([box(300, 4, 80, 20), box(0, 0, 90, 22), box(150, -3, 80, 24)]) == [
        1, 2, 0,
    ]  # fmt: skip


def test_a_table_is_read_row_by_row() -> None:
    cells = [box(x, y, 60, 20) for y in (0, 40, 80, 120) for x in (0, 300)]
    assert reading_order(cells) == list(range(8))


def test_an_article_is_read_column_by_column_under_its_heading() -> None:
    heading = box(50, 0, 900, 40)
    left = [box(0, 60 + 30 * row, 450, 20) for row in range(6)]
    right = [box(520, 62 + 30 * row, 450, 20) for row in range(6)]
    mixed = [line for pair in zip(right, left, strict=True) for line in pair]
    assert reading_order([*mixed, heading]) == [12, 1, 3, 5, 7, 9, 11, 0, 2, 4, 6, 8, 10]


def test_a_heading_in_the_middle_parts_the_columns() -> None:
    def columns(top: float) -> list[Box]:
        return [box(x, top + 30 * row, 450, 20) for x in (0, 520) for row in range(4)]

    page = [*columns(0), box(0, 130, 970, 30), *columns(180)]
    assert reading_order(page) == list(range(17))


def test_columns_side_by_side_go_from_the_right() -> None:
    assert reading_order([box(0, 0, 30, 200), box(40, 0, 30, 150), box(80, 5, 30, 200)]) == [
        2, 1, 0,
    ]  # fmt: skip


def test_bubbles_of_a_page_of_columns_go_from_the_right_too() -> None:
    left = [box(x, 20, 30, 200) for x in (0, 40)]
    right = [box(x, 0, 30, 200) for x in (400, 440)]
    below = [box(x, 500, 30, 200) for x in (200, 240)]
    assert reading_order([*left, *right, *below]) == [3, 2, 1, 0, 5, 4]


def test_one_tall_box_among_lines_is_a_narrow_word() -> None:
    assert reading_order([box(0, 0, 200, 30), box(210, 0, 10, 30), box(230, 0, 200, 30)]) == [
        0, 1, 2,
    ]  # fmt: skip


def test_three_columns_are_read_one_after_another() -> None:
    columns = [box(x, 30 * row + x / 300, 260, 22) for x in (0, 300, 600) for row in range(5)]
    shuffled = [columns[(7 * n) % 15] for n in range(15)]
    assert [shuffled[line] for line in reading_order(shuffled)] == columns


def test_of_all_gutters_that_is_taken_which_the_fewest_lines_cross() -> None:
    heading = box(190, 0, 360, 45)
    left = [
        box(30, 80 + 30 * row, width, 26) for row, width in enumerate((330, 345, 310, 300, 340))
    ]
    right = [box(440, 83 + 30 * row, width, 26) for row, width in enumerate((330, 345, 310))]
    assert reading_order([heading, *left, *right]) == list(range(9))


def turned(boxes: list[Box], degrees: float) -> list[Box]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [tuple((x * c - y * s, x * s + y * c) for x, y in corners) for corners in boxes]


@pytest.mark.parametrize("degrees", [-30, -12, -3, 4, 12, 30])
def test_a_page_at_an_angle_is_read_as_if_it_were_straight(degrees: float) -> None:
    rows = [box(0, 45 * row, 460, 35) for row in range(5)]
    assert reading_order(turned(rows, degrees)) == list(range(5))
    columns = [box(-50 * column, 0, 35, 400) for column in range(5)]
    assert reading_order(turned(columns, degrees)) == list(range(5))


def test_the_last_letter_of_a_text_in_columns_is_one_of_them() -> None:
    columns = [box(80, 0, 30, 200), box(40, 0, 30, 150), box(0, 2, 30, 29)]
    assert reading_order(columns) == [0, 1, 2]


def test_panels_go_before_the_rows_of_a_page_of_columns() -> None:
    def text(x: float, y: float) -> list[Box]:
        return [box(x + 40, y, 30, 120), box(x, y, 30, 120)]

    right, left = (400, 0, 800, 600), (0, 0, 390, 600)
    page = [*text(700, 50), *text(450, 350), *text(300, 50), *text(20, 350)]
    assert reading_order(page) == [0, 1, 4, 5, 2, 3, 6, 7]
    assert reading_order(page, [right, left]) == list(range(8))
    rows = [box(0, 30 * row, 700, 22) for row in range(4)]
    assert reading_order(rows, [(0, 60, 800, 200), (0, 0, 800, 50)]) == [0, 1, 2, 3]


def test_columns_that_stand_close_are_one_bubble() -> None:
    first = [box(x, 20, 30, height) for x, height in ((480, 200), (445, 170), (410, 90))]
    second = [box(x, 60, 28, 160) for x in (240, 206)]
    alone = [box(100, 400, 30, 120)]
    rows = [box(400, 500, 160, 26), box(420, 534, 120, 26)]
    page = [*second, *rows, *first, *alone]
    assert bubbles(page) == [(4, 5, 6), (0, 1), (7,), (2, 3)]


def test_letters_of_another_size_are_of_another_bubble() -> None:
    assert bubbles([box(100, 0, 80, 300), box(60, 0, 30, 300)]) == [(0,), (1,)]


sides = st.floats(1, 300)
corners = st.builds(box, st.floats(0, 900), st.floats(0, 900), sides, sides)
pages = st.lists(corners, max_size=25)
angles = st.floats(-40, 40)
panels = st.lists(st.tuples(*[st.floats(0, 900)] * 4), max_size=4)


@given(pages, angles, panels)
def test_no_line_is_lost_and_none_comes_twice(
    page: list[Box], degrees: float, cut: list[tuple[float, float, float, float]]
) -> None:
    boxes = turned(page, degrees)
    assert sorted(reading_order(boxes, cut)) == list(range(len(boxes)))
    told = bubbles(boxes, cut)
    assert sorted(line for bubble in told for line in bubble) == list(range(len(boxes)))
    assert all(told)


@st.composite
def articles(draw: st.DrawFn) -> list[Box]:
    """Columns of long lines: rows of one, two or three columns, in the order of reading."""
    columns = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(3, 9), min_size=columns, max_size=columns))
    return [
        box(320 * column, 40 * row + draw(st.floats(-3, 3)), draw(st.floats(200, 290)), 26)
        for column, length in enumerate(lengths)
        for row in range(length)
    ]


@given(articles(), st.randoms(use_true_random=False), st.floats(-20, 20))
def test_the_order_does_not_hang_on_that_of_the_boxes_nor_on_the_angle(
    article: list[Box], chance: random.Random, degrees: float
) -> None:
    shuffled = list(enumerate(turned(article, degrees)))
    chance.shuffle(shuffled)
    told = reading_order([corners for _, corners in shuffled])
    assert [shuffled[line][0] for line in told] == list(range(len(article)))


@given(pages, st.randoms(use_true_random=False))
def test_bubbles_do_not_hang_on_the_order_of_the_boxes(
    page: list[Box], chance: random.Random
) -> None:
    order = list(range(len(page)))
    chance.shuffle(order)
    straight = {frozenset(bubble) for bubble in bubbles(page)}
    mixed = bubbles([page[line] for line in order])
    assert {frozenset(order[line] for line in bubble) for bubble in mixed} == straight


@pytest.mark.parametrize(
    "strange", [[((0, 0),) * 4], [((0, 0),) * 4] * 3, [box(0, 0, 1e-9, 50), box(5, 0, 0, 50)]]
)
def test_boxes_without_a_size_have_an_order_too(strange: list[Box]) -> None:
    assert sorted(reading_order(strange)) == list(range(len(strange)))
    assert sum(map(len, bubbles(strange))) == len(strange)
