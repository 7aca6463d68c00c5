"""Reading with the ``ppocr`` starter: the rate of wrong characters, and columns of manga.

Lines of plain English, of numbers and of names are rendered in every font of Debian's packages
fonts-dejavu and fonts-liberation that is installed, at several sizes, in dark and light inks, with
grain; of Japanese sentences in fonts-vlgothic, across and in columns. Each is a picture of its own
and is read as people's are. The rate is edits (insertions, deletions, replacements) over letters;
spaces count, a run of them as one. Then a manga page of three panels, drawn, is read: every column
must be right, and come in the order of reading. Columns are set as print sets them: letters without
space between, small kana in their upright forms (by Raqm, which Pillow brings). Ends in one line of
JSON.

    python benchmarks/ocr.py [LINES]
"""

from __future__ import annotations

import io
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch
from bot.config import cache_folder
from bot.families.base import Unwatched
from bot.families.ocr import Reader, load
from bot.tasks.image_to_text import ReadText

BAR = 0.02
SEED = 1
LINES = 240
PACKAGES = ("dejavu", "liberation", "vlgothic")
SIZES = (16, 20, 26, 34, 48)
COLOURS = (("#101014", "#ffffff"), ("#30261c", "#f3ead8"), ("#f6f4ee", "#23304a"))

OPENINGS = (
    "The ferry leaves", "Nobody had seen", "Please return", "She wrote down", "We still need",
    "Turn left after", "They painted", "It costs less than", "Remember to water", "He sold",
)  # fmt: skip
MIDDLES = (
    "the quiet lighthouse", "seven jars of honey", "a bicycle with no brakes", "every second page",
    "the zoo's oldest fox", "two keys and a map", "that wooden bridge", "an ugly brown vase",
    "fresh bread & butter", "the jukebox's lamp",
)  # fmt: skip
ENDINGS = (
    "before noon.", "in March 1987?", "for $12.50 a day!", "at 18:05, platform 4.",
    "(see page 36).", "by Friday, 9 May.", "- if you can.", "under the stairs;", "to Zurich.",
    "with 75% off.",
)  # fmt: skip
JAPANESE = (
    "今日はいい天気ですね", "駅前の本屋で会いましょう", "コーヒーを二つください",
    "明日は雨が降るそうです", "この道をまっすぐ行く", "猫が窓の外を見ている",
    "電車は九時に出発します", "お土産を買って帰ろう", "テレビの音が大きい",
    "山の上に古い寺がある",
)  # fmt: skip

PANELS = ((410, 20, 780, 530), (20, 20, 390, 530), (20, 550, 780, 1080))
BUBBLES = (
    (("今日は", "いい天気", "ですね"), (640, 170)),
    (("散歩に", "行こうか"), (520, 400)),
    (("そうだね", "すぐ行くよ"), (260, 170)),
    (("やった",), (90, 400)),
    (("ちょっと", "待って", "ください"), (600, 750)),
    (("はやく", "しないと", "日が暮れる"), (200, 850)),
)
"""Columns of each bubble from the right, and its middle; in the order in which one reads."""

APART = 1.5
"""From column to column, in sizes of the font: as print sets them, half a letter between."""


@dataclass(frozen=True, slots=True)
class Line:
    """A picture of one line, what stands in it, and what of: a package's font, or its columns."""

    picture: Image.Image
    text: str
    kind: str


def fonts(package: str) -> list[str]:
    """Return the files of a package's fonts, as fontconfig knows them."""
    told = subprocess.run(["fc-list", ":", "file"], capture_output=True, text=True, check=True)
    paths = {line.rstrip(": ") for line in told.stdout.splitlines()}
    return sorted(path for path in paths if f"/{package}/" in path and "MathTeX" not in path)


