"""Two answers without their names, and who wins: arena."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.errors import UserError
from bot.service import Duel
from bot.ui import arena
from bot.ui.callers import caller_of
from bot.ui.choices import compared_model_choices
from bot.ui.comparing import Entrant, compare, request_of

if TYPE_CHECKING:
    from bot.client import Menagerie

Interaction = discord.Interaction["Menagerie"]
Task = Literal["complete", "ask", "imagine", "conjure"]
MODEL = "One of the two; without it, chance chooses"
SEED_BITS = 16


class Arena(commands.Cog):
    """Commands of the arena of a server."""

    arena = app_commands.Group(
        name="arena", description="Models against each other, judged by votes.", guild_only=True
    )

    def __init__(self, bot: Menagerie) -> None:
        self.service = bot.service

    @arena.command()
    @app_commands.describe(
        task="What they are asked to do", prompt="What both are given", first=MODEL, second=MODEL
    )
    @app_commands.autocomplete(first=compared_model_choices, second=compared_model_choices)
    async def fight(
        self,
        interaction: Interaction,
        task: Task,
        prompt: str,
        first: str | None = None,
        second: str | None = None,
    ) -> None:
        """Ask two models the same, and vote before their names are told."""
        if interaction.guild_id is None:
            raise UserError("The arena is a server's. Use it in a server.")
        ready = [m.id for m in self.service.ready_models(task, caller_of(interaction))]
        named = [self.service.check_model(task, name).id for name in (first, second) if name]
        one, other = _pair(ready, named)
        seed = secrets.randbits(SEED_BITS)
        who = [Entrant(one, seed), Entrant(other, seed + (one == other))]
        duel = Duel(
            id=secrets.token_hex(4),
            guild_id=interaction.guild_id,
            user_id=interaction.user.id,
            task=task,
            first=one,
            second=other,
        )
        await self.service.arena.add(duel)
        view = arena.ballot(duel)
        await compare(
            interaction, self.service, request_of(task, prompt), who, titles=("A", "B"), view=view
        )

    @arena.command()
    @app_commands.describe(task="Of which command")
    async def table(self, interaction: Interaction, task: Task) -> None:
        """Show which models won most, by their ratings."""
        votes = await self.service.arena.votes(interaction.guild_id or 0, task)
        await interaction.response.send_message(arena.table(task, votes), ephemeral=True)


def _pair(ready: list[str], named: list[str]) -> tuple[str, str]:
    """Return who fights, in an order that tells nothing; one alone fights itself."""
    if not ready:
        raise UserError("There is no model here that could fight. `/models` lists them.")
    others = [model for model in ready if model not in named]
    secrets.SystemRandom().shuffle(others)
    one, other = (*named, *others, *ready * 2)[:2]
    return (one, other) if secrets.randbits(1) else (other, one)


async def setup(bot: Menagerie) -> None:
    """Add the cog to the bot."""
    await bot.add_cog(Arena(bot))
