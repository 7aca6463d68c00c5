"""Films to watch next: recommend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.tasks.recommend import RecommendFilms
from bot.ui.answer import answer
from bot.ui.choices import film_choices, left_out_choices, model_choices
from bot.ui.options import MODEL, PRIVATE

if TYPE_CHECKING:
    from bot.client import Menagerie


class Recommend(commands.Cog):
    """Commands whose answer is what somebody may like."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    @app_commands.describe(
        liked="Films you have seen, with stars from 1 to 5: Alien 5, Casablanca 4",
        without="Films to leave out: Heat; Fargo",
        model=MODEL,
        private=PRIVATE,
    )
    @app_commands.autocomplete(
        liked=film_choices, without=left_out_choices, model=model_choices("recommend")
    )
    async def recommend(
        self,
        interaction: discord.Interaction[Menagerie],
        liked: str,
        without: str | None = None,
        model: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Name films that you may like, from those you have seen."""
        request = RecommendFilms(liked=liked, without=without)
        await answer(interaction, self.service, request, model=model)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Recommend(bot))
