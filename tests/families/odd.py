"""Odd texts and odd pictures, as people do send them, for every family.

Each must give a result, or a :class:`bot.errors.UserError` that says what to do: see :func:`met`.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bot.decoding.engine import Finish
from bot.errors import UserError
from bot.families.base import BatchFamily, GeneratingFamily
from bot.tasks.registry import Result
from tests.families.conftest import CountingRun

WIRE = msgspec.msgpack.Decoder(Result)

TEXTS: dict[str, str] = {
    "empty": "",
    "whitespace": " \t\n\u00a0\u3000\r\n",
    "newlines": "\n" * 300,
    "emoji": "🦊🎉👩‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "one emoji": "🫠",
    "arabic": "ذهب الثعلب البني السريع إلى البيت، أليس كذلك؟",
    "hebrew in english": "The word שלום means peace (\u202babc\u202c).",
    "nul": "the fox\0jumps\0",
    "only nul": "\0",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "zalgo": "a" + "\u0301\u0336\u0489" * 50,
    "no characters": "\ufffd\ufffe\uffff\U0010ffff\ue000",
    "letters past the basic plane": "𝔗𝔥𝔢 𝓆𝓊𝒾𝒸𝓀 𐍆𐍉𐍇 𓃥",
    "special tokens": "</s><s><pad><unk>[CLS][SEP][PAD]<|endoftext|><extra_id_0>__de__>>fr<<<end>",
    "patterns": "{context} {question} {0} %s %(a)s {{}} ${x} {% raw %} \\1",
    "one long word": "a" * 1500,
    "many short words": "a b " * 400,
    "one long sentence": "the quick brown fox jumps over the lazy dog and " * 30,
    "japanese without spaces": "吾輩は猫である名前はまだ無い" * 30,
    "punctuation": "?!…—«»„“;:,.'\"()[]" * 20,
    "digits": "1234567890" * 40,
    "one letter": "a",
    "capitals with marks": "ÄÖÜSS İıŸﬀ ǅ",
    "windows lines": "The fox.\r\nThe dog.\r\n\r\n",
}  # fmt: skip

HOLES = {name: f"{text[:40]} ___ {text[:40]}" for name, text in TEXTS.items()}
"""The same around a hole, for those who fill one."""


def _drawn(mode: str = "RGB", size: tuple[int, int] = (260, 60)) -> Image.Image:
    """Draw a word; the mode may have any number of channels."""
    picture = Image.new("RGB", size, "white")
    font = ImageFont.load_default(size=28)
    ImageDraw.Draw(picture).text((12, 10), "Hello 42 fox", font=font, fill="black")
    return picture.convert(mode)


def _file(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _moving(kind: str) -> bytes:
    frames = [_drawn(), Image.new("RGB", (260, 60), "red"), _drawn().rotate(180)]
    return _file(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def _clear() -> Image.Image:
    """Draw black letters on transparent paper that would be black too."""
    page = Image.new("RGBA", (260, 60), (0, 0, 0, 0))
    page.paste((0, 0, 0, 255), mask=_drawn("L").point([255 - n for n in range(256)]))
    return page


def _deep() -> bytes:
    """Return a word in a PNG with 16 bits a grey pixel."""
    return _file(Image.fromarray(np.asarray(_drawn("L")).astype(np.uint16) * 257))


def _deep_colours() -> bytes:
    """Return a PNG with three channels of 16 bits, written by hand: Pillow writes none."""
    pixels = np.repeat(np.asarray(_drawn()).astype(">u2") * 257, 1, axis=0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 260, 60, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _turned() -> bytes:
    """Return a photo that lies on its side and says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return _file(_drawn().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)


PICTURES: dict[str, Callable[[], bytes]] = {
    "1x1": lambda: _file(Image.new("RGB", (1, 1), "red")),
    "1x10000": lambda: _file(Image.new("RGB", (1, 10_000), "white")),
    "10000x1": lambda: _file(Image.new("RGB", (10_000, 1), "black")),
    "1x10000 striped": lambda: _file(Image.effect_noise((1, 10_000), 90)),
    "2x2": lambda: _file(Image.effect_noise((2, 2), 90)),
    "word": lambda: _file(_drawn()),
    "moving GIF": lambda: _moving("GIF"),
    "moving WebP": lambda: _moving("WEBP"),
    "moving PNG": lambda: _moving("PNG"),
    "CMYK JPEG": lambda: _file(_drawn("CMYK"), "JPEG", quality=95),
    "grey JPEG": lambda: _file(_drawn("L"), "JPEG", quality=95, progressive=True),
    "16-bit PNG": _deep,
    "16-bit colours": _deep_colours,
    "alpha": lambda: _file(_clear()),
    "grey with alpha": lambda: _file(_clear().convert("LA")),
    "alpha WebP": lambda: _file(_clear(), "WEBP", lossless=True),
    "all clear": lambda: _file(Image.new("RGBA", (50, 40), (0, 0, 0, 0))),
    "palette": lambda: _file(_drawn("P"), "GIF"),
    "palette with alpha": lambda: _file(_drawn("P"), transparency=0),
    "one bit": lambda: _file(_drawn("1")),
    "BMP": lambda: _file(_drawn(), "BMP"),
    "on its side": _turned,
    "noise": lambda: _file(Image.effect_noise((300, 200), 100)),
    "white": lambda: _file(Image.new("RGB", (300, 200), "white")),
    "breaks off": lambda: _file(_drawn())[:-200],
    "no picture": lambda: b"Dear all, this is my holiday photo.",
    "nothing": lambda: b"",
    "too large": lambda: _file(Image.new("1", (6000, 4200))),
}

WORDY = {
    "word", "moving GIF", "moving WebP", "moving PNG", "CMYK JPEG", "grey JPEG", "16-bit PNG",
    "16-bit colours", "alpha", "grey with alpha", "alpha WebP", "palette", "palette with alpha",
    "one bit", "BMP", "on its side",
}  # fmt: skip
"""Those in which a word can be read: "Hello 42 fox"."""

REFUSED = {"breaks off", "no picture", "nothing", "too large"}
"""Those that nobody can open."""


def met(family: Any, request: Any, seed: int = 0) -> Any:
    """Run a request through a family as a worker does; return the result, or what is said.

    Anything else fails the test: another error, a result that cannot cross the process border, a
    refusal without two sentences, the fact and the next step.
    """
    try:
        result = _answered(family, request, seed)
    except UserError as error:
        said = str(error)
        assert re.search(r"[.!?…][\"')»]? +\S.*[.!?]$", said, re.DOTALL), said  # fact, next step
        assert len(said) < 1000
        return said
    assert WIRE.decode(msgspec.msgpack.encode(result)) == result
    return result


def _answered(family: Any, request: Any, seed: int) -> Any:
    if isinstance(family, GeneratingFamily):
        return _generated(family, request, seed)
    assert isinstance(family, BatchFamily)
    (outputs,) = family.forward([family.preprocess(request, seed)], CountingRun())
    return family.postprocess(outputs, request)


def _generated(family: GeneratingFamily, request: Any, seed: int) -> Any:
    finishes: list[Finish] = []
    row = family.row(request, seed)
    while row is not None:
        family.engine.join("job", row)
        done = len(finishes)
        while len(finishes) == done:
            for emission in family.engine.step():
                if emission.error is not None:
                    raise emission.error
                if emission.finish is not None:
                    finishes.append(emission.finish)
                else:
                    family.shown_with(request, finishes, emission.text)
        row = family.next_row(request, seed, finishes)
    return family.result_of(request, finishes)
