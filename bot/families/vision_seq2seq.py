"""Pictures in, texts out, by an encoder-decoder: TrOCR reads lines, Manga OCR speech bubbles.

Lines are found first (:mod:`bot.families.detection`). TrOCR was taught single ones and gets one
after another; Manga OCR was taught whole bubbles, so lines that stand close go together. Others,
such as ViT with GPT-2, say what a picture shows.

Source: transformers' ``VisionEncoderDecoderModel``, image processors without torchvision.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import transformers
from transformers import AutoImageProcessor, BertJapaneseTokenizer, VisionEncoderDecoderModel

from bot.decoding.engine import Finish
from bot.decoding.sampling import Row
from bot.decoding.serving import Serving, open_engine
from bot.errors import Sentence, UserError
from bot.families import checkpoints
from bot.families.base import GeneratingFamily
from bot.families.captions import Captioner, pixels_of, squeezed
from bot.families.crops import Crop, bubble_crops, line_crops, lines_among
from bot.families.detection import packaged_finder, page_of
from bot.families.generation import ends_of, positions_of, sampling_of, settings_of, start_of
from bot.families.overlays import numbered
from bot.families.pictures import open_picture
from bot.families.vocabularies import load_tokenizer, writer_of
from bot.tasks.image_to_text import DescribePicture, LinesResult, ReadText, TextLine

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from bot.catalogue.model import Model

MOST_CROPS = 40
"""Lines or bubbles of one picture; each is a run of the net."""

UNSAID_ROOM = 512
"""Positions of a decoder that knows none."""

HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]+")
LONE_MARKS = {0x3099: "\uff9e", 0x309A: "\uff9f", ord("ヷ"): "ワ\uff9e", ord("ヺ"): "ヲ\uff9e"}
"""What its makers' package leaves apart where Unicode joins, or has marks that combine."""

WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
"""ASCII -> the same letters as wide as Japanese ones."""


def load(model: Model, folder: Path) -> PictureReader | Captioner:
    """Load a checkpoint in its serving dtype; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights that the architecture needs, or name no start.
    """
    dtype = Serving.from_environ().torch_dtype(model)
    net = checkpoints.load_net(VisionEncoderDecoderModel, model, folder, dtype)
    tokenizer, processor = load_tokenizer(folder), image_processor(folder)
    if DescribePicture.task() not in model.tasks:
        return PictureReader(model, net, tokenizer, processor)
    facts: dict[str, Any] = {
        "settings": settings_of(net),
        "start": start_of(net),
        "room": positions_of(net.config.decoder, UNSAID_ROOM),
        "size_bytes": checkpoints.size_bytes(net),
    }
    engine = open_engine(net, writer_of(tokenizer), ends_of(net, tokenizer), model.slots)
    return Captioner(model, engine, processor, **facts)


