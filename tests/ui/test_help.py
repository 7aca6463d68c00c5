"""What the bot tells of its commands: all of them, with examples that can be typed."""

from __future__ import annotations

import discord
import pytest

from bot.client import Menagerie
from bot.errors import UserError
from bot.locales.collect import commanding
from bot.ui import help as told
from bot.ui.limits import CONTENT


@pytest.fixture
async def bot() -> Menagerie:
    return await commanding()


async def test_every_command_stands_in_one_section(bot: Menagerie) -> None:
    roots = [root for section in told.SECTIONS for root in section.commands]
    known = {c.root_parent.name if c.root_parent else c.name for c in told.commands(bot.tree)}
    assert sorted(roots) == sorted(known)


async def test_the_overview_names_every_command_in_one_message(bot: Menagerie) -> None:
    ids = {command.name: 10**18 + n for n, command in enumerate(bot.tree.get_commands())}
    text = told.overview(bot.tree, ids)
    assert len(text) <= CONTENT
    assert not text.endswith("…")
    for command in told.commands(bot.tree):
        clicked = f"</{command.qualified_name}:{ids[text_root(command.qualified_name)]}>"
        assert clicked in text or f"`{command.name}`" in text
    for command in bot.tree.get_commands(type=discord.AppCommandType.chat_input):
        assert f":{ids[command.name]}>" in text


def text_root(name: str) -> str:
    return name.partition(" ")[0]


async def test_a_page_tells_every_option_and_an_example_that_fits(bot: Menagerie) -> None:
    for command in told.commands(bot.tree):
        text = told.page(bot.tree, command.qualified_name, {})
        assert len(text) <= CONTENT
        names = [parameter.display_name for parameter in command.parameters]
        assert all(f"`{name}`" in text for name in names)
        example = told.EXAMPLES.get(command.qualified_name, "")
        typed = [piece.partition(":")[0] for piece in example.split() if ":" in piece]
        assert set(typed) <= set(names), command.qualified_name
        needed = {p.display_name for p in command.parameters if p.required}
        assert needed <= set(typed), command.qualified_name


async def test_a_command_is_found_with_a_slash_and_in_capitals(bot: Menagerie) -> None:
    assert told.find(bot.tree, " /Job  Show ").qualified_name == "job show"


async def test_an_unknown_command_is_refused_with_the_nearest(bot: Menagerie) -> None:
    with pytest.raises(UserError) as caught:
        told.find(bot.tree, "imagin")
    assert str(caught.value) == (
        "There is no command 'imagin'. Did you mean 'imagine'? `/help` lists them all."
    )
