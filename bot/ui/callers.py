"""Who asks, and where: what the rest of the house knows of an interaction."""

from __future__ import annotations

import discord

from bot.tasks.caller import Caller


def caller_of(interaction: discord.Interaction) -> Caller:
    """Return who asked, as plain data."""
    channel = getattr(interaction, "channel", None)
    thread = channel if isinstance(channel, discord.Thread) else None
    return Caller(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        thread_id=None if thread is None else interaction.channel_id,
        parent_id=None if thread is None else thread.parent_id,
        locale=interaction.locale.value,
        roles=tuple(role.id for role in getattr(interaction.user, "roles", ())),
        adults=is_for_adults(channel),
    )


def is_for_adults(channel: object) -> bool:
    """Say whether a channel is age-restricted; direct messages, and what is not known, are not."""
    ask = getattr(channel, "is_nsfw", None)
    return bool(ask and ask())
