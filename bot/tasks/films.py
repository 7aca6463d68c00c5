"""Films by what people type: "Alien 5, Casablanca 4, the godfather 3.5 stars; Star Wars (1977)".

Titles are known as MovieLens writes them, "Godfather, The (1972)"; articles, accents, case and
punctuation do not matter, nor years and other titles in brackets, and a letter or two may be wrong.
Knows nothing of nets: the bot uses it to complete what is being typed, workers to read it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.errors import Sentence, UserError, joined

MOST_FILMS = 50
"""Films that one person may name at once."""

LIKED_STARS = 4.0
"""What a film counts as that somebody names without stars; MovieLens' people give 4 most often."""

ARTICLES = frozenset(
    (
        *("the", "a", "an", "le", "la", "les", "l'", "un", "une", "der", "die", "das", "ein"),
        *("eine", "el", "los", "las", "il", "lo", "gli", "i", "o", "os", "as", "de", "het"),
    )
)
ROMANS = {"ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8"}
WORDS = {"one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0}
FILLERS = frozenset({"part", "episode", "chapter", "volume", "vol"})

YEAR = re.compile(r"[\s(]*\b(1[89]\d\d|20\d\d)\b\)?\s*$")
BRACKETS = re.compile(r"\(([^()]*)\)")
MOVED = re.compile(r"^(.*), ([A-Za-zÀ-ÿ]+'?)$")
TELLING = re.compile(  # stars that can be nothing else
    r"[\s:=,(-]*(?:(?P<of>\d+(?:[.]\d+)?) ?(?P<half>½)?\s*(?:/\s*(?P<out>5|10)|\*|(?:out of|of) "
    r"(?P<words_out>5|10)|stars?\b|[★⭐🌟]️?)|(?P<word>one|two|three|four|five) stars?"
    r"|(?P<row>[★⭐🌟*]️?(?:\s*[★⭐🌟*]️?){0,4})(?P<row_half>½)?[☆\s]*"
    r"|(?:[:=(]|\s[-–—])\s*(?P<bare>\d{1,2}(?:[.]\d+)?)(?P<bare_half>½)?)\s*\)?\s*$",
    re.IGNORECASE,
)
PLAIN = re.compile(r"\s(?P<bare>\d+(?:[.]\d+)?) ?(?P<half>½)?\s*$")
DECIMAL_COMMA = re.compile(r"(?<=\b\d),(?=\d\b(?!\s*[A-Za-zÀ-ÿ])|5\s*stars?)")
BREAK = re.compile(r"[;\n\r|]+")
COMMA = re.compile(r"\s*,\s*")

JOINED = re.compile(r"(?<=\s[1-5])\s+(?:(?:and|und|et|y|&)\s+)?(?=[^\W\d_])")
"""Where a film may end without a comma: behind its stars."""

EDGES = " \t\"'“”«»\0"

STARS = (5, 4, 3, 2, 1)

CLOSE = 0.82  # how alike a mistyped title must be
LONGEST = 120  # letters of a title that are looked at
SAID = 60  # letters of what was typed that an answer repeats
NEAREST_IN_ERROR = 3


@dataclass(frozen=True, slots=True)
class Named:
    """A film that somebody named: its number, and its stars or ``None``."""

    number: int
    stars: float | None


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text says: films, each once, and sentences about what could not be understood."""

    films: tuple[Named, ...]
    unknown: tuple[Sentence, ...]


class Titles:
    """Finds films by their titles.

    Args:
        titles: As MovieLens writes them, by number; empty where a title is not known.
        popularity: How many rated each film; of films with one name the best known is meant.
    """

    def __init__(self, titles: Sequence[str], popularity: Sequence[int] | None = None) -> None:
        self.titles = tuple(titles)
        self._popularity = tuple(popularity or [0] * len(titles))
        self._years = [year_of(title) for title in titles]
        self._names: dict[str, list[int]] = {}
        self._short: dict[str, list[int]] = {}
        for number, title in enumerate(titles):
            for place, name in enumerate(names_of(title)):
                self._names.setdefault(key_of(name), []).append(number)
                for part in re.split(r": | - | or: ", name) if not place else ():
                    self._short.setdefault(key_of(part), []).append(number)
        self._names.pop("", None)
        for part in [part for part in self._short if len(part) < 3]:  # "Episode IV"
            del self._short[part]

    def __len__(self) -> int:
        return len(self.titles)

    @property
    def newest(self) -> int | None:
        """The year of the newest film, or ``None`` where no year is known."""
        return max((year for year in self._years if year is not None), default=None)

    def find(self, typed: str) -> int | None:
        """Return the number of the film that somebody means, or ``None``.

        In this order: the whole title; a part of it as it stands between colons; the words that it
        begins or ends with; a title with a slip of the finger. A year, if one is given, must be
        right, or one off.
        """
        name, year = _without_year(typed[:LONGEST])
        for wanted, fitting in ((key_of(typed[:LONGEST]), None), (key_of(name), year)):
            for table in (self._names, self._short):
                if found := self._fitting(table.get(wanted, ()), fitting):
                    return self._best(found)
        if not (wanted := key_of(name)):
            return None
        if found := self._fitting(self._with_words(wanted), year):
            return self._best(found)
        return next(iter(self._like(wanted, year, CLOSE)), None)

    def exactly(self, typed: str) -> int | None:
        """Return the number of the film whose whole title this is, or ``None``."""
        name, year = _without_year(typed[:LONGEST])
        for wanted, fitting in ((key_of(typed[:LONGEST]), None), (key_of(name), year)):
            if found := self._fitting(self._names.get(wanted, ()), fitting):
                return self._best(found)
        return None

    def nearest(self, typed: str, count: int = NEAREST_IN_ERROR) -> list[str]:
        """Return titles like what was typed, the most alike first, as people write them."""
        name, _ = _without_year(typed[:LONGEST])
        found = self._like(key_of(name), None, 0.55)
        return [shown(self.titles[number]) for number in found[:count]]

    def beginning(self, typed: str, count: int) -> list[str]:
        """Return titles that begin with what was typed, then those that hold it, best known first.

        They are as people write them, with their years.
        """
        wanted = key_of(typed)
        if not wanted:
            return []
        ranked: dict[int, bool] = {}
        for name, numbers in self._names.items():
            if wanted in name:
                for number in numbers:
                    first = name.startswith(wanted)
                    ranked[number] = ranked.get(number, False) or first
        ordered = sorted(ranked, key=lambda n: (not ranked[n], -self._popularity[n], n))
        return [shown(self.titles[number]) for number in ordered[:count]]

    def completed(self, typed: str, count: int, *, rated: bool = True) -> list[str]:
        """Return what somebody is typing with its last film completed in so many ways at most.

        Behind a whole title come its stars, if it is to be ``rated``.
        """
        *_, last = re.split(r"[,;\n]\s*", typed)
        head = typed[: len(typed) - len(last)]
        number = self.exactly(last) if rated else None
        stars = [] if number is None else [f"{shown(self.titles[number])} {n}" for n in STARS]
        wanted = [*stars, *self.beginning(last, count)]
        return [head + title for title in wanted[:count]]

    def _fitting(self, numbers: Iterable[int], year: int | None) -> list[int]:
        """Return the films of about a year; those whose year nobody knows fit any."""
        if year is None:
            return list(numbers)
        known = [(number, self._years[number]) for number in numbers]
        exact = [number for number, made in known if made == year]
        return exact or [number for number, made in known if made is None or abs(made - year) == 1]

    def _best(self, numbers: Sequence[int]) -> int:
        """Return the best known film, the oldest of those that are equally well known."""
        return min(numbers, key=lambda n: (-self._popularity[n], self._years[n] or 9999, n))

    def _with_words(self, wanted: str) -> list[int]:
        """Return the films whose titles begin with all these words, or end with them."""
        long = len(wanted) > 3  # a single short word at an end tells nothing
        found = [
            numbers
            for name, numbers in self._names.items()
            if (name.startswith(f"{wanted} ") and len(wanted) > 1)
            or (long and name.endswith(f" {wanted}"))
        ]
        return [number for numbers in found for number in numbers]

    def _like(self, wanted: str, year: int | None, cutoff: float) -> list[int]:
        """Return films by how alike their names are, no two of one name."""
        names = difflib.get_close_matches(wanted, self._names, n=8, cutoff=cutoff)
        found: list[int] = []
        for name in names:
            # a slip of the finger does not change a number: "Toy Story 3" is not "Toy Story 2"
            if cutoff >= CLOSE and re.findall(r"\d+", name) != re.findall(r"\d+", wanted):
                continue
            if fitting := self._fitting(self._names[name], year):
                found.append(self._best(fitting))
        return list(dict.fromkeys(found))


def understand(text: str, titles: Titles) -> Understood:
    """Read what somebody typed: films, each with stars or without.

    Films are separated by commas, semicolons or lines; a comma may also be part of a title.

    Raises:
        UserError: Stars are out of range, or too many films are named.
    """
    stars: dict[int, float | None] = {}
    unknown: dict[str, Sentence] = {}
    for count, piece in enumerate(pieces(text, titles), start=1):
        if count > MOST_FILMS:
            raise UserError(
                "You named more than {limit} films. Name those that say most.",
                limit=MOST_FILMS,
            )
        title, given = split_stars(piece, titles)
        number = titles.find(title)
        if number is None:
            unknown[title.casefold()] = _unknown(title, titles)
            continue
        if given is not None and not 1 <= given <= 5:
            raise UserError(
                "{piece!r}: stars go from 1 to 5, and this is {given:g}. Change it and ask again.",
                piece=piece[:SAID],
                given=given,
            )
        stars.pop(number, None)  # named twice: what is said last counts
        stars[number] = given
    films = tuple(Named(number, given) for number, given in stars.items())
    return Understood(films, tuple(unknown.values()))


def pieces(text: str, titles: Titles) -> Iterator[str]:
    """Cut a text into films: at semicolons, at lines, and at commas that are in no title."""
    for part in BREAK.split(DECIMAL_COMMA.sub(".", text)):
        words = COMMA.split(part)
        place = 0
        while place < len(words):
            length = _longest_title(words[place:], titles)
            piece = ", ".join(words[place : place + length]).lstrip("•-–—* ").strip(EDGES)
            piece = re.sub(r"^(?:and|&|und|et|y)\s+(?=\S)", "", piece) if place else piece
            if any(letter.isalnum() for letter in piece):
                yield from _parted(piece, titles)
            place += length


def _parted(piece: str, titles: Titles) -> list[str]:
    """Return the films of a piece in which commas were forgotten, if each of them is known."""
    parts = [part.strip(EDGES) for part in JOINED.split(piece)]
    if len(parts) < 2 or titles.find(split_stars(piece, titles)[0]) is not None:
        return [piece]
    known = all(titles.find(split_stars(part, titles)[0]) is not None for part in parts)
    return parts if known else [piece]


def split_stars(piece: str, titles: Titles) -> tuple[str, float | None]:
    """Part a film from its stars.

    A bare number at the end may be the title's own ("Toy Story 2"): it is, if there is such a
    title.
    """
    if (found := TELLING.search(piece)) and (title := piece[: found.start()].strip()):
        return title, _value(found)
    if (found := PLAIN.search(piece)) and titles.exactly(piece) is None:
        value = float(found["bare"]) + (0.5 if found["half"] else 0.0)
        # a number that can be no stars is some film's that is not known, unless the rest is one
        title = piece[: found.start()].strip()
        if title.rpartition(" ")[2].casefold() in FILLERS:  # "Star Wars: Episode 5"
            return piece, None
        if value <= 5 or titles.exactly(title) is not None:
            return title.rstrip(" -–—:="), value
    return piece, None


def shown(title: str) -> str:
    """Return a title as people write it: "Godfather, The (1972)" is "The Godfather (1972)"."""
    year = YEAR.search(title)
    name = title[: year.start()] if year else title
    name = BRACKETS.sub("", name).strip() or title
    moved = MOVED.match(name)
    if moved and moved[2].casefold() in ARTICLES:
        joint = "" if moved[2].endswith("'") else " "
        name = f"{moved[2]}{joint}{moved[1]}"
    return f"{name} ({year[1]})" if year else name


def names_of(title: str) -> Iterator[str]:
    """Yield the names of a film: its title without the year, then others that stand in brackets.

    The last one is all of them together, as the title has them.
    """
    name, _ = _without_year(title)
    yield BRACKETS.sub(" ", name).strip()
    others = BRACKETS.findall(name)
    for other in others:
        yield re.sub(r"^a\.?k\.?a\.?\s+", "", other)
    if others:
        yield name


def year_of(title: str) -> int | None:
    """Return the year that a title ends with, or ``None``."""
    found = YEAR.search(title)
    return int(found[1]) if found and "(" in found[0] else None


def key_of(name: str) -> str:
    """Return what of a name counts: its words, in small letters, without accents and articles."""
    moved = MOVED.match(name.strip())
    if moved and moved[2].casefold() in ARTICLES:
        name = moved[1]
    plain = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    plain = re.sub(r"['’`.\u0300-\u036f]", "", plain)
    words = re.findall(r"\w+", plain)
    words = [ROMANS.get(word, word) for word in words if word not in FILLERS] or words
    if len(words) > 1 and words[0] in ARTICLES:
        words = words[1:]
    return " ".join(words)


def _without_year(typed: str) -> tuple[str, int | None]:
    """Part a title from the year behind it; a title that is a year keeps it."""
    found = YEAR.search(typed)
    if found and typed[: found.start()].strip():
        return typed[: found.start()].strip(), int(found[1])
    return typed, None


def _longest_title(words: Sequence[str], titles: Titles) -> int:
    """Return how many parts between commas make one title: more than one only if there is such."""
    for length in range(min(5, len(words)), 1, -1):
        joined = ", ".join(words[:length])
        if len(joined) > LONGEST:
            continue
        title, _ = split_stars(joined, titles)
        if titles.exactly(joined) is not None or titles.exactly(title) is not None:
            return length
    return 1


def _value(found: re.Match[str]) -> float:
    """Return the stars that a match of :data:`TELLING` tells."""
    part = found.groupdict()
    if part["word"]:
        return WORDS[part["word"].casefold()]
    if part["row"]:
        whole = sum(letter in "★⭐🌟*" for letter in part["row"])
        return whole + (0.5 if part["row_half"] else 0.0)
    half = 0.5 if part["half"] or part["bare_half"] else 0.0
    value = float(part["of"] or part["bare"]) + half
    return value / 2 if "10" in (part["out"], part["words_out"]) else value


def _unknown(title: str, titles: Titles) -> Sentence:
    fact = Sentence("I know no film {title!r}.", {"title": " ".join(title[:SAID].split())})
    near = titles.nearest(title)
    if not near:
        return fact
    return joined(fact, Sentence("Near it are {titles}.", {"titles": ", ".join(near)}))
