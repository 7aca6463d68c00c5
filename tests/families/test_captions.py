"""Descriptions of pictures by ViT with GPT-2 and by BLIP, from folders as on the hub."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import (
    BertTokenizerFast,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    GPT2TokenizerFast,
    VisionEncoderDecoderModel,
    ViTImageProcessorPil,
)

from bot.catalogue.conversion.safetensors import convert
from bot.catalogue.model import Defaults, Limits, Model
from bot.errors import OperatorError, UserError
from bot.families.captions import Captioner, sentence
from bot.tasks.image_to_text import DescribePicture
from bot.tasks.text_to_text import TextResult
from tests.families import repositories
from tests.families.test_seq2seq import answered

Encoded = Callable[..., bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repositories.vit_gpt2(tmp_path_factory.mktemp("vit_gpt2"))


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repositories.blip(tmp_path_factory.mktemp("blip"))


def opened(
    folder: Path, beams: int = 1, tokens: int = 12, family: str = "vision_seq2seq", **options: Any
) -> Captioner:
    model = Model(
        id="tiny", name="Tiny", task="describe", family=family, checkpoint="x",
        defaults=Defaults(beams=beams), limits=Limits(max_new_tokens=tokens), slots=4, **options,
    )  # fmt: skip
    with torch.inference_mode():
        opened = importlib.import_module(f"bot.families.{family}").load(model, folder)
    assert isinstance(opened, Captioner)
    assert opened.engine.note == ""  # rows share their steps
    return opened


def judged(folder: Path, picture: Image.Image, **options: Any) -> str:
    """Return what transformers alone says of a picture, as the model's card asks it."""
    net = VisionEncoderDecoderModel.from_pretrained(folder, local_files_only=True).eval()
    pixels = ViTImageProcessorPil.from_pretrained(folder)(images=picture, return_tensors="pt")
    with torch.inference_mode():
        (written,) = net.generate(pixels.pixel_values, max_new_tokens=12, **options)
    text = str(GPT2TokenizerFast.from_pretrained(folder).decode(written, skip_special_tokens=True))
    return sentence(text.rstrip("\ufffd"))


def judged_blip(folder: Path, picture: Image.Image) -> str:
    net = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
    pixels = BlipImageProcessorPil.from_pretrained(folder)(images=picture, return_tensors="pt")
    with torch.inference_mode():
        (written,) = net.generate(pixels.pixel_values, max_new_tokens=12, do_sample=False)
    text = BertTokenizerFast.from_pretrained(folder).decode(written, skip_special_tokens=True)
    return sentence(str(text))


def result_of(family: Captioner, data: bytes) -> TextResult:
    result = answered(family, DescribePicture(image=data))[1]
    assert isinstance(result, TextResult)
    return result


@pytest.mark.parametrize("beams", [1, 4])
def test_a_picture_is_described_as_generate_describes_it(
    beams: int, folder: Path, photo: Image.Image, encoded: Encoded
) -> None:
    result = result_of(opened(folder, beams), encoded(photo))
    assert result.text == judged(folder, photo, num_beams=beams)
    assert len(result.text) > 3
    assert 0 < result.tokens <= 12


def test_blip_describes_as_its_own_generate_does(
    blip: Path, photo: Image.Image, encoded: Encoded
) -> None:
    family = opened(blip, family="blip")
    pictures = [photo, photo.rotate(180), photo.crop((0, 0, 60, 40))]
    told = [result_of(family, encoded(picture)).text for picture in pictures]
    assert told == [judged_blip(blip, picture) for picture in pictures]
    assert len(set(told)) > 1


def test_blip_says_the_same_to_each_beside_others(
    blip: Path, photo: Image.Image, encoded: Encoded
) -> None:
    family = opened(blip, family="blip")
    asked = [DescribePicture(image=encoded(photo.rotate(turn))) for turn in (0, 90, 180)]
    alone = [result_of(family, request.image).text for request in asked]
    with torch.inference_mode():
        for number, request in enumerate(asked):
            family.engine.join(str(number), family.row(request, 0))
        done: dict[str, str] = {}
        while len(done) < len(asked):
            for emission in family.engine.step():
                if emission.finish is not None:
                    done[emission.key] = sentence(emission.finish.text)
    assert [done[str(number)] for number in range(3)] == alone


