"""Who asks, and where: what the rest of the house knows of an interaction."""

from __future__ import annotations

from collections import OrderedDict

import discord

from bot.tasks.caller import Caller

REMEMBERED = 10_000  # people whose language is known


class Tongues:
    """The languages in which people read Discord, as their last commands told: messages do not."""

    def __init__(self) -> None:
        self._locales: OrderedDict[int, str] = OrderedDict()

    def note(self, user_id: int, locale: str) -> None:
        """Remember somebody's language; whoever was heard of longest ago makes room."""
        self._locales[user_id] = locale
        self._locales.move_to_end(user_id)
        if len(self._locales) > REMEMBERED:
            self._locales.popitem(last=False)

    def of(self, user_id: int, guild: discord.Guild | None) -> str:
        """Return somebody's language; that of the server where it is not known."""
        otherwise = discord.Locale.british_english if guild is None else guild.preferred_locale
        return self._locales.get(user_id, otherwise.value)


def caller_of(interaction: discord.Interaction) -> Caller:
    """Return who asked, as plain data."""
    return _caller(
        interaction.user,
        interaction.guild_id,
        interaction.channel_id,
        getattr(interaction, "channel", None),
        interaction.locale.value,
    )


async def caller_of_message(message: discord.Message, locale: str) -> Caller:
    """Return who wrote a message, as plain data; they read ``locale``.

    Raises:
        discord.HTTPException: The channel is not known, and may not be looked up.
    """
    channel: object = message.channel
    if isinstance(channel, discord.PartialMessageable) and message.guild is not None:
        channel = await message.guild.fetch_channel(channel.id)  # rules hang on what it is
    guild_id = None if message.guild is None else message.guild.id
    return _caller(message.author, guild_id, message.channel.id, channel, locale)


def _caller(
    user: discord.abc.User,
    guild_id: int | None,
    channel_id: int | None,
    channel: object,
    locale: str,
) -> Caller:
    thread = channel if isinstance(channel, discord.Thread) else None
    return Caller(
        user_id=user.id,
        guild_id=guild_id,
        channel_id=channel_id,
        thread_id=None if thread is None else channel_id,
        parent_id=None if thread is None else thread.parent_id,
        locale=locale,
        roles=tuple(role.id for role in getattr(user, "roles", ())),
        adults=is_for_adults(channel),
    )


def is_for_adults(channel: object) -> bool:
    """Say whether a channel is age-restricted; direct messages, and what is not known, are not."""
    ask = getattr(channel, "is_nsfw", None)
    return bool(ask and ask())
