"""Draws scores as bars, each beside the words that it belongs to.

The sheet brings its own dark paper, so that it reads the same on Discord's dark and light theme,
and its letters are so large that they read on a phone, where it is shown at half its size.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

WIDTH = 800
"""Pixels; a phone shows 400, a computer 550 of them at most."""

PAPER, RULE, TRACK = "#26272d", "#5c5f6a", "#34363f"
INK, FAINT = "#f2f3f5", "#b5bac1"
RIGHT, LEFT, UNSURE = "#58a6f2", "#f2994a", "#a3a8b3"
"""Blue and orange: no two that those who see few colours take for one, and neither hangs on them.

Each is 5 to 1 against the paper, or more.
"""

LETTERS = 25  # pixels of a line of words
SCORE = 23
EDGE = 24
GAP = 28  # between words and bars
WORDS_END = 500
LINE = 32
AIR = 14  # above and below the words of a row
BAR = 22
MOST_LINES = 2
LONGEST_WORD = 200  # letters, and of the whole text LONGEST: what is behind them finds no room
LONGEST = 1000
MANY = 8  # rows; of more, each has one line, so that the sheet does not grow too tall to read
SCORE_ROOM = 100  # for "> 99 %" behind the longest bar

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Bar:
    """A row: its words, its bar from -1 (to the left) to 1, and the score that stands beside it.

    A bar that is not ``sure`` is grey; ``label`` stands below it where its side does not tell it.
    """

    words: str
    length: float
    score: str
    sure: bool = True
    label: str = ""


def bars(rows: Sequence[Bar], left: str = "", right: str = "") -> Image.Image:
    """Return a chart, a row for each bar, numbered from 1 on.

    Args:
        rows: From the top; one at least.
        left: What bars to the left mean; where this is given, all bars begin in the middle.
        right: What bars to the right mean.
    """
    number = round(_font(LETTERS).getlength(f"{len(rows)}")) + 14
    room = WORDS_END - EDGE - number
    most = 1 if len(rows) > MANY else MOST_LINES
    texts = [wrapped(row.words, _font(LETTERS), room, most) for row in rows]
    heights = [max(len(lines), 1 + bool(row.label)) * LINE + 2 * AIR
               for lines, row in zip(texts, rows, strict=True)]  # fmt: skip
    head = LINE + AIR if left else 0
    sheet = Image.new("RGB", (WIDTH, sum(heights) + head + 2 * AIR), PAPER)
    draw = ImageDraw.Draw(sheet)
    start, zero, end = _axis(two_sided=bool(left))
    if left:
        names = _font(SCORE)
        draw.text((zero - 12, AIR + LINE / 2), drawable(left), LEFT, names, anchor="rm")
        draw.text((zero + 12, AIR + LINE / 2), drawable(right), RIGHT, names, anchor="lm")
    top = AIR + head
    for place, (row, lines, height) in enumerate(zip(rows, texts, heights, strict=True)):
        if place:
            draw.line((EDGE, top, WIDTH - EDGE, top), TRACK, 1)
        middle = top + height / 2
        first = middle - (len(lines) - 1) * LINE / 2
        draw.text((EDGE + number - 14, first), f"{place + 1}", FAINT, _font(LETTERS), anchor="rm")
        for line, text in enumerate(lines):
            where = (EDGE + number, first + line * LINE)
            draw.text(where, text, INK, _font(LETTERS), anchor="lm")
        _bar(draw, row, middle - (LINE / 2 if row.label else 0), (start, zero, end))
        top += height
    draw.line((zero, AIR + head, zero, top), RULE, 2)
    return sheet


def _axis(*, two_sided: bool) -> tuple[float, float, float]:
    """Return where the longest bar to the left ends, where all begin, and where the others end."""
    start, end = WORDS_END + GAP, WIDTH - EDGE
    if two_sided:
        return start, (start + end) / 2, end
    return start, start, end - SCORE_ROOM


def _bar(
    draw: ImageDraw.ImageDraw, row: Bar, middle: float, axis: tuple[float, float, float]
) -> None:
    """Draw a bar and its score, which stands where there is room: behind it, or before it."""
    start, zero, end = axis
    font = _font(SCORE)
    to_left = row.length < 0
    full = (zero - start) if to_left else (end - zero)
    long = max(4.0, full * abs(row.length))
    edge = zero - long if to_left else zero + long
    tone = UNSURE if not row.sure else LEFT if to_left else RIGHT
    box = (min(edge, zero), middle - BAR / 2, max(edge, zero), middle + BAR / 2)
    draw.rounded_rectangle(box, 4, fill=tone)
    across = start < zero  # a bar of two sides has its score on the other one
    where = zero if across else edge
    behind = to_left or not across
    place, anchor = (where + 10, "lm") if behind else (where - 10, "rm")
    draw.text((place, middle), row.score, INK, font, anchor=anchor)
    if row.label:
        draw.text((zero + 10, middle + LINE), drawable(row.label), FAINT, font, anchor="lm")


def wrapped(text: str, font: Font, room: float, most: int) -> list[str]:
    """Return a text in so many lines at most; where it is longer, the last ends in a mark."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    words = [word[:LONGEST_WORD] for word in drawable(text).split()]
    lines: list[str] = []
    while words and len(lines) < most:
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= room:
            count += 1
        line, words = " ".join(words[:count]), words[count:]
        last = len(lines) == most - 1
        if (words and last) or font.getlength(line) > room:
            if words and last:
                line += "…"
            line = _clipped(line, font, room)
        lines.append(line)
    return lines or ["…"]


def _clipped(line: str, font: Font, room: float) -> str:
    """Return a line, cut between letters until it fits."""
    bare = line.rstrip("…")
    while bare and font.getlength(bare + "…") > room:
        bare = bare[:-1].rstrip()
    return bare.rstrip(",;:-") + "…"


def drawable(text: str) -> str:
    """Return what of a text can be drawn with the letters that there are.

    Letters lose marks that nothing here can draw; where most is lost, nothing is left: half a
    sentence says something else than the whole.
    """
    kept = "".join(letter if _has(letter) else _plain(letter) for letter in text)
    letters = sum(letter.isalnum() for letter in text)
    if 2 * sum(letter.isalnum() for letter in kept) < letters:
        return ""
    return " ".join(kept.split())


def _plain(letter: str) -> str:
    if letter in "–—‒−":
        return "-"
    apart = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in apart if _has(part))


@cache
def _font(size: int) -> Font:
    """Return the machine's DejaVu, which knows most alphabets, or else Pillow's own letters."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


@cache
def _has(letter: str) -> bool:
    """Say whether there is a glyph for a letter, and no box in its stead."""
    if letter.isspace():
        return True
    font = _font(LETTERS)
    glyph, box = (bytes(font.getmask(one)) for one in (letter, "\uffff"))
    return bool(glyph.strip(b"\0")) and glyph != box
