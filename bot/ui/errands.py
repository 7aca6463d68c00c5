"""What can be done with a message that somebody points at, and what is asked on the way there.

The questions (what to do, which picture, which style) know the message and the deed by their ids,
so that they can be answered after a restart too, where the bot may still read the message.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import discord
from discord.ui import DynamicItem, Item, Select

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
from bot.ui.answer import Staged, answer
from bot.ui.attachments import check_picture
from bot.ui.handling import handled
from bot.ui.limits import CHOICE, CHOICES, clip
from bot.ui.picking import TextModal
from bot.ui.refusals import UNREACHABLE
from bot.ui.sources import NO_PICTURE, NO_TEXT, digest, found_in, read_picture, reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.client import Menagerie
    from bot.tasks.registry import AnyRequest

    Press = discord.Interaction[Menagerie]

MORE = {
    "complete": Sentence("Continue its text"),
    "ask": Sentence("Ask a question about its text"),
    "digest": Sentence("Translate its text, and summarize that"),
    "fill": Sentence("Fill the hole in its text"),
    "describe": Sentence("Describe its picture"),
    "restyle": Sentence("Repaint its picture"),
    "films": Sentence("Recommend films like those it names"),
}
OF_PICTURES = frozenset({"read", "describe", "restyle"})
TOO_OLD = Sentence(
    "I was restarted since this was asked, and I cannot read the message any more. Point at it "
    "again."
)
REMEMBERED = 200  # messages that were pointed at, and questions that were written about them


class Pointed:
    """The messages that people pointed at of late: Discord shows each to the bot only then."""

    def __init__(self) -> None:
        self._messages: OrderedDict[int, discord.Message] = OrderedDict()
        self._asides: OrderedDict[str, str] = OrderedDict()

    def note(self, message: discord.Message) -> None:
        """Remember a message; the oldest makes room."""
        _put(self._messages, message.id, message)

    async def message(
        self, interaction: Press, channel_id: int, message_id: int
    ) -> discord.Message:
        """Return a message, remembered or fetched anew.

        Raises:
            UserError: It is neither remembered nor to be read.
        """
        if (known := self._messages.get(message_id)) is not None:
            return known
        channel = interaction.client.get_partial_messageable(
            channel_id, guild_id=interaction.guild_id
        )
        try:
            message = await channel.fetch_message(message_id)
        except UNREACHABLE:
            raise UserError(TOO_OLD) from None
        found = found_in(message)
        if not found.text and not found.pictures:  # what others write is withheld from the bot
            raise UserError(TOO_OLD)
        self.note(message)
        return message

    def aside(self, key: str, text: str) -> str:
        """Remember what somebody wrote; return the key to it."""
        _put(self._asides, key, text)
        return key

    def written(self, key: str) -> str:
        """Return what somebody wrote.

        Raises:
            UserError: It is not remembered.
        """
        if key not in self._asides:
            raise UserError(TOO_OLD)
        return self._asides[key]


async def begin(interaction: Press, message: discord.Message, deed: str, aside: str = "") -> None:
    """Do something with a message, or ask first what, with which picture, in which style.

    Args:
        interaction: To be answered.
        message: What somebody points at.
        deed: What is to be done: one of :data:`MORE`, ``more``, or a menu of its own.
        aside: The style, or the key to the question that was asked about it.
    """
    interaction.client.pointed.note(message)
    match deed:
        case "more":
            deeds = {name: told(sentence) for name, sentence in MORE.items()}
            await _ask(interaction, message, say("What shall be done with it?"), "more", deeds)
        case "ask" if not aside:
            then = partial(_asked, message)
            modal = TextModal(say("Ask about this message"), say("Your question"), then)
            await interaction.response.send_modal(modal)
        case "restyle" if not aside:
            if not found_in(message).pictures:
                raise UserError(NO_PICTURE)
            styles = {style: style for style in STYLES}
            await _ask(interaction, message, say("In which style?"), "style", styles)
        case _:
            await _do(interaction, message, deed, aside)


async def _asked(message: discord.Message, interaction: Press, question: str) -> None:
    aside = interaction.client.pointed.aside(str(interaction.id), question)
    await _do(interaction, message, "ask", aside)


async def _do(interaction: Press, message: discord.Message, deed: str, aside: str) -> None:
    """Answer a request made of a message's text or picture; of several pictures, ask which."""
    found = found_in(message)
    if deed not in OF_PICTURES and found.text:
        wanted = _of_text(interaction, deed, aside, found.text)

        async def staged() -> AnyRequest | Staged:
            return wanted

        request = staged if isinstance(wanted, Staged) else wanted
        await answer(interaction, interaction.client.service, request)
        return
    if not found.pictures:
        raise UserError(NO_PICTURE if deed in OF_PICTURES else NO_TEXT)
    if len(found.pictures) == 1:
        await _with(interaction, found.pictures[0], deed, aside)
        return
    names = {str(n): f"{n + 1}. {p.filename}" for n, p in enumerate(found.pictures)}
    what = f"{deed}/{aside}" if aside else deed
    await _ask(interaction, message, say("Which picture?"), f"picture/{what}", names)


