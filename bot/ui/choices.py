"""What is offered while somebody types an option: answered from memory, never from a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import app_commands

from bot.ui.limits import CHOICE, CHOICES, clip

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    import discord

    from bot.client import Menagerie

    Autocomplete = Callable[
        [discord.Interaction["Menagerie"], str], Coroutine[Any, Any, list[app_commands.Choice[str]]]
    ]


def model_choices(task: str) -> Autocomplete:
    """Return an autocomplete over the models that can do a task now."""

    async def choose(
        interaction: discord.Interaction[Menagerie], typed: str
    ) -> list[app_commands.Choice[str]]:
        models = interaction.client.service.ready_models(task)
        return matching(((model.title, model.id) for model in models), typed)

    return choose


def matching(options: Iterable[tuple[str, str]], typed: str) -> list[app_commands.Choice[str]]:
    """Return the (name, value) options that hold what was typed, those that begin with it first."""
    wanted = typed.casefold().strip()
    fitting = [o for o in options if wanted in o[0].casefold() or wanted in o[1].casefold()]
    fitting.sort(key=lambda option: not option[0].casefold().startswith(wanted))
    return [
        app_commands.Choice(name=clip(name, CHOICE), value=value)
        for name, value in fitting[:CHOICES]
    ]
