"""Where an answer appears: the reply to an interaction or to a message, also after a restart.

The token of an interaction is good for fifteen minutes. An answer that takes longer goes another
way (:mod:`bot.ui.late`), and the message that waits for it says so while it still can be changed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import discord
import msgspec

from bot.ui.late import Late

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.ui.replies import Reply

TOKEN_S = 15 * 60.0
NOTICE_S = 14 * 60.0  # from here on the waiting message says where the answer will come
MARGIN_S = 10.0  # before the token's end nothing is begun with it any more
INVALID_TOKEN, UNKNOWN_WEBHOOK = 50027, 10015  # what Discord says of a token that has run out

now = time.time
"""Seconds since 1970; a name of its own, for tests with a clock that they advance themselves."""


class Destination(Protocol):
    """A message that can be edited while its answer is made."""

    @property
    def private(self) -> bool:
        """Whether only the one who asked sees it."""

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> discord.Message | None:
        """Show this, with these buttons below it; return the message."""

    async def deliver(
        self, reply: Reply, view: discord.ui.View | None, job_id: str
    ) -> discord.Message | None:
        """Show this in the end; where the message cannot be changed any more, go another way.

        Return the message that shows it, if one does.
        """

    def closed(self) -> bool:
        """Say whether the message cannot be changed any more."""

    def notice(self, job_id: str) -> str:
        """Return where the answer will come, once the message can not be changed for much longer.

        Until then it is empty.
        """

    def notice_in_s(self) -> float | None:
        """Return in how many seconds there is a notice to be shown; ``None``: never."""


class Address(msgspec.Struct, frozen=True):
    """How a deferred reply is found again; its token is good for fifteen minutes.

    An ordinary message of the bot's has no token; it is known by its channel.
    """

    application_id: int
    token: str
    message_id: int
    late: Late | None = None
    channel_id: int | None = None


class _Timed:
    """A reply that can be changed until its token has run out."""

    def __init__(self, client: Menagerie, late: Late | None) -> None:
        self._client = client
        self._late = late

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> discord.Message | None:
        """Show this, with these buttons below it; return the message."""
        raise NotImplementedError

    @property
    def private(self) -> bool:
        """Whether only the one who asked sees it."""
        return self._late is not None and self._late.private

    def closed(self) -> bool:
        """Say whether the message cannot be changed any more."""
        return self._late is not None and now() > self._late.asked_at + TOKEN_S - MARGIN_S

    def notice(self, job_id: str) -> str:
        """Return where the answer will come, once it is time to say so."""
        due = self._late is not None and now() >= self._late.asked_at + NOTICE_S
        return self._late.notice(job_id) if self._late is not None and due else ""

    def notice_in_s(self) -> float | None:
        """Return in how many seconds there is a notice to be shown; ``None``: never."""
        if self._late is None or self.closed():
            return None
        return max(0.0, self._late.asked_at + NOTICE_S - now())

    async def deliver(
        self, reply: Reply, view: discord.ui.View | None, job_id: str
    ) -> discord.Message | None:
        """Show this in the end; where the message cannot be changed any more, go another way.

        Return the message that shows it, if one does.
        """
        if not self.closed():
            try:
                return await self.edit(reply, view)
            except discord.HTTPException as error:
                if self._late is None or error.code not in (INVALID_TOKEN, UNKNOWN_WEBHOOK):
                    raise
        assert self._late is not None
        return await self._late.deliver(self._client, reply, view, job_id)


class Live(_Timed):
    """The reply to an interaction of this session."""

    def __init__(
        self, interaction: discord.Interaction[Menagerie], late: Late | None = None
    ) -> None:
        super().__init__(interaction.client, late)
        self._interaction = interaction

    @classmethod
    async def deferred(
        cls, interaction: discord.Interaction[Menagerie], *, ephemeral: bool = False
    ) -> Live:
        """Have Discord wait for the answer."""
        given = await interaction.response.defer(thinking=True, ephemeral=ephemeral)
        message_id = None if given is None else given.message_id
        return cls(interaction, Late.of(interaction, message_id, ephemeral=ephemeral))

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> discord.Message | None:
        """Show this, with these buttons below it; return the message."""
        return await self._interaction.edit_original_response(**reply.as_edit(), view=view)

    async def address(self) -> Address:
        """Return how to find this reply after a restart."""
        late = self._late
        if late is not None and late.message_id is not None:
            message_id = late.message_id
        else:
            message_id = (await self._interaction.original_response()).id
        return Address(self._interaction.application_id, self._interaction.token, message_id, late)


class Resumed(_Timed):
    """A reply that was promised before a restart; it has no buttons until it is whole."""

    def __init__(self, client: Menagerie, address: Address) -> None:
        super().__init__(client, address.late)
        self._webhook = discord.Webhook.partial(
            address.application_id, address.token, client=client
        )
        self._webhook.type = discord.WebhookType.application  # it can whisper
        self._message_id = address.message_id

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> discord.Message | None:
        """Show this; *Cancel*, which only this session would know, is left out."""
        lasting: Any = view if view is not None and view.is_finished() else None
        return await self._webhook.edit_message(self._message_id, **reply.as_edit(), view=lasting)

    async def refuse(self, text: str) -> None:
        """Put the promise away, and say why to the one who asked alone."""
        await self._webhook.delete_message(self._message_id)
        await self._webhook.send(text, ephemeral=True)


class Posted:
    """An ordinary message of the bot's, which everybody sees; it can be changed at any time."""

    private = False

    def __init__(self, message: discord.Message | discord.PartialMessage) -> None:
        self._message = message

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> discord.Message | None:
        """Show this, with these buttons below it; return the message."""
        allowed = discord.AllowedMentions.none()
        return await self._message.edit(**reply.as_edit(), view=view, allowed_mentions=allowed)

    async def deliver(
        self, reply: Reply, view: discord.ui.View | None, job_id: str
    ) -> discord.Message | None:
        """Show this in the end; return the message."""
        return await self.edit(reply, view)

    def closed(self) -> bool:
        """Say whether the message cannot be changed any more."""
        return False

    def notice(self, job_id: str) -> str:
        """Return where else the answer will come: nowhere."""
        return ""

    def notice_in_s(self) -> float | None:
        """Return in how many seconds there is a notice to be shown: never."""
        return None

    async def address(self) -> Address:
        """Return how to find this message after a restart."""
        return Address(0, "", self._message.id, channel_id=self._message.channel.id)

    async def refuse(self, text: str) -> None:
        """Put the promise away, and say why."""
        await self._message.edit(content=text, attachments=[], view=None)


def found_again(client: Menagerie, address: Address) -> Resumed | Posted:
    """Return where an answer appears that was promised before a restart."""
    if address.channel_id is None:
        return Resumed(client, address)
    channel = client.get_partial_messageable(address.channel_id)
    return Posted(channel.get_partial_message(address.message_id))