class PictureReader(GeneratingFamily):
    """The family for :class:`bot.tasks.image_to_text.ReadText`."""

    def __init__(self, model: Model, net: Any, tokenizer: Any, processor: Any) -> None:
        self._model = model
        self._processor = processor
        self._finder = packaged_finder()
        self._size_bytes = checkpoints.size_bytes(net) + self._finder.size_bytes
        self._start = start_of(net)
        self._settings = settings_of(net)
        self._room = positions_of(net.config.decoder, UNSAID_ROOM)
        self._reads_bubbles = isinstance(tokenizer, BertJapaneseTokenizer)
        self._known: dict[ReadText, list[Crop]] = {}
        ends = ends_of(net, tokenizer)
        self.engine = open_engine(net, writer_of(tokenizer), ends, model.slots)

    def prepare(self, request: ReadText) -> None:
        """Find the lines: half a second of a page that must not keep others waiting."""
        self._crops(request)

    def row(self, request: ReadText, seed: int) -> Row:
        """Turn a picture into the row of its first line.

        Raises:
            UserError: It cannot be read, is empty, or has too many lines.
        """
        return self._crop_row(self._crops(request)[0], seed)

    def next_row(
        self, request: ReadText, seed: int, finishes: Sequence[Finish], ahead: int = 0
    ) -> Row | None:
        """Return the row of the next crop, if one is left; none needs another."""
        left = self._crops(request)[len(finishes) + ahead :]
        return self._crop_row(left[0], seed) if left else None

    def shown(self, request: ReadText, text: str) -> str:
        """Return what a person sees of a first line."""
        return self._clean(text)

    def shown_with(self, request: ReadText, finishes: Sequence[Finish], text: str) -> str:
        """Return the lines so far."""
        return self._lines(request, [*(finish.text for finish in finishes), text]).text

    def result(self, request: ReadText, finish: Finish) -> LinesResult:
        """Return the lone line."""
        return self.result_of(request, [finish])

    def result_of(self, request: ReadText, finishes: Sequence[Finish]) -> LinesResult:
        """Return all lines but empty ones; these nets do not say how sure they are."""
        result = self._lines(request, [finish.text for finish in finishes])
        self._known.pop(request, None)
        if not (request.overlay and result.lines):
            return result
        picture = open_picture(request.image, self._model.limits.max_image_pixels)
        what = "bubble" if self._reads_bubbles else "line"
        overlay = numbered(picture, [line.box for line in result.lines], what)
        return LinesResult(lines=result.lines, overlay=overlay)

    def size_bytes(self) -> int:
        """Return the size of the weights, those that are shared counted once."""
        return self._size_bytes

    def _crops(self, request: ReadText) -> list[Crop]:
        """Return what is read of a picture, in turn; kept, for every row of it asks."""
        if request not in self._known:
            while len(self._known) >= 2 * self._model.slots:  # of jobs that were cancelled
                self._known.pop(next(iter(self._known)))
            self._known[request] = self._opened(request)
        return self._known[request]

    def _opened(self, request: ReadText) -> list[Crop]:
        picture = open_picture(request.image, self._model.limits.max_image_pixels)
        page = page_of(picture)
        found = lines_among(page, self._finder.find(page))
        if not len(found):  # of a picture without text these nets invent one
            raise UserError(
                "I can find no text in this picture. Send one in which it is larger or sharper."
            )
        if self._reads_bubbles:
            crops, what = bubble_crops(picture, page, found), Sentence("speech bubbles")
        else:
            crops, what = line_crops(page, found), Sentence("lines")
        if len(crops) > MOST_CROPS:
            raise UserError(
                "This picture has about {count} {what}; {model} reads at most {limit}. "
                "Cut it into smaller ones, or choose a model that reads pages.",
                count=len(crops),
                what=what,
                model=self._model.title,
                limit=MOST_CROPS,
            )
        return [replace(crop, picture=squeezed(crop.picture, self._processor)) for crop in crops]

    def _lines(self, request: ReadText, texts: Sequence[str]) -> LinesResult:
        """Return the lines of these first texts, pieces of a long line put together."""
        lines: list[TextLine] = []
        for crop, written in zip(self._crops(request), texts, strict=False):
            text = self._clean(written)
            if crop.goes_on and lines:
                text = f"{lines.pop().text} {text}".strip()
            lines.append(TextLine(text=text, confidence=None, box=crop.box))
        return LinesResult(lines=tuple(line for line in lines if line.text))

    def _crop_row(self, crop: Crop, seed: int) -> Row:
        pixels: torch.Tensor = pixels_of(crop.picture, self._processor)  # (C, H, W)
        sampling = sampling_of(self._settings, self._model, seed, self._room)
        return Row(ids=(self._start,), source=pixels, sampling=sampling)

    def _clean(self, text: str) -> str:
        return japanese(text) if self._reads_bubbles else text.strip()


def japanese(text: str) -> str:
    """Return a text as Manga OCR's makers write it: no white space, wide letters, plain dots."""
    text = "".join(text.split()).replace("…", "...")
    text = re.sub(r"[・.]{2,}", lambda dots: "." * len(dots[0]), text)
    return HALF_WIDTH_KANA.sub(_widened, text).translate(WIDE)


def _widened(kana: re.Match[str]) -> str:
    """Return half-width kana as wide ones, joined with their marks; lone marks stay as they are."""
    return unicodedata.normalize("NFKC", kana[0]).translate(LONE_MARKS)


def image_processor(folder: Path) -> Any:
    """Return what turns a picture into pixels for the net, of the kind that needs no torchvision.

    Older repositories name it as a feature extractor.
    """
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    named = str(
        settings.get("image_processor_type") or settings.get("feature_extractor_type") or ""
    )
    name = named.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast") + "Pil"
    kind = getattr(transformers, name, AutoImageProcessor)
    return kind.from_pretrained(folder, **checkpoints.AS_IT_LIES)
