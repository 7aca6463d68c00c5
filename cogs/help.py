"""What the bot can do: help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui import help as told
from bot.ui.choices import matching

if TYPE_CHECKING:
    from bot.client import Menagerie


class Help(commands.Cog):
    """The command that tells of the others."""

    def __init__(self, bot: Menagerie) -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.describe(command="One command, to be told more of it")
    async def help(
        self, interaction: discord.Interaction[Menagerie], command: str | None = None
    ) -> None:
        """Tell what the bot can do, and how to ask for it."""
        tree, ids = self.bot.tree, await self.bot.command_ids()
        if command is None:
            await interaction.response.send_message(told.overview(tree, ids), ephemeral=True)
            return
        text, portrait = told.page(tree, command, ids), told.portrait(tree, command)
        files = [] if portrait is None else [portrait]
        await interaction.response.send_message(text, files=files, ephemeral=True)

    @help.autocomplete("command")
    async def choose(
        self, _: discord.Interaction[Menagerie], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Return the commands whose names hold what was typed."""
        known = told.commands(self.bot.tree)
        return matching(((told.title(each), each.qualified_name) for each in known), typed)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Help(bot))
