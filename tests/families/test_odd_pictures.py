"""Every family that takes pictures given whatever people upload: it answers, or says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bot.catalogue.model import Limits, Model
from bot.families import ocr, style, vision_seq2seq
from bot.families.pictures import open_picture
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.image_to_text import LinesResult, ReadText
from bot.tasks.picture import Picture
from tests.families import odd, repositories


def model(family: str, task: str) -> Model:
    limits = Limits(max_new_tokens=6)
    return Model(id="tiny", name="Tiny", task=task, family=family, checkpoint="x", limits=limits)


pictures = pytest.mark.parametrize("name", odd.PICTURES)


@pytest.fixture(scope="module")
def reader(ocr_folder: Path) -> ocr.Reader:
    return ocr.load(model("ocr", "ocr"), ocr_folder)


@pictures
def test_words_in_a_picture(name: str, reader: ocr.Reader) -> None:
    result = odd.met(reader, ReadText(image=odd.PICTURES[name](), overlay=True))
    assert isinstance(result, str) == (name in odd.REFUSED)
    if isinstance(result, LinesResult):
        found = [line.text for line in result.lines]
        assert found == (["Hello 42 fox"] if name in odd.WORDY else [])
        assert (result.overlay is None) == (not found)


@pytest.fixture(scope="module")
def trocr(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = repositories.trocr(tmp_path_factory.mktemp("trocr"))
    return vision_seq2seq.load(model("vision_seq2seq", "ocr"), folder)


@pytest.fixture(scope="module")
def manga_ocr(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = repositories.manga_ocr(tmp_path_factory.mktemp("manga_ocr"))
    return vision_seq2seq.load(model("vision_seq2seq", "ocr"), folder)


@pictures
@pytest.mark.parametrize("kind", ["trocr", "manga_ocr"])
def test_lines_and_bubbles_in_a_picture(
    kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    family = request.getfixturevalue(kind)
    with torch.inference_mode():
        result = odd.met(family, ReadText(image=odd.PICTURES[name](), overlay=True))
    assert isinstance(result, LinesResult) == (name in odd.WORDY)
    if isinstance(result, LinesResult):
        assert len(result.lines) <= 1


@pytest.fixture(scope="module")
def painter(style_folder: Path) -> Any:
    return style.load(model("style", "restyle"), style_folder)


@pictures
def test_a_picture_to_paint(name: str, painter: Any, encoded: Any, photo: Any) -> None:
    data = odd.PICTURES[name]()
    plain = encoded(photo)
    for request in (
        RestylePicture(image=data),
        RestylePicture(image=plain, style_image=data),
    ):
        result = odd.met(painter, request)
        assert isinstance(result, str) == (name in odd.REFUSED)
        if isinstance(result, Picture):
            assert open_picture(result.data, 24_000_000).size == (result.width, result.height)
