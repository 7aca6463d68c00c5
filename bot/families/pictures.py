"""The only place where pictures are decoded and encoded.

Whatever somebody uploads is taken for hostile: the header is read first, the size is checked
before a pixel is decoded, and only five decoders are let near the bytes.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from bot.errors import Sentence, UserError
from bot.tasks.picture import Picture

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""What is read; of moving pictures, the first frame."""

MAX_BYTES = 10_000_000
"""What an encoded picture may weigh: a little less than Discord's 10 MiB."""

JPEG_QUALITIES = (95, 90, 80, 65)
"""Tried in turn where a PNG is too heavy."""

JPEG_MAX_SIDE = 65_500
"""The longest side in pixels that the JPEG encoder takes."""

PNG_SLOW_PIXELS = 4_000_000
"""From here on PNG trades size for speed: 12 megapixels in one second, not in six."""

SHOWN_SIDE = 256
MOVING_SIDE = 256
MOVING_COLOURS = 128
MOVING_BYTES = 8_000_000
FRAME_MS = 90
DITHER = Image.Dither.FLOYDSTEINBERG
"""Pixels to which a smaller drawn picture is enlarged: Discord would do it, and less well."""

UNREADABLE = Sentence("This file is not a picture that I can read. Send a PNG, JPEG, WebP or GIF.")
DAMAGED = Sentence(
    "This picture is damaged or breaks off in the middle. Upload it again, or send another."
)

# What Pillow's decoders raise on bytes that lie (found by feeding them such bytes)
_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip


def open_picture(data: bytes, max_pixels: int) -> Image.Image:
    """Decode an uploaded picture: upright, opaque (on white), RGB with 8 bits a channel.

    Args:
        data: The file as it was uploaded.
        max_pixels: Most pixels that are decoded, width times height.

    Raises:
        UserError: It is too large, damaged, or no picture of a known format.
    """
    with _own_warnings():
        image = _read_header(data, max_pixels)
        try:
            image.load()
            return _flattened(_upright(image))
        except _DECODER_ERRORS as error:
            raise UserError(DAMAGED) from error


def to_picture(
    image: Image.Image, alt_text: str, parameters: Mapping[str, str] | None = None
) -> Picture:
    """Encode an RGB picture for sending: PNG, or JPEG where a PNG is too heavy for Discord.

    Raises:
        UserError: It is too heavy either way.
    """
    parameters = parameters or {}
    data, media_type = encode_png(image, parameters), "image/png"
    if len(data) > MAX_BYTES:
        data, media_type = _encode_jpeg(image, parameters), "image/jpeg"
    return Picture(
        data=data,
        width=image.width,
        height=image.height,
        alt_text=alt_text,
        media_type=media_type,
    )


def to_moving_picture(
    frames: Sequence[Image.Image], alt_text: str, parameters: Mapping[str, str]
) -> Picture:
    """Encode frames of one size as a GIF that goes round and round, small enough to be sent.

    Raises:
        UserError: It is too heavy even at a quarter of the size.
    """
    comment = "\n".join(f"{key}: {value}" for key, value in parameters.items()).encode()
    side = min(frames[0].width, MOVING_SIDE)
    while side >= MOVING_SIDE // 4:
        small = [frame.resize((side, side), Image.Resampling.LANCZOS) for frame in frames]
        first, *others = [frame.quantize(MOVING_COLOURS, dither=DITHER) for frame in small]
        out = io.BytesIO()
        first.save(
            out, "GIF", save_all=True, append_images=others, duration=FRAME_MS, loop=0,
            comment=comment[:250],
        )  # fmt: skip
        if out.tell() <= MOVING_BYTES:
            return Picture(
                data=out.getvalue(), width=side, height=side, alt_text=alt_text,
                media_type="image/gif",
            )  # fmt: skip
        side //= 2
    raise UserError("The moving picture is too heavy to be sent. Ask for one that stands still.")


def encode_png(image: Image.Image, parameters: Mapping[str, str]) -> bytes:
    """Encode as PNG; ``parameters`` become its text chunks (keys: 1 to 79 Latin-1 letters)."""
    info = PngInfo()
    for key, value in parameters.items():
        info.add_text(key, value)  # iTXt where Latin-1 does not hold the value
    level = 1 if image.width * image.height > PNG_SLOW_PIXELS else 6
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=info, compress_level=level)
    return out.getvalue()


def _encode_jpeg(image: Image.Image, parameters: Mapping[str, str]) -> bytes:
    comment = "\n".join(f"{key}: {value}" for key, value in parameters.items()).encode()
    if max(image.size) <= JPEG_MAX_SIDE:
        for quality in JPEG_QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, subsampling=0, comment=comment[:60_000])
            if out.tell() <= MAX_BYTES:
                return out.getvalue()
    raise UserError(
        "The finished picture ({width} x {height} pixels) is heavier than the {limit} MB "
        "that can be sent. Send a smaller one.",
        width=image.width,
        height=image.height,
        limit=MAX_BYTES // 1_000_000,
    )


def _read_header(data: bytes, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UserError(_too_large(_pixels_of(error), max_pixels)) from error
    except UnidentifiedImageError as error:
        raise UserError(UNREADABLE) from error
    except _DECODER_ERRORS as error:
        raise UserError(DAMAGED) from error
    if image.width * image.height > max_pixels:
        raise UserError(_too_large(image.width * image.height, max_pixels))
    return image


def _pixels_of(bomb: Exception) -> int:
    """Return the size that Pillow names in its alarm; the picture itself it keeps back."""
    named = re.search(r"\((\d+) pixels\)", str(bomb))
    return int(named[1]) if named else 2 * (Image.MAX_IMAGE_PIXELS or 0)


def _too_large(pixels: int, max_pixels: int) -> Sentence:
    """Say it in megapixels, rounded so that the fact never seems to be within the limit."""
    fact, limit = -(-pixels // 100_000) / 10, max_pixels / 1_000_000
    return Sentence(
        "This picture has {fact:.1f} megapixels; the limit is {limit:g}. Send a smaller one.",
        {"fact": fact, "limit": limit},
    )


def to_image(picture: Tensor) -> Image.Image:
    """Turn a (3, H, W) tensor in 0..1 into an RGB picture."""
    levels = (picture * 255).round().clamp(0, 255).byte()
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def enlarged(image: Image.Image) -> Image.Image:
    """Return a picture at a whole multiple of its size that is :data:`SHOWN_SIDE` wide at least."""
    times = -(-SHOWN_SIDE // image.width)
    if times == 1:
        return image
    return image.resize((image.width * times, image.height * times), Image.Resampling.LANCZOS)


@contextmanager
def _own_warnings() -> Iterator[None]:
    """Make bombs errors, and keep Pillow's other remarks on odd files to ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF says; one with broken EXIF stays as it is."""
    try:
        return ImageOps.exif_transpose(image)
    except _DECODER_ERRORS:
        return image


def _flattened(image: Image.Image) -> Image.Image:
    """Return any mode as RGB, what is transparent as white."""
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip
        grey = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
