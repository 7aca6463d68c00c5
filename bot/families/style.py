"""Repaints pictures in one pass: in one of 26 learnt styles, or in that of a second picture.

Strokes have a size in pixels, so a picture is repainted at a working size and brought back to
its own: that keeps the strokes in proportion, and a photograph of any size in bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file
from torch import Tensor, nn

from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.base import BatchFamily, Run
from bot.families.pictures import open_picture, to_image, to_picture
from bot.nets.style import SMALLEST_SIDE, STYLE_SIDE, AnyStyle, LearntStyles
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.picture import Picture
from bot.tasks.styles import STYLES, style_number

CHECKPOINT = "model.safetensors"

MOST_PIXELS = 1024 * 768
"""Pixels of the working picture; at this size the strokes are fine and the memory < 0.5 GB."""

FEWEST_PIXELS = 512 * 384
"""Smaller pictures are enlarged to this, or the strokes would be wider than what they show."""

LONGEST_SIDE = 2048
"""Of the working picture, in pixels, whatever its shape."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What the nets read, and the size that the result must have.

    ``content`` is (1, 3, H, W); ``style`` is the number of a learnt style, or a style picture
    (1, 3, STYLE_SIDE, STYLE_SIDE).
    """

    content: Tensor
    style: int | Tensor
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Painted:
    """A repainted picture (3, H, W) at its working size, and the size that it must have."""

    picture: Tensor
    size: tuple[int, int]


def load(model: Model, folder: Path) -> Restyler:
    """Load the nets from ``folder/model.safetensors`` (see :mod:`bot.catalogue.conversion.onnx`).

    Raises:
        OperatorError: The file is absent or holds other weights.
    """
    learnt, free = LearntStyles(len(STYLES)), AnyStyle()
    nets = nn.ModuleDict({"learnt": learnt, "any": free})
    path = folder / CHECKPOINT
    try:
        nets.load_state_dict(load_file(path), assign=True)
    except (OSError, RuntimeError) as error:
        raise OperatorError(f"{path}: cannot load the style nets: {error}") from error
    nets.requires_grad_(requires_grad=False).eval()
    return Restyler(model, learnt, free)


class Restyler(BatchFamily[Canvas, Painted]):
    """The family for :class:`bot.tasks.image_to_image.RestylePicture`."""

    def __init__(self, model: Model, learnt: LearntStyles, free: AnyStyle) -> None:
        self.model = model
        self.learnt = learnt
        self.free = free

    def preprocess(self, request: RestylePicture, seed: int) -> Canvas:
        """Open the picture and its style; chance plays no part, so the seed is not used."""
        limit = self.model.limits.max_image_pixels
        style: int | Tensor = style_number(request.style)
        if request.style_image is not None:
            style = style_square(open_picture(request.style_image, limit))
        picture = open_picture(request.image, limit)
        content = picture.resize(
            working_size(*picture.size), Image.Resampling.LANCZOS, reducing_gap=3.0
        )
        return Canvas(to_tensor(content), style, picture.size)

    def forward(self, batch: list[Canvas], run: Run) -> list[Painted]:
        """Repaint one after the other: their sizes differ, and one fills the cores."""
        return [self._paint(canvas, run, index, len(batch)) for index, canvas in enumerate(batch)]

    def postprocess(self, outputs: Painted, request: RestylePicture) -> Picture:
        """Bring the picture back to its size and encode it."""
        picture = to_image(outputs.picture).resize(outputs.size, Image.Resampling.BICUBIC)
        if request.style_image is not None:
            style, alt_text = (
                "a second picture",
                "Your picture repainted in the style of the second picture.",
            )
        else:
            style = STYLES[style_number(request.style)]
            alt_text = f"Your picture repainted in the style '{style}'."
        return to_picture(picture, alt_text, {"Software": self.model.id, "Style": style})

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        weights = [*self.learnt.parameters(), *self.free.parameters()]
        return sum(weight.nbytes for weight in weights)

    def _paint(self, canvas: Canvas, run: Run, index: int, count: int) -> Painted:
        def tell(done: int, total: int) -> None:
            run.step(index * total + done, count * total)

        run.check()
        if isinstance(canvas.style, int):
            painter, style = self.learnt.painter, self.learnt.styles[canvas.style, None]
        else:
            painter, style = self.free.painter, self.free.style_of(canvas.style)
        return Painted(painter(canvas.content, style, tell)[0], canvas.size)


def working_size(width: int, height: int) -> tuple[int, int]:
    """Return the size at which a picture of this size is repainted.

    Keeps the shape, but for slivers narrower than what the painter takes.
    """
    pixels = width * height
    scale = math.sqrt(min(max(pixels, FEWEST_PIXELS), MOST_PIXELS) / pixels)
    scale = min(scale, LONGEST_SIDE / max(width, height))
    return max(SMALLEST_SIDE, round(width * scale)), max(SMALLEST_SIDE, round(height * scale))


def style_square(picture: Image.Image) -> Tensor:
    """Cut the middle square out of a style picture, as the predictor sees it."""
    side = (STYLE_SIDE, STYLE_SIDE)
    return to_tensor(ImageOps.fit(picture, side, Image.Resampling.LANCZOS))


def to_tensor(picture: Image.Image) -> Tensor:
    """Turn an RGB picture into a (1, 3, H, W) tensor in 0..1."""
    levels = torch.from_numpy(np.array(picture))  # (H, W, 3), bytes
    return levels.permute(2, 0, 1)[None].float() / 255
