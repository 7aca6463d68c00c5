"""What is offered while somebody types an option: answered from memory, never from a disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from discord import app_commands

from bot.presets import as_typed, kinds
from bot.tasks.languages import find, languages
from bot.tasks.registry import REQUESTS
from bot.ui.callers import caller_of
from bot.ui.limits import CHOICE, CHOICES, clip

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    import discord

    from bot.client import Menagerie

    Autocomplete = Callable[
        [discord.Interaction["Menagerie"], str], Coroutine[Any, Any, list[app_commands.Choice[str]]]
    ]

WIDELY_USED = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "tr", "ar", "hi", "ja", "zh", "ko",
    "vi", "id", "sv", "cs", "ro", "el", "hu", "he", "th",
)  # fmt: skip
"""Codes of the languages that are offered before anything is typed."""


def model_choices(task: str) -> Autocomplete:
    """Return an autocomplete over the models that can do a task now."""

    async def choose(
        interaction: discord.Interaction[Menagerie], typed: str
    ) -> list[app_commands.Choice[str]]:
        models = interaction.client.service.ready_models(task, caller_of(interaction))
        return matching(((model.title, model.id) for model in models), typed)

    return choose


def preset_choices(task: str) -> Autocomplete:
    """Return an autocomplete over the presets of a command that somebody may name."""

    async def choose(
        interaction: discord.Interaction[Menagerie], text: str
    ) -> list[app_commands.Choice[str]]:
        known = interaction.client.service.rules.presets(caller_of(interaction), task)
        return matching(((f"{name}: {as_typed(kept)}", name) for name, kept in known.items()), text)

    return choose


async def task_preset_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the presets of the command which is typed beside them."""
    task = getattr(interaction.namespace, "command", None)
    return await preset_choices(task or "complete")(interaction, typed)


async def option_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return what was typed with one more option of the command beside it."""
    task = getattr(interaction.namespace, "command", None)
    if task not in REQUESTS:
        return []
    before, _, last = typed.rpartition(" ")
    if ":" in last:  # it has its value: another may follow
        before, last = typed, ""
    others = (name for name in kinds(task) if f"{name}:" not in typed and name.startswith(last))
    texts = [f"{before} {name}:".lstrip() for name in others]
    return [
        app_commands.Choice(name=text, value=text)
        for text in ([typed] if ":" in typed else []) + texts
        if len(text) <= CHOICE
    ]


async def command_choices(
    _: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the commands that ask a model."""
    return matching(((f"/{task}", task) for task in REQUESTS), typed)


async def task_model_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the models that can do the command which is typed beside them."""
    task = getattr(interaction.namespace, "command", None)
    return await model_choices(task or "complete")(interaction, typed)


async def compared_model_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the models that can do the task which is typed beside them."""
    task = getattr(interaction.namespace, "task", None)
    return await model_choices(task or "complete")(interaction, typed)


async def any_model_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return every model of the catalogue, whether or not it is here."""
    models = interaction.client.service.stock
    return matching(((model.title, model.id) for model in models), typed)


async def here_model_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the models that are here."""
    stock = interaction.client.service.stock
    here = ((model.title, model.id) for model in stock if stock.is_ready(model))
    return matching(here, typed)


async def absent_model_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the models that are not here and can be fetched."""
    models = interaction.client.service.stock.lacking()
    return matching(((model.title, model.id) for model in models), typed)


async def language_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return languages by name or code, those that most people want first.

    Which of them a model knows is for its worker to say; what is typed may also be another name.
    """
    known = languages()
    wanted = [language for language in known if language.code in WIDELY_USED]
    wanted.sort(key=lambda language: WIDELY_USED.index(language.code))
    rest = [language for language in known if language.code not in WIDELY_USED]
    choices = matching(((language.name, language.code) for language in (*wanted, *rest)), typed)
    meant = find(typed)  # by a name that is not shown, such as its own
    if meant is None:
        return choices
    others = [choice for choice in choices if choice.value != meant.code]
    return [app_commands.Choice(name=meant.name, value=meant.code), *others][:CHOICES]


async def film_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return what was typed with its last film completed; behind a whole title, with stars."""
    return await _films(interaction, typed, rated=True)


async def left_out_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return what was typed with its last film completed, without stars."""
    return await _films(interaction, typed, rated=False)


async def _films(
    interaction: discord.Interaction[Menagerie], typed: str, *, rated: bool
) -> list[app_commands.Choice[str]]:
    chosen = getattr(interaction.namespace, "model", None)
    # read off the disk once, the first time that somebody asks
    titles = await asyncio.to_thread(interaction.client.service.film_titles, chosen)
    completed = [] if titles is None else titles.completed(typed, CHOICES, rated=rated)
    return [app_commands.Choice(name=text, value=text) for text in completed if len(text) <= CHOICE]


async def thing_choices(
    interaction: discord.Interaction[Menagerie], typed: str
) -> list[app_commands.Choice[str]]:
    """Return things that can be drawn by their names; behind a ``+``, one more to mix in."""
    chosen = getattr(interaction.namespace, "model", None)
    # read off the disk once, the first time that somebody asks
    things = await asyncio.to_thread(interaction.client.service.things, chosen)
    offered = [] if things is None else things.suggestions(typed, CHOICES)
    return [
        app_commands.Choice(name=clip(shown, CHOICE), value=value)
        for shown, value in offered
        if len(value) <= CHOICE
    ]


def matching(options: Iterable[tuple[str, str]], typed: str) -> list[app_commands.Choice[str]]:
    """Return the (name, value) options that hold what was typed, those that begin with it first."""
    wanted = typed.casefold().strip()
    fitting = [o for o in options if wanted in o[0].casefold() or wanted in o[1].casefold()]
    fitting.sort(key=lambda option: not option[0].casefold().startswith(wanted))
    return [
        app_commands.Choice(name=clip(name, CHOICE), value=value)
        for name, value in fitting[:CHOICES]
    ]
