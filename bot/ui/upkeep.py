"""What those who run the bot read when they look after it: reloads, and what the doctor finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import discord

from bot.errors import OperatorError, UserError
from bot.locales import say
from bot.reloading import CogBroken
from bot.ui.limits import CONTENT, clip
from bot.upkeep import without_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.client import Menagerie
    from bot.doctor import Finding
    from bot.upkeep import Upkeep

NAMED = 12  # models of a kind of change
FINDING = 240  # characters that are shown of one
STATES = ("bad", "fair", "good")


def cog_names(client: Menagerie) -> list[str]:
    """Return the names of the cogs that are loaded."""
    return sorted(name.removeprefix("cogs.") for name in client.extensions)


async def reloaded(client: Menagerie, typed: str) -> str:
    """Load a cog anew, and return what came of it; what cannot be loaded leaves the old one."""
    cog = typed.strip().removeprefix("cogs.").removesuffix(".py")
    if not cog.isidentifier() or cog.startswith("_"):
        raise UserError("{name!r} is no name of a cog. There are: {names}.",
                        name=typed[:40], names=", ".join(cog_names(client)))  # fmt: skip
    try:
        published = await client.reload(cog)
    except CogBroken as error:
        return _broken(error, there=f"cogs.{cog}" in client.extensions)
    except discord.HTTPException as error:
        return say(
            "`{cog}` is loaded anew, but Discord refuses the commands: {reason}",
            cog=cog,
            reason=clip(error.text or str(error.status), FINDING),
        )
    if f"cogs.{cog}" not in client.extensions:
        return say("`{cog}` is gone, and its commands with it.", cog=cog)
    if published:
        return say("`{cog}` is loaded anew. The commands have changed and are published.", cog=cog)
    return say("`{cog}` is loaded anew. The commands are as they were.", cog=cog)


def _broken(error: CogBroken, *, there: bool) -> str:
    """Return where a cog is broken: the file without its folders, and the first line of why."""
    file = Path(error.file).name
    where = file if error.line is None else f"{file}:{error.line}"
    reason = clip(without_paths(error.message.partition("\n")[0]), FINDING)
    if there:
        return say(
            "`{where}` cannot be loaded: {reason}\nWhat was there before goes on.",
            where=where,
            reason=reason,
        )
    return say("`{where}` cannot be loaded: {reason}", where=where, reason=reason)


async def catalogue_reloaded(upkeep: Upkeep | None) -> str:
    """Have the catalogue read again, and return what came of it."""
    try:
        changes = await _there(upkeep).reload_catalogue()
    except OperatorError as error:
        return clip(say("The catalogue stays as it was.\n{reason}", reason=str(error)), CONTENT)
    lines = [say("The catalogue is read again. Jobs under way end as they began.")]
    if changes.added:
        lines.append(say("Came: {models}", models=_ids(changes.added)))
    if changes.changed:
        lines.append(say("Changed: {models}", models=_ids(changes.changed)))
    if changes.removed:
        lines.append(say("Went: {models}", models=_ids(changes.removed)))
    if changes.chosen:
        lines.append(say("The choice of models, by default or at the start, has changed."))
    if len(lines) == 1:
        lines.append(say("Nothing in it has changed."))
    if changes.later:
        tables = ", ".join(f"`[{name}]`" for name in changes.later)
        lines.append(
            say("These have changed too, and count after a restart: {tables}", tables=tables)
        )
    return clip("\n".join(lines), CONTENT)


async def examined(upkeep: Upkeep | None) -> str:
    """Look at everything the bot needs, and return what is wrong first, and what to do."""
    try:
        findings = await _there(upkeep).findings()
    except OperatorError as error:
        return clip(without_paths(str(error)), CONTENT)
    return findings_card(findings)


def findings_card(findings: Sequence[Finding]) -> str:
    """Return what is bad, then what is fair, each with its reason; and the names of the rest."""
    heads = {"bad": say("**Bad**"), "fair": say("**Worth knowing**"), "good": say("**Good**")}
    lines = [say("## What the doctor finds")]
    for state in STATES[:2]:
        found = [f"- {one.subject}: {one.text}" for one in findings if one.state == state]
        if found:
            lines += [heads[state], *(clip(line, FINDING) for line in found)]
    if good := [one.subject for one in findings if one.state == "good"]:
        lines.append(f"{heads['good']}: {', '.join(good)}")
    lines.append("-# " + say("`python -m bot doctor` on the machine tells all of it."))
    return clip("\n".join(lines), CONTENT)


def _ids(ids: Sequence[str]) -> str:
    listed = ", ".join(f"`{each}`" for each in ids[:NAMED])
    if len(ids) <= NAMED:
        return listed
    return say("{models} and {n} more", models=listed, n=len(ids) - NAMED)


def _there(upkeep: Upkeep | None) -> Upkeep:
    if upkeep is None:
        raise UserError("That cannot be done from here.")
    return upkeep
