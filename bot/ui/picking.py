"""Small questions in between, seen by one person alone: which picture, which deed, which style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.locales import with_language
from bot.ui.limits import CHOICE, CHOICES, clip
from bot.ui.refusals import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

ASKING_S = 14 * 60.0  # as long as the message that asks can be edited


async def pick(
    interaction: discord.Interaction[Any],
    question: str,
    choices: Mapping[str, str],
    then: Callable[[discord.Interaction[Any], str], Awaitable[None]],
) -> None:
    """Ask for one of the choices, key -> label; go on with its key when it is picked."""
    view = _Question(choices, then)
    await interaction.response.send_message(question, view=view, ephemeral=True)


class _Question(discord.ui.View):
    def __init__(
        self,
        choices: Mapping[str, str],
        then: Callable[[discord.Interaction[Any], str], Awaitable[None]],
    ) -> None:
        super().__init__(timeout=ASKING_S)
        self._then = then
        self._select: discord.ui.Select[Any] = discord.ui.Select(
            options=[
                discord.SelectOption(label=clip(label, CHOICE), value=key)
                for key, label in list(choices.items())[:CHOICES]
            ]
        )
        self._select.callback = self._chosen  # type: ignore[method-assign]
        self.add_item(self._select)

    async def interaction_check(self, interaction: discord.Interaction[Any]) -> bool:
        """Speak the language of the one who picks; only they see the question."""
        with_language(interaction.locale.value)
        return True

    async def _chosen(self, interaction: discord.Interaction[Any]) -> None:
        await self._then(interaction, self._select.values[0])

    async def on_error(
        self, interaction: discord.Interaction[Any], error: Exception, _: discord.ui.Item[Any]
    ) -> None:
        """Tell the one who picked what went wrong."""
        await refuse(interaction, error)


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
        with_language(interaction.locale.value)
        await self._then(interaction, self._field.value)

    async def on_error(  # type: ignore[override]  # as the library's own Modal has it
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Tell the one who wrote what went wrong."""
        await refuse(interaction, error)
