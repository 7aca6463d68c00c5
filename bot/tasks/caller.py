"""Who asked, as plain data."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind a request; ``guild_id`` is ``None`` in direct messages.

    ``roles`` are the ids of the roles that they have in the guild.
    """

    user_id: int
    guild_id: int | None = None
    channel_id: int | None = None
    locale: str = "en-GB"
    roles: tuple[int, ...] = ()


OPERATOR = Caller(user_id=0)
"""The caller of jobs that come from the command line."""
