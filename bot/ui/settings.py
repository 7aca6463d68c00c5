"""What people read of the rules of their server, of their likings, and of what they have used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import UserError
from bot.locales import say, say_many
from bot.tasks.registry import REQUESTS
from bot.ui.limits import CONTENT, clip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import discord

    from bot.service import GuildRules, Likings, Use

COMMANDS = tuple(REQUESTS)
DRAWING = frozenset({"imagine", "conjure", "restyle"})  # commands that answer with a new picture


def require_manager(interaction: discord.Interaction[Any]) -> int:
    """Return the guild in which somebody may change the rules.

    Raises:
        UserError: They do not manage it, or there is none.
    """
    if interaction.guild_id is None:
        raise UserError("This is about servers. Use it in one that you manage.")
    if not interaction.permissions.manage_guild:
        raise UserError(
            "Only those who manage this server (the permission *Manage Server*) can do that."
        )
    return interaction.guild_id


def require_command(name: str) -> str:
    """Return the name of a command that rules can speak of.

    Raises:
        UserError: There is none of that name.
    """
    wanted = name.strip().lstrip("/").lower()
    if wanted not in COMMANDS:
        raise UserError(
            "Rules are about these commands: {names}. Choose one of them.",
            names=", ".join(f"/{each}" for each in COMMANDS),
        )
    return wanted


def tasks_of(command: str | None) -> frozenset[str]:
    """Return a command by its name, or without one all that make pictures.

    Raises:
        UserError: There is none of that name.
    """
    return DRAWING if command is None else frozenset({require_command(command)})


def changed(members: frozenset[Any], member: Any, *, inside: bool) -> frozenset[Any]:
    """Return a set with somebody in it, or without them."""
    return members | {member} if inside else members - {member}


def with_choice(models: Mapping[str, str], task: str, model_id: str | None) -> Mapping[str, str]:
    """Return choices of models with another one for a task, or with none."""
    others = {key: value for key, value in models.items() if key != task}
    return others if model_id is None else {**others, task: model_id}


def rules_card(rules: GuildRules) -> str:
    """Return all rules of a server at a glance."""
    lines = [
        say("## The rules of this server"),
        say("Commands switched off: {names}", names=_slashed(rules.tasks_off)),
        say("Age-restricted channels only: {names}", names=_slashed(rules.tasks_adult)),
        say("Models switched off: {names}", names=_listed(f"`{m}`" for m in rules.models_off)),
        say("Answers in: {channels}", channels=_channels(rules)),
        say(
            "Does not answer: {who}",
            who=_listed(
                [
                    *(f"<@&{role}>" for role in sorted(rules.roles_off)),
                    *(f"<@{member}>" for member in sorted(rules.members_off)),
                ]
            ),
        ),
        say("Models where nobody names one: {choices}", choices=_choices(rules.models)),
    ]
    lines += [
        say("In <#{channel}>: {choices}", channel=channel, choices=_choices(models))
        for channel, models in rules.channel_models.items()
        if models
    ]
    hidden = say("hidden until somebody clicks on them") if rules.spoilers else say("shown")
    lines.append(say("Pictures: {how}", how=hidden))
    heard = say("answered") if rules.mentions else say("not answered")
    lines.append(say("Messages that mention me or reply to my answers: {how}", how=heard))
    lines.append("-# " + say("Change them with the other commands under `/settings`."))
    return clip("\n".join(lines), CONTENT)


def likings_card(likings: Likings) -> str:
    """Return what a member likes."""
    head = say(
        "Models that are asked where you name none: {choices}", choices=_choices(likings.models)
    )
    seen = say("everybody in the channel")
    if likings.private:
        seen = say("you alone, until you press *Share*")
    foot = say("Change that with `/preferences model` and `/preferences private`.")
    return clip(f"{head}\n{say('Your answers are seen by: {who}', who=seen)}\n-# {foot}", CONTENT)


def use_line(whose: str, use: Use) -> str:
    """Return what somebody has used, of how much, and when there is more."""
    jobs = say_many("{n} answer", "{n} answers", use.jobs)
    if not use.limit_s:
        return say(
            "{whose}: {used:.0f} s of computing for {jobs} in the last 24 hours; there is no "
            "limit.",
            whose=whose,
            used=use.used_s,
            jobs=jobs,
        )
    text = say(
        "{whose}: {used:.0f} of {limit:.0f} s of computing for {jobs} in the last 24 hours.",
        whose=whose,
        used=use.used_s,
        limit=use.limit_s,
        jobs=jobs,
    )
    if use.free_at is None:
        return text
    more = say("There is more <t:{time}:R>.", time=int(use.free_at.timestamp()) + 1)
    return f"{text} {more}"


def _channels(rules: GuildRules) -> str:
    only = _listed(f"<#{channel}>" for channel in sorted(rules.channels_only))
    named = only if rules.channels_only else say("all channels")
    if not rules.channels_off:
        return named
    off = _listed(f"<#{channel}>" for channel in sorted(rules.channels_off))
    return say("{channels}, but not in {others}", channels=named, others=off)


def _choices(models: Mapping[str, str]) -> str:
    return _listed(f"/{task} → `{model}`" for task, model in sorted(models.items()))


def _slashed(tasks: Collection[str]) -> str:
    return _listed(f"/{task}" for task in sorted(tasks))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or say("none")
