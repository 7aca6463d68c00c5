"""The list of things that a checkpoint brings, and what it is without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.catalogue.things import Listed, read_things, things_of, write_things
from bot.errors import OperatorError
from bot.tasks.imagenet import imagenet

LISTED = Listed(
    things=(("cat", "kitten"), ("jack-o'-lantern", 'a "pumpkin"'), ("café",)),
    kinds={"animal": (0,), "anything": (0, 1, 2)},
    favourites=(2, 0),
)


def test_a_list_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_things(LISTED, tmp_path)
    things = read_things(tmp_path)
    assert tuple(one.names for one in things.listed) == LISTED.things
    assert [one.number for one in things.listed] == [0, 1, 2]
    assert things.kinds == LISTED.kinds
    assert things.favourites == LISTED.favourites
    assert things.title(1) == "jack-o'-lantern"
    assert things.find("kitten") == (0,)


def test_without_a_list_the_things_are_those_of_imagenet(tmp_path: Path) -> None:
    assert read_things(tmp_path) is things_of(tmp_path) is imagenet()


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "\0",
        '{"things": [], "kinds": {}, "favourites": [0]}',
        '{"things": [["cat"]], "kinds": {}, "favourites": []}',
        '{"things": [[]], "kinds": {}, "favourites": [0]}',
        '{"things": [[" "]], "kinds": {}, "favourites": [0]}',
        '{"things": [["cat"]], "kinds": {"animal": []}, "favourites": [0]}',
        '{"things": [["cat"]], "kinds": {"animal": [1]}, "favourites": [0]}',
        '{"things": [["cat"]], "kinds": {}, "favourites": [-1]}',
    ],
)  # fmt: skip
def test_a_damaged_list_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "things.json").write_text(text)
    with pytest.raises(OperatorError, match="the list of things cannot be read: "):
        read_things(tmp_path)
    assert things_of(tmp_path) is None
