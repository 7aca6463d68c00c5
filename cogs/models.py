"""What lives in the menagerie, and how it is: models and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui.replies import model_list, status_line

if TYPE_CHECKING:
    from bot.client import Menagerie


class Models(commands.Cog):
    """Commands about the models themselves."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    async def models(self, interaction: discord.Interaction) -> None:
        """List the models that are here, and what each can do."""
        text = model_list(self.service.all_models())
        await interaction.response.send_message(text, ephemeral=True)

    @app_commands.command()
    async def status(self, interaction: discord.Interaction) -> None:
        """Tell how busy the menagerie is."""
        text = status_line(self.service.status())
        await interaction.response.send_message(text, ephemeral=True)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Models(bot))
