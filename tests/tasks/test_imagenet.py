"""The names of ImageNet's classes: their order, and what typed words are taken for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.tasks.imagenet import FAVOURITES, imagenet, wordnet_ids
from bot.tasks.kinds import TITLES, kinds
from bot.tasks.things import MOST_PARTS

ROOT = Path(__file__).parents[2]
THINGS = imagenet()
NUMBERS = {one.title: one.number for one in THINGS.listed}


def titles(typed: str) -> list[str]:
    return [THINGS.listed[number].title for number in THINGS.find(typed)]


def refusal(typed: str) -> str:
    with pytest.raises(UserError) as error:
        THINGS.parse(typed)
    return str(error.value)


def test_the_order_is_that_of_the_judge() -> None:
    judge = pytest.importorskip("pytorch_pretrained_biggan.utils", reason="the judge: make judges")
    order = {number: int(one.removeprefix("n")) for number, one in enumerate(wordnet_ids())}
    assert {offset: number for number, offset in order.items()} == judge.IMAGENET


@pytest.mark.parametrize(
    ("number", "title"),
    [(0, "tench"), (207, "golden retriever"), (281, "tabby cat"), (817, "sports car"),
     (985, "daisy"), (999, "toilet tissue")],
)  # fmt: skip
def test_known_classes_stand_where_everybody_has_them(number: int, title: str) -> None:
    assert THINGS.listed[number].title == title
    assert THINGS.listed[number].number == number


def test_every_title_means_its_class_and_no_other() -> None:
    assert len(NUMBERS) == len(THINGS.listed) == 1000
    for one in THINGS.listed:
        assert THINGS.find(one.title) == THINGS.find(one.title.upper()) == (one.number,)


def test_every_name_in_wordnet_means_a_class_that_has_it_or_is_meant_by_it_here() -> None:
    otherwise = set()
    for one in THINGS.listed:
        for name in one.names:
            if one.number not in THINGS.find(name):
                otherwise.add(name)
    assert otherwise == {  # words that people mean otherwise, or that are another class's own
        "partridge", "crayfish", "Cardigan", "polecat", "panda", "amphibian", "tub", "gong", "harp",
        "plane", "missile",
    }  # fmt: skip


def test_every_kind_has_classes_and_hides_no_title() -> None:
    plain = {title.casefold() for title in NUMBERS}
    for word, numbers in kinds().items():
        assert word.casefold() not in plain
        assert THINGS.find(word) == numbers
        assert numbers
        assert set(numbers) <= set(range(1000))
    assert set(TITLES) <= set(range(1000))


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [
        ("dog", {"Chihuahua", "Mexican hairless", "pug"}, {"timber wolf", "dingo"}),
        ("cat", {"tabby cat", "Egyptian cat"}, {"cougar", "tiger"}),
        ("bird", {"rooster", "ostrich", "albatross", "macaw"}, {"tusker elephant", "eft"}),
        ("fish", {"goldfish", "puffer", "tiger shark"}, {"starfish", "jellyfish"}),
        ("snake", {"thunder snake", "sidewinder"}, {"triceratops", "trilobite"}),
        ("insect", {"fly", "lycaenid"}, {"tarantula", "starfish"}),
        ("monkey", {"guenon", "squirrel monkey"}, {"gorilla", "indri"}),
        ("car", {"sports car", "cab", "jeep"}, {"freight car", "car wheel", "streetcar"}),
        ("fruit", {"banana", "pomegranate"}, {"bell pepper", "hay"}),
        ("animal", {"tench", "puffer"}, {"abacus"}),
        ("landscape", {"alp", "volcano"}, {"bubble"}),
        ("musical instrument", {"violin", "sax", "drum"}, {"drumstick", "whistle"}),
    ],
)
def test_kinds_hold_what_they_should(word: str, inside: set[str], outside: set[str]) -> None:
    found = set(titles(word))
    assert inside <= found
    assert not outside & found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("goldfish", ["goldfish"]),
        ("  GoldFish ", ["goldfish"]),
        ("Carassius auratus", ["goldfish"]),
        ("the golden-retriever", ["golden retriever"]),
        ("golden retrievers", ["golden retriever"]),
        ("jack o lantern", ["jack-o'-lantern"]),
        ("T shirt", ["T-shirt"]),
        ("sunglasses", ["sunglasses"]),
        ("sunglass", ["sunglass"]),
        ("wolves", ["timber wolf", "white wolf", "red wolf"]),
        ("mice", ["computer mouse"]),
        ("pigs", ["pig"]),
        ("crane", ["crane (bird)", "crane (machine)"]),
        ("crane (bird)", ["crane (bird)"]),
        ("panther", ["cougar", "jaguar"]),
        ("shark", ["great white shark", "tiger shark", "hammerhead"]),
        ("penguin", ["king penguin"]),
        ("labrador", ["Labrador retriever"]),
        ("bernese dog", ["Bernese mountain dog"]),
        ("goldfsh", ["goldfish"]),
        ("Chihuaha", ["Chihuahua"]),
        ("🦊", ["red fox", "kit fox", "Arctic fox", "grey fox"]),
        ("🏰", ["castle"]),
        ("🍕️", ["pizza"]),
        ("\0castle\0", ["castle"]),
        ("pâte à modeler", []),
    ],
)
def test_typed_words_are_taken_for(typed: str, found: list[str]) -> None:
    if found:
        assert titles(typed) == found
    else:
        assert refusal(typed)


def test_a_word_that_only_describes_draws_nothing_but_is_told_what_it_describes() -> None:
    assert refusal("tree") == (
        "'tree' is none of the English names of the 1000 things that I can draw. Did you mean "
        "'tree frog'? Pick one from the list that opens as you type. Kinds of things are "
        "understood too: dog, bird, car."
    )
    assert "'red fox', 'red wolf', 'red wine'" in refusal("red")


def test_a_sentence_is_told_that_it_is_one_and_what_of_it_is_known() -> None:
    assert refusal("a dog that is riding a bicycle on the moon") == (
        "I draw things by their names and do not understand sentences such as 'a dog that is "
        "riding a bicycle on the mo…'. Did you mean 'dog', 'bicycle'? Name one thing, or two "
        "with a '+' between them; /imagine draws sentences."
    )


@pytest.mark.parametrize("typed", ["", "  \n", "\0", "the", "🏳️", "!!!", "كلب", "狗", "ca", "zzzz"])
def test_odd_inputs_are_refused_with_a_sentence(typed: str) -> None:
    said = refusal(typed)
    assert said.endswith(".")
    assert "\0" not in said


@pytest.mark.parametrize("typed", ["red " * 2_000, "red" * 2_700, "dog + " * 1_300, "a" * 8_000])
def test_long_texts_are_refused_shortly(typed: str) -> None:
    assert len(refusal(typed)) < 400


@given(st.text(max_size=300))
def test_any_text_finds_classes_or_is_refused(typed: str) -> None:
    try:
        parts = THINGS.parse(typed)
    except UserError as error:
        assert len(str(error)) < 500
    else:
        assert all(numbers and set(numbers) <= set(range(1000)) for numbers in parts)


def test_things_can_be_mixed() -> None:
    assert THINGS.parse("tabby cat + sports car") == ((281,), (817,))
    assert THINGS.parse("yurt＋yurt") == ((915,), (915,))
    assert THINGS.parse("dog+cat") == (kinds()["dog"], kinds()["cat"])
    for lone in ("+", "cat +", "+ cat", "cat + + dog"):
        assert "Nothing stands beside a '+'" in refusal(lone)
    assert "5 things to mix; the limit is 4" in refusal("+".join(["cat"] * (MOST_PARTS + 1)))
    assert "'unicorn' is none" in refusal("cat + unicorn")


def test_favourites_are_offered_before_anything_is_typed() -> None:
    values = [value for _, value in THINGS.suggestions("", 25)]
    assert values == [THINGS.listed[number].title for number in FAVOURITES]
    assert len(set(values)) == 25


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("gold", ["goldfish", "goldfinch", "golden retriever"]),
        ("dog", ["dog", "dogsled"]),
        ("hippo", ["hippopotamus"]),
        ("orca", ["killer whale"]),
        ("crane", ["crane (bird)", "crane (machine)"]),
        ("retr", ["retriever", "flat-coated retriever"]),
        ("TABBY", ["tabby cat"]),
        ("car + gol", ["car + goldfish"]),
        ("car+", ["car + goldfish"]),
        ("zzz", []),
    ],
)
def test_the_best_suggestions_come_first(typed: str, first: list[str]) -> None:
    values = [value for _, value in THINGS.suggestions(typed, 25)]
    assert values[: len(first)] == first
    if not first:
        assert values == []


@given(st.text("abcdeghorst +", max_size=12))
def test_what_is_suggested_can_be_drawn(typed: str) -> None:
    offered = THINGS.suggestions(typed, 25)
    assert len(offered) <= 25
    assert len({value for _, value in offered}) == len(offered)
    for shown, value in offered:
        assert shown
        if "+" not in typed:
            THINGS.parse(value)


def test_a_kind_says_how_many_it_may_be() -> None:
    assert THINGS.suggestions("poodle", 25)[0] == ("poodle: any of 3", "poodle")
    assert ("horse: sorrel horse", "horse") in THINGS.suggestions("horse", 25)


def test_the_names_load_msgspec_and_the_standard_library_only() -> None:
    code = (
        "import sys, bot.tasks.imagenet as i; i.imagenet().find('dog'); "
        "print(*{'torch', 'numpy', 'discord', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
