"""Finds what is marked up in a text as Discord reads it: blocks of code, spoilers, bold, links.

Source: Discord's own Markdown, which is not CommonMark: three backticks begin a block anywhere in a
line, a block ends at the next three, and ``||`` hides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

FENCE = "```"

_TOKEN = re.compile(
    r"(?P<escape>\\[^\w\s])"
    r"|(?P<fence>```)"
    r"|(?P<code>`{1,2})"
    r"|(?P<quote>^>>> |^> )"
    r"|(?P<link><[@#:/a-zA-Z][^<>\s]*>|\[[^\[\]\n]{1,300}\]\([^()\s]{1,500}\)"
    r"|https?://[^\s<>*|`]+)"
    r"|(?P<style>\|\||\*\*|__|~~|\*|_)",
    re.MULTILINE,
)
_LANGUAGE = re.compile(r"([A-Za-z0-9_+\-.#]{1,30})?\n")
_RUNS = {n: re.compile(rf"(?<!`)`{{{n}}}(?!`)") for n in (1, 2)}


class Kind(IntEnum):
    """What a span is; the greater, the worse it is to cut it."""

    FENCE = 1
    STYLE = 2
    LINE = 3  # inline code, or a link: people expect it on one line


@dataclass(frozen=True, slots=True)
class Span:
    """Characters that belong together, from ``start`` to before ``end``, their markers included.

    What is cut at a position in it is ended with ``closing`` and begun anew with ``opening``.
    ``inner`` is where what it holds begins and ends. A block of code that is not ended goes on to
    the end of the text, and is not ``closed``.
    """

    kind: Kind
    start: int
    end: int
    inner: tuple[int, int]
    opening: str = ""
    closing: str = ""
    closed: bool = True

    def covers(self, place: int) -> bool:
        """Say whether a cut before the character at ``place`` is inside."""
        return self.start < place and (place < self.end or not self.closed)


def spans_of(text: str) -> list[Span]:
    """Return what is marked up in a text, in the order in which it begins."""
    return sorted(_Reader(text).read(), key=lambda span: span.start)


class _Reader:
    """Reads a text once, from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[Span] = []
        self._open: list[tuple[str, int]] = []  # styles that have begun, and where
        self._no_more: set[int] = set()  # lengths of runs of backticks that do not come again

    def read(self) -> list[Span]:
        place = 0
        while (match := _TOKEN.search(self._text, place)) is not None:
            place = match.end()
            match match.lastgroup:
                case "fence":
                    place = self._block(match.start())
                case "code":
                    place = self._code(match.start(), match.end())
                case "quote":
                    self._quote(match)
                case "link":
                    self._add(Kind.LINE, match.start(), match.end())
                case "style":
                    place = self._style(match.start(), match[0])
        return self._spans

    def _add(self, kind: Kind, start: int, end: int, opening: str = "", closing: str = "") -> None:
        inner = (start + len(opening), end - len(closing))
        self._spans.append(Span(kind, start, end, inner, opening, closing))

    def _block(self, start: int) -> int:
        language = _LANGUAGE.match(self._text, start + len(FENCE))
        opening = f"{FENCE}{(language and language[1]) or ''}\n"
        begins = language.end() if language else start + len(FENCE)
        closes = self._text.find(FENCE, start + len(FENCE))
        ends = len(self._text) if closes < 0 else closes
        inside = self._text[begins:ends]
        inner = (
            begins + len(inside) - len(inside.lstrip("\n")),
            begins + len(inside.rstrip()),
        )
        end = ends if closes < 0 else ends + len(FENCE)
        closing = f"\n{FENCE}"
        self._spans.append(
            Span(Kind.FENCE, start, end, inner, opening, closing, closed=closes >= 0)
        )
        return end

    def _code(self, start: int, begins: int) -> int:
        marker = self._text[start:begins]
        if len(marker) in self._no_more:
            return begins
        found = _RUNS[len(marker)].search(self._text, begins)
        if found is None:
            self._no_more.add(len(marker))
            return begins
        if self._text.find(FENCE, begins, found.start()) >= 0:
            return begins  # a block comes first: this one is no marker
        self._add(Kind.LINE, start, found.end(), marker, marker)
        return found.end()

    def _quote(self, match: re.Match[str]) -> None:
        line = self._text.find("\n", match.end())
        whole = match[0] == ">>> " or line < 0
        self._add(Kind.STYLE, match.start(), len(self._text) if whole else line, match[0])

    def _style(self, start: int, marker: str) -> int:
        """Begin or end a style at a marker; one that can do neither is an ordinary character."""
        text = self._text
        innermost = self._open[-1][0] if self._open else ""
        if innermost and text.startswith(innermost, start):
            marker = innermost  # of three asterisks, the one that ends what began last
        end = start + len(marker)
        after = text[end : end + 1]
        before = text[start - 1 : start] if start else ""
        inside_word = marker == "_" and before.isalnum() and after.isalnum()
        hides = marker == "||"
        begun = next((n for n, (known, _) in enumerate(self._open) if known == marker), None)
        if begun is not None and (hides or (before and not before.isspace())) and not inside_word:
            _, began = self._open[begun]
            del self._open[begun:]
            if began + len(marker) < start:
                self._add(Kind.STYLE, began, end, marker, marker)
        elif begun is None and (hides or (after and not after.isspace())) and not inside_word:
            self._open.append((marker, start))
        return end
