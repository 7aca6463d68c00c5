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


class GuildRules(msgspec.Struct, frozen=True, kw_only=True):
    """What those who manage a guild have set.

    Args:
        tasks_off: Commands that nobody may use here.
        models_off: Ids of models that nobody may use here.
        channels_only: The only channels in which the bot answers; empty: in all.
        channels_off: Channels in which it does not.
        roles_off: Roles whose members it does not answer.
        members_off: Members whom it does not answer.
        models: Task -> the id of the model that is asked where nobody names one.
        channel_models: The same for a channel, by its id.
        spoilers: Whether pictures are hidden until somebody clicks on them.
    """

    tasks_off: frozenset[str] = frozenset()
    models_off: frozenset[str] = frozenset()
    channels_only: frozenset[int] = frozenset()
    channels_off: frozenset[int] = frozenset()
    roles_off: frozenset[int] = frozenset()
    members_off: frozenset[int] = frozenset()
    models: Mapping[str, str] = {}
    channel_models: Mapping[int, Mapping[str, str]] = {}
    spoilers: bool = False

    def replaced(self, **changes: Any) -> GuildRules:
        """Return the rules with some of them changed."""
        return msgspec.structs.replace(self, **changes)


class Likings(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has set: task -> the id of the model that is asked where they name none."""

    models: Mapping[str, str] = {}

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
        by_channel = rules.channel_models.get(caller.channel_id or 0, {})
        sources = (self.of_member(caller.user_id).models, by_channel, rules.models)
        return [source[task] for source in sources if task in source]

    def refused(self, caller: Caller, task: str) -> Sentence | None:
        """Return why somebody may not use a command where they are, or ``None``."""
        rules = self.of_guild(caller.guild_id)
        who = Sentence("Those who manage the server can change that with `/settings`.")
        if task in rules.tasks_off:
            return Sentence("/{task} is switched off in this server. {who}", _with(who, task=task))
        channel = caller.channel_id
        closed = rules.channels_only and channel not in rules.channels_only
        if closed or channel in rules.channels_off:
            return Sentence("I am not to answer in this channel. {who}", _with(who))
        if caller.user_id in rules.members_off or rules.roles_off & set(caller.roles):
            return Sentence("I am not to answer you in this server. {who}", _with(who))
        return None

    def allows(self, caller: Caller, model: Model) -> bool:
        """Say whether a model may be used where somebody is."""
        return model.id not in self.of_guild(caller.guild_id).models_off

    def check(self, caller: Caller, task: str, model: Model) -> None:
        """Refuse what a guild does not allow.

        Raises:
            UserError: With who can change that.
        """
        if (reason := self.refused(caller, task)) is not None:
            raise UserError(reason)
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
