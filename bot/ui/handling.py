"""What everything that members set off has around it: the client waits for it, errors are told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bot.locales import with_language
from bot.ui.refusals import refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import discord


def noted(answering: set[asyncio.Task[Any]]) -> None:
    """Let the client know of this work, so that it is not cut off when the bot closes."""
    task = asyncio.current_task()
    assert task is not None
    answering.add(task)
    task.add_done_callback(answering.discard)


@asynccontextmanager
async def handled(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Do what a button, a list or a form asks for, in the member's language.

    The client waits for it before it closes; an error becomes a sentence for the one who pressed.
    """
    noted(interaction.client.answering)
    with_language(interaction.locale.value)
    try:
        yield
    except Exception as error:  # nothing above this shows it to the member
        await refuse(interaction, error)
