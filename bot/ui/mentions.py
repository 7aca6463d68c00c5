"""Messages that are meant for the bot: they mention it, reply to its answers, or come directly.

Discord shows it what these say, and of all other messages nothing: it asks for no such right. A
message can't be answered where only one person sees it, and so what is refused goes after a while.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord
import structlog

from bot.errors import BotError, Sentence, UserError
from bot.locales import say, with_language
from bot.tasks.text_to_text import AnswerQuestion
from bot.ui.answer import pursue
from bot.ui.asking import Typed, wished
from bot.ui.attachments import TEXT_ENDINGS, read_text
from bot.ui.callers import caller_of_message
from bot.ui.destination import Posted
from bot.ui.handling import noted
from bot.ui.refusals import UNREACHABLE
from bot.ui.replies import apology

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.tasks.caller import Caller

REFUSED_FOR_S = 60.0  # what is refused in a channel is of use to one person only
FOLLOWED = re.compile(r"job:follow:([0-9a-f]{8})")

log = structlog.get_logger("answer")

NOTHING_ASKED = Sentence("Write your question behind my name. `/help` tells what else I can do.")
NO_WORDS = Sentence(
    "In a message that is meant for me I read words and .txt or .md files. For a picture, right "
    "click on the message and choose *Apps*."
)
NOT_IN_PRIVATE = Sentence(
    "You have set that you alone see your answers, and a message is answered for all to see. Type "
    "`/ask`, or change that with `/preferences private`."
)


@dataclass(frozen=True, slots=True)
class Meant:
    """What somebody asks the bot in a message, and the job of the answer that it replies to."""

    question: str
    follows: str | None


async def hear(client: Menagerie, message: discord.Message) -> None:
    """Answer a message that is meant for the bot and may be; leave all others alone."""
    assert client.user is not None
    meant = meaning(message, client.user.id)
    if meant is None:
        return
    locale = client.tongues.of(message.author.id, message.guild)
    caller = await caller_of_message(message, locale)
    rules = client.service.rules
    if not rules.of_guild(caller.guild_id).mentions or rules.refused(caller, "ask") is not None:
        return  # those who manage the server want it silent here
    with_language(locale)
    noted(client.answering)
    structlog.contextvars.bind_contextvars(message=str(message.id))
    await _answer(client, message, caller, meant)


def meaning(message: discord.Message, me: int) -> Meant | None:
    """Return what a message asks the bot; ``None`` where it is not meant for it.

    It is where a person writes the bot's name or replies with a ping to an answer that can be
    followed up. In direct messages every text is.

    Args:
        message: As the gateway gave it.
        me: The bot's id.
    """
    plain = message.type in (discord.MessageType.default, discord.MessageType.reply)
    if not plain or message.author.bot or message.webhook_id is not None:
        return None  # so two bots never talk to each other
    name = re.compile(rf"<@!?{me}>")
    follows = _followed(message, me)
    named = name.search(message.content) is not None
    replies = follows is not None and any(user.id == me for user in message.mentions)
    text = name.sub(" ", message.content)
    for user in message.mentions:
        text = re.sub(rf"<@!?{user.id}>", f"@{user.display_name}", text)
    text = text.strip()
    direct = message.guild is None and bool(text)
    return Meant(text, follows) if named or replies or direct else None


def _followed(message: discord.Message, me: int) -> str | None:
    """Return the job of the answer that a message replies to, if it can be followed up."""
    answer = message.reference and message.reference.resolved
    if not isinstance(answer, discord.Message) or answer.author.id != me:
        return None
    buttons = (
        child.custom_id or ""
        for row in answer.components
        for child in getattr(row, "children", ())
        if isinstance(child, discord.Button)
    )
    found = (FOLLOWED.fullmatch(button) for button in buttons)
    return next((each[1] for each in found if each is not None), None)


async def _answer(
    client: Menagerie, message: discord.Message, caller: Caller, meant: Meant
) -> None:
    """Answer in reply to the message, or say why not."""
    service, posted = client.service, None
    try:
        if caller.guild_id is not None and service.rules.of_member(caller.user_id).private:
            raise UserError(NOT_IN_PRIVATE)
        request, model = await _request(client, message, caller, meant)
        wish = wished((), service.rules, caller, request, Typed(model, None, None))
        service.check(wish.request, wish.model, caller)
        posted = await _reply(message, say("At work…"))
        await pursue(Posted(posted), service, caller, wish, message.created_at)
    except UNREACHABLE as error:  # it may not write here, or the message is gone
        log.warning("message not answered", error=str(error))
    except Exception as error:  # nothing above this shows it to the member
        await _refuse(message, posted, error)


async def _request(
    client: Menagerie, message: discord.Message, caller: Caller, meant: Meant
) -> tuple[AnswerQuestion, str | None]:
    """Return what is asked, and the model that answered before.

    Raises:
        UserError: Nothing is asked, or it cannot be read or followed up.
    """
    archive = client.service.archive
    if not all(file.filename.lower().endswith(TEXT_ENDINGS) for file in message.attachments):
        raise UserError(NO_WORDS)
    if not meant.question:
        raise UserError(NOTHING_ASKED)
    context = "\n\n".join([await read_text(file) for file in message.attachments]) or None
    if context is not None:
        return AnswerQuestion(question=meant.question, context=context), None
    if meant.follows is None:
        turns = await archive.turns_in(caller)
        return AnswerQuestion(question=meant.question, turns=turns), None
    turns, model = await archive.turns_after(meant.follows, caller)
    return AnswerQuestion(question=meant.question, turns=turns), model


async def _reply(
    message: discord.Message, text: str, delete_after: float | None = None
) -> discord.Message:
    """Reply to a message, also if it is gone meanwhile; it pings nobody."""
    return await message.channel.send(
        text,
        reference=message.to_reference(fail_if_not_exists=False),
        allowed_mentions=discord.AllowedMentions.none(),
        delete_after=delete_after,  # type: ignore[arg-type]  # as the library has it
    )


async def _refuse(
    message: discord.Message, posted: discord.Message | None, error: Exception
) -> None:
    """Say what went wrong and what to do; what nobody foresaw goes into the log."""
    reference = secrets.token_hex(4)
    if not isinstance(error, BotError):
        log.error("message not answered", reference=reference, exc_info=error)
    text = apology(error, reference)
    gone_after_s = REFUSED_FOR_S if message.guild is not None else None
    try:
        if posted is None:
            await _reply(message, text, gone_after_s)
        else:
            await posted.edit(content=text, attachments=[], view=None, delete_after=gone_after_s)
    except UNREACHABLE as unreachable:
        log.warning("member not told", error=str(unreachable))
