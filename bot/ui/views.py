"""Buttons below a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

if TYPE_CHECKING:
    from collections.abc import Callable


class CancelView(discord.ui.View):
    """A Cancel button that only the one who asked can press.

    Args:
        owner_id: Who asked.
        cancel: Called when they press it.
    """

    def __init__(self, owner_id: int, cancel: Callable[[], None]) -> None:
        super().__init__(timeout=None)
        self._owner_id = owner_id
        self._cancel = cancel

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        """Refuse strangers with a sentence that only they see."""
        if interaction.user.id == self._owner_id:
            return True
        text = "Only the person who asked for this can cancel it."
        await interaction.response.send_message(text, ephemeral=True)
        return False

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        """Stop the job; the message changes when it has stopped."""
        self._cancel()
        await interaction.response.defer()
