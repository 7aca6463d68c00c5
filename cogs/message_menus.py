"""What a right click on a message offers: read, translate, summarize, sentiment, and more.

Discord's library allows five; the fifth opens a list of the rest.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.errors import Sentence, UserError
from bot.locales import say, told
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.image_to_text import DescribePicture, ReadText
from bot.tasks.languages import find
from bot.tasks.recommend import RecommendFilms
from bot.tasks.styles import STYLES
from bot.tasks.text_to_text import (
    AnswerQuestion,
    ClassifySentiment,
    CompleteText,
    FillMask,
    Summarize,
    Translate,
)
from bot.ui.answer import answer, caller_of
from bot.ui.attachments import check_picture
from bot.ui.picking import TextModal, pick
from bot.ui.sources import NO_PICTURE, NO_TEXT, Found, found_in, read_picture, text_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import Menagerie
    from bot.tasks.registry import AnyRequest

Interaction = discord.Interaction["Menagerie"]

MORE = {
    "complete": Sentence("Continue its text"),
    "ask": Sentence("Ask a question about its text"),
    "fill": Sentence("Fill the hole in its text"),
    "describe": Sentence("Describe its picture"),
    "restyle": Sentence("Repaint its picture"),
    "films": Sentence("Recommend films like those it names"),
}


class MessageMenus(commands.Cog):
    """Commands that one finds by a right click on a message."""

    def __init__(self, bot: Menagerie) -> None:
        self.bot = bot
        self.service = bot.service
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
        await self._of_picture(interaction, found_in(message), lambda data: ReadText(image=data))

    async def translate(self, interaction: Interaction, message: discord.Message) -> None:
        """Translate a message, or the text in its picture, into the reader's language."""
        language = find(interaction.locale.value)
        to = "en" if language is None else language.code
        await self._of_text(interaction, message, lambda text: Translate(text=text, to=to))

    async def summarize(self, interaction: Interaction, message: discord.Message) -> None:
        """Say a long message, or the text in its picture, in a few sentences."""
        await self._of_text(interaction, message, lambda text: Summarize(text=text))

    async def sentiment(self, interaction: Interaction, message: discord.Message) -> None:
        """Tell whether a message sounds pleased."""
        await self._of_text(interaction, message, lambda text: ClassifySentiment(text=text))

    async def more(self, interaction: Interaction, message: discord.Message) -> None:
        """Offer what else can be done with a message."""
        deeds = {deed: told(sentence) for deed, sentence in MORE.items()}
        question = say("What shall be done with it?")
        await pick(interaction, question, deeds, partial(self._do, message))

    async def _do(self, message: discord.Message, interaction: Interaction, deed: str) -> None:
        found = found_in(message)
        match deed:
            case "complete":
                await self._of_text(interaction, message, lambda text: CompleteText(prompt=text))
            case "fill":
                await self._of_text(interaction, message, lambda text: FillMask(text=text))
            case "ask":
                then = partial(self._ask, message)
                modal = TextModal(say("Ask about this message"), say("Your question"), then)
                await interaction.response.send_modal(modal)
            case "describe":
                await self._of_picture(interaction, found, lambda d: DescribePicture(image=d))
            case "restyle":
                _need_picture(found)
                styles = {style: style for style in STYLES}
                question = say("In which style?")
                await pick(interaction, question, styles, partial(self._restyle, found))
            case "films":
                await self._of_text(interaction, message, lambda text: RecommendFilms(liked=text))

    async def _ask(self, message: discord.Message, interaction: Interaction, asked: str) -> None:
        await self._of_text(
            interaction, message, lambda text: AnswerQuestion(question=asked, context=text)
        )

    async def _restyle(self, found: Found, interaction: Interaction, style: str) -> None:
        await self._of_picture(
            interaction, found, lambda data: RestylePicture(image=data, style=style)
        )

    async def _of_text(
        self,
        interaction: Interaction,
        message: discord.Message,
        request: Callable[[str], AnyRequest],
    ) -> None:
        """Answer a request made of a message's text; without any, of that in its picture."""
        found = found_in(message)
        if found.text:
            await answer(interaction, self.service, request(found.text))
            return
        if not found.pictures:
            raise UserError(NO_TEXT)

        async def read(picture: discord.Attachment) -> AnyRequest:
            return request(await text_of(picture, self.service, caller_of(interaction)))

        await self._with_picture(interaction, found, read)

    async def _of_picture(
        self, interaction: Interaction, found: Found, request: Callable[[bytes], AnyRequest]
    ) -> None:
        """Answer a request made of a message's picture."""

        async def read(picture: discord.Attachment) -> AnyRequest:
            return request(await read_picture(picture))

        await self._with_picture(interaction, found, read)

    async def _with_picture(
        self,
        interaction: Interaction,
        found: Found,
        request: Callable[[discord.Attachment], Awaitable[AnyRequest]],
    ) -> None:
        """Go on with the only picture, or with the one that is picked."""
        _need_picture(found)

        async def chosen(interaction: Interaction, number: str) -> None:
            picture = found.pictures[int(number)]
            check_picture(picture)
            await answer(interaction, self.service, partial(request, picture))

        if len(found.pictures) == 1:
            await chosen(interaction, "0")
            return
        names = {str(n): f"{n + 1}. {p.filename}" for n, p in enumerate(found.pictures)}
        await pick(interaction, say("Which picture?"), names, chosen)


def _need_picture(found: Found) -> None:
    if not found.pictures:
        raise UserError(NO_PICTURE)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(MessageMenus(bot))
