"""What people read, in their own language.

English stands in the code, where it is said; the other languages stand in the ``.po`` files beside
this module, as GNU gettext has them. ``python -m bot.locales.collect`` brings these up to date with
the code. Who speaks, and so which language it is, follows the asyncio task::

    with_language("de")          # at the beginning of an interaction
    say("{n} before you", n=3)   # anywhere below it
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

    from bot.errors import Sentence

__all__ = [
    "LANGUAGES", "catalogue", "language_of", "say", "say_many", "told", "with_language", "word",
    "word_in",
]  # fmt: skip

LANGUAGES = ("de", "es", "fr", "ja", "pt_BR")
"""The languages beside English, by the names of their files."""

ENGLISH = "en"

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def with_language(locale: str) -> None:
    """Speak the language of a locale of Discord's in this task, and in those it begins."""
    _language.set(language_of(locale))


def language_of(locale: str) -> str:
    """Return the language that serves a locale such as ``es-419`` or ``pt-BR``, or English."""
    base = locale.replace("-", "_")
    if base in LANGUAGES:
        return base
    kin = (name for name in LANGUAGES if name.partition("_")[0] == base.partition("_")[0])
    return next(kin, ENGLISH)


def say(text: str, /, **values: object) -> str:
    """Return a text in the language of this task.

    Args:
        text: In English, as a literal, so that it can be collected; with ``{names}`` for values.
        values: What stands for the names.
    """
    found = _found(text)
    return found.format(**values) if values else found


def say_many(one: str, many: str, n: int, /, **values: object) -> str:
    """Return the form of a text that goes with a number, which stands in it as ``{n}``.

    Args:
        one: In English, for one.
        many: In English, for any other number.
        n: The number; written with separators of thousands.
        values: What stands for other names.
    """
    return _form(one, many, n).format(n=f"{n:,}", **values)


def told(sentence: Sentence) -> str:
    """Return a sentence, and those in it, in the language of this task."""
    values = {
        name: value if isinstance(value, str | int | float) else told(value)
        for name, value in sentence.values.items()
    }
    return say(sentence.text, **values)


def word(kind: str, text: str) -> str:
    """Return a word of the commands, such as a ``command_name``, in the language of this task."""
    return word_in(_language.get(), kind, text) or text


def word_in(language: str, kind: str, text: str) -> str | None:
    """Return a word of the commands in a language, or ``None`` where English serves."""
    message = catalogue(language).get(text, context=kind) if language in LANGUAGES else None
    return str(message.string) or None if message and not message.fuzzy else None


@cache
def catalogue(language: str) -> Catalog:
    """Return the catalogue of one of :data:`LANGUAGES`, read the first time it is needed."""
    from babel.messages.pofile import read_po

    with (files("bot") / "locales" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def _found(text: str) -> str:
    language = _language.get()
    if language == ENGLISH:
        return text
    message = catalogue(language).get(text)
    return str(message.string) if message and message.string and not message.fuzzy else text


def _form(one: str, many: str, n: int) -> str:
    language = _language.get()
    if language != ENGLISH:
        known = catalogue(language)
        message = known.get((one, many))
        forms = message.string if message and not message.fuzzy else None
        if isinstance(forms, tuple) and all(forms):
            return forms[_plural(language, n)]
    return one if n == 1 else many


def _plural(language: str, n: int) -> int:
    """Return which of its forms a language takes for a number; catalogues say it in C."""
    if language == "ja":
        return 0
    return int(n > 1) if language in ("fr", "pt_BR") else int(n != 1)
