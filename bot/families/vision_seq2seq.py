"""Pictures in, texts out, by an encoder-decoder: TrOCR reads lines, Manga OCR speech bubbles.

TrOCR was taught single lines, so the lines of a picture are found first (:mod:`bot.families.lines`)
and read one after another. Manga OCR reads a bubble whole.

Source: transformers' ``VisionEncoderDecoderModel``, image processors without torchvision.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import transformers
from PIL import Image
from transformers import AutoImageProcessor, BertJapaneseTokenizer, VisionEncoderDecoderModel

from bot.decoding.engine import Finish
from bot.decoding.sampling import Row
from bot.decoding.serving import Serving, open_engine
from bot.errors import UserError
from bot.families import checkpoints
from bot.families.base import GeneratingFamily
from bot.families.generation import ends_of, positions_of, sampling_of, settings_of, start_of
from bot.families.lines import find_lines
from bot.families.pictures import open_picture
from bot.families.reading_order import Box
from bot.families.vocabularies import load_tokenizer, writer_of
from bot.tasks.image_to_text import LinesResult, ReadText, TextLine

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from bot.catalogue.model import Model

MOST_LINES = 40
"""Lines of one picture; each is a run of the net."""

UNSAID_ROOM = 512
"""Positions of a decoder that knows none."""

HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]+")
LONE_MARKS = str.maketrans("\u3099\u309a", "\uff9e\uff9f")
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
"""ASCII -> the same letters as wide as Japanese ones."""


def load(model: Model, folder: Path) -> PictureReader:
    """Load a checkpoint in its serving dtype; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights that the architecture needs, or name no start.
    """
    dtype = Serving.from_environ().torch_dtype(model)
    net = checkpoints.load_net(VisionEncoderDecoderModel, model, folder, dtype)
    return PictureReader(model, net, load_tokenizer(folder), _image_processor(folder))


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines of a picture, each already as small as the net reads it, and their boxes."""

    lines: tuple[Image.Image, ...]
    boxes: tuple[Box, ...]


class PictureReader(GeneratingFamily):
    """The family for :class:`bot.tasks.image_to_text.ReadText`."""

    def __init__(self, model: Model, net: Any, tokenizer: Any, processor: Any) -> None:
        self._model = model
        self._processor = processor
        self._size_bytes = checkpoints.size_bytes(net)
        self._start = start_of(net)
        self._settings = settings_of(net)
        self._room = positions_of(net.config.decoder, UNSAID_ROOM)
        self._reads_bubbles = isinstance(tokenizer, BertJapaneseTokenizer)
        self._known: dict[ReadText, _Page] = {}
        ends = ends_of(net, tokenizer)
        self.engine = open_engine(net, writer_of(tokenizer), ends, model.slots)

    def row(self, request: ReadText, seed: int) -> Row:
        """Turn a picture into the row of its first line.

        Raises:
            UserError: It cannot be read, is empty, or has too many lines.
        """
        return self._line_row(self._page(request), 0, seed)

    def next_row(self, request: ReadText, seed: int, finishes: Sequence[Finish]) -> Row | None:
        """Return the row of the next line, if one is left."""
        page = self._page(request)
        return (
            self._line_row(page, len(finishes), seed) if len(finishes) < len(page.lines) else None
        )

    def shown(self, request: ReadText, text: str) -> str:
        """Return what a person sees of a first line."""
        return self._clean(text)

    def shown_with(self, request: ReadText, finishes: Sequence[Finish], text: str) -> str:
        """Return the lines so far."""
        texts = [*(self._clean(finish.text) for finish in finishes), self._clean(text)]
        return "\n".join(filter(None, texts))

    def result(self, request: ReadText, finish: Finish) -> LinesResult:
        """Return the lone line."""
        return self.result_of(request, [finish])

    def result_of(self, request: ReadText, finishes: Sequence[Finish]) -> LinesResult:
        """Return all lines but empty ones; these nets do not say how sure they are."""
        boxes = self._page(request).boxes
        self._known.pop(request, None)
        texts = [self._clean(finish.text) for finish in finishes]
        pairs = zip(texts, boxes, strict=True)
        return LinesResult(
            lines=tuple(TextLine(text=t, confidence=None, box=box) for t, box in pairs if t)
        )

    def size_bytes(self) -> int:
        """Return the size of the weights, those that are shared counted once."""
        return self._size_bytes

    def _page(self, request: ReadText) -> _Page:
        """Return the lines of a picture; kept, for every row of it asks."""
        if request not in self._known:
            while len(self._known) >= 2 * self._model.slots:  # of jobs that were cancelled
                self._known.pop(next(iter(self._known)))
            self._known[request] = self._opened(request)
        return self._known[request]

    def _opened(self, request: ReadText) -> _Page:
        picture = open_picture(request.image, self._model.limits.max_image_pixels)
        found = find_lines(picture)
        if not found:  # of an empty picture these nets invent text
            raise UserError("This picture is of one colour: there is no text in it. Send another.")
        if len(found) > MOST_LINES and not self._reads_bubbles:
            raise UserError(
                f"This picture has about {len(found)} lines; {self._model.title} reads at most "
                f"{MOST_LINES}. Cut it into smaller ones, or choose a model that reads pages."
            )
        if self._reads_bubbles:
            picture = picture.convert("L").convert("RGB")  # as it was taught
        if self._reads_bubbles or len(found) == 1:
            width, height = float(picture.width), float(picture.height)
            found = [((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))]
        lines = tuple(self._small(picture.crop(_corners(box))) for box in found)
        return _Page(lines, tuple(found))

    def _small(self, line: Image.Image) -> Image.Image:
        """Return a line in the size that the net reads; the processor then leaves it so."""
        size = self._processor.size
        resample = Image.Resampling(self._processor.resample)
        return line.resize((size["width"], size["height"]), resample)

    def _line_row(self, page: _Page, number: int, seed: int) -> Row:
        read = self._processor(images=page.lines[number], return_tensors="pt")
        pixels: torch.Tensor = read["pixel_values"][0]  # (C, H, W)
        sampling = sampling_of(self._settings, self._model, seed, self._room)
        return Row(ids=(self._start,), source=pixels, sampling=sampling)

    def _clean(self, text: str) -> str:
        return japanese(text) if self._reads_bubbles else text.strip()


def japanese(text: str) -> str:
    """Return a text as Manga OCR's makers write it: no white space, wide letters, plain dots."""
    text = "".join(text.split()).replace("…", "...")
    text = re.sub(r"[・.]{2,}", lambda dots: "." * len(dots[0]), text)
    text = HALF_WIDTH_KANA.sub(lambda kana: unicodedata.normalize("NFKC", kana[0]), text)
    return text.translate(LONE_MARKS).translate(WIDE)


def _corners(box: Box) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of an upright box, one pixel each way at least."""
    (left, top), _, (right, bottom), _ = box
    return int(left), int(top), max(int(left) + 1, round(right)), max(int(top) + 1, round(bottom))


def _image_processor(folder: Path) -> Any:
    """Return what turns a picture into pixels for the net, of the kind that needs no torchvision.

    Older repositories name it as a feature extractor.
    """
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    named = str(
        settings.get("image_processor_type") or settings.get("feature_extractor_type") or ""
    )
    name = named.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast") + "Pil"
    kind = getattr(transformers, name, AutoImageProcessor)
    return kind.from_pretrained(folder, local_files_only=True)
