"""The order of lines, from rectangles alone."""

from __future__ import annotations

from bot.families.reading_order import Box, reading_order


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
