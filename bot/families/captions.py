"""Describes pictures: what the families have in common whose nets write one sentence a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from bot.decoding.sampling import Row
from bot.families.base import GeneratingFamily
from bot.families.generation import sampling_of
from bot.families.pictures import open_picture
from bot.tasks.text_to_text import TextResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.catalogue.model import Model
    from bot.decoding.engine import Engine, Finish
    from bot.tasks.image_to_text import DescribePicture

ENDS = ".!?…"


class Captioner(GeneratingFamily):
    """The family for :class:`bot.tasks.image_to_text.DescribePicture`.

    Args:
        model: The catalogue's entry.
        engine: What writes.
        processor: Turns a picture into pixels; nets of this kind were taught pictures that were
            squeezed into its size, not cut.
        settings: Those of the checkpoint, as :func:`bot.families.generation.settings_of` has them.
        start: The token that a sentence begins with.
        room: Positions of the decoder.
        size_bytes: What the weights take.
    """

    def __init__(
        self,
        model: Model,
        engine: Engine,
        processor: Any,
        *,
        settings: Mapping[str, Any],
        start: int,
        room: int,
        size_bytes: int,
    ) -> None:
        self.engine = engine
        self._model = model
        self._processor = processor
        self._settings = settings
        self._start = start
        self._room = room
        self._size_bytes = size_bytes

    def row(self, request: DescribePicture, seed: int) -> Row:
        """Turn a picture into a row.

        Raises:
            UserError: It cannot be read, or is too large.
        """
        picture = open_picture(request.image, self._model.limits.max_image_pixels)
        pixels = pixels_of(picture, self._processor)  # (C, H, W)
        sampling = sampling_of(self._settings, self._model, seed, self._room)
        return Row(ids=(self._start,), source=pixels, sampling=sampling)

    def shown(self, request: DescribePicture, text: str) -> str:
        """Return what a person sees while the sentence grows."""
        return sentence(text).rstrip(ENDS)

    def result(self, request: DescribePicture, finish: Finish) -> TextResult:
        """Return the sentence."""
        return TextResult(
            text=sentence(finish.text), tokens=finish.tokens, stopped_by=finish.stopped_by
        )

    def size_bytes(self) -> int:
        """Return the size of the weights, those that are shared counted once."""
        return self._size_bytes


def pixels_of(picture: Image.Image, processor: Any) -> Any:
    """Return the pixels of a picture as a net reads them, (C, H, W)."""
    return processor(images=squeezed(picture, processor), return_tensors="pt")["pixel_values"][0]


def squeezed(picture: Image.Image, processor: Any) -> Image.Image:
    """Return a picture in the size that the net reads; the processor then leaves it so.

    What is kept of a large one is small, and Pillow is quicker than the processor's arrays.
    """
    size = processor.size
    resample = Image.Resampling(processor.resample)
    return picture.resize((size["width"], size["height"]), resample)


def sentence(text: str) -> str:
    """Return a caption as a sentence: captioners write small letters and no full stop."""
    words = " ".join(text.split()).rstrip(",;: ")
    if not words:
        return ""
    ended = words if words[-1] in ENDS else f"{words}."
    return ended[0].upper() + ended[1:]
