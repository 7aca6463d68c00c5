"""Reads the text in pictures with PP-OCR: find the lines, turn them upright, read each.

The nets are ONNX files from the checkpoint's folder, run by rapidocr's parts on onnxruntime.
Lines come back as people read them: rows from the top, articles column by column, Japanese
columns from the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.base import BatchFamily, Run
from bot.families.detection import LineFinder, Page, Pixels, load_finder, page_of, settings_for
from bot.families.overlays import numbered
from bot.families.panels import find_panels
from bot.families.pictures import open_picture
from bot.families.reading_order import Rectangle, reading_order
from bot.tasks.image_to_text import LinesResult, ReadText, TextLine

FILES = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
"""Part of PP-OCR (finds lines, reads them, tells upside-down ones) -> its file."""

LINES_AT_ONCE = 4
"""Lines read between two looks at the clock; four long ones take half a second on one core."""

LEAST_CONFIDENCE = 0.5
"""Lines below it are mostly patterns taken for letters."""

SURE = 0.9
"""A reading below it may be of a line upside down: the net that tells so errs on long ones."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The lines of a page in no order, its panels, and whether most lines stand on their heads."""

    lines: list[TextLine]
    panels: list[Rectangle]
    upside_down: bool


@dataclass(slots=True)
class _Read:
    """One line: its text, how sure it is, and whether it was upside down."""

    text: str
    confidence: float
    turned: bool


def load(model: Model, folder: Path) -> Reader:
    """Load the three nets from ``folder``; nothing is ever fetched.

    Raises:
        OperatorError: One of the files is absent or no ONNX net.
    """
    from rapidocr.ch_ppocr_cls import TextClassifier
    from rapidocr.ch_ppocr_rec import TextRecognizer

    settings = settings_for({part: folder / name for part, name in FILES.items()}, LINES_AT_ONCE)
    try:
        finder = load_finder(settings)
        turn, read = TextClassifier(settings["Cls"]), TextRecognizer(settings["Rec"])
    except Exception as error:  # onnxruntime's own, which share no other base
        raise OperatorError(f"{folder}: cannot load the OCR nets: {error}") from error
    size = sum((folder / name).stat().st_size for name in FILES.values())
    return Reader(model, finder, turn, read, size_bytes=size)


class Reader(BatchFamily[Page, Reading]):
    """The family for :class:`bot.tasks.image_to_text.ReadText`."""

    def __init__(
        self, model: Model, finder: LineFinder, turn: Any, read: Any, *, size_bytes: int
    ) -> None:
        self.model = model
        self._finder = finder
        self._turn = turn
        self._read = read
        self._size_bytes = size_bytes

    def preprocess(self, request: ReadText, seed: int) -> Page:
        """Open the picture; chance plays no part, so the seed is not used."""
        return page_of(open_picture(request.image, self.model.limits.max_image_pixels))

    def forward(self, batch: list[Page], run: Run) -> list[Reading]:
        """Read one page after the other; the lines of one page already make a batch."""
        return [self._page(page, run) for page in batch]

    def postprocess(self, outputs: Reading, request: ReadText) -> LinesResult:
        """Put the lines in reading order; that of a page on its head is the other way round."""
        order = reading_order([line.box for line in outputs.lines], outputs.panels)
        if outputs.upside_down:
            order.reverse()
        lines = tuple(outputs.lines[index] for index in order)
        if not (request.overlay and lines):
            return LinesResult(lines=lines)
        picture = open_picture(request.image, self.model.limits.max_image_pixels)
        return LinesResult(lines=lines, overlay=numbered(picture, [line.box for line in lines]))

    def size_bytes(self) -> int:
        """Return how much memory the weights take: the size of their files."""
        return self._size_bytes

    def _page(self, page: Page, run: Run) -> Reading:
        run.check()
        found = self._finder.find(page)
        run.check()
        strips = [page.strip(corners) for corners in found]
        reads = self._reads(strips, run)
        lines = [
            TextLine(text=read.text, confidence=read.confidence, box=page.box(corners))
            for corners, read in zip(found, reads, strict=True)
            if read.text and read.confidence >= LEAST_CONFIDENCE
        ]
        turned = sum(read.turned for read in reads)
        return Reading(lines, find_panels(page), upside_down=turned * 2 > len(strips))

    def _reads(self, strips: list[Pixels], run: Run) -> list[_Read]:
        """Read strips of text, those of like length together: a batch is as wide as its widest."""
        reads: dict[int, _Read] = {}
        order = sorted(range(len(strips)), key=lambda i: strips[i].shape[1] / strips[i].shape[0])
        for start in range(0, len(order), LINES_AT_ONCE):
            group = order[start : start + LINES_AT_ONCE]
            reads.update(zip(group, self._group([strips[i] for i in group]), strict=True))
            run.step(start + len(group), len(order))
        return [reads[index] for index in range(len(strips))]

    def _group(self, strips: list[Pixels]) -> list[_Read]:
        """Read strips as the classifier would have them turned; where that fails, the other way."""
        upright = self._turn(strips)
        turned = [label == "180" and score > SURE for label, score in upright.cls_res]
        reads = self._texts(upright.img_list, turned)
        unsure = [index for index, read in enumerate(reads) if read.confidence < SURE]
        others = self._texts(
            [np.rot90(upright.img_list[index], 2) for index in unsure],
            [not turned[index] for index in unsure],
        )
        for index, other in zip(unsure, others, strict=True):
            if other.confidence >= SURE:
                reads[index] = other
        return reads

    def _texts(self, strips: list[Pixels], turned: list[bool]) -> list[_Read]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not strips:
            return []
        result = self._read(TextRecInput(img=strips))
        return [
            _Read(text.strip(), float(score), flag)
            for text, score, flag in zip(result.txts, result.scores, turned, strict=True)
        ]
