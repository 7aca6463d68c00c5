"""Words in, pictures out: imagine and conjure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.tasks.text_to_image import (
    LEAST_TRUNCATION,
    MOST_CANDIDATES,
    MOST_PICTURES,
    MOST_TRUNCATION,
    ConjurePicture,
    ImaginePicture,
)
from bot.ui.answer import answer
from bot.ui.choices import model_choices, preset_choices, thing_choices
from bot.ui.options import MODEL, PRESET, PRIVATE, SEED, Seed

if TYPE_CHECKING:
    from bot.client import Menagerie

Truncation = app_commands.Range[float, LEAST_TRUNCATION, MOST_TRUNCATION]
Pictures = app_commands.Range[int, 1, MOST_PICTURES]
Candidates = app_commands.Range[int, 1, MOST_CANDIDATES]


class TextToImage(commands.Cog):
    """Commands whose answer is a picture made from words."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    @app_commands.describe(
        prompt="What the picture should show",
        count="How many pictures, to choose among",
        near="Seed and number of a picture of the same words, such as 7/2: keep its upper part",
        model=MODEL,
        seed=SEED,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("imagine"), preset=preset_choices("imagine"))
    async def imagine(
        self,
        interaction: discord.Interaction[Menagerie],
        prompt: str,
        count: Candidates | None = None,
        near: str = "",
        model: str | None = None,
        seed: Seed | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Draw what a sentence describes."""
        request = ImaginePicture(prompt=prompt, count=count, near=near)
        await answer(interaction, self.service, request, model=model, seed=seed, preset=preset)

    @app_commands.command()
    @app_commands.describe(
        what="A thing by its name, such as lion; or two: cat + car",
        truncation="Low is likely and alike, high is varied and odd; in steps of 0.02",
        count="How many pictures, to choose among",
        walk="One picture that moves from thing to thing, or through several of one kind",
        near="The seed of a picture, as it stands in small print: draw others like it",
        model=MODEL,
        seed=SEED,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.autocomplete(
        what=thing_choices, model=model_choices("conjure"), preset=preset_choices("conjure")
    )
    async def conjure(
        self,
        interaction: discord.Interaction[Menagerie],
        what: str,
        truncation: Truncation | None = None,
        count: Pictures = 1,
        walk: bool = False,
        near: str = "",
        model: str | None = None,
        seed: Seed | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Draw a thing by the name of its kind."""
        request = ConjurePicture(
            what=what, truncation=truncation, count=count, near=near, walk=walk
        )
        await answer(interaction, self.service, request, model=model, seed=seed, preset=preset)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(TextToImage(bot))
