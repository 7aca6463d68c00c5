"""Long texts: typed into an option, attached, or given in a form, by hand or as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.errors import UserError
from bot.locales import say, with_language
from bot.ui import attachments
from bot.ui.answer import answer
from bot.ui.callers import caller_of
from bot.ui.picking import ASKING_S
from bot.ui.refusals import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import Menagerie
    from bot.tasks.registry import AnyRequest

    Press = discord.Interaction[Menagerie]
    Then = Callable[[Press, str | None, discord.Attachment | None], Awaitable[None]]


async def given(text: str | None, file: discord.Attachment | None) -> str | None:
    """Return the text that was typed, and below it the one that was attached.

    Raises:
        UserError: The file holds no text that can be read.
    """
    parts = [part for part in (text, file and await attachments.read_text(file)) if part]
    return "\n\n".join(parts) or None


async def answer_text(
    interaction: Press,
    title: str,
    made: Callable[[str], AnyRequest],
    text: str | None,
    file: discord.Attachment | None,
    *,
    model: str | None = None,
    private: bool | None = None,
) -> None:
    """Answer a request made of a long text; where there is none, a form asks for it first.

    Args:
        interaction: To be answered.
        title: What stands above the form, at most 45 characters.
        made: Makes the request of the text.
        text: What was typed.
        file: What was attached.
        model: The one that was named.
        private: Whether they alone are to see the answer, if they said so.

    Raises:
        BotError: The request is refused or fails; the command tree shows it.
    """
    service = interaction.client.service
    if text is None and file is None:
        service.check(made("any"), model, caller_of(interaction))

        async def go_on(given_to: Press, text: str | None, file: discord.Attachment | None) -> None:
            await answer_text(given_to, title, made, text, file, model=model, private=private)

        await interaction.response.send_modal(LongTextModal(title, go_on))
        return

    async def fetched() -> AnyRequest:
        return made(await given(text, file) or "")

    wanted = made(text or "") if file is None else fetched
    await answer(interaction, service, wanted, model=model, private=private)


class LongTextModal(discord.ui.Modal):
    """Asks for a long text, typed or as a file, and goes on with what is given.

    Args:
        title: At most 45 characters.
        then: Called with the text and the file, of which one is there.
    """

    def __init__(self, title: str, then: Then) -> None:
        super().__init__(title=title, timeout=ASKING_S)
        self._then = then
        self._text: discord.ui.TextInput[Any] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph, required=False
        )
        self._file: discord.ui.FileUpload[Any] = discord.ui.FileUpload(required=False)
        self.add_item(discord.ui.Label(text=say("A long text"), component=self._text))
        self.add_item(discord.ui.Label(text=say("Or a .txt or .md file"), component=self._file))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Go on with what was written or uploaded.

        Raises:
            UserError: Neither was.
        """
        with_language(interaction.locale.value)
        text, files = self._text.value.strip() or None, self._file.values
        if text is None and not files:
            raise UserError("The form is empty. Write a text, or add a .txt or .md file.")
        await self._then(interaction, text, files[0] if files else None)

    async def on_error(  # type: ignore[override]  # as the library's own Modal has it
        self, interaction: discord.Interaction[Any], error: Exception
    ) -> None:
        """Tell the one who wrote what went wrong."""
        await refuse(interaction, error)