def lines(count: int) -> Iterator[Line]:
    """Yield lines across in all fonts of each package in turn, and Japanese columns."""
    luck = random.Random(SEED)
    for package in PACKAGES:
        known = fonts(package)
        if not known:
            sys.stderr.write(f"fonts-{package} is not installed; its lines are left out.\n")
        for number in range(count // len(PACKAGES) if known else 0):
            font = ImageFont.truetype(known[number % len(known)], luck.choice(SIZES))
            if package == "vlgothic":
                text, upright = JAPANESE[number % len(JAPANESE)], number % 2 == 1
                kind = "japanese columns" if upright else "japanese lines"
                yield Line(drawn(text, font, luck, upright=upright), text, kind)
            else:
                words = (luck.choice(OPENINGS), luck.choice(MIDDLES), luck.choice(ENDINGS))
                yield Line(drawn(" ".join(words), font, luck), " ".join(words), package)


def drawn(
    text: str, font: ImageFont.FreeTypeFont, luck: random.Random, *, upright: bool = False
) -> Image.Image:
    """Draw a line, or a column, on paper with some grain."""
    ink, paper = luck.choice(COLOURS)
    direction = "ttb" if upright else "ltr"
    left, top, right, bottom = font.getbbox(text, direction=direction)
    margin = luck.randrange(10, 40)
    size = (round(right - left) + 2 * margin, round(bottom - top) + 2 * margin)
    picture = Image.new("RGB", size, paper)
    at = (margin - left, margin - top)
    ImageDraw.Draw(picture).text(at, text, ink, font, direction=direction)
    grain = Image.effect_noise(picture.size, luck.choice((4, 10, 18))).convert("RGB")
    return Image.blend(picture, grain, 0.12)


def manga_page(font: ImageFont.FreeTypeFont) -> Image.Image:
    """Draw three framed panels with two bubbles of columns each, on hatching."""
    picture = Image.new("L", (800, 1100), 255)
    for left, top, right, bottom in PANELS:
        panel = Image.new("L", (right - left, bottom - top), 255)
        draw = ImageDraw.Draw(panel)
        for x in range(-panel.height, panel.width, 14):
            draw.line((x, panel.height, x + panel.height, 0), fill=226)
        draw.rectangle((0, 0, panel.width - 1, panel.height - 1), outline=0, width=5)
        picture.paste(panel, (left, top))
    draw = ImageDraw.Draw(picture)
    size = font.size
    for columns, (x, y) in BUBBLES:
        wide, high = APART * size * len(columns), size * max(map(len, columns))
        edges = (x - 0.75 * wide - 16, y - 0.75 * high, x + 0.75 * wide + 16, y + 0.75 * high)
        draw.ellipse(edges, fill=255, outline=0, width=3)
        for place, column in enumerate(columns):
            at = (x + wide / 2 - APART * size * (place + 1), y - high / 2)
            draw.text(at, column, 0, font, direction="ttb")
    return picture


def read(family: Reader, picture: Image.Image) -> list[str]:
    """Return the lines of a picture as the bot reads them."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    request = ReadText(image=out.getvalue())
    (found,) = family.forward([family.preprocess(request, 0)], Unwatched())
    return family.postprocess(found, request).text.splitlines()


def edits(found: str, right: str) -> int:
    """Return how many letters must be put in, taken out or replaced."""
    row = list(range(len(right) + 1))
    for number, letter in enumerate(found, 1):
        before, row[0] = row[0], number
        for place, wanted in enumerate(right, 1):
            swapped = before + (letter != wanted)
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, swapped)
    return row[-1]


def main() -> None:
    """Read, count, and print."""
    torch.set_num_threads(1)
    model = Catalogue.load().get("ppocr")
    family = load(model, fetch(model, cache_folder(os.environ)))
    wrong: dict[str, int] = defaultdict(int)
    letters: dict[str, int] = defaultdict(int)
    took = []
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else LINES):
        began = time.process_time()
        found = " ".join(" ".join(read(family, line.picture)).split())
        took.append(time.process_time() - began)
        missed = edits(found, line.text)
        wrong[line.kind] += missed
        letters[line.kind] += len(line.text)
        if missed:
            print(f"{line.kind}: {missed} of {line.text!r} read as {found!r}", flush=True)
    rates = {kind: round(wrong[kind] / letters[kind], 4) for kind in letters}
    figures = {
        "benchmark": "ocr", "model": model.id, "lines": len(took), "letters": sum(letters.values()),
        "cer": round(sum(wrong.values()) / sum(letters.values()), 4), "cer_by_kind": rates,
        "bar": BAR, "cpu_s_per_line": round(statistics.median(took), 3),
        **columns_read(family),
    }  # fmt: skip
    print(json.dumps(figures))
    if figures["cer"] > BAR or figures["columns_right"] < figures["columns"]:
        raise SystemExit("The bar is missed.")


def columns_read(family: Reader) -> dict[str, int]:
    """Read the manga page in each Japanese font; return how many columns there are, and right."""
    wanted = [column for bubble, _ in BUBBLES for column in bubble]
    known = [path for path in fonts("vlgothic") if not Path(path).is_symlink()]
    right = 0
    for path in known:
        found = read(family, manga_page(ImageFont.truetype(path, 26)))
        right += len(wanted) - edits_of(found, wanted)
        if found != wanted:
            print(f"{Path(path).name}: {found}", flush=True)
    return {"columns": len(wanted) * len(known), "columns_right": right}


def edits_of(found: list[str], wanted: list[str]) -> int:
    """Return how many columns are wrong, missing or out of their order."""
    letters = {text: chr(number) for number, text in enumerate({*found, *wanted}, 0x4E00)}
    coded = ("".join(letters[text] for text in texts) for texts in (found, wanted))
    return min(len(wanted), edits(*coded))


if __name__ == "__main__":
    main()
