"""What is said follows the language of the task that says it."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import Sentence, UserError, did_you_mean, joined
from bot.locales import LANGUAGES, language_of, say, say_many, told, with_language


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"), ("es-ES", "es"), ("es-419", "es"), ("fr", "fr"), ("ja", "ja"),
        ("pt-BR", "pt_BR"), ("en-GB", "en"), ("en-US", "en"), ("ko", "en"), ("", "en"),
    ],
)  # fmt: skip
def test_a_locale_is_served_by_its_language_or_by_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


async def spoken(locale: str, text: str, **values: object) -> str:
    with_language(locale)
    await asyncio.sleep(0)
    return say(text, **values)


async def test_tasks_do_not_hear_each_other() -> None:
    cancelled, english = await asyncio.gather(spoken("de", "yes"), spoken("en-US", "yes"))
    assert (cancelled, english) == ("ja", "yes")
    assert say("yes") == "yes"


async def test_what_no_catalogue_has_is_said_in_english() -> None:
    assert await spoken("de", "{x} has no translation", x="{braces}") == (
        "{braces} has no translation"
    )


async def counted(locale: str, n: int) -> str:
    with_language(locale)
    return say_many("{n} more", "{n} more", n)


@pytest.mark.parametrize("locale", ["en-US", *LANGUAGES])
@pytest.mark.parametrize("n", [0, 1, 2, 1_000])
async def test_a_number_stands_in_every_form(locale: str, n: int) -> None:
    said = await asyncio.create_task(counted(locale, n))
    assert f"{n:,}" in said


def test_an_error_is_english_by_itself_and_is_told_in_parts() -> None:
    known = did_you_mean("gpt3", ["gpt2"])
    error = UserError(joined(Sentence("There is no model {name!r}.", {"name": "gpt3"}), known))
    assert str(error) == "There is no model 'gpt3'. Did you mean 'gpt2'?"
    assert told(error.sentence) == str(error)


async def test_the_parts_of_an_error_are_told_in_the_language_of_the_reader() -> None:
    inner = Sentence("Choose {what}.", {"what": Sentence("yes")})
    with_language("de")
    assert told(inner) == "Choose ja."
