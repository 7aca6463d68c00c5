"""Small forms in between, seen by one person alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.ui.handling import handled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ASKING_S = 14 * 60.0  # as long as the message that asks can be edited


class TextModal(discord.ui.Modal):
    """Asks for a text, short or long, and goes on with it.

    Args:
        title: At most 45 characters.
        label: What the field is called.
        then: Called with the text.
        long: Whether the field has room for paragraphs.
    """

    def __init__(
        self,
        title: str,
        label: str,
        then: Callable[[discord.Interaction[Any], str], Awaitable[None]],
        *,
        long: bool = False,
    ) -> None:
        super().__init__(title=title, timeout=ASKING_S)
        self._then = then
        style = discord.TextStyle.paragraph if long else discord.TextStyle.short
        self._field: discord.ui.TextInput[Any] = discord.ui.TextInput(style=style)
        self.add_item(discord.ui.Label(text=label, component=self._field))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Go on with what was written."""
        async with handled(interaction):
            await self._then(interaction, self._field.value)
