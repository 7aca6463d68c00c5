"""What is not for everybody: commands and models that answer in age-restricted channels only."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from bot.catalogue.catalogue import Catalogue
from bot.config import Config, Inference
from bot.playground.invocation import Invocation
from bot.playground.member import Member
from bot.playground.world import ADULT_CHANNEL_ID
from bot.rules import GuildRules
from tests.journeys.conftest import House, inhabited

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]
LATE = str(ADULT_CHANNEL_ID)
LION = {"what": "lion", "seed": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_house(
    starters: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A bot whose only model for /conjure may answer what is not for everybody."""
    (conjurer,) = (m for m in Catalogue.load().for_task("conjure") if m.starter)
    environ = {
        **os.environ,
        "MENAGERIE_CACHE": str(starters),
        "MENAGERIE_STATE": str(tmp_path_factory.mktemp("state")),
    }
    config = Config(
        inference=Inference(threads=1, workers=1),
        model=(msgspec.structs.replace(conjurer, nsfw=True),),
    )
    async with inhabited(config, environ) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def member(own_house: House) -> AsyncIterator[Member]:
    async with Member(own_house.playground.address) as member:
        yield member
    rules = own_house.application.service.rules
    for guild_id in rules.guilds():
        await rules.set_guild(guild_id, GuildRules())
    own_house.judge.verdict()


async def said(asked: Awaitable[Invocation]) -> str:
    return str((await (await asked).settled())["content"])


async def test_a_server_keeps_pictures_to_age_restricted_channels(
    own_house: House, member: Member, finished: Finished
) -> None:
    asked = {"prompt": "a green cat", "count": 1, "seed": 1}
    answer = await finished(await member.invoke("imagine", **asked))
    async with Member(own_house.playground.address, "manager") as manager:
        rules = await said(manager.invoke("settings nsfw", only=True))
        assert "Age-restricted channels only: /conjure, /imagine, /restyle\n" in rules
        for refused in (
            await said(member.invoke("imagine", **asked)),
            await said(member.click(answer, "Again")),
        ):
            assert refused == (
                "In this server, /imagine is answered in age-restricted channels only. "
                "Those who manage the server can change that with `/settings`."
            )
        await finished(await member.invoke("imagine", **asked, channel_id=LATE))
        await said(manager.invoke("settings nsfw", only=False, command="imagine"))
        await finished(await member.invoke("imagine", **asked))
        assert "only: /conjure, /restyle\n" in await said(manager.invoke("settings show"))
        refused = await said(manager.invoke("settings nsfw", only=True, command="models"))
        assert refused.startswith("Rules are about these commands")


async def test_a_model_that_is_not_for_everybody_is_offered_and_asked_there_only(
    own_house: House, member: Member, finished: Finished
) -> None:
    assert await member.autocomplete("conjure", "model", "", what="lion") == []
    offered = await member.autocomplete("conjure", "model", "", what="lion", channel_id=LATE)
    (model,) = (choice["value"] for choice in offered)
    for named in ({}, {"model": model}):
        refused = await said(member.invoke("conjure", **LION, **named))
        assert "so it answers in age-restricted channels of a server only" in refused
    async with Member(own_house.playground.address, dm=True) as alone:
        assert "age-restricted channels" in await said(alone.invoke("conjure", **LION))
    answer = await finished(await member.invoke("conjure", **LION, channel_id=LATE))
    assert answer["attachments"]
    job_id = answer["content"].rpartition("`")[0].rpartition("`")[2]
    assert "age-restricted" in await said(member.invoke("job again", id=job_id))
    card = await said(member.invoke("model info", model=model))
    assert "Answers in age-restricted channels only." in card


async def test_nothing_hangs_in_the_gallery_from_there(member: Member, finished: Finished) -> None:
    answer = await finished(await member.invoke("conjure", **LION, channel_id=LATE))
    assert (await said(member.click(answer, "☆"))).startswith("The gallery is shown in every")
    assert "Nothing hangs here yet" in await said(member.invoke("gallery show", channel_id=LATE))
