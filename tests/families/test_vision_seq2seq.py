"""TrOCR and Manga OCR from folders as on the hub, held against transformers' own ``generate``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import VisionEncoderDecoderModel, ViTImageProcessorPil

from bot.catalogue.conversion.safetensors import convert
from bot.catalogue.model import Defaults, Limits, Model
from bot.errors import UserError
from bot.families.crops import bubble_crops, line_crops
from bot.families.detection import packaged_finder, page_of
from bot.families.vision_seq2seq import MOST_CROPS, PictureReader, japanese, load
from bot.families.vocabularies import load_tokenizer
from bot.tasks.image_to_text import LinesResult, ReadText
from tests.families import repositories
from tests.families.drawings import BUBBLES, FONT, LONG, ROWS, manga_page, page, write_columns
from tests.families.side_by_side import written
from tests.families.test_seq2seq import answered

Encoded = Callable[..., bytes]


@pytest.fixture(scope="module")
def trocr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repositories.trocr(tmp_path_factory.mktemp("trocr"))


@pytest.fixture(scope="module")
def manga_ocr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repositories.manga_ocr(tmp_path_factory.mktemp("manga_ocr"))


def opened(folder: Path, beams: int = 1, tokens: int = 16, slots: int = 1) -> PictureReader:
    model = Model(
        id="tiny", name="Tiny", task="ocr", family="vision_seq2seq", checkpoint="x",
        defaults=Defaults(beams=beams), limits=Limits(max_new_tokens=tokens), slots=slots,
    )  # fmt: skip
    with torch.inference_mode():
        return load(model, folder)


def judged(folder: Path, picture: Image.Image, **options: Any) -> str:
    """Return what transformers alone reads in one picture."""
    net = VisionEncoderDecoderModel.from_pretrained(folder, local_files_only=True).eval()
    pixels = ViTImageProcessorPil.from_pretrained(folder)(images=picture, return_tensors="pt")
    with torch.inference_mode():
        (written,) = net.generate(pixel_values=pixels["pixel_values"], use_cache=True, **options)
    text = str(load_tokenizer(folder).decode(written, skip_special_tokens=True))
    return text.rstrip("\ufffd").strip()


def cut(picture: Image.Image, cutter: Any = None) -> list[Image.Image]:
    """Return what the family has its net read of a picture."""
    seen = page_of(picture)
    found = packaged_finder().find(seen)
    crops = bubble_crops(picture, seen, found) if cutter else line_crops(seen, found)
    return [crop.picture for crop in crops]


def result_of(folder: Path, data: bytes, **options: Any) -> LinesResult:
    result = answered(opened(folder, **options), ReadText(image=data))[1]
    assert isinstance(result, LinesResult)
    return result


ENDS = {"decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "max_new_tokens": 16}


@pytest.mark.parametrize("beams", [1, 4])
def test_a_line_reads_as_generate_reads_it(beams: int, trocr: Path, encoded: Encoded) -> None:
    line = page(ROWS[:1], (300, 60))
    result = result_of(trocr, encoded(line), beams=beams)
    (strip,) = cut(line)
    assert result.text == judged(trocr, strip, num_beams=beams, **ENDS)
    assert result.text
    assert result.lines[0].confidence is None


def test_the_lines_of_a_page_are_read_one_by_one(trocr: Path, encoded: Encoded) -> None:
    whole = page(ROWS)
    family = opened(trocr)
    shown, result = answered(family, ReadText(image=encoded(whole)))
    assert [line.text for line in result.lines] == [
        judged(trocr, strip, **ENDS) for strip in cut(whole)
    ]
    assert [min(y for _, y in line.box) // 40 for line in result.lines] == [0, 1, 2]
    assert all(b.startswith(a) for a, b in pairwise(shown))
    assert not family._known


@pytest.mark.parametrize("beams", [1, 4])
def test_lines_that_are_read_side_by_side_read_the_same(
    beams: int, trocr: Path, encoded: Encoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, request = opened(trocr, beams, slots=8), ReadText(image=encoded(page(ROWS)))
    alone, one = written(family, request, 1, monkeypatch)
    together, several = written(family, request, 8, monkeypatch)
    assert together == alone
    assert len(alone.lines) == len(ROWS)
    assert one == 1
    assert several > 1


def test_a_line_in_light_letters_is_read_as_one_in_dark_ones(trocr: Path, encoded: Encoded) -> None:
    light = page(ROWS[:1], (300, 60), "black", "white")
    (strip,) = cut(light)
    assert strip.getpixel((0, 0)) == (255, 255, 255)
    assert result_of(trocr, encoded(light)).text == judged(trocr, strip, **ENDS)


def test_a_long_line_is_read_in_pieces_and_is_one_line(trocr: Path, encoded: Encoded) -> None:
    picture = page([(20, 20, LONG)], (int(FONT.getlength(LONG)) + 60, 70))
    result = result_of(trocr, encoded(picture))
    strips = cut(picture)
    assert len(strips) > 1
    texts = [judged(trocr, strip, **ENDS) for strip in strips]
    assert [line.text for line in result.lines] == [" ".join(texts)]


@pytest.mark.parametrize("beams", [1, 4])
def test_a_bubble_is_read_whole_in_grey(beams: int, manga_ocr: Path, encoded: Encoded) -> None:
    bubble = Image.new("RGB", (190, 260), "pink")
    write_columns(bubble, ("今日はとても", "いい天気で", "すね"), 160, 40, 32)
    result = result_of(manga_ocr, encoded(bubble), beams=beams, tokens=300)
    grey = bubble.convert("L").convert("RGB")
    assert result.text == japanese(judged(manga_ocr, grey, num_beams=beams))
    assert len(result.lines) == 1
    assert result.lines[0].box == ((0, 0), (190, 0), (190, 260), (0, 260))
    assert result.text


def test_the_bubbles_of_a_page_are_read_one_by_one(manga_ocr: Path, encoded: Encoded) -> None:
    whole = manga_page()
    result = result_of(manga_ocr, encoded(whole), tokens=300)
    crops = cut(whole, bubble_crops)
    assert len(crops) == len(result.lines) == len(BUBBLES)
    texts = [japanese(judged(manga_ocr, crop, num_beams=1)) for crop in crops]
    assert [line.text for line in result.lines] == texts


@pytest.mark.parametrize(("kind", "what"), [("trocr", "line"), ("manga_ocr", "bubble")])
def test_the_picture_comes_back_numbered_if_that_is_asked_for(
    kind: str, what: str, trocr: Path, manga_ocr: Path, encoded: Encoded
) -> None:
    folder = {"trocr": trocr, "manga_ocr": manga_ocr}[kind]
    data = encoded(page(ROWS))
    plain = result_of(folder, data)
    assert plain.overlay is None
    result = answered(opened(folder), ReadText(image=data, overlay=True))[1]
    assert result.lines == plain.lines
    assert result.overlay.alt_text == (
        f"The picture, each {what} of text framed and numbered from 1 to {len(plain.lines)}."
    )
    assert result.text.splitlines()[0] == f"1 {plain.lines[0].text}"


@pytest.mark.parametrize("kind", ["trocr", "manga_ocr"])
def test_a_converted_checkpoint_reads_the_same(
    kind: str, trocr: Path, manga_ocr: Path, encoded: Encoded, tmp_path: Path
) -> None:
    folder = {"trocr": trocr, "manga_ocr": manga_ocr}[kind]
    convert([folder / "config.json"], tmp_path, "float32")
    assert not list(tmp_path.glob("*.bin"))
    data = encoded(page(ROWS))
    assert result_of(tmp_path, data) == result_of(folder, data)


def test_manga_ocr_needs_no_mecab(manga_ocr: Path) -> None:
    assert load_tokenizer(manga_ocr).word_tokenizer_type == "basic"


def test_its_settings_are_those_of_its_makers(manga_ocr: Path, encoded: Encoded) -> None:
    family = opened(manga_ocr, tokens=300)
    sampling = family.row(ReadText(image=encoded(page(ROWS))), 0).sampling
    assert (sampling.no_repeat_ngram, sampling.length_penalty) == (3, 2.0)
    assert (sampling.max_new_tokens, sampling.early_stopping) == (29, True)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("こ れ は\n本", "これは本"),
        ("そう…", "そう．．．"),
        ("あ・・・い", "あ．．．い"),
        ("あ・い", "あ・い"),
        ("ABC 12!?", "ＡＢＣ１２！？"),
        ("ｶﾞｷﾞﾊﾟｱｲｳ｡｢ｴ｣", "ガギパアイウ。「エ」"),
        ("アﾞ", "アﾞ"),
    ],
)
def test_japanese_is_written_as_its_makers_write_it(raw: str, clean: str) -> None:
    assert japanese(raw) == clean


@pytest.mark.parametrize("kind", ["trocr", "manga_ocr"])
def test_a_picture_without_text_is_refused_for_these_nets_would_invent_one(
    kind: str, trocr: Path, manga_ocr: Path, encoded: Encoded, photo: Image.Image
) -> None:
    family = opened({"trocr": trocr, "manga_ocr": manga_ocr}[kind])
    for picture in (Image.new("RGB", (60, 40), "white"), photo.resize((640, 480))):
        with pytest.raises(UserError, match=r"no text in this picture\. Send one in which"):
            family.row(ReadText(image=encoded(picture)), 0)


def test_too_many_lines_are_refused_with_fact_limit_and_next_step(
    trocr: Path, encoded: Encoded
) -> None:
    lines = [(20, 10 + 40 * number, f"line {number}") for number in range(50)]
    with pytest.raises(UserError) as caught:
        opened(trocr).row(ReadText(image=encoded(page(lines, (300, 2100)))), 0)
    assert f"about 50 lines; Tiny reads at most {MOST_CROPS}. Cut it" in str(caught.value)


def test_a_picture_that_is_none_is_refused(trocr: Path) -> None:
    with pytest.raises(UserError, match="not a picture"):
        opened(trocr).row(ReadText(image=b"hello"), 0)


def test_pages_of_jobs_that_never_end_are_not_kept_for_ever(trocr: Path, encoded: Encoded) -> None:
    family = opened(trocr)
    for number in range(6):
        family.row(ReadText(image=encoded(page(ROWS, (600, 160 + number)))), 0)
    assert len(family._known) == 2
