"""What people read of presets, and how theirs and those of a server are changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import UserError
from bot.locales import say
from bot.presets import MOST, as_typed, found
from bot.ui.limits import CONTENT, clip
from bot.ui.settings import require_manager, with_choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    import discord

    from bot.client import Menagerie
    from bot.service import GuildRules, Likings, Rules
    from bot.tasks.caller import Caller

    Presets = Mapping[str, Mapping[str, Mapping[str, Any]]]
    Interaction = discord.Interaction[Menagerie]


class Shelf:
    """The presets of a member, or of a server, as somebody who may change them sees them.

    Args:
        interaction: Who asks, and where.
        rules: Where they are kept.
        server: Whether it is about the server's.

    Raises:
        UserError: It is about the server's, and they do not manage it.
    """

    def __init__(self, interaction: Interaction, rules: Rules, *, server: bool) -> None:
        self._rules = rules
        self._owner = require_manager(interaction) if server else interaction.user.id
        self._server = server

    def _kept(self) -> GuildRules | Likings:
        return (self._rules.of_guild if self._server else self._rules.of_member)(self._owner)

    async def _set(self, **changes: Any) -> None:
        if self._server:
            rules = self._rules.of_guild(self._owner).replaced(**changes)
            await self._rules.set_guild(self._owner, rules)
        else:
            likings = self._rules.of_member(self._owner).replaced(**changes)
            await self._rules.set_member(self._owner, likings)

    async def put(self, task: str, name: str, options: Mapping[str, Any]) -> None:
        """Keep options under a name; what had the name before is gone.

        Raises:
            UserError: There is no room.
        """
        before = self._kept().presets
        mine = {**before.get(task, {}), name: options}
        if len(mine) > MOST:
            raise UserError(
                "There are {most} presets of /{task} already, and that is all there is room for. "
                "Delete one with `/preset delete`.",
                most=MOST,
                task=task,
            )
        await self._set(presets={**before, task: mine})

    async def drop(self, task: str, name: str) -> None:
        """Let a preset go; where it was usual, nothing is any more.

        Raises:
            UserError: There is none of that name.
        """
        before = self._kept()
        mine = dict(before.presets.get(task, {}))
        if mine.pop(name, None) is None:
            raise UserError(
                "There is no preset {name!r} of /{task} here. `/preset show` lists them.",
                name=name,
                task=task,
            )
        changes: dict[str, Any] = {"presets": {**before.presets, task: mine}}
        if before.usual.get(task) == name:
            changes["usual"] = with_choice(before.usual, task, None)
        if self._server:
            channels = self._rules.of_guild(self._owner).channel_usual
            changes["channel_usual"] = {
                channel: with_choice(usual, task, None) if usual.get(task) == name else usual
                for channel, usual in channels.items()
            }
        await self._set(**changes)

    def check(self, caller: Caller, task: str, name: str) -> None:
        """Refuse a name that is not there: to a server, a member's own are not.

        Raises:
            UserError: There is no preset of that name.
        """
        ours = self._kept().presets.get(task, {})
        found(ours if self._server else self._rules.presets(caller, task), task, name)

    async def let_be_usual(self, task: str, name: str | None, channel_id: int | None) -> None:
        """Let a preset count where none is named, or none; of a server also in a channel alone.

        Raises:
            UserError: A channel was named for a member's own.
        """
        if channel_id is None:
            await self._set(usual=with_choice(self._kept().usual, task, name))
            return
        if not self._server:
            raise UserError(
                "What is usual in a channel is the server's. Use the option `server` with it."
            )
        channels = self._rules.of_guild(self._owner).channel_usual
        there = with_choice(channels.get(channel_id, {}), task, name)
        await self._set(channel_usual={**channels, channel_id: there})


def card(rules: Rules, interaction: Interaction) -> str:
    """Return the presets that somebody may name where they are."""
    mine, ours = rules.of_member(interaction.user.id), rules.of_guild(interaction.guild_id)
    lines = [say("## Presets"), say("**Yours**"), *_lines(mine.presets, mine.usual)]
    borrowed = {t: name for t, name in mine.usual.items() if name not in mine.presets.get(t, {})}
    if borrowed:
        lines.append(say("Usual, of a server: {choices}", choices=_usual(borrowed)))
    if interaction.guild_id is not None:
        lines += [say("**This server's**"), *_lines(ours.presets, ours.usual)]
        lines += [
            say("In <#{channel}>: {choices}", channel=channel, choices=_usual(usual))
            for channel, usual in ours.channel_usual.items()
            if usual
        ]
    lines.append("-# " + say("Keep one with `/preset save`; use it with the option `preset`."))
    return clip("\n".join(lines), CONTENT)


def _lines(presets: Presets, usual: Mapping[str, str]) -> list[str]:
    lines = []
    for task, kept in sorted(presets.items()):
        for name, options in sorted(kept.items()):
            text = as_typed(options).replace("`", "'")
            always = " · " + say("usual") if usual.get(task) == name else ""
            lines.append(f"- /{task} **{name}** · `{text}`{always}")
    return lines or [say("none")]


def _usual(usual: Mapping[str, str]) -> str:
    return ", ".join(f"/{task} → **{name}**" for task, name in sorted(usual.items()))
