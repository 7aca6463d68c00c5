"""What a server likes best: gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.errors import UserError
from bot.locales import say
from bot.ui.gallery import wall
from bot.ui.handling import noted

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]


class Gallery(commands.Cog):
    """Commands about answers that members starred."""

    gallery = app_commands.Group(
        name="gallery", description="Answers that members of this server starred.", guild_only=True
    )

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service
        self.answering = bot.answering

    @gallery.command()
    @app_commands.describe(sort="Which come first")
    async def show(self, interaction: Interaction, sort: Literal["best", "new"] = "best") -> None:
        """Show what hangs in the gallery of this server."""
        newest = sort == "new"
        exhibits = await self.service.gallery.exhibits(interaction.guild_id or 0, newest=newest)
        text, view = wall(exhibits, 0, newest=newest)
        await interaction.response.send_message(text, view=view, ephemeral=True)

    @gallery.command()
    @app_commands.describe(id="The id in small print below an answer, such as 1f2e3d4c")
    async def remove(self, interaction: Interaction, id: str) -> None:
        """Take an answer of yours down; moderators can take down any."""
        job_id = id.strip("` ")
        exhibits = await self.service.gallery.exhibits(interaction.guild_id or 0)
        found = next((each for each in exhibits if each.job_id == job_id), None)
        if found is None:
            raise UserError("No answer with this id hangs here. `/gallery show` tells the ids.")
        mine = found.user_id == interaction.user.id
        if not mine and not interaction.permissions.manage_messages:
            raise UserError("Only the person who hung this, or a moderator, can take it down.")
        await self.service.gallery.take_down(job_id)
        await interaction.response.send_message(say("It is taken down."), ephemeral=True)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        """Take down an answer whose message a moderator deleted, or anybody without our button."""
        noted(self.answering)
        await self.service.gallery.message_gone(gone.message_id)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Gallery(bot))
