"""Pictures in, texts out: ocr, describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.tasks.image_to_text import DescribePicture, ReadText
from bot.ui.answer import answer
from bot.ui.attachments import check_picture
from bot.ui.choices import model_choices, preset_choices
from bot.ui.options import MODEL, PRESET, PRIVATE

if TYPE_CHECKING:
    from bot.client import Menagerie


class ImageToText(commands.Cog):
    """Commands whose answer is a text about a picture."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    @app_commands.describe(
        image="A picture with text in it",
        overlay="Send the picture back too, its lines framed and numbered",
        model=MODEL,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("ocr"), preset=preset_choices("ocr"))
    async def ocr(
        self,
        interaction: discord.Interaction[Menagerie],
        image: discord.Attachment,
        overlay: bool = False,
        model: str | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Read the text in a picture."""

        async def request() -> ReadText:
            return ReadText(image=await image.read(), overlay=overlay)

        check_picture(image)
        await answer(interaction, self.service, request, model=model, preset=preset)

    @app_commands.command()
    @app_commands.describe(image="The picture to describe", model=MODEL, private=PRIVATE)
    @app_commands.autocomplete(model=model_choices("describe"))
    async def describe(
        self,
        interaction: discord.Interaction[Menagerie],
        image: discord.Attachment,
        model: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Say in a sentence what a picture shows, for those who can't see it."""

        async def request() -> DescribePicture:
            return DescribePicture(image=await image.read())

        check_picture(image)
        await answer(interaction, self.service, request, model=model)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(ImageToText(bot))
