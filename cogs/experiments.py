"""The same question to several models or seeds: compare."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui.callers import caller_of
from bot.ui.choices import compared_model_choices
from bot.ui.comparing import MOST, compare, entrants, request_of
from bot.ui.options import PRIVATE

if TYPE_CHECKING:
    from bot.client import Menagerie

MODEL = "A model to compare; without two of them, one is asked with several seeds"
Seeds = app_commands.Range[int, 2, MOST]
SEED_BITS = 16  # short to type again


class Experiments(commands.Cog):
    """Commands that try models against each other."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    @app_commands.describe(
        task="What they are asked to do",
        prompt="What all of them are given",
        first=MODEL,
        second=MODEL,
        third=MODEL,
        seeds="With one model: how many seeds",
        private=PRIVATE,
    )
    @app_commands.autocomplete(
        first=compared_model_choices, second=compared_model_choices, third=compared_model_choices
    )
    async def compare(
        self,
        interaction: discord.Interaction[Menagerie],
        task: Literal["complete", "ask", "imagine", "conjure"],
        prompt: str,
        first: str | None = None,
        second: str | None = None,
        third: str | None = None,
        seeds: Seeds = 2,
        private: bool | None = None,
    ) -> None:
        """Put the answers of several models, or with several seeds, side by side."""
        ready = [model.id for model in self.service.ready_models(task, caller_of(interaction))]
        seed = secrets.randbits(SEED_BITS)
        who = entrants(ready, (first, second, third), seeds, seed)
        await compare(interaction, self.service, request_of(task, prompt), who)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Experiments(bot))
