"""Buttons below a message: how they look. What those of an answer do: :mod:`bot.ui.buttons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.errors import Sentence
from bot.locales import say, told, with_language

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.inference.job import Job

LABELS = {
    "again": Sentence("Again"),
    "vary": Sentence("Vary"),
    "other": Sentence("Other model…"),
    "info": Sentence("Info"),
    "star": Sentence("☆"),
    "delete": Sentence("Delete"),
}


class CancelView(discord.ui.View):
    """A Cancel button that only the one who asked can press.

    Args:
        owner_id: Who asked.
        cancel: Called when they press it.
    """

    def __init__(self, owner_id: int, cancel: Callable[[], object]) -> None:
        super().__init__(timeout=None)
        self._owner_id = owner_id
        self._cancel = cancel
        self.cancel.label = say("Cancel")

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        """Refuse strangers with a sentence that only they see."""
        if interaction.user.id == self._owner_id:
            return True
        with_language(interaction.locale.value)
        text = say("Only the person who asked for this can cancel it.")
        await interaction.response.send_message(text, ephemeral=True)
        return False

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        """Stop the job; the message changes when it has stopped."""
        self._cancel()
        await interaction.response.defer()


def answer_view(job: Job, pictures: int = 0) -> discord.ui.View:
    """Return the buttons below an answer; they know the job by its id, and so outlive the bot.

    Args:
        job: What was asked.
        pictures: How many there are to pick one from.
    """
    view = discord.ui.View(timeout=None)
    for verb, label in LABELS.items():
        if verb == "star" and job.caller.guild_id is None:
            continue
        if verb != "vary" or job.request.uses_seed:
            view.add_item(discord.ui.Button(label=told(label), custom_id=custom_id(verb, job.id)))
    for number in range(1, pictures + 1) if pictures > 1 else ():
        view.add_item(
            discord.ui.Button(
                label=str(number), custom_id=custom_id(f"pick{number}", job.id), row=2
            )
        )
    view.stop()  # the client needs not remember it: its buttons are recognised by their ids
    return view


def deleting_view(job_id: str) -> discord.ui.View:
    """Return the button that deletes a message, for the one who asked for a job and moderators."""
    view = discord.ui.View(timeout=None)
    button: discord.ui.Button[Any] = discord.ui.Button(
        label=told(LABELS["delete"]), custom_id=custom_id("delete", job_id)
    )
    view.add_item(button)
    view.stop()
    return view


def custom_id(verb: str, job_id: str) -> str:
    """Return what Discord hands back when a button of an answer is pressed."""
    return f"job:{verb}:{job_id}"
