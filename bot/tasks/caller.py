"""Who asked, as plain data."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind a request; ``guild_id`` is ``None`` in direct messages.

    ``roles`` are the ids of the roles that they have in the guild; ``thread_id`` is that of the
    channel where this is a thread, and ``parent_id`` that of the channel that it belongs to;
    ``adults`` says that Discord keeps the channel to adults.
    """

    user_id: int
    guild_id: int | None = None
    channel_id: int | None = None
    thread_id: int | None = None
    parent_id: int | None = None
    locale: str = "en-GB"
    roles: tuple[int, ...] = ()
    adults: bool = False

    @property
    def places(self) -> tuple[int, ...]:
        """The ids of the channel and, for a thread, of the one that it belongs to."""
        return tuple(place for place in (self.channel_id, self.parent_id) if place is not None)


OPERATOR = Caller(user_id=0, adults=True)
"""The caller of jobs that come from the command line."""
