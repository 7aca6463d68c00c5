"""What was asked before: job show, job again; and what is remembered: privacy."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui import buttons, privacy

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
        self.archive = bot.service.archive
        self.rules = bot.service.rules
        self.gallery = bot.service.gallery
        self.arena = bot.service.arena

    @job.command()
    @app_commands.describe(id=JOB)
    async def show(self, interaction: Interaction, id: str) -> None:
        """Tell what was asked, of which model, with which seed."""
        await buttons.show(interaction, id.strip("` "))

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
        name, data = await privacy.export(kept, jobs, likings, interaction.filesize_limit)
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


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Jobs(bot))
