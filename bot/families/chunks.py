"""Cuts long texts at the borders of their sentences, so that every piece fits a model's window."""

from __future__ import annotations

import re
from collections.abc import Callable

Length = Callable[[str], int]
"""Counts the tokens of a text, the special ones left out."""

# What ends a sentence: a mark, perhaps closing quotes, white space, and no small letter after it;
# marks of Chinese and Japanese need no space; a line's end ends a sentence too. Runs of marks
# and of white space are taken whole, from where they begin: else long ones take minutes.
_END = re.compile(
    r"""(?P<mark>(?<![.!?…])[.!?…]++["'”’»)\]]*+)\s++(?![a-zà-öø-ÿ])"""
    r"""|[。！？]+[」』”）]*\s*"""
    r"""|(?<![^\S\n])[^\S\n]*+\n\s*"""
)
_SHORT = re.compile(
    r"(?:^|[\s(])(?:(?:[A-Z]\.)*[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|Nr|vs|ca|cf|e\.g|i\.e|z\.B|bzw|d\.h"
    r"|etc|Gen|Gov|Sen|Rep|Rev|Col|Lt|Sgt|Capt|Mt|Ft|Inc|Ltd|Co|Corp|Fig|Vol|al|approx"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.$"
)
"""What ends in a full stop and ends no sentence."""
_SHORT_ROOM = 40  # letters in which it is looked for


def sentences(text: str) -> list[str]:
    """Return the sentences of a text with the white space behind them: joined they are the text."""
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        up_to_mark = ""
        if match["mark"]:
            up_to_mark = text[max(start, match.end("mark") - _SHORT_ROOM) : match.end("mark")]
        if _SHORT.search(up_to_mark):
            continue
        found.append(text[start : match.end()])
        start = match.end()
    return [sentence for sentence in (*found, text[start:]) if sentence]


def chunked(text: str, length: Length, limit: int) -> list[str]:
    """Return a text in as few pieces as it takes, of about the same length.

    They are cut between sentences; a sentence that is too long is cut between words, a word that is
    too long in the middle. White space around the pieces is dropped, nothing else.

    Args:
        text: What is cut.
        length: Counts tokens.
        limit: Tokens of a piece, at most; one at least.
    """
    whole = text.strip()
    if not whole:
        return []
    total = length(whole)
    if total <= limit:
        return [whole]
    parts = [part for sentence in sentences(whole) for part in _fitting(sentence, length, limit)]
    sizes = [length(part) for part in parts]
    pieces: list[str] = []
    current, size, left = "", 0, sum(sizes)
    goal = left / -(-left // limit)
    for part, more in zip(parts, sizes, strict=True):
        if current and (size + more > limit or size + more / 2 > goal):
            pieces.append(current)
            left -= size
            goal = left / -(-left // limit)
            current, size = "", 0
        current, size = current + part, size + more
    pieces.append(current)
    # pieces are counted once more: some vocabularies count a whole differently from its parts
    return [fit for piece in pieces for fit in _fitting(piece.strip(), length, limit) if fit]


def _fitting(text: str, length: Length, limit: int) -> list[str]:
    """Return a text, halved until its parts fit; joined they are the text."""
    if length(text) <= limit or len(text) < 2:
        return [text]
    middle = len(text) // 2
    borders = [match.end() for match in re.finditer(r"\s+", text) if match.end() < len(text)]
    cut = min(borders, key=lambda border: abs(border - middle), default=middle)
    if abs(cut - middle) > middle / 2:  # one long word with a crumb beside it
        cut = middle
    return [*_fitting(text[:cut], length, limit), *_fitting(text[cut:], length, limit)]
