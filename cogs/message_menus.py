"""What a right click on a message offers: read, translate, summarize, sentiment, and more.

Discord's library allows five; the fifth opens a list of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.ui import errands

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]


class MessageMenus(commands.Cog):
    """Commands that one finds by a right click on a message."""

    def __init__(self, bot: Menagerie) -> None:
        self.bot = bot
        self.menus = [
            app_commands.ContextMenu(name=name, callback=callback)
            for name, callback in (
                ("Read text", self.read_text),
                ("Translate", self.translate),
                ("Summarize", self.summarize),
                ("Sentiment", self.sentiment),
                ("More…", self.more),
            )
        ]

    async def cog_load(self) -> None:
        """Add the menus to the tree."""
        for menu in self.menus:
            self.bot.tree.add_command(menu)

    async def cog_unload(self) -> None:
        """Take them out again."""
        for menu in self.menus:
            self.bot.tree.remove_command(menu.name, type=menu.type)

    async def read_text(self, interaction: Interaction, message: discord.Message) -> None:
        """Read the text in a message's picture."""
        await errands.begin(interaction, message, "read")

    async def translate(self, interaction: Interaction, message: discord.Message) -> None:
        """Translate a message, or the text in its picture, into the reader's language."""
        await errands.begin(interaction, message, "translate")

    async def summarize(self, interaction: Interaction, message: discord.Message) -> None:
        """Say a long message, or the text in its picture, in a few sentences."""
        await errands.begin(interaction, message, "summarize")

    async def sentiment(self, interaction: Interaction, message: discord.Message) -> None:
        """Tell whether a message sounds pleased."""
        await errands.begin(interaction, message, "sentiment")

    async def more(self, interaction: Interaction, message: discord.Message) -> None:
        """Offer what else can be done with a message."""
        await errands.begin(interaction, message, "more")


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(MessageMenus(bot))
