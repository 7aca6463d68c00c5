"""Reading drawn text with the real PP-OCR nets that rapidocr ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from bot.catalogue.model import Limits, Model
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.ocr import Reader, load
from bot.tasks.image_to_text import LinesResult, ReadText

Encode = Callable[..., bytes]
Read = Callable[..., LinesResult]

MODEL = Model(id="pp-ocr", task="ocr", family="ocr")
LINES = ("The quick brown fox", "jumps over 13 lazy dogs.")

FONT_FOLDERS = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts")
JAPANESE_FONTS = ("VL-Gothic-Regular.ttf", "ipag.ttf", "ipam.ttf", "NotoSansCJK-Regular.ttc")


@pytest.fixture(scope="module")
def family(ocr_folder: Path) -> Reader:
    return load(MODEL, ocr_folder)


@pytest.fixture
def read(family: Reader, run: Any, encoded: Encode) -> Read:
    def go(picture: Image.Image, kind: str = "PNG", **options: Any) -> LinesResult:
        request = ReadText(image=encoded(picture, kind, **options))
        (lines,) = family.forward([family.preprocess(request, 0)], run)
        return family.postprocess(lines, request)

    return go


@pytest.fixture(scope="module")
def japanese() -> ImageFont.FreeTypeFont:
    for folder in FONT_FOLDERS:
        for name in JAPANESE_FONTS:
            for path in folder.glob(f"**/{name}"):
                return ImageFont.truetype(path, 36)
    pytest.skip("no Japanese font; `apt-get install fonts-vlgothic` brings one")


def written(ink: str = "black", paper: str = "white", size: int = 28) -> Image.Image:
    """Write two lines with the font that Pillow brings."""
    page = Image.new("RGB", (520, 110), paper)
    draw = ImageDraw.Draw(page)
    for row, line in enumerate(LINES):
        draw.text((10, 8 + 50 * row), line, font=ImageFont.load_default(size=size), fill=ink)
    return page


def test_two_lines_come_back_word_for_word(read: Read) -> None:
    result = read(written())
    assert result.text == "\n".join(LINES)
    assert all(line.confidence > 0.9 for line in result.lines)


def test_boxes_lie_around_their_lines(read: Read) -> None:
    first, second = read(written()).lines
    for line, top in ((first, 8), (second, 58)):
        xs, ys = zip(*line.box, strict=True)
        assert 0 <= min(xs) <= 14
        assert top - 8 <= min(ys) <= top + 12
        assert top + 20 <= max(ys) <= top + 50


@pytest.mark.parametrize(
    ("ink", "paper"), [("white", "black"), ("gold", "navy"), ("#777777", "#eeeeee")]
)
def test_any_ink_on_any_paper_is_read(ink: str, paper: str, read: Read) -> None:
    assert read(written(ink, paper)).text == "\n".join(LINES)


def test_small_letters_are_read(read: Read) -> None:
    assert read(written(size=14)).text == "\n".join(LINES)


def test_text_that_touches_the_edge_is_read(read: Read) -> None:
    assert read(written().crop((10, 14, 275, 42))).text == LINES[0]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_on_its_side_is_read_upright(orientation: int, read: Read) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
              8: Image.Transpose.ROTATE_270}[orientation]  # fmt: skip
    result = read(written().transpose(stored), "JPEG", quality=95, exif=exif)
    assert result.text == "\n".join(LINES)
    assert max(x for line in result.lines for x, _ in line.box) > 250  # boxes are upright too


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_without_exif_is_read_in_order(degrees: int, read: Read) -> None:
    assert read(written().rotate(degrees, expand=True)).text == "\n".join(LINES)


def test_a_slanted_page_is_read(read: Read) -> None:
    assert read(written().rotate(8, expand=True, fillcolor="white")).text == "\n".join(LINES)


def test_boxes_of_a_large_picture_are_in_its_own_pixels(read: Read) -> None:
    page = Image.new("RGB", (4400, 3200), "white")
    font = ImageFont.load_default(size=120)
    ImageDraw.Draw(page).text((3000, 2800), "Corner", font=font, fill="black")
    (line,) = read(page).lines
    xs, ys = zip(*line.box, strict=True)
    assert line.text == "Corner"
    assert 2960 <= min(xs) <= 3030
    assert 2780 <= min(ys) <= 2860


def test_a_long_screenshot_is_read(read: Read) -> None:
    page = Image.new("RGB", (540, 5000), "white")
    draw = ImageDraw.Draw(page)
    said = [f"Message number {row}" for row in range(6)]
    for row, line in enumerate(said):
        font = ImageFont.load_default(size=22)
        draw.text((20, 30 + 850 * row), line, font=font, fill="black")
    assert read(page).text == "\n".join(said)


@pytest.mark.parametrize("size", [(300, 200), (1, 1), (1, 10_000), (10_000, 1), (17, 40)])
def test_a_blank_picture_has_no_lines(size: tuple[int, int], read: Read) -> None:
    for paper in ("white", "black"):
        assert read(Image.new("RGB", size, paper)) == LinesResult(lines=())


def test_a_photo_without_text_has_no_lines(read: Read, photo: Image.Image) -> None:
    assert read(photo.resize((640, 480))).lines == ()


@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "L"])
def test_odd_modes_are_read(mode: str, read: Read) -> None:
    assert read(written().convert(mode)).text == "\n".join(LINES)


def test_transparent_paper_counts_as_white(read: Read) -> None:
    page = Image.new("RGBA", (520, 60), (0, 0, 0, 0))
    font = ImageFont.load_default(size=28)
    ImageDraw.Draw(page).text((10, 8), LINES[0], font=font, fill="black")
    assert read(page).text == LINES[0]


def test_japanese_rows_are_read(read: Read, japanese: ImageFont.FreeTypeFont) -> None:
    said = ("今日はとてもいい天気です。", "東京タワーへ行きました。")
    page = Image.new("RGB", (700, 130), "white")
    for row, line in enumerate(said):
        ImageDraw.Draw(page).text((20, 10 + 55 * row), line, font=japanese, fill="black")
    assert read(page).text == "\n".join(said)


def test_japanese_columns_are_read_from_the_right(
    read: Read, japanese: ImageFont.FreeTypeFont
) -> None:
    right = ("今日はとても", "いい天気で", "すから散歩")
    left = ("行きましょう", "公園の桜が", "きれいです")
    page = Image.new("RGB", (900, 700), "white")
    draw = ImageDraw.Draw(page)
    for bubble, edge, top in ((right, 740, 110), (left, 270, 390)):
        for index, column in enumerate(bubble):
            for row, letter in enumerate(column):
                at = (edge - 60 * index, top + 42 * row)
                draw.text(at, letter, font=japanese, fill="black")
    assert read(page).text == "\n".join(right + left)


def test_steps_are_told_and_a_cancelled_run_ends(
    family: Reader, read: Read, run: Any, encoded: Encode
) -> None:
    read(written())
    assert run.steps == [(2, 2)]
    assert run.checks == 2

    class Cancelled:
        def check(self) -> None:
            raise Stopped

        def step(self, done: int, total: int, preview: object = None) -> None: ...

    request = ReadText(image=encoded(written()))
    with pytest.raises(Stopped):
        family.forward([family.preprocess(request, 0)], Cancelled())


def test_a_batch_keeps_its_pages_apart(family: Reader, run: Any, encoded: Encode) -> None:
    pages = (written(), Image.new("RGB", (50, 50)), written("white", "black"))
    requests = [ReadText(image=encoded(page)) for page in pages]
    outputs = family.forward([family.preprocess(request, 0) for request in requests], run)
    texts = [family.postprocess(lines, ReadText(image=b"")).text for lines in outputs]
    assert texts == ["\n".join(LINES), "", "\n".join(LINES)]


def test_the_models_own_limit_holds(ocr_folder: Path, encoded: Encode) -> None:
    small = load(
        Model(id="x", task="ocr", family="ocr", limits=Limits(max_image_pixels=10_000)), ocr_folder
    )
    with pytest.raises(UserError, match=r"megapixels; the limit is 0\.01\."):
        small.preprocess(ReadText(image=encoded(written())), 0)


def test_nothing_is_printed_and_threads_are_the_workers(
    ocr_folder: Path, encoded: Encode, run: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    family = load(MODEL, ocr_folder)
    family.forward([family.preprocess(ReadText(image=encoded(written())), 0)], run)
    assert capfd.readouterr() == ("", "")
    options = family._read.session.session.get_session_options()
    assert options.intra_op_num_threads == torch.get_num_threads()


def test_loading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot load the OCR nets.*PP-OCRv6_det_small\.onnx"):
        load(MODEL, tmp_path)


def test_the_weights_are_counted(family: Reader) -> None:
    assert 30_000_000 < family.size_bytes() < 33_000_000
