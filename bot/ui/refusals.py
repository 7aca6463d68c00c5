"""Where an error becomes a sentence for the one who asked, and nobody else."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

import aiohttp
import discord
import structlog

from bot.errors import BotError
from bot.ui.replies import apology

UNREACHABLE = (discord.HTTPException, aiohttp.ClientError, OSError)

log = structlog.get_logger("client")


async def refuse(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Tell the one who asked alone what went wrong and what to do."""
    await tell(interaction, explained(error))


def explained(error: Exception) -> str:
    """Return what a member is told of an error; what nobody foresaw goes into the log."""
    reference = secrets.token_hex(4)
    if not isinstance(error, BotError):
        log.error("command failed", reference=reference, exc_info=error)
    return apology(error, reference)


async def tell(interaction: discord.Interaction[Any], text: str) -> None:
    """Say something to the one who asked alone, whatever state the interaction is in."""
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=True)
            return
        # a deferred reply that everyone can see makes way for one that only they can
        with contextlib.suppress(discord.NotFound):
            await interaction.delete_original_response()
        await interaction.followup.send(text, ephemeral=True)
    except UNREACHABLE as error:
        log.warning("member not told", interaction=interaction.id, error=str(error))
