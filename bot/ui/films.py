"""*Not this*: a list below recommended films, of those that somebody wants left out of the next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord
import msgspec
from discord.ui import DynamicItem, Item, Select

from bot.errors import UserError
from bot.tasks.recommend import RecommendFilms
from bot.ui.answer import answer
from bot.ui.buttons import JOB, recalled
from bot.ui.handling import handled
from bot.ui.views import not_this

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotThis(DynamicItem[Select[Any]], template=rf"job:without:{JOB}"):
    """Asks for the same films again, without those that were picked."""

    def __init__(self, job_id: str, titles: Iterable[str]) -> None:
        super().__init__(not_this(job_id, titles))
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], item: Item[Any], match: re.Match[str], /
    ) -> Self:
        """Recognise a list in which something was picked."""
        assert isinstance(item, Select)
        return cls(match["job"], [option.value for option in item.options])

    async def callback(self, interaction: discord.Interaction[Any]) -> Any:
        """Ask again: what is left out stands in the request, and so in its command."""
        async with handled(interaction):
            kept = await recalled(interaction, self._job_id)
            if not isinstance(kept.request, RecommendFilms):
                raise UserError("There are no films in this answer. Ask `/recommend` for some.")
            request = without(kept.request, self.item.values)
            await answer(
                interaction,
                interaction.client.service,
                request,
                model=kept.model_id,
                as_it_was=True,
            )


def without(request: RecommendFilms, titles: Iterable[str]) -> RecommendFilms:
    """Return the request with these films left out, besides those that it leaves out already."""
    before = [request.without] if request.without else []
    return msgspec.structs.replace(request, without="; ".join([*before, *titles]))