async def _with(interaction: Press, picture: discord.Attachment, deed: str, aside: str) -> None:
    """Answer a request made of a picture, or of the text in it."""
    check_picture(picture)
    service = interaction.client.service
    if deed not in OF_PICTURES:
        then = partial(_of_text, interaction, deed, aside)
        await answer(interaction, service, partial(reading, picture, then))
        return

    async def request() -> AnyRequest:
        return _of_picture(deed, aside, await read_picture(picture))

    await answer(interaction, service, request)


def _of_text(interaction: Press, deed: str, aside: str, text: str) -> AnyRequest | Staged:
    match deed:
        case "translate" | "digest":
            language = find(interaction.locale.value)
            to = "en" if language is None else language.code
            return digest(text, to) if deed == "digest" else Translate(text=text, to=to)
        case "summarize":
            return Summarize(text=text)
        case "sentiment":
            return ClassifySentiment(text=text)
        case "fill":
            return FillMask(text=text)
        case "ask":
            question = interaction.client.pointed.written(aside)
            return AnswerQuestion(question=question, context=text)
        case "films":
            return RecommendFilms(liked=text)
    return CompleteText(prompt=text)


def _of_picture(deed: str, aside: str, data: bytes) -> AnyRequest:
    match deed:
        case "describe":
            return DescribePicture(image=data)
        case "restyle":
            return RestylePicture(image=data, style=aside)
    return ReadText(image=data)


async def _ask(
    interaction: Press,
    message: discord.Message,
    question: str,
    what: str,
    choices: Mapping[str, str],
) -> None:
    """Ask for one of the choices, key -> label, where only the one who pointed sees it."""
    options = [
        discord.SelectOption(label=clip(label, CHOICE), value=key)
        for key, label in list(choices.items())[:CHOICES]
    ]
    view = discord.ui.View(timeout=None)
    view.add_item(Question(what, message.channel.id, message.id, options))
    view.stop()  # it is recognised by its id
    await interaction.response.send_message(question, view=view, ephemeral=True)


class Question(
    DynamicItem[Select[Any]],
    template=r"ask:(?P<what>[^:]{1,50}):(?P<channel>[0-9]{1,20}):(?P<message>[0-9]{1,20})",
):
    """Asks what to do with a message, which of its pictures is meant, or in which style."""

    def __init__(
        self,
        what: str,
        channel_id: int,
        message_id: int,
        options: list[discord.SelectOption] | None = None,
    ) -> None:
        super().__init__(
            Select(
                custom_id=f"ask:{what}:{channel_id}:{message_id}",
                options=options or [discord.SelectOption(label="-")],
            )
        )
        self._what = what
        self._channel_id = channel_id
        self._message_id = message_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], item: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a list in which something was picked."""
        assert isinstance(item, Select)
        return cls(match["what"], int(match["channel"]), int(match["message"]), item.options)

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Go on with what was picked."""
        async with handled(interaction):
            pointed: Pointed = interaction.client.pointed
            message = await pointed.message(interaction, self._channel_id, self._message_id)
            await _go_on(interaction, message, self._what, self.item.values[0])


async def _go_on(interaction: Press, message: discord.Message, what: str, picked: str) -> None:
    kind, _, deed = what.partition("/")
    if kind == "more":
        await begin(interaction, message, picked)
    elif kind == "style":
        await begin(interaction, message, "restyle", picked)
    else:
        name, _, aside = deed.partition("/")
        pictures = found_in(message).pictures
        if int(picked) >= len(pictures):
            raise UserError(TOO_OLD)
        await _with(interaction, pictures[int(picked)], name, aside)


def _put(memory: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
