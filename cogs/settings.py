"""What a server allows: settings, for those who manage it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.locales import say
from bot.ui import settings
from bot.ui.choices import any_model_choices, command_choices, task_model_choices

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]
Channel = discord.TextChannel | discord.VoiceChannel
ALLOWED = "Whether it may be used"
ANSWERED = "Whether I answer"


class Settings(commands.Cog):
    """Commands for those who manage a server: what is allowed in it."""

    settings = app_commands.Group(
        name="settings",
        description="What this bot may do in this server.",
        guild_only=True,
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service
        self.rules = bot.service.rules

    @settings.command()
    async def show(self, interaction: Interaction) -> None:
        """Show all rules of this server."""
        guild_id = settings.require_manager(interaction)
        text = settings.rules_card(self.rules.of_guild(guild_id))
        await interaction.response.send_message(text, ephemeral=True)

    @settings.command()
    @app_commands.describe(command="Which command", allowed=ALLOWED)
    @app_commands.autocomplete(command=command_choices)
    async def command(self, interaction: Interaction, command: str, allowed: bool) -> None:
        """Switch a command on or off in this server."""
        guild_id = settings.require_manager(interaction)
        off = self.rules.of_guild(guild_id).tasks_off
        task = settings.require_command(command)
        await self._set(interaction, tasks_off=settings.changed(off, task, inside=not allowed))

    @settings.command()
    @app_commands.describe(
        only="Whether age-restricted channels are the only ones in which it is answered",
        command="Which command; without it, all that make pictures",
    )
    @app_commands.autocomplete(command=command_choices)
    async def nsfw(self, interaction: Interaction, only: bool, command: str | None = None) -> None:
        """Keep a command to age-restricted channels, or let it everywhere."""
        kept = self.rules.of_guild(settings.require_manager(interaction)).tasks_adult
        tasks = settings.tasks_of(command)
        await self._set(interaction, tasks_adult=kept | tasks if only else kept - tasks)

    @settings.command()
    @app_commands.describe(model="Which model", allowed=ALLOWED)
    @app_commands.autocomplete(model=any_model_choices)
    async def model(self, interaction: Interaction, model: str, allowed: bool) -> None:
        """Switch a model on or off in this server."""
        guild_id = settings.require_manager(interaction)
        off = self.rules.of_guild(guild_id).models_off
        known = self.service.stock.known(model).model
        await self._set(interaction, models_off=settings.changed(off, known.id, inside=not allowed))

    @settings.command()
    @app_commands.describe(channel="Which channel", answers=ANSWERED, only="And in no other")
    async def channel(
        self, interaction: Interaction, channel: Channel, answers: bool, only: bool = False
    ) -> None:
        """Say in which channels I answer."""
        rules = self.rules.of_guild(settings.require_manager(interaction))
        among = settings.changed(rules.channels_only, channel.id, inside=answers and only)
        off = settings.changed(rules.channels_off, channel.id, inside=not answers)
        await self._set(interaction, channels_only=among, channels_off=off)

    @settings.command()
    @app_commands.describe(role="Which role", answers=ANSWERED)
    async def role(self, interaction: Interaction, role: discord.Role, answers: bool) -> None:
        """Say whether I answer those who have a role."""
        off = self.rules.of_guild(settings.require_manager(interaction)).roles_off
        await self._set(interaction, roles_off=settings.changed(off, role.id, inside=not answers))

    @settings.command()
    @app_commands.describe(member="Which member", answers=ANSWERED)
    async def member(self, interaction: Interaction, member: discord.User, answers: bool) -> None:
        """Say whether I answer a member."""
        off = self.rules.of_guild(settings.require_manager(interaction)).members_off
        gone = settings.changed(off, member.id, inside=not answers)
        await self._set(interaction, members_off=gone)

    @settings.command()
    @app_commands.describe(
        command="Which command",
        model="Which model; without it, the choice is taken back",
        channel="In this channel only",
    )
    @app_commands.autocomplete(command=command_choices, model=task_model_choices)
    async def default(
        self,
        interaction: Interaction,
        command: str,
        model: str | None = None,
        channel: Channel | None = None,
    ) -> None:
        """Choose the model that a command asks where nobody names one."""
        rules = self.rules.of_guild(settings.require_manager(interaction))
        task = settings.require_command(command)
        chosen = None if model is None else self.service.check_model(task, model).id
        if channel is None:
            await self._set(interaction, models=settings.with_choice(rules.models, task, chosen))
            return
        there = settings.with_choice(rules.channel_models.get(channel.id, {}), task, chosen)
        await self._set(interaction, channel_models={**rules.channel_models, channel.id: there})

    @settings.command()
    @app_commands.describe(hidden="Whether pictures are hidden until somebody clicks on them")
    async def spoilers(self, interaction: Interaction, hidden: bool) -> None:
        """Hide pictures, or show them."""
        settings.require_manager(interaction)
        await self._set(interaction, spoilers=hidden)

    @settings.command()
    @app_commands.describe(answers=ANSWERED)
    async def mentions(self, interaction: Interaction, answers: bool) -> None:
        """Say whether I answer messages that mention me or reply to my answers."""
        settings.require_manager(interaction)
        await self._set(interaction, mentions=answers)

    async def _set(self, interaction: Interaction, **changes: Any) -> None:
        """Change rules, and show them all as they are now."""
        guild_id = settings.require_manager(interaction)
        rules = self.rules.of_guild(guild_id).replaced(**changes)
        await self.rules.set_guild(guild_id, rules)
        text = f"{say('That is set.')}\n{settings.rules_card(rules)}"
        await interaction.response.send_message(text, ephemeral=True)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Settings(bot))
