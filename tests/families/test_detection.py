"""Lines found by the real detector that rapidocr carries, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bot.errors import OperatorError
from bot.families.detection import LineFinder, is_tall, packaged_finder, page_of
from bot.families.reading_order import Box, reading_order
from tests.families.drawings import COLUMNS, FONT, RECEIPT, ROWS, Words, page, places


@pytest.fixture(scope="module")
def finder() -> LineFinder:
    return packaged_finder()


def found(finder: LineFinder, picture: Image.Image) -> list[Box]:
    """Return the boxes of a picture in the order of reading."""
    seen = page_of(picture)
    boxes = [seen.box(corners) for corners in finder.find(seen)]
    return [boxes[index] for index in reading_order(boxes)]


def edges(box: Box) -> tuple[float, float, float, float]:
    xs, ys = zip(*box, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


@pytest.mark.parametrize("words", [ROWS, RECEIPT, COLUMNS], ids=["rows", "receipt", "columns"])
@pytest.mark.parametrize(
    ("paper", "ink"), [("white", "black"), ("navy", "white"), ("#ddd", "#555")]
)
def test_each_line_is_found_once(words: Words, paper: str, ink: str, finder: LineFinder) -> None:
    boxes = found(finder, page(words, paper=paper, ink=ink))
    unmet = places(words)
    for box in boxes:
        left, top, right, bottom = edges(box)
        around = [
            place
            for place in unmet
            if left <= place[0] + 3 and top <= place[1] + 3 and right >= place[2] - 3
            and bottom >= place[3] - 3
        ]  # fmt: skip
        assert len(around) == 1
        unmet.remove(around[0])
    assert not unmet


def test_boxes_are_in_pixels_of_the_upload_however_large(finder: LineFinder) -> None:
    small = page(ROWS)
    large = small.resize((small.width * 7, small.height * 7), Image.Resampling.BICUBIC)
    for box, larger in zip(found(finder, small), found(finder, large), strict=True):
        for one, other in zip(edges(box), edges(larger), strict=True):
            assert abs(7 * one - other) < 50


def test_what_is_far_from_the_corner_is_where_it_is(finder: LineFinder) -> None:
    (box,) = found(finder, page([(2300, 1900, "far away")], (3000, 2000)))
    left, top, right, bottom = edges(box)
    inner = FONT.getbbox("far away")
    assert abs(left - 2300 - inner[0]) < 12
    assert abs(top - 1900 - inner[1]) < 12
    assert abs(right - 2300 - inner[2]) < 12
    assert abs(bottom - 1900 - inner[3]) < 12


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 40_000), (80, 60)])
@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_an_even_picture_has_no_lines(
    size: tuple[int, int], colour: str, finder: LineFinder
) -> None:
    assert found(finder, Image.new("RGB", size, colour)) == []


def test_noise_has_no_lines(finder: LineFinder) -> None:
    assert found(finder, Image.effect_noise((200, 100), 60).convert("RGB")) == []


def test_a_tall_line_is_laid_on_its_side_unless_it_is_to_stand(finder: LineFinder) -> None:
    seen = page_of(page([(20, 20, "downwards")], (300, 70)).rotate(-90, expand=True))
    (corners,) = finder.find(seen)
    assert is_tall(corners)
    lying, standing = seen.strip(corners), seen.strip(corners, standing=True)
    assert lying.shape[:2] == standing.shape[1::-1]
    assert lying.shape[1] > 2 * lying.shape[0]


def test_a_package_without_a_detector_is_for_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rapidocr

    monkeypatch.setattr(rapidocr, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(OperatorError, match=r"no detector of lines in .*Install the package again"):
        packaged_finder.__wrapped__()
