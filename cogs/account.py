"""What somebody likes and has used: preferences and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.locales import say
from bot.ui import settings
from bot.ui.choices import command_choices, task_model_choices

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.service import Likings

Interaction = discord.Interaction["Menagerie"]


class Account(commands.Cog):
    """Commands about oneself."""

    preferences = app_commands.Group(name="preferences", description="What you like.")

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service
        self.rules = bot.service.rules

    @app_commands.command()
    async def usage(self, interaction: Interaction) -> None:
        """Tell how much of the machine's time you have used, and what is left."""
        await interaction.response.defer(ephemeral=True)
        mine = await self.service.quotas.of_member(interaction.user.id)
        lines = [settings.use_line(say("You"), mine)]
        if interaction.guild_id and interaction.permissions.manage_guild:
            ours = await self.service.quotas.of_guild(interaction.guild_id)
            lines.append(settings.use_line(say("This server"), ours))
        await interaction.followup.send("\n".join(lines), ephemeral=True)

    @preferences.command()
    async def show(self, interaction: Interaction) -> None:
        """Show what you have chosen."""
        text = settings.likings_card(self.rules.of_member(interaction.user.id))
        await interaction.response.send_message(text, ephemeral=True)

    @preferences.command()
    @app_commands.describe(
        command="Which command", model="Which model; without it, the choice is taken back"
    )
    @app_commands.autocomplete(command=command_choices, model=task_model_choices)
    async def model(self, interaction: Interaction, command: str, model: str | None = None) -> None:
        """Choose the model that a command asks where you name none."""
        task = settings.require_command(command)
        chosen = None if model is None else self.service.check_model(task, model).id
        before = self.rules.of_member(interaction.user.id)
        likings = before.replaced(models=settings.with_choice(before.models, task, chosen))
        await self._set(interaction, likings)

    @preferences.command()
    @app_commands.describe(on="Whether you alone see the answers, until you share them")
    async def private(self, interaction: Interaction, on: bool) -> None:
        """Choose who sees the answers to what you ask in servers."""
        before = self.rules.of_member(interaction.user.id)
        await self._set(interaction, before.replaced(private=on))

    async def _set(self, interaction: Interaction, likings: Likings) -> None:
        """Note what somebody likes, and show it."""
        await self.rules.set_member(interaction.user.id, likings)
        text = f"{say('That is set.')}\n{settings.likings_card(likings)}"
        await interaction.response.send_message(text, ephemeral=True)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Account(bot))
