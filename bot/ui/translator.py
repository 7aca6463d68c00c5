"""The names and descriptions of the commands in the languages of those who read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import app_commands

from bot.locales import LANGUAGES, catalogue, language_of, word_in

if TYPE_CHECKING:
    import discord


class CommandWords(app_commands.Translator):
    """Finds a command's words by what they are and their English."""

    async def load(self) -> None:
        """Read all catalogues before the first word is asked for."""
        for language in LANGUAGES:
            catalogue(language)

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Return the words in a language that we have, else ``None``: Discord shows English."""
        return word_in(language_of(locale.value), context_of(context), string.message)


def context_of(context: app_commands.TranslationContextTypes) -> str:
    """Return what a word is in the catalogues: a name or a description, of what."""
    location = context.location
    if location is app_commands.TranslationContextLocation.command_name and isinstance(
        context.data, app_commands.ContextMenu
    ):
        return "menu_name"
    return location.name
