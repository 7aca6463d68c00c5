"""Things by name: what somebody typed, and which of the things that a net draws it may be.

A thing is a number here, the same that the net knows it by. The 1000 of ImageNet are listed in
:mod:`bot.tasks.imagenet`; a checkpoint may bring a list of its own (:mod:`bot.catalogue.things`).
Knows nothing of nets.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import Sentence, UserError, joined

MOST_PARTS = 4
"""Things that can be mixed with ``+``: the mean of more looks like nothing."""

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
class Thing:
    """A thing: its number, what it is called here, and all its names."""

    number: int
    title: str
    names: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The title, and the names that it does not repeat."""
        return ", ".join([self.title, *(name for name in self.names if name not in self.title)])


class Things:
    """The things that a net draws, to be looked up.

    Args:
        listed: In the order of their numbers.
        kinds: The numbers of the things that a word for a kind stands for, by word.
        favourites: Numbers of those that are offered before anything is typed.
        such_as: Kinds that an error names; by default the first three.
    """

    def __init__(
        self,
        listed: Sequence[Thing],
        kinds: Mapping[str, tuple[int, ...]],
        favourites: Sequence[int],
        such_as: Sequence[str] = (),
    ) -> None:
        self.listed = tuple(listed)
        self.kinds = dict(kinds)
        self.favourites = tuple(favourites)
        self._such_as = tuple(such_as) or tuple(self.kinds)[:3]

    def title(self, number: int) -> str:
        """Return what a thing is called."""
        return self.listed[number].title

    def parse(self, what: str) -> tuple[tuple[int, ...], ...]:
        """Return, for each thing between ``+`` signs, the numbers of those that it may be.

        Raises:
            UserError: As :meth:`find`; or there are too many things, or nothing beside a ``+``.
        """
        parts = unicodedata.normalize("NFKC", what).split("+")
        if len(parts) > MOST_PARTS:
            raise UserError(
                "These are {count} things to mix; the limit is {limit}. Leave some out.",
                count=len(parts),
                limit=MOST_PARTS,
            )
        if len(parts) > 1 and not all(plain(part) for part in parts):
            raise UserError(
                "Nothing stands beside a '+'. Write it like this: {example}.",
                example=" + ".join(self.title(number) for number in self.favourites[:2]),
            )
        return tuple(self.find(part) for part in parts)

    def find(self, typed: str) -> tuple[int, ...]:
        """Return the numbers of the things that a name may mean; any of them will do.

        In this order: the very name, the name in the plural, words of a name with its last among
        them ("retriever") or that are proper nouns ("labrador"), a name with a slip in it
        ("goldfsh").

        Raises:
            UserError: It is none of them; it names the nearest.
        """
        wanted = plain(typed)
        if not wanted:
            raise UserError(
                "No name of a thing stands there. Name one in English, such as {example}.",
                example=self._example(),
            )
        known = self._known
        for form in _forms(wanted):
            if found := known.get(form) or self._holding(form):
                return found
        if _is_emoji(typed) and (found := known.get(wanted.split()[-1], ())):
            return found  # a European castle is a castle
        if len(wanted) >= CLOSE_LETTERS and (close := self._close(wanted, 1, CLOSE)):
            return known[close[0]]
        raise UserError(self._unknown(typed, wanted))

    def suggestions(self, typed: str, most: int) -> list[tuple[str, str]]:
        """Return what to offer while somebody types: pairs of what is shown and what it means.

        The best come first. Behind a ``+`` the last thing is completed and the others are kept.
        """
        before, plus, last = typed.rpartition("+")
        kept = f"{before.strip()} + " if plus else ""
        wanted = plain(last)
        if not wanted:
            chosen = [self.listed[number] for number in self.favourites]
            offered = [(one.shown, one.title) for one in chosen]
        else:
            offered = self._fitting(wanted)
        return [(kept + shown, kept + value) for shown, value in offered[:most]]

    def _example(self) -> str:
        return self.title(self.favourites[0])

    def _fitting(self, wanted: str) -> list[tuple[str, str]]:
        ranked: list[tuple[int, str, str]] = []
        offered = set()
        for word, numbers in self.kinds.items():
            if word.startswith(wanted) and numbers not in offered:
                offered.add(numbers)
                which = f"any of {len(numbers)}" if len(numbers) > 1 else self.title(numbers[0])
                ranked.append((0 if word == wanted else 2, f"{word}: {which}", word))
        for one, (title, *names) in zip(self.listed, self._plain_names, strict=True):
            if (rank := _rank(wanted, title, names)) is not None:
                ranked.append((rank, one.shown, one.title))
        ranked.sort(key=lambda entry: entry[0])
        return [(shown, value) for _, shown, value in ranked]

    @functools.cached_property
    def _plain_names(self) -> tuple[tuple[str, ...], ...]:
        """The title and the names of each thing, plainly written."""
        return tuple(tuple(plain(name) for name in (one.title, *one.names)) for one in self.listed)

    @functools.cached_property
    def _known(self) -> dict[str, tuple[int, ...]]:
        """The things by everything that they are called; titles and kinds come first."""
        known: dict[str, tuple[int, ...]] = {}
        known |= {plain(one.title): (one.number,) for one in self.listed}
        known |= {plain(word): numbers for word, numbers in self.kinds.items()}
        named: dict[str, tuple[int, ...]] = {}
        for one in self.listed:
            for name in dict.fromkeys(map(plain, one.names)):
                named[name] = (*named.get(name, ()), one.number)
        return named | known

    @functools.cached_property
    def _words(self) -> tuple[tuple[int, tuple[str, ...], frozenset[str]], ...]:
        """Of each name of several words: its thing, its words, and those that are proper."""
        found = []
        for one in self.listed:
            for name in (one.title, *one.names):
                words = tuple(plain(name).split())
                if len(words) > 1:
                    proper = frozenset(plain(word) for word in name.split() if word[0].isupper())
                    found.append((one.number, words, proper))
        return tuple(found)

    def _holding(self, wanted: str) -> tuple[int, ...]:
        """Return the things with a name that holds all the words, best those that end in the last.

        Of a single word that only describes, no one knows what it describes: a tree is no tree
        frog.
        """
        tokens = list(dict.fromkeys(wanted.split()))
        if not tokens:
            return ()
        holding = [entry for entry in self._words if set(tokens) <= set(entry[1])]
        ending = [number for number, words, _ in holding if words[-1] == tokens[-1]]
        telling = [
            number for number, _, proper in holding if len(tokens) > 1 or tokens[0] in proper
        ]
        return tuple(dict.fromkeys(ending or telling))

    def _close(self, wanted: str, most: int, likeness: float) -> list[str]:
        return difflib.get_close_matches(wanted, list(self._known), n=most, cutoff=likeness)

    def _unknown(self, typed: str, wanted: str) -> Sentence:
        """Return what to say of a name that is none."""
        shown = typed.strip().replace("\0", "")
        shown = f"{shown[:SHOWN]}…" if len(shown) > SHOWN else shown
        is_sentence = len(wanted.split()) >= SENTENCE_WORDS
        nearest = self._mentioned(wanted) or ([] if is_sentence else self._near(wanted))
        meant = {"names": ", ".join(map(repr, nearest))}
        hint = Sentence("Did you mean {names}?", meant) if nearest else ""
        if is_sentence:
            return joined(
                Sentence(
                    "I draw things by their names and do not understand sentences such as "
                    "'{shown}'.",
                    {"shown": shown},
                ),
                hint,
                Sentence(
                    "Name one thing, or two with a '+' between them; /imagine draws sentences."
                ),
            )
        kinds = {"kinds": ", ".join(self._such_as)}
        return joined(
            Sentence(
                "'{shown}' is none of the English names of the {count} things that I can draw.",
                {"shown": shown, "count": len(self.listed)},
            ),
            hint,
            Sentence("Pick one from the list that opens as you type."),
            Sentence("Kinds of things are understood too: {kinds}.", kinds)
            if self._such_as
            else "",
        )

    def _mentioned(self, wanted: str) -> list[str]:
        """Return the names that a sentence holds, the longest first where they overlap."""
        words, found = wanted.split(), []
        while words:
            for count in range(min(4, len(words)), 0, -1):
                forms = _forms(" ".join(words[:count]))
                name = next((form for form in forms if form in self._known), None)
                if name is not None:
                    found.append(name)
                    break
            words = words[count:]
        return list(dict.fromkeys(found))[:3]

    def _near(self, wanted: str) -> list[str]:
        """Return names that share a word with one that is unknown, or else look like it."""
        tokens = set(wanted.split())
        sharing = [number for number, words, _ in self._words if tokens & set(words)]
        titles = [self.title(number) for number in dict.fromkeys(sharing)]
        alike = difflib.get_close_matches(wanted[:SHOWN], titles, n=3, cutoff=0.0)
        return alike or self._close(wanted, 3, ALIKE)


