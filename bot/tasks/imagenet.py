"""The 1000 classes of ImageNet by name: what somebody typed, and which of them that may be.

The names stand in ``imagenet.toml``, everyday words for kinds of them in :mod:`bot.tasks.kinds`.
Knows nothing of nets; a class is a number here, the same that every net trained on ImageNet uses.
"""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources

from bot.errors import UserError
from bot.tasks.kinds import TITLES, kinds

MOST_PARTS = 4
"""Things that can be mixed with ``+``: the mean of more looks like nothing."""

FAVOURITES = (
    1, 207, 281, 292, 388, 145, 130, 14, 323, 291, 386, 107, 40, 817, 820, 483, 780, 417, 963, 933,
    949, 985, 980, 973, 812,
)  # fmt: skip
"""Classes that are offered before anything is typed: those that people like, and nets do well."""

CLOSE = 0.85
"""Likeness (difflib's) from which a word is taken for another with a slip in it."""

ALIKE = 0.7
"""Likeness from which a name is proposed where a word is none."""

CLOSE_LETTERS = 5
"""Shorter words are never taken for others: too many differ by one letter."""

SENTENCE_WORDS = 5
"""From so many words on, what is not a name is taken for a sentence."""

FEWEST_LETTERS = 4  # of a plural
SHOWN = 40  # characters of what somebody typed that an error repeats
ARTICLES = frozenset({"a", "an", "the", "some"})
OF_EMOJI = re.compile(r"\b(face|slice of|head|symbol)\b")  # in Unicode's names for them


