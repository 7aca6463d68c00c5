"""How translators are told languages: each kind of checkpoint has a scheme of its own.

M2M100, NLLB and mBART read a token for the language of the text and are made to begin with one for
the language wanted; Marian's nets for many languages read ``>>de<<`` before the text; others know
one pair; T5 reads a sentence ("translate English to German: "). What a model knows is read from its
own vocabulary and settings, never guessed from its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.errors import Sentence, UserError
from bot.families.guessing import guessed
from bot.families.vocabularies import pieces_of
from bot.tasks.languages import Language, find, nearest

if TYPE_CHECKING:
    from bot.catalogue.model import Model

FORMS = (
    re.compile(r"^__([a-z]{2,3})__$"),  # M2M100
    re.compile(r"^([a-z]{3}_[A-Z][a-z]{3})$"),  # NLLB
    re.compile(r"^([a-z]{2,3}_(?:XX|[A-Z]{2}))$"),  # mBART
)
MARIAN = re.compile(r"^>>(.+)<<$")
PAIR = re.compile(r"^translation_([a-z]+)_to_([a-z]+)$")
NAMED = 30
"""Languages that an error names at most."""

FEWEST = 2
"""So many tokens of one form are languages and no accident."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text is given to a translator: what stands around it, what the answer begins with.

    ``before`` and ``after`` are token ids; where they are ``None`` the tokenizer adds its own.
    """

    prefix: str = ""
    before: tuple[int, ...] | None = None
    after: tuple[int, ...] = ()
    forced_first: int | None = None
    to: str = ""


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What a checkpoint knows: tokens by language, or pairs with the words that ask for them."""

    tokens: dict[str, int] = field(default_factory=dict)
    marks_source: bool = True  # else only the wanted language is told, before the text
    pairs: dict[tuple[str, str], str] = field(default_factory=dict)


class Languages:
    """The languages of one translator.

    Args:
        model: Its title; its ``languages`` where the checkpoint itself does not name them; its
            ``prompt.prefix`` where it wants to be asked in words.
        tokenizer: Of the checkpoint.
        config: Of the net.
    """

    def __init__(self, model: Model, tokenizer: Any, config: Any) -> None:
        self._title = model.title
        self._end = tokenizer.eos_token_id
        self._ends_with_source = bool(getattr(tokenizer, "legacy_behaviour", False))
        self._scheme = _scheme_of(model, tokenizer, config)

    @property
    def special(self) -> frozenset[int]:
        """The ids that are languages: no part of any text."""
        return frozenset(self._scheme.tokens.values())

    def reading(self, to: str, source: str | None, text: str) -> Reading:
        """Return how a text is read.

        Args:
            to: The language wanted, as somebody typed it.
            source: That of the text, as they typed it; guessed from the text where it is ``None``.
            text: The text.

        Raises:
            UserError: The model does not know one of them, or not both together.
        """
        if self._scheme.tokens:
            return self._by_tokens(to, source, text)
        return self._by_pairs(to, source)

    def _by_tokens(self, to: str, source: str | None, text: str) -> Reading:
        tokens = self._scheme.tokens
        wanted = self._known(to, tokens)
        if not self._scheme.marks_source:
            return Reading(before=(tokens[wanted],), after=(self._end,), to=wanted)
        written = self._known(source, tokens) if source else guessed(text, set(tokens))
        mark, end = tokens[written], self._end
        before = () if self._ends_with_source else (mark,)
        after = (end, mark) if self._ends_with_source else (end,)
        return Reading(before=before, after=after, forced_first=tokens[wanted], to=wanted)

    def _by_pairs(self, to: str, source: str | None) -> Reading:
        pairs = self._scheme.pairs
        if not pairs:  # neither the checkpoint nor its entry names a language: let it try
            return Reading()
        wanted = self._known(to, {target for _, target in pairs})
        sources = [first for first, target in pairs if target == wanted]
        # a lone pair needs no choice; else English is the language that most are taught from
        written = sources[0] if "en" not in sources else "en"
        if source is not None:
            written = self._known(source, {first for first, _ in pairs})
        if (written, wanted) not in pairs:
            ways = ", ".join(f"{first} to {target}" for first, target in list(pairs)[:NAMED])
            raise UserError(
                "{model} does not translate from {written} to {wanted}; it knows {ways}. "
                "Choose one of these, or another model.",
                model=self._title,
                written=written,
                wanted=wanted,
                ways=ways,
            )
        return Reading(prefix=pairs[written, wanted], to=wanted)

    def _known(self, typed: str, codes: Iterable[str]) -> str:
        """Return the code of a language that somebody typed, if it is one of these."""
        known = set(codes)
        for candidate in _candidates(typed):
            if candidate in known:
                return candidate
        found = find(typed)
        if found is not None:
            values = {"model": self._title, "language": found.name}
            fact = Sentence("{model} does not know {language}.", values)
            guess = None
        else:
            fact = Sentence("There is no language {typed!r} here.", {"typed": typed[:40]})
            guess = nearest(typed, known)
        if guess is not None:
            raise UserError(
                "{fact} Did you mean {guess}? Then type {code!r}.",
                fact=fact,
                guess=guess.name,
                code=guess.code,
            )
        raise UserError(
            "{fact} It knows {listed}.",
            fact=fact,
            listed=_listed(known),
        )


