"""Shows a fetch in a message, from its beginning to its end, and owns its *Stop* button."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import discord
import structlog

from bot.errors import UserError
from bot.locales import say
from bot.service import Fetched, NotFetched, Stopped
from bot.ui.cards import progress
from bot.ui.limits import CONTENT, clip
from bot.ui.refusals import UNREACHABLE
from bot.ui.views import CancelView

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.service import End, Fetch

EDIT_EVERY_S = 2.0
SHOWN_S = 14 * 60.0  # Discord lets a reply be edited for fifteen minutes

log = structlog.get_logger("fetching")


async def require_operator(interaction: discord.Interaction[Menagerie]) -> None:
    """Refuse those who do not run the bot.

    Raises:
        UserError: With who may.
    """
    if not await interaction.client.is_operator(interaction.user):
        raise UserError(
            "Only those who run this bot may do that: the owners of its application, and whom its "
            "configuration names, [discord] operators."
        )


async def show(interaction: discord.Interaction[Menagerie], fetch: Fetch) -> None:
    """Show a fetch to the one who asked, alone, until it ends or the reply can't be edited.

    The fetch goes on without a reply: this only watches it.
    """
    task = asyncio.current_task()
    assert task is not None
    interaction.client.answering.add(task)
    task.add_done_callback(interaction.client.answering.discard)
    await interaction.response.defer(thinking=True, ephemeral=True)
    view = CancelView(interaction.user.id, fetch.stop)
    loop = asyncio.get_running_loop()
    until, shown = loop.time() + SHOWN_S, ""
    while (end := await fetch.wait(EDIT_EVERY_S if shown else 0.0)) is None:
        if loop.time() > until:
            break
        text = progress(fetch.model, fetch.newest)
        if text != shown:
            await _edit(interaction, text, view)
            shown = text
    view.stop()
    await _edit(interaction, _last(fetch, end), None)


def _last(fetch: Fetch, end: End | None) -> str:
    """Return what the message says in the end."""
    model = fetch.model
    match end:
        case Fetched():
            tasks = ", ".join(f"/{task}" for task in model.tasks)
            return say(
                "**{model}** is here, every file as it should be. It can do {tasks} now.",
                model=model.title,
                tasks=tasks,
            )
        case Stopped():
            return say(
                "The fetch of **{model}** was stopped. What had come is kept: "
                "`/model fetch model:{id}` goes on from there.",
                model=model.title,
                id=model.id,
            )
        case NotFetched(reason=reason):
            return reason
    return say(
        "**{model}** is still being fetched; this message can't be changed any longer. "
        "`/model info model:{id}` tells how far it is.",
        model=model.title,
        id=model.id,
    )


async def _edit(
    interaction: discord.Interaction[Menagerie], text: str, view: discord.ui.View | None
) -> None:
    """Change the message; where that fails, the fetch matters more."""
    try:
        with contextlib.suppress(discord.NotFound):  # dismissed
            await interaction.edit_original_response(content=clip(text, CONTENT), view=view)
    except UNREACHABLE as error:
        log.warning("fetch not shown", error=str(error))
