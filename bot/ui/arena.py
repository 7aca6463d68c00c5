"""The arena: two answers without their names, buttons to vote, and the names when they are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord.ui import Button, DynamicItem, Item

from bot.arena import ENOUGH, standings
from bot.errors import Sentence, UserError
from bot.locales import say, say_many, told
from bot.service import Duel
from bot.ui.handling import handled
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.arena import Vote
    from bot.client import Menagerie

    Press = discord.Interaction[Menagerie]

VERDICTS = {
    "a": Sentence("A is better"),
    "b": Sentence("B is better"),
    "tie": Sentence("Both alike"),
    "bad": Sentence("Both bad"),
}
TELL = Sentence("Tell the names")


class Ballot(
    DynamicItem[Button[Any]], template=r"duel:(?P<verdict>a|b|tie|bad|tell):(?P<duel>[0-9a-f]{8})"
):
    """Takes a vote on a duel, or tells its names, also after a restart."""

    def __init__(self, verdict: str, duel_id: str) -> None:
        label = told(VERDICTS.get(verdict, TELL))
        super().__init__(Button(label=label, custom_id=f"duel:{verdict}:{duel_id}"))
        self._verdict = verdict
        self._duel_id = duel_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], __: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a button that was pressed."""
        return cls(match["verdict"], match["duel"])

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Vote, or tell."""
        async with handled(interaction):
            await (_tell if self._verdict == "tell" else self._vote)(interaction, self._duel_id)

    async def _vote(self, interaction: Press, duel_id: str) -> None:
        table = interaction.client.service.arena
        duel = await table.get(duel_id)
        if duel is None or not duel.open:
            raise UserError("The names are told already; votes count only before that.")
        count = await table.vote(duel_id, interaction.user.id, self._verdict)
        yours = say("Your vote: {verdict}.", verdict=told(VERDICTS[self._verdict]))
        votes = say_many("There is {n} vote.", "There are {n} votes.", count)
        lacking = _lacking(duel.task, await table.count(duel.guild_id, duel.task))
        text = " ".join(filter(None, (yours, votes, lacking)))
        await interaction.response.send_message(text, ephemeral=True)


async def _tell(interaction: Press, duel_id: str) -> None:
    """Tell who answered, and take no more votes.

    Raises:
        UserError: Somebody else called this duel.
    """
    table = interaction.client.service.arena
    duel = await table.get(duel_id)
    if duel is None:
        raise UserError("This duel is not kept any more.")
    if duel.user_id != interaction.user.id:
        raise UserError("Only the person who called this duel can have the names told.")
    await table.close(duel_id)
    counts = await table.verdicts(duel_id)
    assert interaction.message is not None
    lines = [
        say("**A** is {first}, **B** is {second}.", first=duel.first, second=duel.second),
        " · ".join(f"{told(VERDICTS[key])}: {counts.get(key, 0)}" for key in VERDICTS),
    ]
    told_below = "\n".join(lines)
    room = CONTENT - len(told_below) - 1
    text = f"{clip(interaction.message.content, room)}\n{told_below}"
    await interaction.response.edit_message(content=text, view=None)


def ballot(duel: Duel) -> discord.ui.View:
    """Return the buttons below a duel."""
    view = discord.ui.View(timeout=None)
    for verdict in (*VERDICTS, "tell"):
        view.add_item(Ballot(verdict, duel.id))
    view.stop()
    return view


def _lacking(task: str, votes: int) -> str:
    """Return how many more votes the ratings need, or nothing where there are enough."""
    if votes >= ENOUGH:
        return ""
    return say_many(
        "{n} more vote on /{task} in this server, and the ratings in `/arena table` begin to mean "
        "something.",
        "{n} more votes on /{task} in this server, and the ratings in `/arena table` begin to "
        "mean something.",
        ENOUGH - votes,
        task=task,
    )


def table(task: str, votes: Sequence[Vote]) -> str:
    """Return the models of a task by their ratings."""
    ranked = standings(votes)
    if not ranked:
        return say(
            "Nobody has voted on two models for /{task} in this server yet. `/arena fight` begins "
            "a duel.",
            task=task,
        )
    head = say("## The arena: /{task}", task=task)
    lines = [
        f"{place}. `{one.model_id}` · **{one.rating:.0f}** · "
        + say_many("{n} vote", "{n} votes", one.votes)
        for place, one in enumerate(ranked, 1)
    ]
    return clip("\n".join([head, *lines]), CONTENT)
