"""Every language has every text, with the same values in it, and names that Discord takes."""

from __future__ import annotations

import re
from string import Formatter
from typing import Any

import discord
import pytest
from babel.messages.catalog import Catalog, Message

from bot.locales import LANGUAGES, catalogue, language_of
from bot.locales.collect import commanding, template
from bot.ui.translator import CommandWords

NAME = re.compile(r"[-_'’\w]{1,32}")
DESCRIPTION = 100
CHOICE = 100
MENU = 32


@pytest.fixture(scope="module")
def words() -> Catalog:
    return template()


def messages(language: str) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


def named(message: Message) -> str:
    one = message.id[0] if isinstance(message.id, tuple) else message.id
    return f"{message.context}: {one}" if message.context else str(one)


def forms(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, list | tuple) else (str(text or ""),)


def values(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_what_the_code_says_and_nothing_else(
    language: str, words: Catalog
) -> None:
    said = {named(message) for message in words if message.id}
    known = {named(message) for message in messages(language)}
    assert not said - known, "run make words, and translate what is new"
    assert not known - said, "run make words"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_lacks_its_translation(language: str) -> None:
    lacking = [named(m) for m in messages(language) if m.fuzzy or not all(forms(m.string))]
    assert lacking == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_holds_the_values_of_the_text(language: str) -> None:
    wrong = [
        (named(message), form)
        for message in messages(language)
        if message.context is None
        for form in forms(message.string)
        if values(form) | {"n"} != values(forms(message.id)[-1]) | {"n"}
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_commands_are_such_as_discord_takes(language: str) -> None:
    limits = {"menu_name": MENU, "choice_name": CHOICE}
    wrong = []
    for message in messages(language):
        text = str(message.string)
        if message.context in ("command_name", "group_name", "parameter_name"):
            if not NAME.fullmatch(text) or text != text.lower():
                wrong.append(text)
        elif message.context and len(text) > limits.get(message.context, DESCRIPTION):
            wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_none_of_the_other_languages(language: str) -> None:
    """A catalogue that was filled with English, or with another's texts, would go unnoticed."""
    long = [m for m in messages(language) if len(named(m)) > 40 and m.context is None]
    same = [named(m) for m in long if forms(m.string) == forms(m.id)]
    assert len(same) < len(long) / 50, same


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_two_neighbours_have_one_name(language: str) -> None:
    bot = await commanding()
    locale = next(each for each in discord.Locale if language_of(each.value) == language)
    words = CommandWords()
    top = [await each.get_translated_payload(bot.tree, words) for each in bot.tree.get_commands()]
    for kind in {command["type"] for command in top}:
        told_apart([command for command in top if command["type"] == kind], locale.value)


def told_apart(siblings: list[dict[str, Any]], locale: str) -> None:
    names = [each.get("name_localizations", {}).get(locale, each["name"]) for each in siblings]
    assert len(set(names)) == len(names), names
    for each in siblings:
        told_apart(each.get("options", []), locale)
