"""What is offered while somebody types."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalogue.model import Model
from bot.tasks.caller import Caller
from bot.tasks.films import Titles
from bot.tasks.imagenet import imagenet
from bot.tasks.things import Thing, Things
from bot.ui.choices import (
    WIDELY_USED,
    film_choices,
    language_choices,
    matching,
    model_choices,
    thing_choices,
)
from bot.ui.limits import CHOICE, CHOICES

OPTIONS = [("GPT-2", "gpt2"), ("DistilGPT2", "distilgpt2"), ("OPT 125M", "opt-125m")]
NAMES = st.text("abÄß -", max_size=150)


def values(typed: str) -> list[str]:
    return [choice.value for choice in matching(OPTIONS, typed)]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["gpt2", "distilgpt2", "opt-125m"]),
        ("GPT", ["gpt2", "distilgpt2"]),
        ("  gpt-2 ", ["gpt2"]),
        ("125", ["opt-125m"]),
        ("opt-", ["opt-125m"]),
        ("nothing", []),
    ],
)
def test_options_that_hold_what_was_typed_are_offered(typed: str, offered: list[str]) -> None:
    assert values(typed) == offered


def test_options_that_begin_with_it_come_first() -> None:
    assert values("d") == ["distilgpt2"]
    options = [("a pie", "1"), ("pie b", "2"), ("a pie c", "3"), ("pie d", "4")]
    assert [c.value for c in matching(options, "pie")] == ["2", "4", "1", "3"]


@given(options=st.lists(st.tuples(NAMES, NAMES), max_size=60), typed=NAMES)
def test_no_more_is_offered_than_discord_takes(options: list[tuple[str, str]], typed: str) -> None:
    offered = matching(options, typed)
    assert len(offered) <= CHOICES
    assert all(len(choice.name) <= CHOICE for choice in offered)
    assert {choice.value for choice in offered} <= {value for _, value in options}


async def test_models_are_offered_by_title_and_chosen_by_id() -> None:
    asked = []

    def ready_models(task: str, caller: Caller) -> list[Model]:
        asked.append((task, caller.user_id))
        names = {"gpt2": "GPT-2", "opt": "OPT"}
        return [Model(id=k, name=v, task="complete", family="x") for k, v in names.items()]

    service = SimpleNamespace(ready_models=ready_models)
    interaction: Any = SimpleNamespace(
        client=SimpleNamespace(service=service),
        user=SimpleNamespace(id=7),
        guild_id=None,
        channel_id=None,
        channel=None,
        locale=discord.Locale.german,
    )
    (choice,) = await model_choices("complete")(interaction, "gp")
    assert (choice.name, choice.value) == ("GPT-2", "gpt2")
    assert asked == [("complete", 7)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("", "en"),
        ("ger", "de"),
        ("Deutsch", "de"),
        ("de", "de"),
        ("日本語", "ja"),
        ("zh-tw", "zh-hant"),
    ],
)
async def test_languages_are_offered_by_any_of_their_names(typed: str, first: str) -> None:
    choices = await language_choices(None, typed)  # type: ignore[arg-type]
    assert choices[0].value == first
    assert len(choices) <= CHOICES
    assert len({choice.value for choice in choices}) == len(choices)


async def test_widely_used_languages_are_offered_before_anything_is_typed() -> None:
    choices = await language_choices(None, "")  # type: ignore[arg-type]
    assert tuple(choice.value for choice in choices) == WIDELY_USED
    assert await language_choices(None, "Klingon") == []


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("", "goldfish, Carassius auratus", "goldfish"),
        ("dog", "dog: any of 118", "dog"),
        ("orca", "killer whale, orca, grampus, sea wolf, Orcinus orca", "killer whale"),
        ("tabby cat+sports c", "tabby cat + sports car, sport car", "tabby cat + sports car"),
    ],
)
async def test_things_are_offered_by_any_of_their_names(typed: str, name: str, value: str) -> None:
    choices = await thing_choices(conjuring(imagenet()), typed)
    assert (choices[0].name, choices[0].value) == (name, value)
    assert len(choices) <= CHOICES


@given(typed=st.text("ab cdegor+s'", max_size=120))
async def test_things_that_are_offered_are_no_longer_than_discord_takes(typed: str) -> None:
    choices = await thing_choices(conjuring(imagenet()), typed)
    assert all(0 < len(choice.name) <= CHOICE for choice in choices)
    assert all(0 < len(str(choice.value)) <= CHOICE for choice in choices)


async def test_the_things_that_are_offered_are_those_of_the_model_that_would_be_asked() -> None:
    own = Things([Thing(0, "robot", ("robot", "android"))], {"machine": (0,)}, (0,))
    asked: list[str | None] = []
    for typed in ("", "andr", "mach"):
        choices = await thing_choices(conjuring(own, asked), typed)
        assert {str(choice.value) for choice in choices} <= {"robot", "machine"}
        assert choices
    assert await thing_choices(conjuring(own, asked), "goldfish") == []
    assert await thing_choices(conjuring(None, asked), "") == []
    assert asked == ["small"] * 5


def conjuring(things: Things | None, asked: list[str | None] | None = None) -> Any:
    """Somebody who types a thing's name, and has chosen the model "small"."""

    def told(model_id: str | None) -> Things | None:
        if asked is not None:
            asked.append(model_id)
        return things

    service = SimpleNamespace(things=told)
    return SimpleNamespace(
        client=SimpleNamespace(service=service), namespace=SimpleNamespace(model="small")
    )


async def test_the_last_film_of_a_list_is_completed() -> None:
    asked = []

    def film_titles(model_id: str | None) -> Titles:
        asked.append(model_id)
        return Titles(["Alien (1979)", "Aliens (1986)", "A Film " * 15 + "(1990)"])

    service = SimpleNamespace(film_titles=film_titles)
    interaction: Any = SimpleNamespace(
        client=SimpleNamespace(service=service), namespace=SimpleNamespace(model="bst")
    )
    choices = await film_choices(interaction, "Heat 4, alie")
    assert [choice.value for choice in choices] == ["Heat 4, Alien (1979)", "Heat 4, Aliens (1986)"]
    assert [choice.name for choice in choices] == [choice.value for choice in choices]
    assert asked == ["bst"]
    assert await film_choices(interaction, "a film") == []  # Discord would refuse so long a text
    assert await film_choices(interaction, "x, " * 33 + "alien") == []
    service.film_titles = lambda _: None
    assert await film_choices(interaction, "alie") == []
