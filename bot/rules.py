"""What a guild allows, and what its members like: held in memory, written through to the store.

Rules are looked at for every request, wherever it comes from: a command, a button, a menu. Denials
win over permissions. In direct messages there are no rules, only likings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog

from bot.errors import Sentence, UserError
from bot.store.store import StoreError

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.store.notes import Notes
    from bot.tasks.caller import Caller

log = structlog.get_logger("rules")

Kind = TypeVar("Kind")

Options = Mapping[str, str | int | float | bool]
"""Options of a command by the names under which they are typed: what a preset keeps."""

Presets = Mapping[str, Mapping[str, Options]]
"""Task -> the name of a preset -> what it keeps."""


class GuildRules(msgspec.Struct, frozen=True, kw_only=True):
    """What those who manage a guild have set.

    Args:
        tasks_off: Commands that nobody may use here.
        tasks_adult: Commands that are answered in age-restricted channels only.
        models_off: Ids of models that nobody may use here.
        channels_only: The only channels in which the bot answers; empty: in all.
        channels_off: Channels in which it does not.
        roles_off: Roles whose members it does not answer.
        members_off: Members whom it does not answer.
        models: Task -> the id of the model that is asked where nobody names one.
        channel_models: The same for a channel, by its id.
        presets: What members may ask for by name here.
        usual: Task -> the preset that counts where nobody names one.
        channel_usual: The same for a channel, by its id.
        spoilers: Whether pictures are hidden until somebody clicks on them.
        mentions: Whether messages are answered that mention the bot or reply to its answers.
    """

    tasks_off: frozenset[str] = frozenset()
    tasks_adult: frozenset[str] = frozenset()
    models_off: frozenset[str] = frozenset()
    channels_only: frozenset[int] = frozenset()
    channels_off: frozenset[int] = frozenset()
    roles_off: frozenset[int] = frozenset()
    members_off: frozenset[int] = frozenset()
    models: Mapping[str, str] = {}
    channel_models: Mapping[int, Mapping[str, str]] = {}
    presets: Presets = {}
    usual: Mapping[str, str] = {}
    channel_usual: Mapping[int, Mapping[str, str]] = {}
    spoilers: bool = False
    mentions: bool = True

    def replaced(self, **changes: Any) -> GuildRules:
        """Return the rules with some of them changed."""
        return msgspec.structs.replace(self, **changes)


class Likings(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has set.

    Args:
        models: Task -> the id of the model that is asked where they name none.
        private: Whether answers are seen by them alone, until they share them.
        presets: What they may ask for by name.
        usual: Task -> the preset that counts where they name none.
    """

    models: Mapping[str, str] = {}
    private: bool = False
    presets: Presets = {}
    usual: Mapping[str, str] = {}

    def replaced(self, **changes: Any) -> Likings:
        """Return the likings with some of them changed."""
        return msgspec.structs.replace(self, **changes)


