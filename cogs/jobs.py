"""What was asked before: job show, job explain, job again; and what is remembered: privacy."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui import buttons, privacy
from bot.ui.handling import noted

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]
JOB = "The id in small print below an answer, such as 1f2e3d4c"


class Jobs(commands.Cog):
    """Commands about answers that were given, and about what is kept of them."""

    job = app_commands.Group(name="job", description="An answer that was given before.")
    privacy = app_commands.Group(
        name="privacy", description="What this bot remembers of you.",
    )  # fmt: skip

    def __init__(self, bot: Menagerie) -> None:
        self.answering = bot.answering
        self.archive = bot.service.archive
        self.rules = bot.service.rules
        self.gallery = bot.service.gallery
        self.arena = bot.service.arena

    @job.command()
    @app_commands.describe(id=JOB)
    async def show(self, interaction: Interaction, id: str) -> None:
        """Tell what was asked, of which model; or give an answer that could not be delivered."""
        await buttons.show(interaction, id.strip("` "))

    @job.command()
    @app_commands.describe(id=JOB)
    async def explain(self, interaction: Interaction, id: str) -> None:
        """Tell what happened to it: how long it waited, where and how it ran, what was cut off."""
        await buttons.explain(interaction, id.strip("` "))

    @job.command(name="again")
    @app_commands.describe(id=JOB)
    async def repeat(self, interaction: Interaction, id: str) -> None:
        """Give the same answer again: the same words, model and seed."""
        await buttons.again(interaction, id.strip("` "))

    @privacy.command(name="show")
    async def told(self, interaction: Interaction) -> None:
        """Tell what is kept of you, and for how long."""
        await interaction.response.defer(ephemeral=True)
        text = privacy.summary(*await self.archive.count_of(interaction.user.id), self.archive.days)
        await interaction.followup.send(text, ephemeral=True)

    @privacy.command()
    async def export(self, interaction: Interaction) -> None:
        """Get all that is kept of you as a file."""
        await interaction.response.defer(ephemeral=True)
        kept = self.archive.kept_of(interaction.user.id)
        jobs = await self.archive.jobs_of(interaction.user.id)
        likings = self.rules.of_member(interaction.user.id)
        others = await self.gallery.of_member(interaction.user.id)
        others["answers not delivered"] = await self.archive.owed_to(interaction.user.id)
        others |= await self.arena.of_member(interaction.user.id)
        limit = interaction.filesize_limit
        name, data = await privacy.export(kept, jobs, likings, others, limit)
        await interaction.followup.send(file=discord.File(io.BytesIO(data), name), ephemeral=True)

    @privacy.command()
    async def delete(self, interaction: Interaction) -> None:
        """Delete all that is kept of you, now."""
        await interaction.response.defer(ephemeral=True)
        count = await self.archive.forget(interaction.user.id)
        await self.rules.forget_member(interaction.user.id)
        await self.gallery.forget(interaction.user.id)
        await self.arena.forget(interaction.user.id)
        await interaction.followup.send(privacy.deleted(count), ephemeral=True)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        """Forget an answer whose message is gone, so that no conversation has it."""
        noted(self.answering)
        await self.archive.gone([gone.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, gone: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget the answers among many messages that a moderator deleted."""
        noted(self.answering)
        await self.archive.gone(gone.message_ids)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, gone: discord.RawThreadDeleteEvent) -> None:
        """Forget what was asked and answered in a thread that is gone."""
        noted(self.answering)
        await self.archive.gone([], gone.thread_id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Forget what was asked and answered in a channel that is gone; its threads go alike."""
        noted(self.answering)
        await self.archive.gone([], channel.id)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Jobs(bot))
