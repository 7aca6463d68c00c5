"""What the bot may do where it is: its permissions, how it was installed, who reads its messages.

Tests change it; in Discord those who manage a server and each member do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.playground.errors import DiscordError
from bot.playground.people import USE_EXTERNAL_APPS
from bot.playground.records import DM_CHANNEL, Channel

VIEW, SEND = 1 << 10, 1 << 11
MOST_FOLLOW_UPS = 5
"""To one interaction, where the bot is installed by the member alone."""
BOT_PERMISSIONS = VIEW | SEND | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 6 | 1 << 31


@dataclass(slots=True)
class Standing:
    """How the bot stands with the guild and with its members.

    `by_users` says that members installed it for themselves and it is in no guild;
    `strangers_to` are the users who take no direct messages from it.
    """

    permissions: int = BOT_PERMISSIONS
    by_users: bool = False
    strangers_to: set[int] = field(default_factory=set)

    def owners(self, guild_id: int, user_id: int) -> dict[str, str]:
        """Returns who brought the bot here, as an interaction says it."""
        return {"1": str(user_id)} if self.by_users else {"0": str(guild_id)}

    def check_follow_up(self, channel: Channel, sent: int) -> None:
        """Raises error 40094 if an interaction that was answered so often takes no more."""
        if self.by_users and channel.kind != DM_CHANNEL and sent >= MOST_FOLLOW_UPS:
            raise DiscordError(
                400, 40094, "This interaction has reached its maximum number of follow-up messages"
            )

    def hushes(self, channel: Channel, permissions: int) -> bool:
        """Says whether only the one who asks, with these permissions, sees what it answers."""
        public = channel.kind == DM_CHANNEL or permissions & USE_EXTERNAL_APPS
        return self.by_users and not public

    def check_view(self, channel: Channel) -> None:
        """Raises error 50001 if the bot is not in a channel."""
        if channel.kind != DM_CHANNEL and (self.by_users or not self.permissions & VIEW):
            raise DiscordError(403, 50001, "Missing Access")

    def check_post(self, channel: Channel) -> None:
        """Raises what Discord would if the bot may not write a message of its own."""
        if channel.kind == DM_CHANNEL:
            if channel.recipient_id in self.strangers_to:
                raise DiscordError(403, 50007, "Cannot send messages to this user")
            return
        self.check_view(channel)
        if not self.permissions & SEND:
            raise DiscordError(403, 50013, "Missing Permissions")
