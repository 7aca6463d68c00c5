"""What a message that somebody points at holds: its text, its pictures; the text in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from bot.errors import Sentence, UserError
from bot.locales import say
from bot.tasks.image_to_text import LinesResult, ReadText
from bot.tasks.text_to_text import Summarize, TextResult, Translate
from bot.ui.answer import Staged
from bot.ui.attachments import PICTURE_ENDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.service import Answered
    from bot.tasks.registry import AnyRequest

NO_PICTURE = Sentence(
    "There is no picture in this message. Point at one with a PNG, JPEG, WebP or GIF."
)
NO_TEXT = Sentence("There is neither a text nor a picture in this message. Point at another one.")
NOTHING_READ = Sentence("I can find no text in this picture. Point at a message with a text.")
GONE = Sentence("The message is gone, and its picture with it. Point at another one.")


@dataclass(frozen=True, slots=True)
class Found:
    """The text of a message, perhaps empty, and its pictures."""

    text: str
    pictures: tuple[discord.Attachment, ...]


def found_in(message: discord.Message) -> Found:
    """Look into a message, then what it forwards, then what it replies to."""
    texts: list[str | None] = []
    pictures: list[discord.Attachment] = []
    for part in _parts(message):
        texts.append(part.content)
        texts += [text for embed in part.embeds for text in (embed.title, embed.description)]
        pictures += [a for a in part.attachments if a.filename.lower().endswith(PICTURE_ENDINGS)]
    own = [text.strip() for text in texts if text and text.strip()]
    return Found(own[0] if own else "", tuple(pictures))


def digest(text: str, language: str) -> Staged:
    """Return what has a text translated and goes on to sum it up in that language.

    Args:
        text: The text.
        language: A code, such as ``de``.
    """

    def made(answered: Answered) -> AnyRequest:
        translation = answered.result
        if not isinstance(translation, TextResult) or not translation.text:
            raise UserError(NO_TEXT)
        return Summarize(text=translation.text)

    heading = say("First the text is translated.")
    return Staged(first=Translate(text=text, to=language), heading=heading, then=made)


async def reading(
    picture: discord.Attachment, then: Callable[[str], AnyRequest | Staged]
) -> Staged:
    """Return what has the text in a picture read, by the model that `/ocr` asks, and goes on.

    Raises:
        UserError: The message was deleted meanwhile.
    """

    def made(answered: Answered) -> AnyRequest | Staged:
        page = answered.result
        if not isinstance(page, LinesResult) or not page.lines:
            raise UserError(NOTHING_READ)
        return then(page.text)

    request = ReadText(image=await read_picture(picture))
    return Staged(first=request, heading=say("First the text in the picture is read."), then=made)


async def read_picture(picture: discord.Attachment) -> bytes:
    """Return the bytes of a picture in a message.

    Raises:
        UserError: The message was deleted meanwhile.
    """
    try:
        return await picture.read()
    except discord.NotFound:
        raise UserError(GONE) from None


def _parts(message: discord.Message) -> Iterator[discord.Message | discord.MessageSnapshot]:
    yield message
    yield from message.message_snapshots
    answered = message.reference and message.reference.resolved
    if isinstance(answered, discord.Message):
        yield answered
