"""Finds the lines of text in a picture with PP-OCR's detector, for every family that reads.

The detector is an ONNX file, run by rapidocr's part for it on onnxruntime. The package rapidocr
carries one, so that families whose own checkpoint has none can find lines too.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageChops

from bot.errors import OperatorError
from bot.families.reading_order import TALL, Box

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

THINNEST = 2
"""Pixels; what is thinner lies in the margin."""

Pixels = NDArray[np.uint8]  # (H, W, 3), blue first, as PP-OCR was trained
Corners = NDArray[np.float32]  # (4, 2), from the upper left one clockwise


@dataclass(frozen=True, slots=True)
class Page:
    """What is read of a picture: where its corner (x, y) lies, and how large its pixels are.

    Both are in pixels of the upload.
    """

    pixels: Pixels
    corner: tuple[int, int]
    pixel_size: tuple[float, float]

    def box(self, corners: Corners) -> Box:
        """Return where in the upload these corners of the page lie."""
        placed = corners * self.pixel_size + self.corner
        return tuple((round(float(x), 1), round(float(y), 1)) for x, y in placed)

    def strip(self, corners: Corners, *, standing: bool = False) -> Pixels:
        """Return a line cut out and made level.

        Args:
            corners: Its corners, (4, 2).
            standing: Leave a tall one as it is; else it is laid on its side, as PP-OCR reads those.
        """
        from rapidocr.utils.process_img import get_rotate_crop_image

        strip: Pixels = get_rotate_crop_image(self.pixels, corners)
        return np.rot90(strip, -1) if standing and is_tall(corners) else strip


class LineFinder:
    """PP-OCR's detector.

    Args:
        net: rapidocr's ``TextDetector``.
        size_bytes: What its weights take.
    """

    def __init__(self, net: Any, size_bytes: int) -> None:
        self._net = net
        self.size_bytes = size_bytes

    def find(self, page: Page) -> Corners:
        """Return the corners of the lines in pixels of the page, (lines, 4, 2), in no order."""
        height, width = page.pixels.shape[:2]
        smaller = np.asarray(_at_most(Image.fromarray(page.pixels), FINDING_PIXELS))
        margins = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
        found = self._net(np.pad(smaller, margins, mode="edge")).boxes
        if found is None:
            return np.zeros((0, 4, 2), np.float32)
        scale = np.array([width / smaller.shape[1], height / smaller.shape[0]])
        inside = ((np.asarray(found) - MARGIN) * scale).clip(0, (width, height))
        corners: Corners = inside.astype(np.float32)
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)  # (lines, 4)
        kept: Corners = corners[sides.min(axis=1) >= THINNEST]
        return kept


def load_finder(settings: Any) -> LineFinder:
    """Load a detector.

    Args:
        settings: Those of :func:`settings_for`, with a file for "Det".
    """
    from rapidocr.ch_ppocr_det import TextDetector

    part = settings["Det"]
    return LineFinder(TextDetector(part), Path(part.model_path).stat().st_size)


@cache
def packaged_finder() -> LineFinder:
    """Return the detector that the package rapidocr carries: one for all families of a worker.

    Raises:
        OperatorError: It carries none.
    """
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    files = sorted(folder.glob("*_det_*.onnx"))
    if not files:
        raise OperatorError(
            f"There is no detector of lines in {folder}. Install the package again: "
            "pip install --force-reinstall rapidocr==3.10.0"
        )
    return load_finder(settings_for({"Det": files[0]}))


def settings_for(files: Mapping[str, Path], lines_at_once: int = 1) -> Any:
    """Return rapidocr's own settings with our files, our threads, and no rescaling of its own.

    Args:
        files: Part of PP-OCR ("Det" finds lines, "Rec" reads them, "Cls" tells those upside down)
            -> its file.
        lines_at_once: Lines that are read in one batch.
    """
    from rapidocr.main import DEFAULT_CFG_PATH
    from rapidocr.utils.parse_parameters import ParseParams

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)  # it would name its files at INFO
    settings = ParseParams.update_batch(
        ParseParams.load(DEFAULT_CFG_PATH),
        {
            "EngineConfig.onnxruntime.intra_op_num_threads": torch.get_num_threads(),
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1_000_000,
            "Rec.rec_batch_num": lines_at_once,
            **{f"{part}.model_path": str(file) for part, file in files.items()},
        },
    )
    for part in files:
        settings[part].engine_cfg = settings.EngineConfig.onnxruntime
        settings[part].font_path = None
    return settings


def is_tall(corners: Corners) -> bool:
    """Tell whether rapidocr lays this line on its side, by its own measure."""
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)  # above, right, ...
    width, height = int(max(sides[0], sides[2])), int(max(sides[1], sides[3]))
    return bool(height >= TALL * width)


def page_of(picture: Image.Image) -> Page:
    """Return what is read of a picture: all that is inked, in at most :data:`READING_PIXELS`."""
    inner = _inked(picture)
    smaller = _at_most(picture.crop(inner), READING_PIXELS)
    pixels = np.ascontiguousarray(np.asarray(smaller)[:, :, ::-1])
    pixel_size = ((inner[2] - inner[0]) / smaller.width, (inner[3] - inner[1]) / smaller.height)
    return Page(pixels, inner[:2], pixel_size)


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