def plain(name: str) -> str:
    """Return a name in small letters and digits: no accents, signs or articles; emoji in words."""
    spoken = "".join(map(_spoken, name))
    parted = unicodedata.normalize("NFKD", spoken.casefold())
    bare = "".join(letter for letter in parted if not unicodedata.combining(letter))
    words = re.sub(r"[^\w]+|_", " ", bare.replace("'", "")).split()
    while len(words) > 1 and words[0] in ARTICLES:
        words.pop(0)
    return " ".join(words)


def _rank(wanted: str, title: str, names: list[str]) -> int | None:
    """Return how well a thing fits what was typed so far, 0 being best; ``None`` if not at all."""
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


def _forms(wanted: str) -> Iterator[str]:
    """Yield a name as it is, and what it may be the plural of."""
    yield wanted
    for plural, singular in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""), ("mice", "mouse")):
        if wanted.endswith(plural) and len(wanted) >= FEWEST_LETTERS:
            yield wanted.removesuffix(plural) + singular


def _is_emoji(typed: str) -> bool:
    return not any(letter.isalnum() for letter in typed)


def _spoken(letter: str) -> str:
    """Return an emoji as what it shows, and any other letter as it is."""
    if unicodedata.category(letter) != "So":
        return letter
    return f" {OF_EMOJI.sub('', unicodedata.name(letter, '').lower())} "