def test_the_size_is_that_of_the_weights(blip: Path) -> None:
    found = opened(blip, family="blip").size_bytes()
    state = torch.load(blip / "pytorch_model.bin", weights_only=True)
    tied = state["text_decoder.cls.predictions.decoder.weight"].nbytes
    assert found == pytest.approx(sum(w.nbytes for w in state.values()) - tied, rel=0.02)


def test_blip_cannot_search(blip: Path) -> None:
    with pytest.raises(OperatorError, match="writes greedily"):
        opened(blip, family="blip", beams=4)


def test_a_converted_blip_says_the_same(
    blip: Path, photo: Image.Image, encoded: Encoded, tmp_path: Path
) -> None:
    convert([blip / "config.json"], tmp_path, "float32")
    data = encoded(photo)
    first, second = (result_of(opened(f, family="blip"), data) for f in (blip, tmp_path))
    assert first == second


def test_different_pictures_have_different_descriptions(
    folder: Path, photo: Image.Image, encoded: Encoded
) -> None:
    family = opened(folder)
    first = result_of(family, encoded(photo))
    assert first.text != result_of(family, encoded(photo.rotate(180))).text
    assert first == result_of(family, encoded(photo))


def test_a_description_grows_and_stays(folder: Path, photo: Image.Image, encoded: Encoded) -> None:
    shown, result = answered(opened(folder), DescribePicture(image=encoded(photo)))
    assert shown
    assert all(b.startswith(a) for a, b in pairwise([*shown, result.text]))


def test_a_converted_checkpoint_says_the_same(
    folder: Path, photo: Image.Image, encoded: Encoded, tmp_path: Path
) -> None:
    convert([folder / "config.json"], tmp_path, "float32")
    assert not list(tmp_path.glob("*.bin"))
    data = encoded(photo)
    assert result_of(opened(tmp_path), data) == result_of(opened(folder), data)


ODD = {
    "one pixel": (Image.new("RGB", (1, 1), "red"), "PNG", {}),
    "a line": (Image.new("RGB", (1, 10_000), "red"), "PNG", {}),
    "moving": (Image.new("P", (30, 20)), "GIF", {"save_all": True}),
    "CMYK": (Image.new("CMYK", (30, 20)), "JPEG", {}),
    "16 bits": (Image.new("I;16", (30, 20), 40_000), "PNG", {}),
    "alpha": (Image.new("RGBA", (30, 20), (1, 2, 3, 4)), "PNG", {}),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_are_described_too(kind: str, folder: Path, encoded: Encoded) -> None:
    picture, form, options = ODD[kind]
    if kind == "moving":
        options = {**options, "append_images": [Image.new("P", (30, 20), 1)]}
    assert result_of(opened(folder), encoded(picture, form, **options)).text


def test_a_picture_that_is_none_or_too_large_is_refused(folder: Path, encoded: Encoded) -> None:
    family = opened(folder)
    with pytest.raises(UserError, match="not a picture"):
        family.row(DescribePicture(image=b"hello"), 0)
    with pytest.raises(UserError, match=r"30\.0 megapixels; the limit is 24"):
        family.row(DescribePicture(image=encoded(Image.new("1", (6_000, 5_000)))), 0)


def test_a_file_without_its_cross_attention_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    state = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    kept = {name: weight for name, weight in state.items() if "crossattention.q" not in name}
    torch.save(kept, tmp_path / "pytorch_model.bin")
    with pytest.raises(OperatorError, match=r"lacks 4 weights.*crossattention\.q"):
        opened(tmp_path)
    with pytest.raises(ValueError, match=r"4 weights are missing.*crossattention\.q"):
        convert([tmp_path / "config.json"], tmp_path / "done", "float32")
    assert not (tmp_path / "done").exists()


def test_a_file_of_another_size_than_the_entrys_is_refused(folder: Path) -> None:
    with pytest.raises(OperatorError, match="has 20,880 parameters"):
        opened(folder, params=10_000)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a dog on a mat", "A dog on a mat."),
        ("  a dog\non a   mat . ", "A dog on a mat ."),
        ("a dog!", "A dog!"),
        ("a dog,", "A dog."),
        ("", ""),
        ("  ", ""),
        ("日本", "日本."),
    ],
)
def test_a_caption_becomes_a_sentence(written: str, said: str) -> None:
    assert sentence(written) == said
