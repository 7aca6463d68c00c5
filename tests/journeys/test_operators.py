"""Those who run the bot look after it from within Discord; nobody else does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import cogs
from bot.config import load_config
from bot.playground.invocation import Invocation
from bot.playground.member import Member
from tests.journeys.conftest import House, inhabited
from tests.journeys.test_fetching import tiny_gpt2

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]

CONFIG = """
[inference]
workers = 1
threads = 1
runtime = "torch"
"""
SHORT = """
[[model]]
id = "smollm2-135m-instruct"
name = "Short"
limits = {{ max_new_tokens = {most} }}
"""
COG = """
from discord import app_commands
from discord.ext import commands


class Parrot(commands.Cog):
    @app_commands.command(description="{about}")
    async def parrot(self, interaction) -> None:
        await interaction.response.send_message("{says}")


async def setup(bot):
    await bot.add_cog(Parrot())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bot's configuration lies, and a cog of its own."""
    folder = tmp_path_factory.mktemp("operated")
    (folder / "config.toml").write_text(CONFIG + SHORT.format(most=8))
    (folder / "parrot.py").write_text(COG.format(says="hello", about="Says it"))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_house(starters: Path, folder: Path) -> AsyncIterator[House]:
    environ = {
        **os.environ,
        "MENAGERIE_CACHE": str(starters),
        "MENAGERIE_STATE": str(folder / "state"),
    }
    read = partial(load_config, folder / "config.toml", {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cogs, "__path__", [*cogs.__path__, str(folder)])
        async with inhabited(read(), environ, reread=read) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def member(own_house: House) -> AsyncIterator[Member]:
    """Who owns the bot's application."""
    async with Member(own_house.playground.address) as member:
        yield member
    own_house.judge.verdict()


async def said(asked: Awaitable[Invocation]) -> str:
    invocation = await asked
    message = await invocation.settled(60, until=lambda m: not m["thinking"])
    assert message["ephemeral"]
    return str(message["content"])


async def test_nobody_else_may(own_house: House, member: Member) -> None:
    async with Member(own_house.playground.address, "manager") as manager:
        for command, options in (
            ("admin reload", {"cog": "parrot"}), ("admin doctor", {}), ("model reload", {}),
        ):  # fmt: skip
            refused = await said(manager.invoke(command, **options))
            assert refused.startswith("Only those who run this bot may do that")


async def test_a_cog_is_loaded_anew(own_house: House, member: Member, folder: Path) -> None:
    published = partial(_published, own_house)
    offered = await member.autocomplete("admin reload", "cog", "par")
    assert [choice["value"] for choice in offered] == ["parrot"]
    before = published()
    (folder / "parrot.py").write_text(COG.format(says="salut", about="Says it"))
    text = await said(member.invoke("admin reload", cog="parrot"))
    assert text == "`parrot` is loaded anew. The commands are as they were."
    assert published() == before
    assert (await (await member.invoke("parrot")).settled())["content"] == "salut"
    (folder / "parrot.py").write_text(COG.format(says="salut", about="Says it again"))
    text = await said(member.invoke("admin reload", cog="parrot"))
    assert text == "`parrot` is loaded anew. The commands have changed and are published."
    assert published() == before + 1
    text = await said(member.invoke("admin reload", cog="admin"))  # even this one
    assert text.startswith("`admin` is loaded anew.")


async def test_a_broken_cog_leaves_the_old_one(member: Member, folder: Path) -> None:
    (folder / "parrot.py").write_text("import discord\n\ndef setup(bot:\n")
    text = await said(member.invoke("admin reload", cog="parrot"))
    assert text == (
        "`parrot.py:3` cannot be loaded: '(' was never closed\nWhat was there before goes on."
    )
    assert (await (await member.invoke("parrot")).settled())["content"] == "salut"
    (folder / "parrot.py").write_text(COG.format(says="x", about=""))
    text = await said(member.invoke("admin reload", cog="parrot"))
    assert "`parrot` is loaded anew, but Discord refuses the commands" in text
    (folder / "parrot.py").write_text(COG.format(says="mended", about="Says it"))
    assert "published" in await said(member.invoke("admin reload", cog="parrot"))
    for strange in ("../config", "_private", "a.b"):
        text = await said(member.invoke("admin reload", cog=strange))
        assert "is no name of a cog. There are: account, admin, " in text
    text = await said(member.invoke("admin reload", cog="nobody"))
    assert text.startswith("`cogs.nobody` cannot be loaded: ")


@pytest.mark.slow
async def test_a_changed_entry_counts_from_the_next_request_on(
    own_house: House, member: Member, folder: Path, finished: Finished
) -> None:
    config = folder / "config.toml"
    asking = {"prompt": "Once upon a time", "seed": 1}
    before = await finished(await member.invoke("complete", **asking))
    assert "-# Short ·" in before["content"]
    config.write_text(CONFIG + SHORT.format(most=300))
    text = await said(member.invoke("model reload"))
    assert text.endswith("Changed: `smollm2-135m-instruct`")
    under_way = await member.invoke("complete", **asking, max_tokens=250, temperature=0.0)
    await member.until(lambda: bool(under_way.updates), 60)
    config.write_text(CONFIG + SHORT.format(most=4).replace("Short", "Shorter"))
    await said(member.invoke("model reload"))
    shorter = await member.invoke("complete", **asking)
    long_answer = await finished(under_way)
    assert "-# Short ·" in long_answer["content"]
    short_answer = await finished(shorter)
    assert "-# Shorter ·" in short_answer["content"]
    assert len(short_answer["content"].partition("\n-# ")[0]) < len("Once upon a time") + 40


async def test_what_is_wrong_is_told_and_changes_nothing(
    member: Member, folder: Path, finished: Finished
) -> None:
    config = folder / "config.toml"
    right = CONFIG + SHORT.format(most=4).replace("Short", "Shorter")
    config.write_text(right)
    await said(member.invoke("model reload"))
    config.write_text(right.replace("= 4", "= 'four'"))
    text = await said(member.invoke("model reload"))
    assert text == (
        "The catalogue stays as it was.\nconfig.toml, line 10, [[model]] 'smollm2-135m-instruct' "
        "limits.max_new_tokens: it must be a whole number, 1 or more, not 'four'."
    )
    answer = await finished(await member.invoke("complete", prompt="Once", seed=2))
    assert "-# Shorter ·" in answer["content"]
    config.write_text(right)
    assert "Nothing in it has changed." in await said(member.invoke("model reload"))


async def test_a_model_comes_answers_and_is_put_away_when_it_went(
    own_house: House, member: Member, folder: Path, finished: Finished
) -> None:
    config = folder / "config.toml"
    before = config.read_text()
    entry = before + '[[model]]\nid = "mine"\ntask = "complete"\nfamily = "causal_lm"\n'
    config.write_text(entry)
    assert "config.toml, line 11, Model 'mine': it needs" in await said(
        member.invoke("model reload")
    )
    tiny_gpt2(folder / "tiny")
    config.write_text(entry + 'checkpoint = "tiny"\n')
    assert await said(member.invoke("model reload")) == (
        "The catalogue is read again. Jobs under way end as they began.\nCame: `mine`"
    )
    asking = {"prompt": "the quick", "model": "mine", "max_tokens": 4}
    assert "-# mine ·" in (await finished(await member.invoke("complete", **asking)))["content"]
    status = own_house.application.service.status
    assert any("mine" in models for models in status().models.values())
    config.write_text(before)
    assert "Went: `mine`" in await said(member.invoke("model reload"))
    assert "There is no model 'mine'." in await said(member.invoke("complete", **asking))
    async with asyncio.timeout(30):
        while any("mine" in models for models in status().models.values()):
            await asyncio.sleep(0.1)


async def test_the_choice_of_models_is_followed(
    own_house: House, member: Member, folder: Path, finished: Finished
) -> None:
    config = folder / "config.toml"
    before = config.read_text()
    tiny_gpt2(folder / "tiny")
    entry = '[[model]]\nid = "mine"\ntask = "complete"\nfamily = "causal_lm"\n'
    chosen = before.replace("[inference]", '[inference]\npreload = ["mine"]')
    chosen += f'{entry}checkpoint = "tiny"\n[defaults]\ncomplete = "mine"\n'
    config.write_text(chosen.replace("threads = 1", "threads = 2"))
    text = await said(member.invoke("model reload"))
    assert "The choice of models, by default or at the start, has changed." in text
    assert text.endswith("These have changed too, and count after a restart: `[inference]`")
    status = own_house.application.service.status
    async with asyncio.timeout(60):
        while not any("mine" in models for models in status().models.values()):
            await asyncio.sleep(0.1)
    asking = {"prompt": "the quick", "max_tokens": 4}
    assert "-# mine ·" in (await finished(await member.invoke("complete", **asking)))["content"]
    config.write_text(before)
    await said(member.invoke("model reload"))
    doctor = await said(member.invoke("admin doctor"))
    assert "mine" not in doctor
    assert "-# mine ·" not in (await finished(await member.invoke("complete", **asking)))["content"]


async def test_the_doctor_looks_at_all_and_names_no_path(
    own_house: House, member: Member, folder: Path, starters: Path
) -> None:
    text = await said(member.invoke("admin doctor"))
    assert text.startswith("## What the doctor finds\n")
    assert "/complete" in text
    assert "store" in text
    assert str(folder) not in text
    assert str(starters) not in text
    assert own_house.playground.token not in text


def _published(house: House) -> int:
    """How often commands were published."""
    entries = house.playground.panel.inspector.entries
    return sum(entry.title.startswith("PUT ") for entry in entries)
