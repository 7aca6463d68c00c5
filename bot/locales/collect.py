"""Collects what is said in the code, and brings the catalogues up to date: ``make words``.

New texts are added without a translation, and those that nobody says any more are dropped. Beside
the calls of ``say`` these are the names, descriptions and choices of the commands.
"""

from __future__ import annotations

import asyncio
import io
import pkgutil
import sys
from pathlib import Path

import discord
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from discord import app_commands

import cogs
from bot.client import Menagerie
from bot.locales import LANGUAGES
from bot.ui.translator import context_of

ROOT = Path(__file__).parents[2]
KEYWORDS = {
    "say": None, "say_many": (1, 2), "Sentence": None, "UserError": None, "BusyError": None,
}  # fmt: skip
WIDTH = 100


def template() -> Catalog:
    """Return all texts, without translations, sorted."""
    found = Catalog(project="Menagerie", charset="utf-8")
    for folder in ("bot", "cogs"):
        for _, _, text, _, _ in extract_from_dir(
            ROOT / folder, method_map=[("**.py", "python")], keywords=KEYWORDS, comment_tags=()
        ):
            found.add(text)
    for context, text in sorted(asyncio.run(command_words())):
        found.add(text, context=context)
    return found


async def command_words() -> set[tuple[str, str]]:
    """Return the words of the commands, each with what it is: ``command_name``, and so on."""
    bot = await commanding()
    listener = _Listener()
    for command in bot.tree.get_commands():
        await command.get_translated_payload(bot.tree, listener)
    return listener.heard


async def commanding() -> Menagerie:
    """Return a bot with all its commands, that nobody can talk to."""
    bot = Menagerie(_Silent(), synced=None, test_guild=0)  # type: ignore[arg-type]
    for module in pkgutil.iter_modules(cogs.__path__, "cogs."):
        await bot.load_extension(module.name)
    return bot


class _Listener(app_commands.Translator):
    def __init__(self) -> None:
        self.heard: set[tuple[str, str]] = set()

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        self.heard.add((context_of(context), string.message))
        return None


class _Silent:
    """Stands for the service: nothing is asked of it while cogs are only read."""

    def __getattr__(self, _: str) -> _Silent:
        return self


def update(language: str, words: Catalog) -> tuple[int, int]:
    """Bring a catalogue up to date; return how many texts it has, and how many of them lack."""
    path = Path(__file__).parent / f"{language}.po"
    known = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            known = read_po(file, locale=language)
    known.update(words, no_fuzzy_matching=True)
    known.obsolete.clear()
    out = io.BytesIO()
    write_po(out, known, width=WIDTH, sort_output=True, no_location=True, omit_header=True)
    path.write_bytes(out.getvalue())
    return len(known), sum(1 for message in known if message.id and not _told(message.string))


def _told(string: object) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)


def main() -> None:
    """Bring all catalogues up to date, and say what they lack."""
    words = template()
    for language in LANGUAGES:
        texts, lacking = update(language, words)
        sys.stdout.write(f"{language}: {texts} texts, {lacking} of them to translate\n")


if __name__ == "__main__":
    main()
