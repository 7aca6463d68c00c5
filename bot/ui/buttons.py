"""The buttons below an answer, and what they do, also after a restart.

Each knows its job by the id in its own; what was asked is looked up when it is pressed.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Self

import discord
import msgspec
from discord.ui import Button, DynamicItem, Item, Select

from bot.errors import UserError
from bot.locales import say, told
from bot.tasks.text_to_image import ConjurePicture, ImaginePicture
from bot.ui.answer import answer
from bot.ui.callers import caller_of
from bot.ui.explaining import explanation, failure
from bot.ui.gallery import star
from bot.ui.handling import handled
from bot.ui.jobs import job_card
from bot.ui.late import give
from bot.ui.limits import CHOICE, CHOICES, CONTENT, clip
from bot.ui.sharing import is_private, share
from bot.ui.talking import follow_up
from bot.ui.views import LABELS, PRIVATE, custom_id, view_of

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.service import Kept

    Press = discord.Interaction[Menagerie]

VARIATIONS = 4  # pictures that are like one
JOB = r"(?P<job>[0-9a-f]{8})"


class JobButton(
    DynamicItem[Button[Any]],
    template=rf"job:(?P<verb>follow|again|vary|other|info|delete|unpick|star|share|(?:pick|near)[1-9]):{JOB}",
):
    """Does to a job what its label says."""

    def __init__(self, verb: str, job_id: str) -> None:
        super().__init__(Button(label=verb, custom_id=custom_id(verb, job_id)))
        self._verb = verb
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a button that was pressed."""
        return cls(match["verb"], match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Do what the button says."""
        async with handled(interaction):
            if self._verb[-1].isdecimal():
                do = _pick if self._verb.startswith("pick") else _near
                await do(interaction, self._job_id, int(self._verb[-1]))
            else:
                await VERBS[self._verb](interaction, self._job_id)


class ModelSelect(DynamicItem[Select[Any]], template=rf"job:with:{JOB}(?P<private>{PRIVATE})?"):
    """Asks another model the same, in private where the first answer was."""

    def __init__(
        self,
        job_id: str,
        options: list[discord.SelectOption] | None = None,
        *,
        private: bool = False,
    ) -> None:
        super().__init__(
            Select(
                custom_id=custom_id("with", job_id) + (PRIVATE if private else ""),
                placeholder=say("Which model?"),
                options=options or [discord.SelectOption(label="-")],
            )
        )
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], item: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a list in which something was picked."""
        assert isinstance(item, Select)
        return cls(match["job"], item.options, private=bool(match["private"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Ask the model that was picked."""
        async with handled(interaction):
            service = interaction.client.service
            kept = await recalled(interaction, self._job_id)
            (model,) = self.item.values
            await answer(
                interaction, service, kept.request, model=model, seed=kept.seed, as_it_was=True
            )


async def recalled(interaction: Press, job_id: str) -> Kept:
    """Return what was asked in a job, to the one who asked.

    Raises:
        UserError: It is not kept, or somebody else asked.
    """
    return await interaction.client.service.archive.kept(job_id, caller_of(interaction))


async def again(interaction: Press, job_id: str) -> None:
    """Ask for the same answer: the same words, model and seed."""
    kept = await recalled(interaction, job_id)
    await answer(
        interaction, interaction.client.service, kept.request,
        model=kept.model_id, seed=kept.seed, as_it_was=True,
    )  # fmt: skip


async def _vary(interaction: Press, job_id: str) -> None:
    kept = await recalled(interaction, job_id)
    service = interaction.client.service
    await answer(interaction, service, kept.request, model=kept.model_id, as_it_was=True)


async def _other(interaction: Press, job_id: str) -> None:
    kept = await recalled(interaction, job_id)
    task = kept.request.task()
    models = interaction.client.service.ready_models(task, caller_of(interaction))
    others = [model for model in models if model.id != kept.model_id][:CHOICES]
    if not others:
        raise UserError(
            "No other model on this machine can do /{task}. `/models` tells which can be fetched.",
            task=task,
        )
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(label=clip(model.title, CHOICE), value=model.id) for model in others
    ]
    private = is_private(interaction.message)
    view.add_item(ModelSelect(kept.job_id, options, private=private))
    view.stop()
    await interaction.response.send_message(say("The same, with"), view=view, ephemeral=True)


async def show(interaction: Press, job_id: str) -> None:
    """Give an answer that could not be delivered; else tell what was asked."""
    archive = interaction.client.service.archive
    owed = await archive.owed(job_id, interaction.user.id)
    if owed is not None:
        await give(interaction, owed)
        return
    kept, why = await recalled(interaction, job_id), ""
    with contextlib.suppress(UserError):  # the list of jobs may know it no more
        why = failure(await archive.deed(job_id, caller_of(interaction)))
    text = job_card(kept, why)
    await interaction.response.send_message(text, ephemeral=True)


async def explain(interaction: Press, job_id: str) -> None:
    """Tell what happened to a job; it may be known where what was asked is kept no more."""
    deed = await interaction.client.service.archive.deed(job_id, caller_of(interaction))
    await interaction.response.send_message(explanation(deed), ephemeral=True)


async def _info(interaction: Press, job_id: str) -> None:
    """Tell what was asked, how to have it again, and what happened to the job."""
    card = job_card(await recalled(interaction, job_id))
    deed = await interaction.client.service.archive.deed(job_id, caller_of(interaction))
    happened = explanation(deed)
    whole = f"{card}\n{happened}"
    if len(whole) <= CONTENT:
        await interaction.response.send_message(whole, ephemeral=True)
        return
    await interaction.response.send_message(card, ephemeral=True)
    await interaction.followup.send(happened, ephemeral=True)


async def _pick(interaction: Press, job_id: str, number: int) -> None:
    """Post one of several pictures alone, with what is said of it and where it came from."""
    assert interaction.message is not None
    service, pictures = interaction.client.service, interaction.message.attachments
    if number > len(pictures):
        raise UserError("This picture is not there any more. Ask again for new ones.")
    private = interaction.message.flags.ephemeral
    await interaction.response.defer(thinking=True, ephemeral=private)
    file = await pictures[number - 1].to_file(use_cached=False, spoiler=pictures[0].is_spoiler())
    footer = interaction.message.content.rpartition("-# ")[2]
    view = view_of(job_id, ["share"] if private else [])
    with contextlib.suppress(UserError):  # it is somebody else's, or not kept
        kept = await recalled(interaction, job_id)
        if service.check_model(kept.request.task(), kept.model_id).varies:
            verb = f"near{_own_number(pictures[number - 1].filename, number)}"
            view.add_item(Button(label=say("More like this"), custom_id=custom_id(verb, job_id)))
    view.add_item(Button(label=told(LABELS["delete"]), custom_id=custom_id("unpick", job_id)))
    text = f"-# {number} · {footer}"
    await interaction.followup.send(text, file=file, view=view, ephemeral=private)


def _own_number(filename: str, place: int) -> int:
    """Return the number of a picture among those of its seed; where it stands if nothing says."""
    said = re.search(r"-([1-9])\.\w+$", filename)
    return place if said is None else int(said[1])


async def _near(interaction: Press, job_id: str, number: int) -> None:
    """Draw others that are like one of several pictures."""
    kept = await recalled(interaction, job_id)
    changes: dict[str, Any] = {"count": VARIATIONS}
    match kept.request:
        case ConjurePicture():
            picture = str((kept.seed + number - 1) % 2**32)
            changes["walk"] = False
        case ImaginePicture():
            picture = f"{kept.seed}/{number}"
        case _:
            raise UserError("That cannot be done from here.")
    changes["near"] = f"{kept.request.near} {picture}".strip()
    wanted = msgspec.structs.replace(kept.request, **changes)
    service = interaction.client.service
    await answer(interaction, service, wanted, model=kept.model_id, as_it_was=True)


async def _require_deleter(interaction: Press, job_id: str) -> None:
    """Refuse who neither asked for a message or its job, nor moderates.

    Raises:
        UserError: With who can delete it.
    """
    archive = interaction.client.service.archive
    asked = interaction.message and interaction.message.interaction_metadata
    owns = bool(asked and asked.user.id == interaction.user.id)
    owns = owns or await archive.owns(job_id, interaction.user.id)
    if not owns and not (interaction.guild_id and interaction.permissions.manage_messages):
        raise UserError("Only the person who asked for this, or a moderator, can delete it.")


async def _unpick(interaction: Press, job_id: str) -> None:
    """Delete a picture that was posted alone; the answer that it is of stays."""
    await _require_deleter(interaction, job_id)
    await interaction.response.defer()
    with contextlib.suppress(discord.NotFound):  # pressed twice
        await interaction.delete_original_response()


async def _delete(interaction: Press, job_id: str) -> None:
    """Delete an answer and what was asked for it, also where that is not kept any more."""
    archive = interaction.client.service.archive
    await _require_deleter(interaction, job_id)
    await interaction.response.defer()
    await archive.drop(job_id)  # first: who sees the message gone knows that this is
    if interaction.message is not None:  # it may hold the answers to more jobs, side by side
        await archive.gone([interaction.message.id])
    await interaction.client.service.gallery.take_down(job_id)
    with contextlib.suppress(discord.NotFound):  # pressed twice
        await interaction.delete_original_response()


VERBS = {
    "follow": follow_up, "again": again, "vary": _vary, "other": _other, "info": _info,
    "star": star, "share": share, "delete": _delete,
    "unpick": _unpick,
}  # fmt: skip
