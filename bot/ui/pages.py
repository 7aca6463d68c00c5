"""Cuts a long text into pages, each of which stands by itself as a message.

A page ends at the end of a paragraph, else of a line, a sentence or a word. What is cut inside of a
block of code, bold or a spoiler is ended there and begins again on the next page. Pure: the same
text has the same pages, also after a restart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from bot.ui.markup import FENCE, Kind, Span, spans_of

FILLED = (1 / 2, 1 / 8)
"""How full a page is to be: a good border that leaves it emptier comes after a worse one."""

MOVED = 1 / 4
"""How full a page is at least where a block of code that fits on one begins the next."""

_BORDERS = re.compile(r"\s+|(?<=[。！？])")
_SENTENCE_END = re.compile(r"[.!?…:][\"')\]”’»*_]*\Z|[。！？」』]\Z")
_JOINERS = "\u200d\ufe0e\ufe0f"
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_FLAGS = ("\U0001f1e6", "\U0001f1ff")


class Border(IntEnum):
    """What ends before a cut; the greater, the better."""

    NONE = 0
    WORD = 1
    SENTENCE = 2
    LINE = 3
    PARAGRAPH = 4


_FREE = 0  # covered by nothing
_TORN = 4  # in a marker, or so near to one that nothing would stand between two

_WISHES: tuple[tuple[int, Border], ...] = (
    (_FREE, Border.PARAGRAPH),
    (_FREE, Border.LINE),
    (_FREE, Border.SENTENCE),
    (Kind.FENCE, Border.LINE),
    (_FREE, Border.WORD),
    (Kind.STYLE, Border.LINE),
    (Kind.STYLE, Border.SENTENCE),
    (Kind.STYLE, Border.WORD),
    (Kind.LINE, Border.WORD),
)
"""Where to cut, the best first: covered by no more than this, at no worse a border than that."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The characters of a text that stand on one page, and what is set around them."""

    opening: str
    body: str
    closing: str

    @property
    def shown(self) -> str:
        """The page; blank lines at its ends, which Discord does not show, are left out."""
        in_style = self.opening and not self.opening.endswith("\n")
        body = self.body.lstrip() if in_style else self.body.lstrip("\n")
        return f"{self.opening}{body.rstrip()}{self.closing}"


def pages(text: str, room: int) -> list[str]:
    """Return a text as pages of at most so many characters; a short one is one page."""
    return [piece.shown for piece in pieces(text, room) if piece.body.strip()] or [text.strip()]


def pieces(text: str, room: int) -> list[Piece]:
    """Return the pieces of a text; their bodies together are the text.

    Args:
        text: With Discord's Markdown.
        room: Characters on a page, at least a hundred.
    """
    knife = _Knife(text, room)
    found, start = [], 0
    while start < len(text):
        end = knife.end_of_page(start)
        found.append(Piece(knife.opening(start), text[start:end], knife.closing(end)))
        start = end
    return found


class _Knife:
    def __init__(self, text: str, room: int) -> None:
        self._text = text
        self._room = room
        self._spans = spans_of(text)

    def opening(self, place: int) -> str:
        """Return what begins anew after a cut."""
        return "".join(span.opening for span in self._spans if span.covers(place))

    def closing(self, place: int) -> str:
        """Return what ends before a cut."""
        return _closing(self._spans, place)

    def end_of_page(self, start: int) -> int:
        """Return where the page that begins at ``start`` ends."""
        room = self._room - len(self.opening(start))
        most = min(len(self._text), start + room)
        near = [span for span in self._spans if span.start < most and span.end >= start]
        page = _Page(self._text, start, most, room, near)
        if most == len(self._text) and page.fits(most):
            return most
        if (moved := page.before_block(self._room)) is not None:
            return moved
        cuts = page.cuts()
        for filled in FILLED:
            fuller = [cut for cut in cuts if cut[0] - start >= filled * self._room]
            for cover, border in _WISHES:
                for place, covered, ends in fuller:
                    if covered <= cover and ends >= border:
                        return place
        return page.forced()


@dataclass(frozen=True, slots=True)
class _Page:
    """What may stand on a page: from ``start`` to before ``most``, and what is marked up there."""

    text: str
    start: int
    most: int
    room: int
    near: Sequence[Span]

    def fits(self, place: int) -> bool:
        """Say whether a page that ends here is not too long, what must be ended there included."""
        return place - self.start + len(_closing(self.near, place)) <= self.room

    def before_block(self, room: int) -> int | None:
        """Return where a block of code begins that would be cut here, but not on the next page."""
        for span in self.near:
            if (
                span.kind is Kind.FENCE
                and self.start + MOVED * room <= span.start < self.most < span.end
                and span.end - span.start + 2 * len(_closing(self.near, span.start)) <= room
                and _cover(self.text, span.start, self.near) < _TORN
                and self.fits(span.start)
            ):
                return span.start
        return None

    def cuts(self) -> list[tuple[int, int, Border]]:
        """Return the places after a word that fit, the last first, with how well one cuts there."""
        found = _BORDERS.finditer(self.text, self.start + 1, self.most)
        return [
            (place, covered, self._border(place))
            for place in reversed([match.end() for match in found])
            if (covered := _cover(self.text, place, self.near)) < _TORN and self.fits(place)
        ]

    def forced(self) -> int:
        """Return where to cut what has no border: between two signs, if need be in a marker."""
        text, near = self.text, self.near
        wishes: Sequence[Callable[[int], bool]] = (
            lambda place: _cover(text, place, near) < _TORN and not _joined(text, place),
            lambda place: "`" not in text[place - 1 : place + 1],
            lambda place: _cover(text, place, near) == _FREE,
            lambda place: True,
        )
        for good in wishes:
            for place in range(self.most, self.start, -1):
                if good(place) and self.fits(place):
                    return place
        return self.start + 1

    def _border(self, place: int) -> Border:
        before = self.text[self.start : place]
        words = before.rstrip()
        white = before[len(words) :]
        if white.count("\n") > 1 or ("\n" in white and words.endswith(FENCE)):
            return Border.PARAGRAPH
        if "\n" in white:
            begins = self.text.startswith((FENCE, "#"), place)
            return Border.PARAGRAPH if begins else Border.LINE
        return Border.SENTENCE if _SENTENCE_END.search(words[-8:]) else Border.WORD


def _closing(spans: Sequence[Span], place: int) -> str:
    return "".join(span.closing for span in reversed(spans) if span.covers(place))


def _cover(text: str, place: int, spans: Sequence[Span]) -> int:
    """Return how bad it is to cut at a place, by what would be cut."""
    if place < len(text) and text[place - 1] == "\\":
        return _TORN
    return max(_covers(text, place, spans), default=_FREE)


def _covers(text: str, place: int, spans: Sequence[Span]) -> Iterator[int]:
    for span in spans:
        if not span.covers(place):
            continue
        begins, ends = span.inner
        beside_tick = "`" in text[place - 1 : place + 1]
        if place <= begins or (span.closed and place >= ends):
            yield _TORN
        else:
            yield _TORN if span.kind is Kind.LINE and beside_tick else span.kind


def _joined(text: str, place: int) -> bool:
    """Say whether the characters around a place are one sign for those who read."""
    before, after = text[place - 1], text[place : place + 1]
    if not after:
        return False
    return (
        unicodedata.category(after).startswith("M")
        or after in _JOINERS
        or before == "\u200d"
        or _SKIN_TONES[0] <= after <= _SKIN_TONES[1]
        or all(_FLAGS[0] <= each <= _FLAGS[1] for each in (before, after))
    )
