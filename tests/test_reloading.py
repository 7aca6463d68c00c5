"""Cogs are loaded anew while the real client runs: what is published, kept, told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import discord
import pytest
import structlog
from structlog.testing import capture_logs

import cogs
from bot.catalogue.catalogue import Catalogue
from bot.client import Menagerie
from bot.metrics import Metrics
from bot.playground.member import Member
from bot.playground.redirect import redirected
from bot.playground.server import Playground
from bot.playground.world import GUILD_ID
from bot.reloading import CogBroken, watch
from bot.service import Service
from bot.store.store import Store
from tests.fakes import FakeExecutor
from tests.openapi import Judge

COG = """
import discord
from discord import app_commands
from discord.ext import commands


class {kind}(commands.Cog):
    def __init__(self, bot):
        self.bot = bot

    @app_commands.command(description="{description}")
    async def {command}(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("{says}")


async def setup(bot):
    await bot.add_cog({kind}(bot))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cogs' folder, empty."""
    made = tmp_path / "cogs"
    made.mkdir()
    monkeypatch.setattr(cogs, "__path__", [str(made)])
    return made


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Write the cog `parrot`, or another, anew."""

    def write(
        says: str = "hello", command: str = "parrot", about: str = "Says it", name: str = "parrot"
    ) -> Path:
        path = folder / f"{name}.py"
        kind = name.title()
        path.write_text(COG.format(kind=kind, description=about, command=command, says=says))
        return path

    return write


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    judge = Judge()
    async with Playground(observers=[judge]) as made:
        with redirected(made.address):
            yield made
    judge.verdict()


@contextlib.asynccontextmanager
async def online(
    playground: Playground, state: Path, *, test_guild: int = 0, watch_cogs: bool = False
) -> AsyncIterator[Menagerie]:
    """A bot that knows no model, with the cogs that are in the folder."""
    async with Store.opened(state / "menagerie.db") as store:
        service = Service(
            catalogue=Catalogue([]), executor=FakeExecutor(), store=store, metrics=Metrics(),
            is_present=lambda _: False, is_supported=lambda _: False, preferred=lambda _: "",
        )  # fmt: skip
        client = Menagerie(service, synced=None, test_guild=test_guild, watch_cogs=watch_cogs)
        serving = asyncio.create_task(client.start(playground.token))
        identified = asyncio.create_task(playground.gateway.identified.wait())
        await asyncio.wait({serving, identified}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield client
        await client.close()
        await serving


@pytest.fixture
async def client(
    playground: Playground, tmp_path: Path, write: Callable[..., Path]
) -> AsyncIterator[Menagerie]:
    write()
    async with online(playground, tmp_path) as client:
        yield client


@pytest.fixture
async def member(playground: Playground) -> AsyncIterator[Member]:
    async with Member(playground.address) as member:
        yield member


def published(playground: Playground) -> int:
    """How often commands were published."""
    return sum(entry.title.startswith("PUT ") for entry in playground.panel.inspector.entries)


async def names(member: Member) -> set[str]:
    return {command["name"] for command in await member.commands()}


async def test_a_cog_answers_anew_and_nothing_is_published_that_is_the_same(
    client: Menagerie, playground: Playground, member: Member, write: Callable[..., Path]
) -> None:
    assert (await (await member.invoke("parrot")).settled())["content"] == "hello"
    write("salut")  # as long as before, and in the same second
    await client.reload("parrot")
    assert (await (await member.invoke("parrot")).settled())["content"] == "salut"
    assert published(playground) == 1
    write(about="Says it again")
    await client.reload("parrot")
    assert published(playground) == 2
    assert [c["description"] for c in await member.commands()] == ["Says it again"]


async def test_a_cog_comes_and_goes(
    client: Menagerie, playground: Playground, member: Member, write: Callable[..., Path]
) -> None:
    path = write("new here", "visitor", name="visitor")
    await client.reload("visitor")
    assert await names(member) == {"parrot", "visitor"}
    path.unlink()
    await client.reload("visitor")
    assert await names(member) == {"parrot"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import discord\n\ndef setup(bot:\n", 3, "'(' was never closed"),
        ("x = 1\ny = x / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("import nothing_of_this_name\n", 1, "ModuleNotFoundError: No module named"),
        ("x = 1\n", None, "there is no `async def setup(bot)` in it"),
        ("async def setup(bot):\n    await bot.nothing()\n", 2, "AttributeError: "),
    ],
)
async def test_a_broken_cog_leaves_the_old_one_and_says_where(
    client: Menagerie, member: Member, write: Callable[..., Path],
    text: str, line: int | None, message: str,
) -> None:  # fmt: skip
    path = write()
    path.write_text(text)
    with pytest.raises(CogBroken) as told:
        await client.reload("parrot")
    assert told.value.file == str(path)
    assert told.value.message.startswith(message)
    assert line is None or told.value.line == line
    assert (await (await member.invoke("parrot")).settled())["content"] == "hello"
    write("mended")
    await client.reload("parrot")
    assert (await (await member.invoke("parrot")).settled())["content"] == "mended"


async def test_commands_that_discord_refuses_are_published_once_they_are_mended(
    client: Menagerie, playground: Playground, member: Member, write: Callable[..., Path]
) -> None:
    write("mute", about="")
    with pytest.raises(discord.HTTPException, match="Must be between 1 and 100 in length"):
        await client.reload("parrot")
    assert [c["description"] for c in await member.commands()] == ["Says it"]
    write("mended", about="Says it well")
    await client.reload("parrot")
    assert [c["description"] for c in await member.commands()] == ["Says it well"]
    assert (await (await member.invoke("parrot")).settled())["content"] == "mended"


async def test_a_new_cog_that_is_broken_is_none(client: Menagerie, folder: Path) -> None:
    (folder / "odd.py").write_text("(")
    with pytest.raises(CogBroken, match="never closed"):
        await client.reload("odd")
    assert set(client.extensions) == {"cogs.parrot"}
    with pytest.raises(CogBroken, match="could not be loaded or found"):
        await client.reload("nobody")


async def test_in_a_test_guild_too(
    playground: Playground, tmp_path: Path, member: Member, write: Callable[..., Path]
) -> None:
    path = write()
    async with online(playground, tmp_path, test_guild=GUILD_ID) as client:
        write("salut", "macaw")
        await client.reload("parrot")
        assert await names(member) == {"macaw"}
        path.write_text("(")
        with pytest.raises(CogBroken):
            await client.reload("parrot")
        assert (await (await member.invoke("macaw")).settled())["content"] == "salut"


@pytest.mark.alone
async def test_a_change_is_in_the_palette_within_two_seconds(
    playground: Playground, tmp_path: Path, member: Member, write: Callable[..., Path]
) -> None:
    heard: list[dict[str, object]] = []
    take_in = member._take_in
    member._take_in = lambda event: (heard.append(event), take_in(event))[1]  # type: ignore[method-assign]
    write()
    async with online(playground, tmp_path, watch_cogs=True):
        heard.clear()
        began = time.monotonic()
        write("new", "macaw")
        await member.until(lambda: {"type": "commands"} in heard, 5)
        assert time.monotonic() - began < 2.0
        assert await names(member) == {"macaw"}
        assert (await (await member.invoke("macaw")).settled())["content"] == "new"


async def test_the_log_says_what_became_of_each_change(folder: Path) -> None:
    def stamped(name: str, time_s: int) -> None:
        (folder / name).write_text("")
        os.utime(folder / name, (time_s, time_s))

    stamped("good.py", 1)
    stamped("bad.py", 1)
    stamped("_private.py", 1)
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def reload(cog: str) -> None:
        asked.put_nowait(cog)
        if cog == "bad":
            raise CogBroken("cogs/bad.py", 7, "it is bad")

    structlog.reset_defaults()
    with capture_logs() as told:
        watching = asyncio.create_task(watch(folder, reload, every_s=0.01))
        await asyncio.sleep(0.02)
        for name in ("good.py", "bad.py", "_private.py", "note.txt"):
            stamped(name, 2)
        assert {await asked.get(), await asked.get()} == {"good", "bad"}
        (folder / "good.py").unlink()
        assert await asked.get() == "good"
        watching.cancel()
    assert asked.empty()
    reloaded = [(line["event"], line["cog"]) for line in told]
    assert sorted(reloaded[:2]) == [("cog not reloaded", "bad"), ("cog reloaded", "good")]
    (bad,) = (line for line in told if line["cog"] == "bad")
    assert (bad["file"], bad["line"], bad["message"]) == ("cogs/bad.py", 7, "it is bad")
