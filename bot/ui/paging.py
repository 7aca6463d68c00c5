"""The buttons that turn the pages of a long answer, also after a restart.

Who asked turns the message itself; everybody else gets pages of their own, which only they see.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord.ui import Button, DynamicItem, Item

from bot.ui.handling import handled
from bot.ui.replies import headed, page_of

if TYPE_CHECKING:
    from bot.archive import Said
    from bot.client import Menagerie

ROW = 2  # below the buttons of the answer
MARK = "page"
SMALL = "-# "  # before a line in small print


TEMPLATE = re.compile(rf"{MARK}:(?P<job>[0-9a-f]{{8}}):(?P<page>-?[0-9]+)")


class Leaf(DynamicItem[Button[Any]], template=TEMPLATE):
    """Turns to a page of an answer."""

    def __init__(self, job_id: str, page: int) -> None:
        super().__init__(Button(label="▶", custom_id=f"{MARK}:{job_id}:{page}", row=ROW))
        self._job_id = job_id
        self._page = page

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a button that was pressed."""
        return cls(match["job"], int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Show the page."""
        async with handled(interaction):
            await _turn(interaction, self._job_id, self._page)


def add_leaves(view: discord.ui.View, job_id: str, page: int, pages: int) -> None:
    """Add the buttons that turn to the page before and to the one after."""
    for label, target in (("◀", page - 1), ("▶", page + 1)):
        leaf = Leaf(job_id, target)
        leaf.item.label = label
        leaf.item.disabled = not 0 <= target < pages
        view.add_item(leaf)


def _below_its_head(content: str, message: discord.Message, said: Said) -> str:
    """Return a page below the line that says for whom the message is, if it has one.

    An answer may itself begin with small print; that is no such line, and is on its page.
    """
    above, _, _ = message.content.partition("\n")
    targets = [
        int(found["page"])
        for row in message.components
        for child in getattr(row, "children", ())
        if (found := TEMPLATE.fullmatch(child.custom_id or ""))
    ]
    if not above.startswith(SMALL) or not targets:
        return content
    shown, _, _ = page_of(said, min(targets) + 1)
    if shown.partition("\n")[0].strip() == above.strip():
        return content
    return headed(content, above.removeprefix(SMALL))


async def _turn(interaction: discord.Interaction[Menagerie], job_id: str, wanted: int) -> None:
    message = interaction.message
    assert message is not None
    said, owner_id = await interaction.client.service.archive.pages_of(job_id)
    content, page, pages = page_of(said, wanted)
    if interaction.user.id == owner_id or message.flags.ephemeral:
        content = _below_its_head(content, message, said)
        view = discord.ui.View.from_message(message, timeout=None)
        for item in view.children:
            if isinstance(item, Button) and (item.custom_id or "").startswith(f"{MARK}:"):
                view.remove_item(item)
        add_leaves(view, job_id, page, pages)
        view.stop()
        await interaction.response.edit_message(content=content, view=view)
        return
    view = discord.ui.View(timeout=None)
    add_leaves(view, job_id, page, pages)
    view.stop()
    await interaction.response.send_message(content, view=view, ephemeral=True)
