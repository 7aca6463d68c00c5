"""Conversations: what was asked and answered before, in a thread or by *Follow up*."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.errors import UserError
from bot.locales import say
from bot.tasks.text_to_text import AnswerQuestion
from bot.ui.answer import answer
from bot.ui.callers import caller_of
from bot.ui.picking import TextModal
from bot.ui.writing import given

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import Menagerie
    from bot.tasks.text_to_text import Turn

    Press = discord.Interaction[Menagerie]


async def question_of(
    interaction: Press,
    question: str,
    context: str | None,
    file: discord.Attachment | None,
    follows: str | None,
) -> AnswerQuestion | Callable[[], Awaitable[AnswerQuestion]]:
    """Return a question with its context, or with what was said before it; a file is read later.

    Raises:
        UserError: The answer that it follows cannot be followed up.
    """
    turns = await turns_before(interaction, follows, has_context=bool(context or file))

    async def read() -> AnswerQuestion:
        return AnswerQuestion(question=question, context=await given(context, file))

    ready = AnswerQuestion(question=question, context=context, turns=turns)
    return ready if file is None else read


async def turns_before(
    interaction: Press, follows: str | None, *, has_context: bool
) -> tuple[Turn, ...]:
    """Return the conversation that a question belongs to: that of its thread, or of an answer.

    Args:
        interaction: Of the one who asks.
        follows: The id of an answer to go on from.
        has_context: Whether the question is about a text, and so about no conversation.

    Raises:
        UserError: The answer cannot be followed up.
    """
    archive, caller = interaction.client.service.archive, caller_of(interaction)
    if follows is None:
        return () if has_context else await archive.turns_in(caller)
    if has_context:
        raise UserError("Give a context, or an answer to go on from with `follows`; not both.")
    turns, _ = await archive.turns_after(follows.strip("` "), caller)
    return turns


async def follow_up(interaction: Press, job_id: str) -> None:
    """Ask for another question, and answer it with the conversation up to here in mind."""
    service = interaction.client.service
    turns, model = await service.archive.turns_after(job_id, caller_of(interaction))

    async def ask(asked: Press, question: str) -> None:
        await answer(asked, service, AnswerQuestion(question=question, turns=turns), model=model)

    form = TextModal(say("Follow up"), say("What do you want to know?"), ask, long=True)
    await interaction.response.send_modal(form)
