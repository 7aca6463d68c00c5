"""Reads the text in pictures with PP-OCR: find the lines, turn them upright, read each.

The nets are ONNX files from the checkpoint's folder, run by rapidocr's parts on onnxruntime.
Lines come back as people read them: rows from the top, articles column by column, Japanese
columns from the right.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageChops

from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.base import BatchFamily, Run
from bot.families.pictures import open_picture
from bot.families.reading_order import Box, reading_order
from bot.tasks.image_to_text import LinesResult, ReadText, TextLine

FILES = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
"""Part of PP-OCR (finds lines, reads them, tells upside-down ones) -> its file."""

FINDING_PIXELS = 1_200_000
"""Lines are found on a picture of at most this size: within a second on one core."""

READING_PIXELS = 12_000_000
"""Lines are cut out of a picture of at most this size."""

MARGIN = 16
"""Pixels added around the picture, for text that touches its edge."""

AIR = 32
"""Pixels of empty paper that are left around what is written on it."""

INK = 24
"""What differs from the paper by more of 255 levels is ink; JPEG's ripples differ by less."""

LINES_AT_ONCE = 4
"""Lines read between two looks at the clock; four long ones take half a second on one core."""

LEAST_CONFIDENCE = 0.5
"""Lines below it are mostly patterns taken for letters."""

SURE = 0.9
"""From here on PP-OCR believes that a line is upside down."""

Pixels = NDArray[np.uint8]  # (H, W, 3), blue first, as PP-OCR was trained


@dataclass(frozen=True, slots=True)
class Page:
    """What is read of a picture: where its corner (x, y) lies, and how wide its pixels are.

    Both are in pixels of the upload.
    """

    pixels: Pixels
    corner: tuple[int, int]
    pixel_size: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The lines of a page in no order, and whether most of them stand on their heads."""

    lines: list[TextLine]
    upside_down: bool


def load(model: Model, folder: Path) -> Reader:
    """Load the three nets from ``folder``; nothing is ever fetched.

    Raises:
        OperatorError: One of the files is absent or no ONNX net.
    """
    from rapidocr.ch_ppocr_cls import TextClassifier
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.ch_ppocr_rec import TextRecognizer

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)  # it would name its files at INFO
    settings = _settings(folder)
    try:
        nets = [
            build(settings[part])
            for part, build in (
                ("Det", TextDetector), ("Cls", TextClassifier), ("Rec", TextRecognizer),
            )
        ]  # fmt: skip
    except Exception as error:  # onnxruntime's own, which share no other base
        raise OperatorError(f"{folder}: cannot load the OCR nets: {error}") from error
    size = sum((folder / name).stat().st_size for name in FILES.values())
    return Reader(model, *nets, size_bytes=size)


def _settings(folder: Path) -> Any:
    """Return rapidocr's own settings with our files, our threads, and no rescaling of its own."""
    from rapidocr.main import DEFAULT_CFG_PATH
    from rapidocr.utils.parse_parameters import ParseParams

    threads = torch.get_num_threads()
    settings = ParseParams.update_batch(
        ParseParams.load(DEFAULT_CFG_PATH),
        {
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1_000_000,
            "Rec.rec_batch_num": LINES_AT_ONCE,
            **{f"{part}.model_path": str(folder / name) for part, name in FILES.items()},
        },
    )
    for part in FILES:
        settings[part].engine_cfg = settings.EngineConfig.onnxruntime
        settings[part].font_path = None
    return settings