def _candidates(typed: str) -> Iterable[str]:
    """Yield the codes that what was typed may mean, the exact one first."""
    found = find(typed)
    if found is not None:
        yield found.code
        yield found.code.partition("-")[0]  # zh-hant where a model knows only zh
    yield typed.strip()  # a code that only the checkpoint knows


def _listed(codes: set[str]) -> str:
    some = sorted(codes)[:NAMED]
    rest = len(codes) - len(some)
    return ", ".join(some) + (f"… (+ {rest})" if rest else "")


def _scheme_of(model: Model, tokenizer: Any, config: Any) -> _Scheme:
    pieces = pieces_of(tokenizer)
    for form in FORMS:
        tokens = _tokens(pieces, form)
        if len(tokens) >= FEWEST:
            return _Scheme(tokens=tokens)
    marian = _tokens(dict(tokenizer.get_vocab()), MARIAN)
    if marian:
        return _Scheme(tokens=marian, marks_source=False)
    return _Scheme(pairs=_pairs(model, tokenizer, config))


def _tokens(pieces: dict[str, int], form: re.Pattern[str]) -> dict[str, int]:
    """Return the ids of the pieces of one form by their languages."""
    tokens: dict[str, int] = {}
    for piece, id_ in sorted(pieces.items(), key=lambda item: item[1]):
        if match := form.match(piece):
            tokens.setdefault(_code_of(match[1]), id_)
    return tokens


def _code_of(written: str) -> str:
    """Return the code by which people know a language that a checkpoint writes so."""
    found = find(written)
    if found is None or _is_other(found, written):
        return written
    return found.code


def _is_other(found: Language, written: str) -> bool:
    """Say whether a name was only found by leaving its script out: a second way to write it."""
    full_flores = bool(re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", written))
    return full_flores and found.flores != written


def _pairs(model: Model, tokenizer: Any, config: Any) -> dict[tuple[str, str], str]:
    """Return the pairs that a checkpoint or its entry names, and the words before the text."""
    prefix = model.prompt.prefix
    if prefix and len(model.languages) >= FEWEST:
        known = [found for code in model.languages if (found := find(code)) is not None]
        return {
            (first.code, second.code): prefix.format(source=first.name, to=second.name)
            for first in known
            for second in known
            if first != second
        }
    pairs = {}
    for task, settings in (getattr(config, "task_specific_params", None) or {}).items():
        if match := PAIR.match(task):
            pairs[_code_of(match[1]), _code_of(match[2])] = settings.get("prefix", "")
    if pairs:
        return pairs
    named = (getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None))
    first, second = named if all(named) else (*model.languages, None, None)[:2]
    return {(_code_of(first), _code_of(second)): prefix} if first and second else {}
