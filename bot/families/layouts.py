"""Texts that are worked on piece by piece, and put together again as they were laid out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

UNCUT_SCRIPTS = frozenset({"zh", "zh-hant", "yue", "ja", "th", "lo", "km", "my"})
"""Languages whose sentences have no white space between them."""


@dataclass(frozen=True, slots=True)
class Piecework:
    """Pieces of a text, and what stands around them: before each one, and after the last."""

    pieces: tuple[str, ...]
    around: tuple[str, ...]

    def piece_after(self, done: int) -> str | None:
        """Return the piece that comes after so many, or ``None``."""
        return self.pieces[done] if done < len(self.pieces) else None

    def put(self, parts: Sequence[str]) -> str:
        """Return the text with these parts in place of its pieces, as far as they go."""
        pairs = zip(self.around, parts, strict=False)
        text = "".join(before + part for before, part in pairs)
        return text + self.around[-1] if len(parts) == len(self.pieces) else text


def lines_of(text: str, cut: Callable[[str], list[str]], joint: str) -> Piecework:
    """Return the pieces of a text's lines; blank lines and lines without words stay as they are.

    Args:
        text: One with a word in it, at least.
        cut: Cuts one line into pieces.
        joint: What stands between the pieces of a line when they are put together.
    """
    pieces: list[str] = []
    around = [""]
    for line in re.split(r"(\n+)", text.strip()):
        if not any(letter.isalpha() for letter in line):
            around[-1] += line
            continue
        for number, piece in enumerate(cut(line)):
            around[-1] += joint if number else ""
            pieces.append(piece)
            around.append("")
    return Piecework(tuple(pieces), tuple(around))