class Reader(BatchFamily[Page, Reading]):
    """The family for :class:`bot.tasks.image_to_text.ReadText`."""

    def __init__(self, model: Model, find: Any, turn: Any, read: Any, *, size_bytes: int) -> None:
        self.model = model
        self._find = find
        self._turn = turn
        self._read = read
        self._size_bytes = size_bytes

    def preprocess(self, request: ReadText, seed: int) -> Page:
        """Open the picture; chance plays no part, so the seed is not used."""
        picture = open_picture(request.image, self.model.limits.max_image_pixels)
        inner = _inked(picture)
        smaller = _at_most(picture.crop(inner), READING_PIXELS)
        pixels = np.ascontiguousarray(np.asarray(smaller)[:, :, ::-1])
        return Page(pixels, inner[:2], (inner[2] - inner[0]) / smaller.width)

    def forward(self, batch: list[Page], run: Run) -> list[Reading]:
        """Read one page after the other; the lines of one page already make a batch."""
        return [self._page(page, run) for page in batch]

    def postprocess(self, outputs: Reading, request: ReadText) -> LinesResult:
        """Put the lines in reading order; that of a page on its head is the other way round."""
        order = reading_order([line.box for line in outputs.lines])
        if outputs.upside_down:
            order.reverse()
        return LinesResult(lines=tuple(outputs.lines[index] for index in order))

    def size_bytes(self) -> int:
        """Return how much memory the weights take: the size of their files."""
        return self._size_bytes

    def _page(self, page: Page, run: Run) -> Reading:
        from rapidocr.utils.process_img import get_rotate_crop_image

        run.check()
        corners = self._boxes(page.pixels)
        run.check()
        strips = [get_rotate_crop_image(page.pixels, box) for box in corners]
        texts, turned = self._texts(strips, run)
        lines = [
            TextLine(
                text=text, confidence=confidence, box=_box(box * page.pixel_size + page.corner)
            )
            for box, (text, confidence) in zip(corners, texts, strict=True)
            if text and confidence >= LEAST_CONFIDENCE
        ]
        return Reading(lines, upside_down=turned * 2 > len(strips))

    def _boxes(self, pixels: Pixels) -> NDArray[np.float32]:
        """Find the lines; returns their corners (lines, 4, 2) in pixels."""
        height, width = pixels.shape[:2]
        smaller = np.asarray(_at_most(Image.fromarray(pixels), FINDING_PIXELS))
        margins = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
        found = self._find(np.pad(smaller, margins, mode="edge")).boxes
        if found is None:
            return np.zeros((0, 4, 2), np.float32)
        scale = np.array([width / smaller.shape[1], height / smaller.shape[0]])
        inside = ((np.asarray(found) - MARGIN) * scale).clip(0, (width, height))
        boxes: NDArray[np.float32] = inside.astype(np.float32)
        sides = np.linalg.norm(boxes - np.roll(boxes, 1, axis=1), axis=2)  # (lines, 4)
        kept: NDArray[np.float32] = boxes[sides.min(axis=1) >= 2]  # not those in the margin
        return kept

    def _texts(self, strips: list[Pixels], run: Run) -> tuple[list[tuple[str, float]], int]:
        """Read strips of text: each one's text and confidence, and how many were upside down.

        Strips of like length go together, for a batch is as wide as its widest.
        """
        from rapidocr.ch_ppocr_rec import TextRecInput

        texts = [("", 0.0)] * len(strips)
        turned = 0
        order = sorted(range(len(strips)), key=lambda i: strips[i].shape[1] / strips[i].shape[0])
        for start in range(0, len(order), LINES_AT_ONCE):
            group = order[start : start + LINES_AT_ONCE]
            upright = self._turn([strips[index] for index in group])
            result = self._read(TextRecInput(img=upright.img_list))
            for index, text, score in zip(group, result.txts, result.scores, strict=True):
                texts[index] = (text.strip(), float(score))
            turned += sum(label == "180" and score > SURE for label, score in upright.cls_res)
            run.step(start + len(group), len(order))
        return texts, turned


def _inked(picture: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what stands out from the paper, with some air around it.

    A lone word on a large empty page would not be found. The paper's colour is the corner's.
    """
    paper = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    red, green, blue = ImageChops.difference(picture, paper).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    found = most.point([255 * (level > INK) for level in range(256)]).getbbox()
    if found is None:
        return (0, 0, *picture.size)
    left, top, right, bottom = found
    return (
        max(0, left - AIR),
        max(0, top - AIR),
        min(picture.width, right + AIR),
        min(picture.height, bottom + AIR),
    )


def _at_most(picture: Image.Image, pixels: int) -> Image.Image:
    """Return the picture, made smaller if it has more pixels than that."""
    scale = math.sqrt(pixels / (picture.width * picture.height))
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _box(corners: NDArray[np.float32]) -> Box:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in corners)
