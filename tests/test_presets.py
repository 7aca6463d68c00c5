"""Presets: what is read of what was typed, and what wins."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import UserError
from bot.presets import applied, as_typed, found, kinds, named, parsed
from bot.rules import GuildRules, Likings, Rules
from bot.tasks.caller import Caller
from bot.tasks.image_to_text import ReadText
from bot.tasks.registry import REQUESTS
from bot.tasks.text_to_image import ConjurePicture
from bot.tasks.text_to_text import CompleteText, Translate

ME = Caller(user_id=1, guild_id=9, channel_id=5)


@pytest.mark.parametrize(
    ("task", "typed", "options"),
    [
        ("complete", "temperature:1.4 max_tokens:80", {"temperature": 1.4, "max_tokens": 80}),
        ("complete", " model: gpt2 ", {"model": "gpt2"}),
        ("restyle", "style:starry blue model:m", {"style": "starry blue", "model": "m"}),
        ("ocr", "overlay:true", {"overlay": True}),
        ("translate", "from:en to:de", {"from": "en"}),
        ("translate", "from:zzz_Latn", {"from": "zzz_Latn"}),
        ("complete", "/complete prompt:He said: no seed:5 model:m", {"seed": 5, "model": "m"}),
    ],
)  # fmt: skip
def test_options_are_read_as_they_are_typed(task: str, typed: str, options: Any) -> None:
    assert parsed(task, typed) == options
    assert parsed(task, as_typed(options)) == options


@pytest.mark.parametrize(
    ("task", "typed", "said"),
    [
        ("complete", "temperature:9", "`temperature` is a number from 0 to 2, not '9'."),
        ("complete", "max_tokens:many", "`max_tokens` is a number from 1 to 4096, not 'many'."),
        ("complete", "seed:-1", "`seed` is a number from 0 to 4294967295, not '-1'."),
        ("ocr", "overlay:perhaps", "`overlay` cannot be 'perhaps'."),
        ("complete", "warmth:1", "/complete has no option 'warmth'. A preset of /complete keeps"),
        ("complete", "temperature:nan", "`temperature` is a number from 0 to 2, not 'nan'."),
        ("restyle", "style:starry", "I know no style 'starry'. Did you mean 'starry blue'?"),
        ("conjure", "walk:true count:2", "A walk is one picture that moves."),
        ("restyle", "style:", "I know no style ''."),
        ("translate", "from:Germn", "There is no language 'Germn' here. Did you mean 'German'?"),
        ("complete", "max_tokens:null", "`max_tokens` is a number from 1 to 4096, not 'null'."),
        ("fill", "seed:1", "/fill has no option 'seed'."),
        ("complete", "", "A preset of /complete keeps these options: `max_tokens`, `temper"),
        ("complete", "prompt:Once", "A preset of /complete keeps these options: "),
    ],
)
def test_what_is_no_option_is_refused(task: str, typed: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(task, typed)
    assert str(caught.value).startswith(said)


def test_every_task_has_at_least_its_model() -> None:
    for task in REQUESTS:
        assert "model" in kinds(task)
        assert not {"prompt", "text", "image", "liked", "what", "context"} & set(kinds(task))


@pytest.mark.parametrize("name", ["", "`bold`", "a" * 33, "<@1>", "-x", "a\u202eb"])
def test_some_names_are_none(name: str) -> None:
    with pytest.raises(UserError, match="is no name for a preset"):
        named(name)
    assert named(" Bold  and WILD ") == "bold and wild"


def test_what_is_named_wins_and_then_the_first_preset() -> None:
    request = CompleteText(prompt="x", max_tokens=5)
    presets = ({"max_tokens": 80, "temperature": 1.0}, {"temperature": 0.2})
    assert applied(request, presets, {"prompt", "max_tokens"}) == CompleteText(
        prompt="x", max_tokens=5, temperature=1.0
    )
    one = ConjurePicture(what="lion", count=1)
    assert applied(one, [{"count": 4}], {"what", "count"}) == one
    assert applied(one, [{"count": 4}], {"what"}).count == 4
    read = ReadText(image=b"")
    assert applied(read, [{"overlay": True, "model": "m"}], {"image"}).overlay
    spoken = Translate(text="x", to="de")
    assert applied(spoken, [{"from": "en"}], {"text", "to"}).source == "en"


def test_what_another_version_kept_is_left_out() -> None:
    request = CompleteText(prompt="x")
    kept = {"prompt": "y", "temperature": 99.0, "colour": "red", "max_tokens": 7}
    assert applied(request, [kept], ()) == CompleteText(prompt="x", max_tokens=7)


async def test_the_members_own_come_before_those_of_channel_and_guild() -> None:
    rules = Rules()
    shared = {"wild": {"temperature": 2.0, "model": "c"}, "calm": {"temperature": 0.1}}
    await rules.set_guild(9, GuildRules(
        presets={"complete": shared}, usual={"complete": "wild"},
        channel_usual={5: {"complete": "calm"}}, models={"complete": "d"},
    ))  # fmt: skip
    assert rules.usual(ME, "complete") == ({}, shared["calm"], shared["wild"])
    assert rules.liked_models(ME, "complete") == ["c", "d"]
    mine = {"wild": {"temperature": 1.9, "model": "a"}}
    await rules.set_member(1, Likings(
        presets={"complete": mine}, usual={"complete": "wild"}, models={"complete": "b"}
    ))  # fmt: skip
    assert rules.usual(ME, "complete")[0] == mine["wild"]
    assert rules.liked_models(ME, "complete") == ["a", "b", "c", "d"]
    known = rules.presets(ME, "complete")
    assert found(known, "complete", " Wild ")["model"] == "a"
    assert set(known) == {"wild", "calm"}
    assert set(rules.presets(Caller(user_id=1), "complete")) == {"wild"}
    with pytest.raises(UserError, match="Did you mean 'calm'"):
        found(known, "complete", "clam")


def test_what_was_picked_in_a_menu_stays() -> None:
    picked = ConjurePicture(what="lion", count=3)
    assert applied(picked, [{"count": 7, "truncation": 0.2}], set()).count == 3
    assert applied(picked, [{"count": 7, "truncation": 0.2}], set()).truncation == 0.2
