"""A short list of things of its own: what typed words are taken for, and what is offered."""

from __future__ import annotations

import pytest

from bot.errors import UserError
from bot.tasks.things import Thing, Things

NAMES = [("cat", "kitten"), ("T-Rex", "tyrannosaurus"), ("fir tree", "pine"), ("orange",)]
LISTED = [Thing(number, names[0], names) for number, names in enumerate(NAMES)]
THINGS = Things(LISTED, {"animal": (0, 1), "dinosaur": (1,)}, (3, 0))


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [
        ("cat", (0,)), ("Kittens", (0,)), ("the CAT", (0,)), ("t rex", (1,)), ("pine", (2,)),
        ("tree", (2,)), ("animals", (0, 1)), ("dinosaur", (1,)), ("tyrannosarus", (1,)),
        ("🐈", (0,)),
    ],
)  # fmt: skip
def test_names_are_those_of_the_list(typed: str, numbers: tuple[int, ...]) -> None:
    assert THINGS.find(typed) == numbers


def test_things_of_the_list_can_be_mixed() -> None:
    assert THINGS.parse("kitten + orange") == ((0,), (3,))
    assert THINGS.parse("dinosaur+animal") == ((1,), (0, 1))
    with pytest.raises(UserError, match=r"Write it like this: orange \+ cat\."):
        THINGS.parse("cat +")


@pytest.mark.parametrize("typed", ["goldfish", "red fox", "", " ", "\0", "🏳️", "كلب", "cat dog"])
def test_what_is_not_on_the_list_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(UserError, match=r"\.$"):
        THINGS.parse(typed)


def test_a_refusal_speaks_of_the_list() -> None:
    with pytest.raises(UserError) as error:
        THINGS.find("goldfish")
    assert str(error.value) == (
        "'goldfish' is none of the English names of the 4 things that I can draw. Pick one from "
        "the list that opens as you type. Kinds of things are understood too: animal, dinosaur."
    )
    with pytest.raises(UserError, match=r"as you type\.$"):
        Things(LISTED, {}, (0,)).find("goldfish")
    with pytest.raises(UserError, match="such as orange"):
        THINGS.find("")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["orange", "cat"]),
        ("kit", ["cat"]),
        ("an", ["animal", "T-Rex", "orange"]),
        ("cat + t", ["cat + T-Rex", "cat + fir tree", "cat + cat"]),
        ("goldfish", []),
    ],
)
def test_what_is_offered_is_on_the_list(typed: str, offered: list[str]) -> None:
    assert [value for _, value in THINGS.suggestions(typed, 25)] == offered
