"""Manga OCR held against the package of its makers: the pixels, the cleaning, the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.catalogue.model import Defaults, Limits, Model
from bot.families.captions import pixels_of
from bot.families.crops import bubble_crops
from bot.families.detection import page_of
from bot.families.pictures import open_picture
from bot.families.vision_seq2seq import image_processor, japanese, load
from bot.tasks.image_to_text import ReadText
from tests.families import odd, repositories
from tests.families.drawings import japanese_font, write_columns

makers = pytest.importorskip("manga_ocr.ocr", reason="the package manga-ocr: make judges")

BUBBLES = [("今日はとても", "いい天気で", "すね"), ("ええっ", "本当に"), ("傘を忘れた",)]
MARKS = "…・.．‥ 　\t\nｱｶﾞﾊﾟﾞﾟ｡｢｣､ｰ゛゜ガパABCabc019!?~`{}|アイ漢字あ々ー"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repositories.manga_ocr(tmp_path_factory.mktemp("manga_ocr"), longest=300)


@pytest.fixture(scope="module")
def judge(folder: Path) -> Any:
    """The makers' own reader of the same checkpoint."""
    return makers.MangaOcr(str(folder), force_cpu=True)


@given(st.text(MARKS, max_size=30) | st.text(max_size=30))
def test_texts_are_cleaned_as_theirs_are(text: str) -> None:
    assert japanese(text) == makers.post_process(text)


def test_every_character_is_cleaned_as_theirs_is() -> None:
    for first in range(0, 0x30000, 64):
        block = [chr(code) for code in range(first, first + 64) if not 0xD800 <= code < 0xE000]
        marked = "".join(f"{letter}\uff9e{letter}\uff9f" for letter in block)
        for text in ("あ".join(block), marked):
            assert japanese(text) == makers.post_process(text)


@pytest.mark.parametrize("name", sorted(odd.PICTURES.keys() - odd.REFUSED))
def test_odd_pictures_become_the_pixels_that_theirs_do(name: str, folder: Path, judge: Any) -> None:
    picture = open_picture(odd.PICTURES[name](), 24_000_000)
    whole = np.array([[[0, 0], [picture.width, 0], list(picture.size), [0, picture.height]]])
    (crop,) = bubble_crops(picture, page_of(picture), whole.astype(np.float32))
    ours = pixels_of(crop.picture, image_processor(folder))
    assert torch.equal(ours, judge._preprocess(picture.convert("L").convert("RGB")))


@pytest.mark.parametrize("size", [(7, 900), (900, 7), (223, 225), (31, 33), (32, 32), (64, 64)])
def test_noise_of_any_size_becomes_the_same_pixels(
    size: tuple[int, int], folder: Path, judge: Any
) -> None:
    picture = Image.effect_noise(size, 120).convert("RGB")
    ours = pixels_of(picture, image_processor(folder))
    assert torch.equal(ours, judge._preprocess(picture))


@pytest.mark.parametrize("columns", BUBBLES, ids=["three", "two", "one"])
@pytest.mark.parametrize(("ink", "paper"), [("black", "white"), ("white", "black")])
def test_a_bubble_is_read_as_they_read_it(
    columns: tuple[str, ...], ink: str, paper: str, folder: Path, judge: Any,
    encoded: Callable[..., bytes], tmp_path: Path,
) -> None:  # fmt: skip
    japanese_font()
    size = (50 * len(columns) + 30, 36 * max(map(len, columns)) + 40)
    bubble = Image.new("RGB", size, "white")
    write_columns(bubble, columns, size[0] - 10, 20, 32)
    if ink == "white":
        bubble = Image.fromarray(255 - np.asarray(bubble))
    model = Model(
        id="tiny", task="ocr", family="vision_seq2seq", checkpoint="x",
        defaults=Defaults(beams=4), limits=Limits(max_new_tokens=300),
    )  # fmt: skip
    with torch.inference_mode():
        family = load(model, folder)
        result = odd.met(family, ReadText(image=encoded(bubble)))
    assert result.text == judge(bubble)
    assert result.text
