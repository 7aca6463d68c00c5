"""What lives in the menagerie, and how it is: models and status."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui import fetching, keeping, upkeep
from bot.ui.cards import card
from bot.ui.choices import absent_model_choices, any_model_choices, here_model_choices
from bot.ui.replies import model_list, status_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.client import Menagerie
    from bot.service import Keeping, Model

Interaction = discord.Interaction["Menagerie"]


class Models(commands.Cog):
    """Commands about the models themselves."""

    model = app_commands.Group(
        name="model", description="One model: what it is; bring it here, wake it, put it away."
    )

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

    @model.command()
    @app_commands.describe(model="Which model")
    @app_commands.autocomplete(model=any_model_choices)
    async def info(self, interaction: discord.Interaction, model: str) -> None:
        """Tell what a model is: its licence, size, languages, limits, and whether it is here."""
        text = card(self.service.stock.known(model))
        await interaction.response.send_message(text, ephemeral=True)

    @model.command()
    @app_commands.describe(
        model="Which model",
        accept_licence="Accept its licence, where it asks for that, for everybody who uses the bot",
    )
    @app_commands.autocomplete(model=absent_model_choices)
    async def fetch(
        self,
        interaction: discord.Interaction[Menagerie],
        model: str,
        accept_licence: bool = False,
    ) -> None:
        """Bring a model's files onto the bot's machine, or mend them: for those who run the bot."""
        await fetching.require_operator(interaction)
        fetch = self.service.stock.fetch(model, accept_licence=accept_licence)
        await fetching.show(interaction, fetch)

    @model.command()
    @app_commands.describe(model="Which model")
    @app_commands.autocomplete(model=here_model_choices)
    async def load(self, interaction: Interaction, model: str) -> None:
        """Wake a model, so that the next answer is quick: for those who run the bot."""
        await self._keep(interaction, model, keeping.load)

    @model.command()
    @app_commands.describe(model="Which model")
    @app_commands.autocomplete(model=here_model_choices)
    async def unload(self, interaction: Interaction, model: str) -> None:
        """Put a model out of memory: for those who run the bot."""
        await self._keep(interaction, model, keeping.unload)

    @model.command()
    @app_commands.describe(model="Which model", pinned="Whether it stays")
    @app_commands.autocomplete(model=here_model_choices)
    async def pin(self, interaction: Interaction, model: str, pinned: bool = True) -> None:
        """Let a model stay in memory once it is there: for those who run the bot."""
        await self._keep(interaction, model, partial(keeping.pin, wanted=pinned))

    @model.command()
    async def reload(self, interaction: Interaction) -> None:
        """Read the catalogue again after its file has changed: for those who run the bot."""
        await fetching.require_operator(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        text = await upkeep.catalogue_reloaded(interaction.client.upkeep)
        await interaction.followup.send(text, ephemeral=True)

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """List what you have asked and is not answered yet."""
        everything = await interaction.client.is_operator(interaction.user)
        jobs = self.service.queue.of(None if everything else interaction.user.id)
        text = keeping.queue_list(jobs, named=everything)
        await interaction.response.send_message(text, ephemeral=True)

    async def _keep(
        self, interaction: Interaction, typed: str, deed: Callable[[Keeping | None, Model], str]
    ) -> None:
        """Do something to a model in memory, and tell what came of it."""
        await fetching.require_operator(interaction)
        model = self.service.present(typed)
        text = deed(self.service.keeping, model)
        await interaction.response.send_message(text, ephemeral=True)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Models(bot))
