"""What a guild forbids is refused, wherever it is asked; what members like is asked first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from bot.catalogue.model import Model
from bot.errors import UserError
from bot.rules import GuildRules, Likings, Rules
from bot.store.notes import Notes
from bot.store.store import Store
from bot.tasks.caller import OPERATOR, Caller

GUILD, CHANNEL, ROLE = 9, 5, 7
MODEL = Model(id="gpt2", task="complete", family="causal_lm", name="GPT-2")
ME = Caller(user_id=1, guild_id=GUILD, channel_id=CHANNEL, roles=(ROLE,))


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path / "menagerie.db") as store:
        yield store


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({}, None),
        ({"tasks_off": frozenset({"imagine"})}, None),
        ({"tasks_off": frozenset({"complete"})}, "/complete is switched off in this server."),
        ({"models_off": frozenset({"gpt2"})}, "GPT-2 is switched off in this server."),
        ({"tasks_adult": frozenset({"imagine"})}, None),
        (
            {"tasks_adult": frozenset({"complete"})},
            "In this server, /complete is answered in age-restricted channels only.",
        ),
        ({"channels_only": frozenset({CHANNEL})}, None),
        ({"channels_only": frozenset({6})}, "I am not to answer in this channel."),
        ({"channels_off": frozenset({CHANNEL})}, "I am not to answer in this channel."),
        (
            {"channels_only": frozenset({CHANNEL}), "channels_off": frozenset({CHANNEL})},
            "I am not to answer in this channel.",
        ),
        ({"roles_off": frozenset({ROLE})}, "I am not to answer you in this server."),
        ({"members_off": frozenset({1})}, "I am not to answer you in this server."),
        ({"members_off": frozenset({2})}, None),
    ],
)
async def test_what_a_guild_forbids_is_refused(rules: dict[str, Any], said: str | None) -> None:
    known = Rules()
    await known.set_guild(GUILD, GuildRules(**rules))
    known.check(Caller(user_id=1), "complete", MODEL)  # in direct messages there are none
    if said is None:
        known.check(ME, "complete", MODEL)
        return
    with pytest.raises(UserError) as caught:
        known.check(ME, "complete", MODEL)
    assert str(caught.value).startswith(said)
    assert "`/settings" in str(caught.value)


async def test_what_is_for_adults_is_answered_where_only_adults_are() -> None:
    known = Rules()
    await known.set_guild(GUILD, GuildRules(tasks_adult=frozenset({"complete"})))
    bold = msgspec.structs.replace(MODEL, nsfw=True)
    among_adults = msgspec.structs.replace(ME, adults=True)
    known.check(among_adults, "complete", bold)
    assert known.allows(among_adults, bold)
    for elsewhere in (ME, Caller(user_id=1)):
        assert not known.allows(elsewhere, bold)
        with pytest.raises(UserError, match="GPT-2 may answer what is not for everybody"):
            known.check(elsewhere, "ask", bold)
    assert known.allows(OPERATOR, bold)


async def test_what_a_member_likes_comes_before_channel_and_guild() -> None:
    known = Rules()
    guild = GuildRules(models={"complete": "c"}, channel_models={CHANNEL: {"complete": "b"}})
    await known.set_guild(GUILD, guild)
    assert known.liked_models(ME, "complete") == ["b", "c"]
    await known.set_member(1, Likings(models={"complete": "a"}))
    assert known.liked_models(ME, "complete") == ["a", "b", "c"]
    assert known.liked_models(Caller(user_id=2), "complete") == []
    assert known.liked_models(ME, "fill") == []


async def test_rules_outlive_the_bot_and_members_are_forgotten(store: Store) -> None:
    known = Rules(Notes(store.engine))
    rules = GuildRules(
        tasks_off=frozenset({"fill"}), channel_models={CHANNEL: {"ask": "a"}}, spoilers=True
    )
    await known.set_guild(GUILD, rules)
    await known.set_guild(GUILD, rules.replaced(models={"ask": "x"}))
    await known.set_member(1, Likings(models={"ask": "y"}))
    again = Rules(Notes(store.engine))
    await again.load()
    assert again.of_guild(GUILD) == rules.replaced(models={"ask": "x"})
    assert again.of_member(1).models == {"ask": "y"}
    await again.forget_member(1)
    third = Rules(Notes(store.engine))
    await third.load()
    assert third.of_member(1) == Likings()


async def test_what_another_version_wrote_costs_nobody_the_bot(store: Store) -> None:
    notes = Notes(store.engine)
    await notes.put("guild", GUILD, b"\xff nonsense")
    known = Rules(notes)
    await known.load()
    assert known.of_guild(GUILD) == GuildRules()


async def test_a_thread_is_ruled_as_its_channel() -> None:
    rules = Rules()
    await rules.set_guild(1, GuildRules(channels_off=frozenset({5})))
    thread = Caller(user_id=2, guild_id=1, channel_id=77, thread_id=77, parent_id=5)
    assert rules.refused(thread, "complete") is not None
    models = {5: {"complete": "gpt2", "ask": "a"}, 77: {"complete": "distilgpt2"}}
    only = GuildRules(channels_only=frozenset({5}), channel_models=models)
    await rules.set_guild(1, only)
    assert rules.refused(thread, "complete") is None
    assert rules.liked_models(thread, "complete") == ["distilgpt2"]
    assert rules.liked_models(thread, "ask") == ["a"]
