"""Where an answer appears: the reply to an interaction, live or taken up after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import discord
import msgspec

if TYPE_CHECKING:
    from bot.ui.replies import Reply


class Destination(Protocol):
    """A message that can be edited while its answer is made."""

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> None:
        """Show this, with these buttons below it."""


class Address(msgspec.Struct, frozen=True):
    """How a deferred reply is found again; its token is good for fifteen minutes."""

    application_id: int
    token: str
    message_id: int


class Live:
    """The reply to an interaction of this session."""

    def __init__(self, interaction: discord.Interaction[Any]) -> None:
        self._interaction = interaction

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> None:
        """Show this, with these buttons below it."""
        await self._interaction.edit_original_response(**reply.as_edit(), view=view)

    async def address(self) -> Address:
        """Return how to find this reply after a restart."""
        message = await self._interaction.original_response()
        return Address(self._interaction.application_id, self._interaction.token, message.id)


class Resumed:
    """A reply that was promised before a restart; it has no buttons until it is whole."""

    def __init__(self, client: discord.Client, address: Address) -> None:
        self._webhook = discord.Webhook.partial(
            address.application_id, address.token, client=client
        )
        self._webhook.type = discord.WebhookType.application  # it can whisper
        self._message_id = address.message_id

    async def edit(self, reply: Reply, view: discord.ui.View | None) -> None:
        """Show this; *Cancel*, which only this session would know, is left out."""
        lasting = view if view is not None and view.is_finished() else None
        await self._webhook.edit_message(self._message_id, **reply.as_edit(), view=lasting)

    async def refuse(self, text: str) -> None:
        """Put the promise away, and say why to the one who asked alone."""
        await self._webhook.delete_message(self._message_id)
        await self._webhook.send(text, ephemeral=True)
