"""Lines made fit for nets of single lines: in dark ink, and in pieces where they are long."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from bot.families.lines import dark_on_light, pieces
from tests.families.drawings import FONT, LONG, page


def line(text: str, paper: str = "white", ink: str = "black") -> Image.Image:
    return page([(4, 4, text)], (int(FONT.getlength(text)) + 8, 34), paper, ink)


@pytest.mark.parametrize(
    ("paper", "ink"), [("white", "black"), ("#ddd", "#555"), ("gold", "navy"), ("gray", "#444")]
)
def test_light_letters_are_inverted_and_dark_ones_are_not(paper: str, ink: str) -> None:
    dark = line("a few words", paper, ink)
    light = line("a few words", ink, paper)
    assert dark_on_light(dark) == dark
    assert dark_on_light(light) == ImageOps.invert(light)
    grey = np.asarray(dark_on_light(light).convert("L")).astype(int)
    assert np.median(grey) > grey.min() + 40  # most of it is paper


@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_a_line_without_ink_stays_as_it_is(colour: str) -> None:
    empty = Image.new("RGB", (80, 20), colour)
    assert dark_on_light(empty) == empty


@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("navy", "white")])
def test_a_long_line_is_cut_between_its_words(paper: str, ink: str) -> None:
    whole = line(LONG.strip(), paper, ink)
    found = pieces(whole, 20.0)
    assert len(found) == -(-whole.width // (20 * whole.height))
    blank = np.asarray(line(" ", paper, ink))[0, 0]
    for _, cut in found[:-1]:
        gap = np.asarray(whole)[:, cut - 2 : cut + 2]
        assert (gap == blank).all()


def test_a_line_that_is_short_enough_stays_whole() -> None:
    whole = line("the quick brown fox")
    assert pieces(whole, whole.width / whole.height + 0.1) == [(0, whole.width)]


inked = st.lists(st.booleans(), min_size=1, max_size=300)


@given(inked, st.integers(1, 12), st.floats(1.0, 30.0))
def test_pieces_together_are_the_line_and_none_is_too_long(
    columns: list[bool], height: int, longest: float
) -> None:
    row = np.where(columns, 0, 255).astype(np.uint8)
    whole = Image.fromarray(np.repeat(row[None], height, axis=0))
    found = pieces(whole, longest)
    assert found[0][0] == 0
    assert found[-1][1] == whole.width
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(0 < right - left <= max(1, int(longest * height)) for left, right in found)
