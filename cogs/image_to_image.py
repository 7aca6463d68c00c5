"""Pictures in, pictures out: restyle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.tasks.image_to_image import RestylePicture
from bot.tasks.styles import STYLES
from bot.ui.answer import answer
from bot.ui.attachments import check_picture
from bot.ui.choices import matching, model_choices, preset_choices
from bot.ui.options import MODEL, PRESET, PRIVATE

if TYPE_CHECKING:
    from bot.client import Menagerie


class ImageToImage(commands.Cog):
    """Commands whose answer is a picture made from a picture."""

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @app_commands.command()
    @app_commands.describe(
        image="The picture to repaint",
        style="One of the styles that the model has learnt",
        style_image="Or any picture whose style you like",
        model=MODEL,
        preset=PRESET,
        private=PRIVATE,
    )
    @app_commands.autocomplete(model=model_choices("restyle"), preset=preset_choices("restyle"))
    async def restyle(
        self,
        interaction: discord.Interaction[Menagerie],
        image: discord.Attachment,
        style: str | None = None,
        style_image: discord.Attachment | None = None,
        model: str | None = None,
        preset: str | None = None,
        private: bool | None = None,
    ) -> None:
        """Repaint a picture in another style."""

        async def request() -> RestylePicture:
            sample = None if style_image is None else await style_image.read()
            return RestylePicture(image=await image.read(), style=style, style_image=sample)

        check_picture(image)
        if style_image is not None:
            check_picture(style_image)
        await answer(interaction, self.service, request, model=model, preset=preset)

    @restyle.autocomplete("style")
    async def style_choices(
        self, _: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the styles by name."""
        return matching(((name, name) for name in STYLES), typed)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(ImageToImage(bot))