@dataclass(frozen=True, slots=True)
class ImageClass:
    """A class: its number, its id in WordNet, what it is called here, and all its names there."""

    number: int
    wordnet: str
    title: str
    names: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The title, and the names that it does not repeat."""
        return ", ".join([self.title, *(name for name in self.names if name not in self.title)])


@functools.cache
def classes() -> tuple[ImageClass, ...]:
    """Return the classes in the order of their numbers."""
    text = resources.files("bot.tasks").joinpath("imagenet.toml").read_text(encoding="utf-8")
    lists = ((wordnet, tuple(names.split(", "))) for wordnet, names in tomllib.loads(text).items())
    return tuple(
        ImageClass(number, wordnet, TITLES.get(number, names[0]), names)
        for number, (wordnet, names) in enumerate(lists)
    )


def parse(what: str) -> tuple[tuple[int, ...], ...]:
    """Return, for each thing between ``+`` signs, the numbers of the classes that it may be.

    Raises:
        UserError: As :func:`find`; or there are too many things, or nothing beside a ``+``.
    """
    parts = unicodedata.normalize("NFKC", what).split("+")
    if len(parts) > MOST_PARTS:
        raise UserError(
            f"These are {len(parts)} things to mix; the limit is {MOST_PARTS}. Leave some out."
        )
    if len(parts) > 1 and not all(_plain(part) for part in parts):
        raise UserError("Nothing stands beside a '+'. Write it like this: tabby cat + sports car.")
    return tuple(find(part) for part in parts)


def find(typed: str) -> tuple[int, ...]:
    """Return the numbers of the classes that a name may mean; where several, any of them will do.

    In this order: the very name, the name in the plural, words of a name with its last among them
    ("retriever") or that are proper nouns ("labrador"), a name with a slip in it ("goldfsh").

    Raises:
        UserError: It is none of them; it names the nearest.
    """
    wanted = _plain(typed)
    if not wanted:
        raise UserError("No name of a thing stands there. Name one in English, such as goldfish.")
    known = _known()
    for form in _forms(wanted):
        if found := known.get(form) or _holding(form):
            return found
    if _is_emoji(typed) and (found := known.get(wanted.split()[-1], ())):
        return found  # a European castle is a castle
    if len(wanted) >= CLOSE_LETTERS and (close := _close(wanted, 1, CLOSE)):
        return known[close[0]]
    raise UserError(_unknown(typed, wanted))


def suggestions(typed: str, most: int) -> list[tuple[str, str]]:
    """Return what to offer while somebody types: pairs of what is shown and what is meant by it.

    The best come first. Behind a ``+`` the last thing is completed and the others are kept.
    """
    before, plus, last = typed.rpartition("+")
    kept = f"{before.strip()} + " if plus else ""
    wanted = _plain(last)
    if not wanted:
        chosen = [classes()[number] for number in FAVOURITES]
        offered = [(one.shown, one.title) for one in chosen]
    else:
        offered = _fitting(wanted)
    return [(kept + shown, kept + value) for shown, value in offered[:most]]


def _fitting(wanted: str) -> list[tuple[str, str]]:
    ranked: list[tuple[int, str, str]] = []
    offered = set()
    for word, numbers in kinds().items():
        if word.startswith(wanted) and numbers not in offered:
            offered.add(numbers)
            which = f"any of {len(numbers)}" if len(numbers) > 1 else classes()[numbers[0]].title
            ranked.append((0 if word == wanted else 2, f"{word}: {which}", word))
    for one, (title, *names) in zip(classes(), _plain_names(), strict=True):
        if (rank := _rank(wanted, title, names)) is not None:
            ranked.append((rank, one.shown, one.title))
    ranked.sort(key=lambda entry: entry[0])
    return [(shown, value) for _, shown, value in ranked]


def _rank(wanted: str, title: str, names: list[str]) -> int | None:
    """Return how well a class fits what was typed so far, 0 being best; ``None`` if not at all."""
    if title == wanted:
        return 0
    if wanted in names:
        return 1
    if title.startswith(wanted):
        return 3
    if any(name.startswith(wanted) for name in names):
        return 4
    if any(f" {wanted}" in name for name in (title, *names)):
        return 5
    return 6 if any(wanted in name for name in (title, *names)) else None


@functools.cache
def _plain_names() -> tuple[tuple[str, ...], ...]:
    """Return the title and the names of each class, plainly written."""
    return tuple(tuple(_plain(name) for name in (one.title, *one.names)) for one in classes())


@functools.cache
def _known() -> dict[str, tuple[int, ...]]:
    """Return the classes by everything that they are called; titles and our kinds come first."""
    known: dict[str, tuple[int, ...]] = {}
    known |= {_plain(one.title): (one.number,) for one in classes()}
    known |= {_plain(word): numbers for word, numbers in kinds().items()}
    named: dict[str, tuple[int, ...]] = {}
    for one in classes():
        for name in map(_plain, one.names):
            named[name] = (*named.get(name, ()), one.number)
    return named | known


@functools.cache
def _words() -> tuple[tuple[int, tuple[str, ...], frozenset[str]], ...]:
    """Return of each name of several words: its class, its words, and those that are proper."""
    found = []
    for one in classes():
        for name in (one.title, *one.names):
            words = tuple(_plain(name).split())
            if len(words) > 1:
                proper = frozenset(_plain(word) for word in name.split() if word[0].isupper())
                found.append((one.number, words, proper))
    return tuple(found)


def _holding(wanted: str) -> tuple[int, ...]:
    """Return the classes with a name that holds all the words, best those that end in the last."""
    tokens = list(dict.fromkeys(wanted.split()))
    if not tokens:
        return ()
    holding = [entry for entry in _words() if set(tokens) <= set(entry[1])]
    ending = [number for number, words, _ in holding if words[-1] == tokens[-1]]
    # of a single word that only describes, no one knows what it describes: a tree is no tree frog
    telling = [number for number, _, proper in holding if len(tokens) > 1 or tokens[0] in proper]
    return tuple(dict.fromkeys(ending or telling))


def _close(wanted: str, most: int, likeness: float) -> list[str]:
    return difflib.get_close_matches(wanted, list(_known()), n=most, cutoff=likeness)


def _forms(wanted: str) -> Iterator[str]:
    """Yield a name as it is, and what it may be the plural of."""
    yield wanted
    for plural, singular in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""), ("mice", "mouse")):
        if wanted.endswith(plural) and len(wanted) >= FEWEST_LETTERS:
            yield wanted.removesuffix(plural) + singular


def _unknown(typed: str, wanted: str) -> str:
    """Return what to say of a name that is none."""
    shown = typed.strip().replace("\0", "")
    shown = f"{shown[:SHOWN]}…" if len(shown) > SHOWN else shown
    is_sentence = len(wanted.split()) >= SENTENCE_WORDS
    nearest = _mentioned(wanted) or ([] if is_sentence else _near(wanted))
    hint = f" Did you mean {_either(nearest)}?" if nearest else ""
    if is_sentence:
        return (
            f"I draw things by their names and do not understand sentences such as '{shown}'."
            f"{hint} Name one thing, or two with a '+' between them; /imagine draws sentences."
        )
    return (
        f"'{shown}' is none of the English names of the {len(classes())} things that I can draw."
        f"{hint} Pick one from the list that opens as you type, or a kind such as dog, bird or car."
    )


def _mentioned(wanted: str) -> list[str]:
    """Return the names that a sentence holds, the longest first where they overlap."""
    words, found, known = wanted.split(), [], _known()
    while words:
        for count in range(min(4, len(words)), 0, -1):
            name = next((form for form in _forms(" ".join(words[:count])) if form in known), None)
            if name is not None:
                found.append(name)
                break
        words = words[count:]
    return list(dict.fromkeys(found))[:3]


def _near(wanted: str) -> list[str]:
    """Return names that share a word with one that is unknown, or else look like it."""
    tokens = set(wanted.split())
    sharing = [number for number, words, _ in _words() if tokens & set(words)]
    titles = [classes()[number].title for number in dict.fromkeys(sharing)]
    alike = difflib.get_close_matches(wanted[:SHOWN], titles, n=3, cutoff=0.0)
    return alike or _close(wanted, 3, ALIKE)


def _either(names: Iterable[str]) -> str:
    *others, last = (repr(name) for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def _plain(name: str) -> str:
    """Return a name in small letters and digits: no accents, signs or articles; emoji in words."""
    spoken = "".join(map(_spoken, name))
    parted = unicodedata.normalize("NFKD", spoken.casefold())
    bare = "".join(letter for letter in parted if not unicodedata.combining(letter))
    words = re.sub(r"[^\w]+|_", " ", bare.replace("'", "")).split()
    while len(words) > 1 and words[0] in ARTICLES:
        words.pop(0)
    return " ".join(words)


def _is_emoji(typed: str) -> bool:
    return not any(letter.isalnum() for letter in typed)


def _spoken(letter: str) -> str:
    """Return an emoji as what it shows, and any other letter as it is."""
    if unicodedata.category(letter) != "So":
        return letter
    return f" {OF_EMOJI.sub('', unicodedata.name(letter, '').lower())} "
