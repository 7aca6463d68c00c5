"""Puts prompts into the form of the captions that DALL-E mini was taught.

After the normaliser of the model's authors, rule by rule: small letters in ASCII, emoji by their
names, no links, commas for most punctuation, hashtags as words, a space in front. How words of
other alphabets are written and what an emoji is called differs here and there from the packages
that they used (see :mod:`bot.families.romanising`); broken encodings are mended only where the
whole text shows the same fault.
"""

from __future__ import annotations

import html
import math
import mmap
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from bot.families.romanising import name_emoji, romanise

# They stand for what must outlive the rules in between; of no meaning in Unicode, and no letters
DOT, APOSTROPHE, SLASH = "\ue000", "\ue001", "\ue002"
KEPT = str.maketrans({DOT: ".", APOSTROPHE: "'", SLASH: "/"})

Rule = tuple[re.Pattern[str], str]

PEOPLE = re.compile(r"<person>(?:(?:[,\s]|and)*<person>)+")
HASHTAG = re.compile(r"#(\w+)")
LONGEST_HASHTAG = 50  # letters; longer ones stay as they are
MOST_HASHTAGS = 16  # that are split: more than a caption has room for
LONGEST_WORD = 25  # letters, of those that a hashtag may be made of
UNKNOWN = 30.0  # what a letter of no word costs; the rarest of ten million words costs 16


def _rules(*pairs: tuple[str, str]) -> list[Rule]:
    return [(re.compile(pattern), replacement) for pattern, replacement in pairs]


BEFORE_HASHTAGS = _rules(
    (r"<person>", " a person "),
    (r"\A\s*\[\d+\]", ""),  # a reference, as encyclopedias have them
    (r"\[\d+\]\s*\Z", ""),
    (r"<[^<]+?>", " "),  # a tag of HTML
    (r"http\S+", ""),
    (r"(\d),(\d{3})", r"\1\2"),  # thousands, and once more for millions
    (r"(\d),(\d{3})", r"\1\2"),
    (r"(\w)\.(\w)", rf"\1{DOT}\2"),
    (r"'(?=(?:[stdm]|ll|re|ve)\b)", APOSTROPHE),
    (r"(\d)/(\d)", rf"\1{SLASH}\2"),
    (r"(\w)-(\w)", r"\1 \2"),
    (r"([%&/$*])", r" \1 "),
)
AFTER_HASHTAGS = _rules(
    (r"[_#\\]", " "),
    (r"['\"`]", ' " '),
    (r"[()\[\].,|:;?!=+~\-/{}]", ","),
)
AT_LAST = _rules(
    (r"\s+", " "),
    (r"(\D)\1{3,}", r"\1"),  # four times and more; three may be a Roman number
    (r'(?:\s*"+\s*)+', ' " '),
    (r"(?:\s*,+\s*)+", ", "),
    (r"\s+", " "),
)


class Words:
    """A list of words by how common they are, on disk: it is large, and few prompts need it.

    Args:
        path: What :func:`write_words` wrote; an empty list where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._lines: mmap.mmap | bytes = b""
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __bool__(self) -> bool:
        return len(self._lines) > 0

    def cost(self, word: str) -> float:
        """Return the logarithm of a word's rank from 1; infinity where it is not in the list."""
        wanted = word.encode()
        low, high = 0, len(self._lines)
        while low < high:
            begin = self._lines.rfind(b"\n", 0, (low + high) // 2) + 1
            end = self._lines.find(b"\n", begin)
            found, _, rank = self._lines[begin:end].partition(b"\t")
            if found == wanted:
                return math.log(int(rank))
            if found < wanted:
                low = end + 1
            else:
                high = begin
        return math.inf

    def split(self, joined: str) -> list[str]:
        """Return the words that letters without spaces are likeliest made of; numbers as one."""
        best: list[tuple[float, int]] = [(0.0, 0)]  # by the length so far: cost, the last's length
        for end in range(1, len(joined) + 1):
            lengths = range(1, min(end, LONGEST_WORD) + 1)
            costs = ((best[end - n][0] + self._cost(joined[end - n : end]), n) for n in lengths)
            best.append(min(costs))
        words: list[str] = []
        end = len(joined)
        while end:
            word = joined[end - best[end][1] : end]
            if words and self._are_one(word, words[-1]):
                words[-1] = word + words[-1]
            else:
                words.append(word)
            end -= best[end][1]
        return words[::-1]

    def _cost(self, piece: str) -> float:
        cost = self.cost(piece.lower())
        return UNKNOWN if math.isinf(cost) and len(piece) == 1 else cost

    def _are_one(self, first: str, second: str) -> bool:
        """Say whether two pieces belong together: digits, or letters of no known word."""
        if first[-1].isdigit() or second[0].isdigit():
            return first[-1].isdigit() and second[0].isdigit()
        return min(self.cost(first.lower()), self.cost(second.lower())) == math.inf


def write_words(source: Path, target: Path) -> None:
    """Sort a list ``word count``, the commonest first, so that :class:`Words` can search it.

    A word that stands there twice counts as the less common, as with the model's authors.
    """
    with source.open(encoding="utf-8") as lines:
        ranks = {line.split()[0]: rank for rank, line in enumerate(lines, 1) if line.strip()}
    ordered = sorted((word.encode(), rank) for word, rank in ranks.items())
    with target.open("wb") as file:
        file.writelines(b"%s\t%d\n" % pair for pair in ordered)


def normalise(prompt: str, words: Words | None = None) -> str:
    """Return a prompt as the captions were written, a space in front; ``" "`` if nothing is left.

    Args:
        prompt: Whatever somebody typed.
        words: What hashtags are split by; without it they stay whole.
    """
    text = html.unescape(html.unescape(_mended(prompt)))
    text = romanise(name_emoji(text)).lower()
    text = _apply(BEFORE_HASHTAGS, PEOPLE.sub(" people ", text))
    text = HASHTAG.sub(lambda found: _spelled(found[1], words), text, count=MOST_HASHTAGS)
    text = _apply(AFTER_HASHTAGS, text).translate(KEPT)
    text = _apply(AT_LAST, text).strip()
    return f" {text.removesuffix(',').removeprefix(',').strip()}"


def _apply(rules: Iterable[Rule], text: str) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def _spelled(tag: str, words: Words | None) -> str:
    if not words or len(tag) > LONGEST_HASHTAG:
        return tag
    return " ".join(word for part in re.split(r"[^a-zA-Z0-9]+", tag) for word in words.split(part))


def _mended(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252, and drop what steers terminals."""
    if not text.isascii():
        text = _without_error(lambda: text.encode("cp1252").decode("utf-8"), text)
    return "".join(x for x in text if x.isspace() or unicodedata.category(x) not in ("Cc", "Co"))


def _without_error(action: Callable[[], str], otherwise: str) -> str:
    try:
        return action()
    except UnicodeError:
        return otherwise
