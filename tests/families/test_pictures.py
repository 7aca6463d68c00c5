"""Decoding what people upload, and encoding what they get."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from bot.errors import UserError
from bot.families import pictures
from bot.families.pictures import DAMAGED, UNREADABLE, encode_png, open_picture, to_picture

ROOM = 24_000_000

Encode = Callable[..., bytes]


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that promises a size and ends before its first pixel."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 8) + b"IDAT"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_every_format_opens_as_rgb(kind: str, photo: Image.Image, encoded: Encode) -> None:
    opened = open_picture(encoded(photo, kind), ROOM)
    assert (opened.mode, opened.size) == ("RGB", photo.size)
    assert np.abs(np.asarray(opened).astype(int) - np.asarray(photo)).mean() < 12


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_a_moving_picture_the_first_frame_is_taken(kind: str, encoded: Encode) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    red, green, blue = open_picture(data, ROOM).getpixel((5, 5))
    assert red > 240
    assert max(green, blue) < 15


def test_exif_turns_the_picture_upright(encoded: Encode) -> None:
    picture = Image.new("RGB", (30, 20), "white")
    picture.putpixel((0, 19), (0, 0, 0))  # the lower left corner
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    opened = open_picture(encoded(picture, exif=exif), ROOM)
    assert opened.size == (20, 30)
    assert opened.getpixel((0, 0)) == (0, 0, 0)


def test_broken_exif_does_not_matter(photo: Image.Image, encoded: Encode) -> None:
    data = encoded(photo, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_picture(data, ROOM).size == photo.size


def test_what_is_transparent_becomes_white(encoded: Encode) -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("LA", (4, 4), (0, 128))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30] * 256)
    assert open_picture(encoded(clear), ROOM).getpixel((0, 0)) == (255, 255, 255)
    assert open_picture(encoded(half), ROOM).getpixel((0, 0)) == (127, 127, 127)
    seen = open_picture(encoded(palette, transparency=0), ROOM)
    assert seen.getpixel((0, 0)) == (255, 255, 255)


def test_odd_modes_keep_their_tones(encoded: Encode) -> None:
    deep = Image.fromarray(np.full((4, 4), 40_000, np.uint16))
    assert open_picture(encoded(deep), ROOM).getpixel((0, 0)) == (156, 156, 156)
    bit = Image.new("1", (4, 4), 1)
    assert open_picture(encoded(bit), ROOM).getpixel((0, 0)) == (255, 255, 255)
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    red, green, blue = open_picture(encoded(ink, "JPEG", quality=95), ROOM).getpixel((8, 8))
    assert red > 240
    assert max(green, blue) < 15


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(UserError) as refusal:
        open_picture(png_header(8000, 5000), ROOM)
    assert str(refusal.value) == (
        "This picture has 40.0 megapixels; the limit is 24. Send a smaller one."
    )


@pytest.mark.parametrize("side", [10_000, 60_000])  # where Pillow warns, and where it refuses
def test_a_bomb_is_refused_with_its_size(side: int) -> None:
    with pytest.raises(UserError, match=f"has {side * side / 1e6:.1f} megapixels; the limit is 24"):
        open_picture(png_header(side, side), ROOM)


def test_just_over_the_limit_never_reads_as_within_it() -> None:
    with pytest.raises(UserError, match=r"has 24\.1 megapixels; the limit is 24\."):
        open_picture(png_header(24_000_001, 1), ROOM)


@pytest.mark.parametrize(
    "data",
    [b"", b"Dear all, this is my holiday photo.", b"%PDF-1.7\n", b"<svg/>", b"\0" * 64],
    ids=["empty", "text", "pdf", "svg", "zeros"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UserError) as refusal:
        open_picture(data, ROOM)
    assert str(refusal.value) == str(UNREADABLE)


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "ICO"])
def test_other_formats_stay_closed(kind: str, photo: Image.Image, encoded: Encode) -> None:
    with pytest.raises(UserError, match="Send a PNG, JPEG, WebP or GIF"):
        open_picture(encoded(photo, kind), ROOM)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_file_that_breaks_off_is_refused(kind: str, photo: Image.Image, encoded: Encode) -> None:
    data = encoded(photo, kind)
    with pytest.raises(UserError) as refusal:
        open_picture(data[: len(data) // 2], ROOM)
    assert str(refusal.value) == str(DAMAGED)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_spoilt_bytes_never_raise_anything_else(
    kind: str, photo: Image.Image, encoded: Encode
) -> None:
    dice = random.Random(kind)
    whole = encoded(photo.resize((24, 18)), kind)
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(min(len(data), 200))] = dice.randrange(256)
        with contextlib.suppress(UserError):
            assert open_picture(bytes(data), ROOM).mode == "RGB"


def test_png_carries_its_parameters(photo: Image.Image) -> None:
    parameters = {"Software": "menagerie", "Prompt": "ein Löwe, 富士山", "Seed": "7"}
    again = Image.open(io.BytesIO(encode_png(photo, parameters)))
    assert again.text == parameters  # type: ignore[attr-defined]
    assert np.array_equal(np.asarray(again), np.asarray(photo))


def test_a_light_picture_stays_png(photo: Image.Image) -> None:
    picture = to_picture(photo, "A hill.", {"Seed": "7"})
    assert (picture.width, picture.height, picture.alt_text) == (160, 120, "A hill.")
    assert picture.media_type == "image/png"
    assert picture.data.startswith(b"\x89PNG")


def test_a_heavy_picture_becomes_jpeg() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1900, 1900, 3), dtype=np.uint8)
    picture = to_picture(Image.fromarray(noise), "Noise.", {"Prompt": "Rauschen ü"})
    assert picture.media_type == "image/jpeg"
    assert len(picture.data) <= pictures.MAX_BYTES
    again = Image.open(io.BytesIO(picture.data))
    assert again.size == (1900, 1900)
    assert again.info["comment"] == "Prompt: Rauschen ü".encode()


def test_what_no_encoder_makes_light_enough_is_said(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 500)
    with pytest.raises(UserError, match=r"160 x 120 pixels.*Send a smaller one"):
        to_picture(photo, "A hill.")
