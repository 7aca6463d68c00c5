"""What is judged blind tells nobody who made it, and its pixels stay as they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bot.families.pictures import encode_png
from bot.ui.nameless import nameless, unnamed, without_notes
from bot.ui.replies import Reply

PIXELS = np.random.default_rng(3).integers(0, 255, (40, 60, 3)).astype("uint8")
NOTES = {"Software": "some-model", "Prompt": "ein grüner 鯨"}


def written(media: str) -> bytes:
    image = Image.fromarray(PIXELS)
    if media == "png":
        return encode_png(image, NOTES)
    out = io.BytesIO()
    image.save(out, "JPEG", comment=b"Software: some-model")
    return out.getvalue()


@pytest.mark.parametrize("media", ["png", "jpeg"])
def test_only_the_notes_go(media: str) -> None:
    data = written(media)
    assert b"some-model" in data
    bare = without_notes(data)
    assert b"some-model" not in bare
    before, after = (np.asarray(Image.open(io.BytesIO(each))) for each in (data, bare))
    assert (before == after).all()
    assert "Software" not in Image.open(io.BytesIO(bare)).info
    assert "comment" not in Image.open(io.BytesIO(bare)).info
    assert without_notes(bare) == bare


def test_what_is_no_picture_stays() -> None:
    assert without_notes(b"a text") == b"a text"


def test_the_longer_name_goes_first() -> None:
    assert unnamed("GPT and GPT-J", ["GPT", "GPT-J"], "A") == "A and A"


def test_an_answer_keeps_its_words() -> None:
    file = ("beef01-1.png", written("png"), "A cat, drawn by Some Model.")
    reply = nameless(
        Reply(content="cat\n-# Some Model · `beef01`", files=(file,)), ["Some Model"], "A"
    )
    assert reply.content == "cat"
    assert reply.files is not None
    ((name, _, alt),) = reply.files
    assert (name, alt) == ("A-1.png", "A cat, drawn by A.")
