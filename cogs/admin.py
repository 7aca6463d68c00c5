"""For those who run the bot, while it runs: admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui import upkeep
from bot.ui.choices import matching
from bot.ui.fetching import require_operator

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]


class Admin(commands.Cog):
    """Commands that look after the bot itself."""

    admin = app_commands.Group(name="admin", description="The bot itself: for those who run it.")

    @admin.command()
    @app_commands.describe(cog="Which file of commands, such as recommend")
    async def reload(self, interaction: Interaction, cog: str) -> None:
        """Load a cog anew after its file has changed: for those who run the bot."""
        await require_operator(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        text = await upkeep.reloaded(interaction.client, cog)
        await interaction.followup.send(text, ephemeral=True)

    @reload.autocomplete("cog")
    async def cog_choices(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the cogs that are loaded."""
        return matching(((name, name) for name in upkeep.cog_names(interaction.client)), typed)

    @admin.command()
    async def doctor(self, interaction: Interaction) -> None:
        """Look at everything the bot needs, and tell what is wrong: for those who run the bot."""
        await require_operator(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        text = await upkeep.examined(interaction.client.upkeep)
        await interaction.followup.send(text, ephemeral=True)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Admin())