class Rules:
    """Knows what everybody has set.

    Args:
        notes: Where it is written down; ``None`` remembers nothing beyond this process.
    """

    def __init__(self, notes: Notes | None = None) -> None:
        self._notes = notes
        self._guilds: dict[int, GuildRules] = {}
        self._members: dict[int, Likings] = {}

    async def load(self) -> None:
        """Read what was set before."""
        if self._notes is not None:
            self._guilds = _read(await self._notes.all("guild"), GuildRules)
            self._members = _read(await self._notes.all("member"), Likings)

    def of_guild(self, guild_id: int | None) -> GuildRules:
        """Return the rules of a guild; there are none in direct messages."""
        return self._guilds.get(guild_id or 0, GuildRules())

    def guilds(self) -> Iterable[int]:
        """Return the ids of the guilds that have set rules."""
        return tuple(self._guilds)

    def of_member(self, user_id: int) -> Likings:
        """Return what a member likes."""
        return self._members.get(user_id, Likings())

    async def set_guild(self, guild_id: int, rules: GuildRules) -> None:
        """Let these be the rules of a guild."""
        await self._put("guild", guild_id, rules)
        self._guilds[guild_id] = rules

    async def set_member(self, user_id: int, likings: Likings) -> None:
        """Let this be what a member likes."""
        await self._put("member", user_id, likings)
        self._members[user_id] = likings

    async def forget_member(self, user_id: int) -> None:
        """Delete what a member likes."""
        if self._notes is not None:
            await self._notes.drop("member", user_id)
        self._members.pop(user_id, None)

    def liked_models(self, caller: Caller, task: str) -> list[str]:
        """Return the ids of the models to ask where none is named, the most wanted first."""
        rules = self.of_guild(caller.guild_id)
        by_channel = _nearest(rules.channel_models, caller)
        sources = (self.of_member(caller.user_id).models, by_channel, rules.models)
        usual = zip(self.usual(caller, task), sources, strict=True)
        names = [
            name for preset, models in usual for name in (preset.get("model"), models.get(task))
        ]
        return [str(name) for name in names if name is not None]

    def presets(self, caller: Caller, task: str) -> Mapping[str, Options]:
        """Return the presets that somebody may name: theirs, and those of the guild."""
        shared = self.of_guild(caller.guild_id).presets.get(task, {})
        return {**shared, **self.of_member(caller.user_id).presets.get(task, {})}

    def usual(self, caller: Caller, task: str) -> tuple[Options, Options, Options]:
        """Return the presets where none is named: the member's, the channel's, the guild's."""
        rules, likings = self.of_guild(caller.guild_id), self.of_member(caller.user_id)
        shared = rules.presets.get(task, {})
        in_channel = _nearest(rules.channel_usual, caller)
        return (
            self.presets(caller, task).get(likings.usual.get(task, ""), {}),
            shared.get(in_channel.get(task, ""), {}),
            shared.get(rules.usual.get(task, ""), {}),
        )

    def refused(self, caller: Caller, task: str) -> Sentence | None:
        """Return why somebody may not use a command where they are, or ``None``."""
        rules = self.of_guild(caller.guild_id)
        who = Sentence("Those who manage the server can change that with `/settings`.")
        if task in rules.tasks_off:
            return Sentence("/{task} is switched off in this server. {who}", _with(who, task=task))
        if task in rules.tasks_adult and not caller.adults:
            return Sentence(
                "In this server, /{task} is answered in age-restricted channels only. {who}",
                _with(who, task=task),
            )
        places = set(caller.places)
        closed = rules.channels_only and not places & set(rules.channels_only)
        if closed or places & set(rules.channels_off):
            return Sentence("I am not to answer in this channel. {who}", _with(who))
        if caller.user_id in rules.members_off or rules.roles_off & set(caller.roles):
            return Sentence("I am not to answer you in this server. {who}", _with(who))
        return None

    def allows(self, caller: Caller, model: Model) -> bool:
        """Say whether a model may be used where somebody is."""
        if model.nsfw and not caller.adults:
            return False
        return model.id not in self.of_guild(caller.guild_id).models_off

    def check(self, caller: Caller, task: str, model: Model) -> None:
        """Refuse what a guild does not allow.

        Raises:
            UserError: With who can change that.
        """
        if (reason := self.refused(caller, task)) is not None:
            raise UserError(reason)
        if model.nsfw and not caller.adults:
            raise UserError(
                "{model} may answer what is not for everybody, so it answers in age-restricted "
                "channels of a server only. Ask there, or choose another model.",
                model=model.title,
            )
        if not self.allows(caller, model):
            raise UserError(
                "{model} is switched off in this server. Choose another model, or ask those who "
                "manage the server: `/settings model`.",
                model=model.title,
            )

    async def _put(self, kind: str, owner_id: int, value: GuildRules | Likings) -> None:
        if self._notes is None:
            return
        try:
            await self._notes.put(kind, owner_id, msgspec.msgpack.encode(value))
        except (StoreError, OSError) as error:
            log.error("not set", kind=kind, error=str(error))
            raise UserError("That could not be written down. Try again in a minute.") from None


def _nearest(of_channels: Mapping[int, Mapping[str, str]], caller: Caller) -> Mapping[str, str]:
    """Return what is set for a thread, else what is set for its channel."""
    return {
        task: name
        for place in reversed(caller.places)
        for task, name in of_channels.get(place, {}).items()
    }


def _with(who: Sentence, **values: str) -> dict[str, str | int | float | Sentence]:
    return {**values, "who": who}


def _read(bodies: Mapping[int, bytes], kind: type[Kind]) -> dict[int, Kind]:
    """Return what was set; what another version of the bot wrote and cannot be read is left out."""
    found = {}
    for owner, body in bodies.items():
        try:
            found[owner] = msgspec.msgpack.decode(body, type=kind)
        except msgspec.DecodeError as error:
            log.error("not read", kind=kind.__name__, error=str(error))
    return found
