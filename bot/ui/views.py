"""Buttons below a message: how they look. What those of an answer do: :mod:`bot.ui.buttons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.errors import Sentence
from bot.locales import say, told, with_language
from bot.tasks.text_to_text import AnswerQuestion
from bot.ui.handling import noted
from bot.ui.limits import CHOICE, CHOICES
from bot.ui.paging import add_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.inference.job import Job

ROW = 5  # buttons in a row
PRIVATE = ":private"  # the end of an id below which all answers are for one person alone
LABELS = {
    "follow": Sentence("Follow up"),
    "share": Sentence("Share"),
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

    async def interaction_check(self, interaction: discord.Interaction[Any]) -> bool:
        """Refuse strangers with a sentence that only they see."""
        noted(interaction.client.answering)
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


def answer_view(
    job: Job,
    pictures: int = 0,
    pages: int = 1,
    films: Sequence[str] = (),
    *,
    private: bool = False,
    varies: bool = True,
) -> discord.ui.View:
    """Return the buttons below an answer; they know the job by its id, and so outlive the bot.

    Args:
        job: What was asked.
        pictures: How many there are to pick one from.
        pages: How many there are to turn.
        films: Titles of films that may be left out of the next answer.
        private: Whether only the one who asked sees the answer.
        varies: Whether another seed would give another answer.
    """
    left_out = {
        "follow": not isinstance(job.request, AnswerQuestion) or not job.request.converses,
        "share": not private,
        "star": private or job.caller.guild_id is None,
        "vary": not varies,
    }
    verbs = [verb for verb in LABELS if not left_out.get(verb)]
    view = view_of(job.id, verbs, pictures if pictures > 1 else 0)
    if pages > 1:
        add_leaves(view, job.id, 0, pages)
    if films:
        view.add_item(not_this(job.id, films))
    return view


def view_of(job_id: str, verbs: Iterable[str], pictures: int = 0) -> discord.ui.View:
    """Return buttons for a job: with these verbs, and with the numbers of its pictures."""
    view = discord.ui.View(timeout=None)
    for place, verb in enumerate(verbs):
        label = told(LABELS[verb])
        row = place // ROW
        view.add_item(discord.ui.Button(label=label, custom_id=custom_id(verb, job_id), row=row))
    for number in range(1, pictures + 1):
        identity, row = custom_id(f"pick{number}", job_id), 2 + (number - 1) // ROW
        view.add_item(discord.ui.Button(label=str(number), custom_id=identity, row=row))
    view.stop()  # the client needs not remember it: its buttons are recognised by their ids
    return view


def not_this(job_id: str, titles: Iterable[str]) -> discord.ui.Select[Any]:
    """Return the list of films from which those are picked that somebody does not want."""
    values = list(dict.fromkeys(title[:CHOICE] for title in titles))[:CHOICES]
    return discord.ui.Select(
        custom_id=custom_id("without", job_id),
        placeholder=say("Not this…"),
        max_values=len(values),
        options=[discord.SelectOption(label=value, value=value) for value in values],
    )


def deleting_view(job_id: str, *, private: bool = False) -> discord.ui.View:
    """Return the button that deletes a message, for the one who asked for a job and moderators.

    Args:
        job_id: The job.
        private: Whether only the one who asked sees the message; then they can share it.
    """
    return view_of(job_id, ("share", "delete") if private else ("delete",))


def verbs_in(custom_ids: Iterable[str]) -> tuple[list[str], int]:
    """Return what buttons do, in their order, and how many of them pick a picture."""
    verbs = [identity.split(":")[1] for identity in custom_ids if identity.startswith("job:")]
    return [verb for verb in verbs if verb in LABELS], sum(v.startswith("pick") for v in verbs)


def films_in(view: discord.ui.View) -> tuple[str, ...]:
    """Return the titles in the list of films that somebody may not want, if there is one."""
    lists = [each for each in view.children if isinstance(each, discord.ui.Select)]
    ours = [each for each in lists if each.custom_id.startswith(custom_id("without", ""))]
    return tuple(option.value for each in ours for option in each.options)


def custom_id(verb: str, job_id: str) -> str:
    """Return what Discord hands back when a button of an answer is pressed."""
    return f"job:{verb}:{job_id}"
