"""What the words of a question tell of where its answer stands, without any net.

An answer stands in the sentence that has the question's words, near them and not among them; "who"
asks for a name and "when" for a time; and an answer is a whole phrase, not half a name. Each clue
is a number between 0 and 1; they are weighed and added to what a net finds of a span
(:mod:`bot.families.spans`). The words known here are English; of another language only numbers,
names and shared words are seen.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from bot.families.chunks import sentences


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_YEAR = re.compile(r"(?:1\d|20)\d\ds?")

_ARTICLES = frozenset({"a", "an", "the"})
_OWNERS = frozenset({"his", "her", "its", "their", "our", "my", "your"})
_PLACING = _set("in on at from near under over to by with about for")
_WHERE = _set("in on at from near under over to of")
_CAUSES = frozenset({"because", "since"})
_JOINING = _set(
    "of as and or but nor so than that this these those is are was were be been has have had do "
    "does did will would can could may might must who which whom whose when where why how it he "
    "she they them not if"
)
_FUNCTION = _ARTICLES | _OWNERS | _PLACING | _CAUSES | _JOINING
_PLAIN = _FUNCTION | _set(
    "what there here only also very into after before until while during between through up out "
    "more off most some any all each every other such own same too just one i you we me us him "
    "being should still both name called kind many much long far take happen"
)
"""Words that say nothing of what a question is about."""

_NUMBERS = _set(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million billion half third quarter dozen"
)
_TIMES = _set(
    "january february march april may june july august september october november december monday "
    "tuesday wednesday thursday friday saturday sunday morning afternoon evening night midnight "
    "noon year years month months week weeks day days today yesterday tomorrow century spring "
    "summer autumn winter hour hours minute minutes sunset sunrise christmas easter decade "
    "o'clock"
)
_LENGTHS = _set(
    "metre metres meter meters centimetre centimetres centimeter centimeters kilometre kilometres "
    "kilometer kilometers mile miles foot feet inch inches yard yards km cm m"
)
_SPANS = _set(
    "second seconds minute minutes hour hours day days night nights week weeks month months year "
    "years decade decades century centuries winters summers"
)
_WEIGHTS = _set(
    "gram grams kilogram kilograms kilo kilos kg ton tons tonne tonnes pound pounds ounce ounces"
)
_MONEY = _set(
    "euro euros dollar dollars pound pounds cent cents yen franc francs kroner krona rupees pesos"
)
_ENDINGS = (
    "ations",
    "ation",
    "ings",
    "ing",
    "ies",
    "ied",
    "ers",
    "er",
    "ed",
    "es",
    "s",
    "ly",
    "e",
    "y",
)

_KINDS = {
    "cause": r"\bwhy\b",
    "number": r"\bhow (many|much|long|far|high|tall|old|strong|deep|big|large|heavy|fast|often|wide"
    r")\b|\bwhat\b.*\b(cost|price|percentage|number|age)\b",
    "time": r"\bwhen\b|\b(what|which) (year|date|day|month|century|time)\b",
    "place": r"\bwhere\b|\b(what|which) (city|country|town|village|place|island|river|state)\b",
    "name": r"\bwho(m|se)?\b|\bnames?\b",
    "way": r"\bhow\b",
}

_UNITS = {
    r"\bhow (far|high|tall|deep|wide)\b": _LENGTHS,
    r"\bhow (long|old|many (years|months|weeks|days|hours|minutes|seconds))\b": _SPANS | _LENGTHS,
    r"\bhow heavy\b|\bweigh": _WEIGHTS,
    r"\b(costs?|price|paid|pay|spent|spend)\b": _MONEY,
}
"""What a number must be of, by words of the question."""


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str  # as it is written
    sentence: int
    stem: str  # "" of a plain word

    @property
    def low(self) -> str:
        return self.text.lower()

    @property
    def is_number(self) -> bool:
        low = self.low
        return any(map(str.isdigit, low)) or any(part in _NUMBERS for part in low.split("-"))

    @property
    def is_time(self) -> bool:
        may = self.text == "may"  # the verb
        return (self.low in _TIMES and not may) or _YEAR.fullmatch(self.low) is not None

    @property
    def is_name(self) -> bool:
        return self.text[0].isupper() and self.low not in _FUNCTION | _TIMES


class Clues:
    """The clues of one question in one text.

    Args:
        question: What is asked.
        context: The text.

    Attributes:
        unknown: The share of the question's telling words that the text lacks.
    """

    def __init__(self, question: str, context: str) -> None:
        self._context = context
        self._words: list[_Word] = []
        at = 0
        for number, sentence in enumerate(sentences(context)):
            for found in _WORD.finditer(sentence):
                text = found.group()
                place = at + found.start()
                self._words.append(_Word(place, place + len(text), text, number, _stem(text)))
            at += len(sentence)
        self._begins = [word.start for word in self._words]
        self._kind = _kind(question)
        self._units = _units(question)
        self._matches = self._matched(question)

    def sentence(self, place: int) -> float:
        """Return the share of the question's words that the sentence at a place has."""
        index = max(0, bisect.bisect_right(self._begins, place) - 1)
        if not self._words:
            return 0.0
        number = self._words[index].sentence
        return sum(weight for weight, places in self._matches if number in places)

    def clues(self, start: int, end: int) -> dict[str, float]:
        """Return the clues of a span of the context, by name; none where it has no word."""
        first = bisect.bisect_left(self._begins, start)
        last = bisect.bisect_left(self._begins, end) - 1
        if first > last:
            return {}
        inside = self._words[first : last + 1]
        fits, jars = self._of_the_kind(first, inside)
        return {
            "sentence": self.sentence(inside[0].start),
            "near": self._near(first, last),
            "echo": self._echo(inside),
            "fits": float(fits),
            "jars": float(jars),
            "closes": float(self._closes(last)),
            "cut": float(self._is_cut(first, last)),
            "ragged": float(self._is_ragged(inside)),
        }

    def _matched(self, question: str) -> list[tuple[float, dict[int, list[int]]]]:
        """Return for each word of the question its weight, and where it stands by sentence.

        A word weighs as one over the number of sentences that have it; all together weigh 1.
        """
        stems: dict[str, list[int]] = {}
        for index, word in enumerate(self._words):
            if word.stem:
                stems.setdefault(word.stem, []).append(index)
        found: list[tuple[float, dict[int, list[int]]]] = []
        telling = list(dict.fromkeys(filter(None, map(_stem, _WORD.findall(question)))))
        for asked in telling:
            places: dict[int, list[int]] = {}
            for stem, indices in stems.items():
                if _same(asked, stem):
                    for index in indices:
                        places.setdefault(self._words[index].sentence, []).append(index)
            if places:
                found.append((1 / len(places), places))
        self.unknown = 1 - len(found) / len(telling) if telling else 0.0
        total = sum(weight for weight, _ in found)
        return [(weight / total, places) for weight, places in found]

    def _near(self, first: int, last: int) -> float:
        """Return how near the question's words stand in the sentence, those inside left out."""
        near = 0.0
        for weight, places in self._matches:
            outside = [
                min(abs(index - first), abs(index - last))
                for index in places.get(self._words[first].sentence, ())
                if not first <= index <= last
            ]
            if outside:
                near += weight / (1 + min(outside)) ** 0.5
        return near

    def _echo(self, inside: list[_Word]) -> float:
        """Return the share of a span's words that the question has."""
        telling = [word for word in inside if word.stem]
        asked = {
            index for _, places in self._matches for index in places.get(inside[0].sentence, ())
        }
        starts = {self._begins[index] for index in asked}
        return sum(word.start in starts for word in telling) / len(telling) if telling else 0.0

    def _of_the_kind(self, first: int, inside: list[_Word]) -> tuple[bool, bool]:
        """Return whether a span is of the kind that is asked for, and whether it cannot be."""
        number = any(word.is_number for word in inside)
        time = any(word.is_time for word in inside)
        name = any(word.is_name for word in inside)
        low, before = inside[0].low, self._joined(first - 1)
        if self._kind == "name":
            return name and not number and not time, number or time
        if self._kind == "place":
            return self._is_placed(first) and not number and not time, number or time
        if self._kind == "number":
            return number and self._counts(inside), not number
        if self._kind == "time":
            return time, not time
        if self._kind == "cause":
            fits = low in _CAUSES or (before is not None and before.low in _CAUSES)
            return fits, len(inside) < 3 and not fits
        return self._kind == "way" and low in ("by", "with", "from"), False

    def _is_placed(self, first: int) -> bool:
        """Say whether a span begins with a word such as "in", or right behind one."""
        if self._words[first].low in _WHERE:
            return True
        before = self._joined(first - 1)
        if before is not None and before.low in _ARTICLES | _OWNERS:
            before = self._joined(first - 2)
        return before is not None and before.low in _WHERE

    def _counts(self, inside: list[_Word]) -> bool:
        """Say whether the number of a span is of what is asked for."""
        if self._units:
            return any(word.low in self._units for word in inside) or any(
                mark in self._context[max(0, inside[0].start - 1) : inside[-1].end]
                for mark in "$€£¥"
            )
        return not any(word.is_time for word in inside)

    def _joined(self, left: int) -> _Word | None:
        """Return a word, if nothing but white space stands between it and the next."""
        if not 0 <= left < len(self._words) - 1:
            return None
        one, other = self._words[left : left + 2]
        joined = not self._context[one.end : other.start].strip()
        return one if joined and one.sentence == other.sentence else None

    def _closes(self, last: int) -> bool:
        """Say whether a phrase may end at a word."""
        return self._joined(last) is None or self._words[last + 1].low in _PLAIN

    def _is_cut(self, first: int, last: int) -> bool:
        """Say whether a name or a number goes on beyond a span."""
        before = self._joined(first - 1)
        head, tail = self._words[first], self._words[last]
        if before is not None and (
            (before.is_name and head.is_name) or (before.is_number and head.is_number)
        ):
            return True
        if self._joined(last) is None:
            return False
        after = self._words[last + 1]
        alone = first == last and tail.is_number and self._kind != "number"
        clock = tail.is_number and after.is_time and not self._units
        return alone or clock or (tail.is_name and after.is_name)

    def _is_ragged(self, inside: list[_Word]) -> bool:
        """Say whether a span begins or ends with a word that only joins others."""
        low = inside[0].low
        leads = low in _PLACING and self._kind in ("way", "place", "time", "cause")
        begins = low in _ARTICLES | _OWNERS | _CAUSES or leads or low not in _FUNCTION
        return not begins or inside[-1].low in _FUNCTION


def _kind(question: str) -> str:
    """Return what is asked for, by the first kind whose words the question has."""
    low = question.lower()
    return next((kind for kind, words in _KINDS.items() if re.search(words, low)), "thing")


def _units(question: str) -> frozenset[str]:
    """Return the words of which one must stand with a number; none if any number will do."""
    low = question.lower()
    return next((units for words, units in _UNITS.items() if re.search(words, low)), frozenset())


def _stem(word: str) -> str:
    """Return a word without its ending, "" of a plain one."""
    stem = word.lower().replace("’", "'").removesuffix("'s")
    if stem in _PLAIN:
        return ""
    for ending in _ENDINGS:
        if stem.endswith(ending) and len(stem) - len(ending) >= 3:
            stem = stem.removesuffix(ending)
            break
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem


def _same(one: str, other: str) -> bool:
    """Say whether two stems are of one word, as far as their beginnings tell."""
    shared = max(4, min(len(one), len(other)) - 1)
    return one == other or (len(one) >= 4 <= len(other) and one[:shared] == other[:shared])
