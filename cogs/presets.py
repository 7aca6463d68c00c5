"""Options of a command under a name: preset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot import presets
from bot.locales import say
from bot.ui.callers import caller_of
from bot.ui.choices import command_choices, option_choices, task_preset_choices
from bot.ui.presets import Shelf, card
from bot.ui.settings import require_command

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]
Channel = discord.TextChannel | discord.VoiceChannel
Typed = app_commands.Range[str, 1, 300]
COMMAND = "Of which command"
SERVER = "For everybody in this server; for those who manage it"


class Presets(commands.Cog):
    """Commands about options that are kept under a name."""

    preset = app_commands.Group(
        name="preset", description="Options of a command, kept under a name."
    )

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service
        self.rules = bot.service.rules

    @preset.command()
    @app_commands.describe(
        command=COMMAND,
        name="Its name; one of that name is replaced",
        options="Such as temperature:1.2 max_tokens:80, or a whole command as Info shows it",
        server=SERVER,
    )
    @app_commands.autocomplete(command=command_choices, options=option_choices)
    async def save(
        self,
        interaction: Interaction,
        command: str,
        name: app_commands.Range[str, 1, 40],
        options: Typed,
        server: bool = False,
    ) -> None:
        """Keep options of a command under a name."""
        task = require_command(command)
        shelf = Shelf(interaction, self.rules, server=server)
        kept = dict(presets.parsed(task, options))
        if "model" in kept:
            kept["model"] = self.service.check_model(task, str(kept["model"])).id
        await shelf.put(task, presets.named(name), kept)
        await self._show(interaction)

    @preset.command()
    async def show(self, interaction: Interaction) -> None:
        """Show your presets, and those of this server."""
        text = card(self.rules, interaction)
        await interaction.response.send_message(text, ephemeral=True)

    @preset.command()
    @app_commands.describe(
        command=COMMAND,
        preset="Which preset; without it, none is usual any more",
        server=SERVER,
        channel="In this channel only; with server",
    )
    @app_commands.autocomplete(command=command_choices, preset=task_preset_choices)
    async def usual(
        self,
        interaction: Interaction,
        command: str,
        preset: str | None = None,
        server: bool = False,
        channel: Channel | None = None,
    ) -> None:
        """Choose the preset that counts where nobody names one."""
        task = require_command(command)
        shelf = Shelf(interaction, self.rules, server=server)
        if preset is not None:
            preset = presets.named(preset)
            shelf.check(caller_of(interaction), task, preset)
        await shelf.let_be_usual(task, preset, None if channel is None else channel.id)
        await self._show(interaction)

    @preset.command()
    @app_commands.describe(command=COMMAND, preset="Which preset", server=SERVER)
    @app_commands.autocomplete(command=command_choices, preset=task_preset_choices)
    async def delete(
        self, interaction: Interaction, command: str, preset: str, server: bool = False
    ) -> None:
        """Let a preset go."""
        shelf = Shelf(interaction, self.rules, server=server)
        await shelf.drop(require_command(command), presets.named(preset))
        await self._show(interaction)

    async def _show(self, interaction: Interaction) -> None:
        text = f"{say('That is set.')}\n{card(self.rules, interaction)}"
        await interaction.response.send_message(text, ephemeral=True)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Presets(bot))
