"""The gallery of a server: stars below an answer, and the pages of what hangs there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord.ui import Button, DynamicItem, Item, Select

from bot.errors import UserError
from bot.locales import say, say_many
from bot.service import Exhibit
from bot.ui.callers import caller_of, is_for_adults
from bot.ui.handling import handled
from bot.ui.jobs import command
from bot.ui.limits import CHOICE, CONTENT, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.client import Menagerie

    Press = discord.Interaction[Menagerie]

PAGE = 5  # answers on a page
COMMAND = 200  # characters that are shown of one


async def star(interaction: Press, job_id: str) -> None:
    """Give an answer a star, or take it back; the first one is its owner's, and hangs it.

    Raises:
        UserError: It does not hang yet, and somebody else asked for it.
    """
    service, message = interaction.client.service, interaction.message
    if interaction.guild_id is None or message is None:
        raise UserError("A gallery is a server's. Star answers in a server.")
    await interaction.response.defer(ephemeral=True, thinking=True)
    if not await service.gallery.hangs(job_id):
        if not await service.archive.owns(job_id, interaction.user.id):
            raise UserError(
                "Only the person who asked for this can hang it in the gallery, with the first "
                "star. Then everybody can give it theirs."
            )
        if is_for_adults(message.channel):
            raise UserError(
                "The gallery is shown in every channel, so nothing hangs in it from an "
                "age-restricted one."
            )
        kept = await service.archive.kept(job_id, caller_of(interaction))
        await service.gallery.hang(
            Exhibit(
                job_id=job_id,
                guild_id=interaction.guild_id,
                channel_id=message.channel.id,
                message_id=message.id,
                user_id=interaction.user.id,
                command=command(kept.request, kept.model_id, kept.seed),
            )
        )
    given = await service.gallery.star(job_id, interaction.user.id)
    text = say("Starred. `/gallery show` shows it.") if given else say("The star is taken back.")
    await interaction.followup.send(text, ephemeral=True)


async def take_down(interaction: Press, job_id: str) -> None:
    """Take an answer out of the gallery.

    Raises:
        UserError: It does not hang here, or it is not theirs to take down.
    """
    gallery = interaction.client.service.gallery
    exhibits = await gallery.exhibits(interaction.guild_id or 0)
    found = next((each for each in exhibits if each.job_id == job_id), None)
    if found is None:
        raise UserError("No answer with this id hangs here. `/gallery show` tells the ids.")
    if not _may_take_down(interaction, found):
        raise UserError("Only the person who hung this, or a moderator, can take it down.")
    await gallery.take_down(job_id)


def _may_take_down(interaction: discord.Interaction[Any], exhibit: Exhibit) -> bool:
    mine = exhibit.user_id == interaction.user.id
    return mine or interaction.permissions.manage_messages


def wall(
    exhibits: Sequence[Exhibit], page: int, *, newest: bool, viewer: discord.Interaction[Any]
) -> tuple[str, discord.ui.View]:
    """Return a page of the gallery, the buttons that turn it, and a list to take down from.

    The list has what the viewer may take down, and is left out where that is nothing.
    """
    pages = max(1, -(-len(exhibits) // PAGE))
    page = min(max(0, page), pages - 1)
    shown = exhibits[page * PAGE : (page + 1) * PAGE]
    lines = [say("## The gallery of this server")]
    lines += [_line(exhibit) for exhibit in shown]
    if not shown:
        lines.append(say("Nothing hangs here yet. Press ☆ below an answer of yours."))
    lines.append("-# " + say("Page {page} of {pages}", page=page + 1, pages=pages))
    view = discord.ui.View(timeout=None)
    for label, target in (("◀", page - 1), ("▶", page + 1)):
        turn = Turn(target, newest=newest)
        turn.item.label = label
        turn.item.disabled = not 0 <= target < pages
        view.add_item(turn)
    mine = [
        discord.SelectOption(
            label=clip(exhibit.command, CHOICE), value=exhibit.job_id, description=exhibit.job_id
        )
        for exhibit in shown
        if _may_take_down(viewer, exhibit)
    ]
    if mine:
        view.add_item(TakeDown(page, mine, newest=newest))
    view.stop()
    return clip("\n".join(lines), CONTENT), view


class Turn(DynamicItem[Button[Any]], template=r"gallery:(?P<sort>best|new):(?P<page>-?[0-9]{1,5})"):
    """Turns a page of the gallery, also after a restart."""

    def __init__(self, page: int, *, newest: bool) -> None:
        sort = "new" if newest else "best"
        super().__init__(Button(label="▶", custom_id=f"gallery:{sort}:{page}"))
        self._page = page
        self._newest = newest

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a button that was pressed."""
        return cls(int(match["page"]), newest=match["sort"] == "new")

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Show the other page."""
        async with handled(interaction):
            await _show(interaction, self._page, newest=self._newest)


class TakeDown(
    DynamicItem[Select[Any]], template=r"gallery:down:(?P<sort>best|new):(?P<page>[0-9]{1,5})"
):
    """Takes an answer of the page out of the gallery."""

    def __init__(
        self, page: int, options: list[discord.SelectOption] | None = None, *, newest: bool
    ) -> None:
        sort = "new" if newest else "best"
        super().__init__(
            Select(
                custom_id=f"gallery:down:{sort}:{page}",
                placeholder=say("Take down…"),
                options=options or [discord.SelectOption(label="-")],
            )
        )
        self._page = page
        self._newest = newest

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], item: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a list in which something was picked."""
        assert isinstance(item, Select)
        return cls(int(match["page"]), item.options, newest=match["sort"] == "new")

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Take it down, and show the page without it."""
        async with handled(interaction):
            await take_down(interaction, self.item.values[0])
            await _show(interaction, self._page, newest=self._newest)


async def _show(interaction: discord.Interaction[Any], page: int, *, newest: bool) -> None:
    """Show another page in the place of the one that is there."""
    gallery = interaction.client.service.gallery
    exhibits = await gallery.exhibits(interaction.guild_id or 0, newest=newest)
    text, view = wall(exhibits, page, newest=newest, viewer=interaction)
    await interaction.response.edit_message(content=text, view=view)


def _line(exhibit: Exhibit) -> str:
    link = (
        f"https://discord.com/channels/{exhibit.guild_id}/{exhibit.channel_id}/{exhibit.message_id}"
    )
    stars = say_many("{n} star", "{n} stars", exhibit.stars)
    typed = clip(exhibit.command, COMMAND).replace("`", "'")
    return f"- ★ {stars} · <@{exhibit.user_id}> · [`{exhibit.job_id}`]({link})\n  `{typed}`"
