"""What a server likes best: gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.locales import say
from bot.ui.gallery import take_down, wall
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
        text, view = wall(exhibits, 0, newest=newest, viewer=interaction)
        await interaction.response.send_message(text, view=view, ephemeral=True)

    @gallery.command()
    @app_commands.describe(id="The id in small print below an answer, such as 1f2e3d4c")
    async def remove(self, interaction: Interaction, id: str) -> None:
        """Take an answer of yours down; moderators can take down any."""
        await take_down(interaction, id.strip("` "))
        await interaction.response.send_message(say("It is taken down."), ephemeral=True)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        """Take down an answer whose message a moderator deleted, or anybody without our button."""
        noted(self.answering)
        await self.service.gallery.gone([gone.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, gone: discord.RawBulkMessageDeleteEvent) -> None:
        """Take down answers among many messages that a moderator deleted."""
        noted(self.answering)
        await self.service.gallery.gone(gone.message_ids)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, gone: discord.RawThreadDeleteEvent) -> None:
        """Take down what hung of a thread that is gone."""
        noted(self.answering)
        await self.service.gallery.gone([], gone.thread_id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Take down what hung of a channel that is gone."""
        noted(self.answering)
        await self.service.gallery.gone([], channel.id)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Gallery(bot))
