"""The one store of the playground: who is there, what was said, what was asked.

REST answers and gateway events are two projections of it. It knows nothing of HTTP;
time comes from the clock it is given.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bot.playground import errors
from bot.playground.components import numbered
from bot.playground.drafts import Draft
from bot.playground.filetypes import guess_type
from bot.playground.mentions import EVERYTHING, USERS_ONLY, find_pings, spoken_text
from bot.playground.people import MANAGER_PERMISSIONS, MEMBER_PERMISSIONS, first_people
from bot.playground.pictures import picture_size
from bot.playground.records import (
    AUTOCOMPLETE,
    COMMAND,
    DM_CHANNEL,
    EPHEMERAL,
    LOADING,
    MODAL_SUBMIT,
    TEXT_CHANNEL,
    Attachment,
    Change,
    ChangeKind,
    Channel,
    Interaction,
    Json,
    Message,
    ResponseKind,
    Upload,
    User,
)
from bot.playground.standing import Standing

ANSWER_WITHIN_S = 3.0
TOKEN_LASTS_S = 15 * 60.0
DISCORD_EPOCH_MS = 1_420_070_400_000

GUILD_ID = 200_000_000_000_000_001
TEXT_CHANNEL_ID = 300_000_000_000_000_001
ADULT_CHANNEL_ID = 300_000_000_000_000_002
APPLICATION_ID = 100_000_000_000_000_001

Listener = Callable[[Change], None]
Clock = Callable[[], float]


class World:
    """Users, one guild, its channels, direct messages, commands and interactions.

    `clock` returns seconds since 1970; tests give one that they advance themselves.
    """

    def __init__(
        self,
        clock: Clock = time.time,
        *,
        bot_name: str = "Menagerie",
        attachment_limit_bytes: int = 10 * 1024 * 1024,
    ) -> None:
        self.clock = clock
        self.attachment_limit_bytes = attachment_limit_bytes
        self.bot = User(
            APPLICATION_ID, "bot", bot_name.lower(), bot_name, MANAGER_PERMISSIONS, bot=True
        )
        self.personas = {person.key: person for person in first_people()}
        self.users = {user.id: user for user in (self.bot, *self.personas.values())}
        self.channels = {c.id: c for c in self._first_channels()}
        self.messages: dict[int, Message] = {}  # in the order they were made
        self.attachments: dict[int, Attachment] = {}
        self.commands: dict[int, Json] = {}
        self.interactions: dict[int, Interaction] = {}
        self.standing = Standing()
        self.reads_content = False  # the bot identified with the MESSAGE_CONTENT intent
        self._by_token: dict[str, Interaction] = {}
        self._waiting: dict[int, Interaction] = {}  # for their first answer
        self._listeners: list[Listener] = []
        self._last_id = 0

    def _first_channels(self) -> Iterator[Channel]:
        """Makes the guild's text channels and one DM for each persona."""
        yield Channel(TEXT_CHANNEL_ID, TEXT_CHANNEL, "playground")
        yield Channel(ADULT_CHANNEL_ID, TEXT_CHANNEL, "after-dark", nsfw=True)
        for number, person in enumerate(self.personas.values(), start=11):
            yield Channel(TEXT_CHANNEL_ID - 1 + number, DM_CHANNEL, person.name, person.id)

    # -- time, ids, listeners --------------------------------------------------------

    def snowflake(self) -> int:
        """Makes the next id; ids grow, and carry the time as Discord's do."""
        made_ms = int(self.clock() * 1000) - DISCORD_EPOCH_MS
        self._last_id = max(made_ms << 22, self._last_id + 1)
        return self._last_id

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` with every change from now on; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Calls `listener` with every change inside the block."""
        stop = self.listen(listener)
        try:
            yield
        finally:
            stop()

    def tell(self, kind: ChangeKind, **what: Any) -> None:
        """Tells every listener of one change."""
        change = Change(kind, **what)
        for listener in tuple(self._listeners):
            listener(change)

    # -- finding ---------------------------------------------------------------------

    def persona(self, key_or_id: str) -> User | None:
        """Finds a persona by key ("member") or id."""
        if key_or_id in self.personas:
            return self.personas[key_or_id]
        user = self.users.get(int(key_or_id)) if key_or_id.isdecimal() else None
        return None if user is None or user.bot else user

    def welcome(self, name: str, locale: str, *, manages: bool) -> User:
        """Lets a new persona in, with direct messages of their own, and tells of it."""
        identity = self.snowflake()
        permissions = MANAGER_PERMISSIONS if manages else MEMBER_PERMISSIONS
        who = User(identity, f"guest{identity}", name.lower(), name, permissions, locale)
        self.personas[who.key] = self.users[identity] = who
        direct = self.snowflake()
        self.channels[direct] = Channel(direct, DM_CHANNEL, who.name, identity)
        self.tell("people_changed")
        return who

    def dm_of(self, user_id: int) -> Channel | None:
        """Finds the direct messages of one persona with the bot."""
        return next((c for c in self.channels.values() if c.recipient_id == user_id), None)

    def can_see(self, user: User, channel: Channel) -> bool:
        """Tells whether somebody may read a channel at all."""
        return channel.kind != DM_CHANNEL or user.bot or channel.recipient_id == user.id

    def sees(self, user: User, message: Message) -> bool:
        """Tells whether somebody sees a message."""
        channel = self.channels[message.channel_id]
        return self.can_see(user, channel) and message.only_for in (None, user.id)

    def history(self, channel_id: int, before_id: int | None = None) -> list[Message]:
        """Returns the messages of a channel, or those before one of them, oldest first."""
        return [
            m
            for m in self.messages.values()
            if m.channel_id == channel_id and (before_id is None or m.id < before_id)
        ]

    # -- attachments -----------------------------------------------------------------

    def keep(
        self,
        upload: Upload,
        channel_id: int,
        description: str | None = None,
        *,
        ephemeral: bool = False,
    ) -> Attachment:
        """Stores a file; its type is guessed from its name, its size read from its header."""
        content_type = guess_type(upload.filename)
        size = picture_size(upload.data) if (content_type or "").startswith("image/") else None
        width, height = size or (None, None)
        attachment = Attachment(
            self.snowflake(), channel_id, upload.filename, upload.data,
            content_type, description, width, height, ephemeral,
        )  # fmt: skip
        self.attachments[attachment.id] = attachment
        return attachment

    # -- messages --------------------------------------------------------------------

    def post(
        self,
        channel_id: int,
        author_id: int,
        draft: Draft,
        *,
        kind: int = 0,
        interaction: Interaction | None = None,
    ) -> Message:
        """Makes a message and tells of it."""
        message = Message(
            self.snowflake(), channel_id, author_id, self.clock(), kind,
            reference_id=draft.reference_id, tts=draft.tts, nonce=draft.nonce,
        )  # fmt: skip
        message.flags = draft.flags
        if interaction is not None:
            message.interaction_id = interaction.id
            message.only_for = interaction.user_id if message.ephemeral else None
        self._fill(message, draft)
        self.messages[message.id] = message
        self.tell("message_created", message=message)
        return message

    def edit(self, message: Message, draft: Draft) -> Message:
        """Changes a message; filling a 'thinking' one does not count as an edit."""
        if message.thinking:
            message.flags &= ~LOADING
        else:
            message.edited_s = self.clock()
        message.flags |= draft.flags & ~(EPHEMERAL | LOADING)
        self._fill(message, draft)
        self.tell("message_updated", message=message)
        return message

    def _fill(self, message: Message, draft: Draft) -> None:
        """Applies what a draft says to a message, and works out whom it pings."""
        if draft.content is not None:
            message.content = draft.content
        if draft.embeds is not None:
            message.embeds = draft.embeds
        if draft.components is not None:
            message.components = numbered(draft.components)
        message.attachments = self._attachments_after(message, draft)
        replied = self.messages.get(message.reference_id or 0)
        text = spoken_text(message.content, message.components)
        default = EVERYTHING if message.interaction_id is None else USERS_ONLY
        author = None if replied is None else replied.author_id
        message.pings = find_pings(text, draft.allowed_mentions, default, author)

    def _attachments_after(self, message: Message, draft: Draft) -> list[Attachment]:
        """Keeps the attachments that a draft keeps, and stores those it brings."""
        kept = draft.kept(message.attachments)
        new = [
            self.keep(upload, message.channel_id, description, ephemeral=message.ephemeral)
            for upload, description in draft.uploads()
        ]
        return kept + new

    def delete(self, message: Message) -> None:
        """Removes a message and its files and tells of it."""
        del self.messages[message.id]
        for attachment in message.attachments:
            self.attachments.pop(attachment.id, None)
        self.tell("message_deleted", message=message)

    def react(self, message: Message, emoji: str, user_id: int, *, present: bool = True) -> None:
        """Adds or removes one person's reaction."""
        people = message.reactions.setdefault(emoji, set())
        if present == (user_id in people):
            return
        if present:
            people.add(user_id)
        else:
            people.discard(user_id)
        if not people:
            del message.reactions[emoji]
        kind: ChangeKind = "reaction_added" if present else "reaction_removed"
        self.tell(kind, message=message, user_id=user_id, emoji=emoji)

    # -- interactions ----------------------------------------------------------------

    def interact(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        message_id: int | None = None,
        opener_id: int | None = None,
    ) -> Interaction:
        """Starts an interaction: the clock of three seconds runs from here."""
        identity, token = self.snowflake(), f"playground-{secrets.token_urlsafe(24)}"
        interaction = Interaction(
            identity, token, kind, user.id, channel.id, data, self.clock(), message_id, opener_id
        )
        self.interactions[interaction.id] = self._by_token[token] = interaction
        self._waiting[interaction.id] = interaction
        self.tell("interaction_created", interaction=interaction)
        return interaction

    def to_answer(self, interaction_id: int, token: str) -> Interaction:
        """Finds an interaction that may be answered now, or raises what Discord would."""
        interaction = self.interactions.get(interaction_id)
        if interaction is None or interaction.token != token:
            raise errors.unknown_interaction()
        if interaction.acknowledged_s is not None:
            raise errors.already_acknowledged()
        self.expire()
        if interaction.error is not None:
            raise errors.unknown_interaction()
        return interaction

    def to_follow(self, application_id: int, token: str) -> Interaction:
        """Finds an answered interaction whose token still works, or raises."""
        if application_id != self.bot.id:
            raise errors.unknown_webhook()
        interaction = self._by_token.get(token)
        if interaction is None or self.clock() - interaction.created_s > TOKEN_LASTS_S:
            raise errors.expired_token()
        if interaction.acknowledged_s is None:
            raise errors.unknown_webhook()
        return interaction

    def acknowledge(self, interaction: Interaction, response: ResponseKind) -> None:
        """Notes the first answer and its kind."""
        self._waiting.pop(interaction.id, None)
        interaction.acknowledged_s = self.clock()
        interaction.response = response

    def expire(self) -> None:
        """Fails every interaction that waited too long for its first answer."""
        now = self.clock()
        for interaction in list(self._waiting.values()):
            if now - interaction.created_s > ANSWER_WITHIN_S:
                del self._waiting[interaction.id]
                interaction.error = _failure(interaction)
                self.tell("interaction_failed", interaction=interaction)

    def original(self, interaction: Interaction) -> Message:
        """Finds the message that @original names, or raises 10008."""
        message = self.messages.get(interaction.response_message_id or 0)
        if message is None or interaction.original_deleted:
            raise errors.unknown_message()
        return message

    def answer(self, interaction: Interaction, draft: Draft, *, kind: int | None = None) -> Message:
        """Posts a message of the bot's as an answer to an interaction."""
        if kind is None:
            kind = 0
        return self.post(
            interaction.channel_id, self.bot.id, draft, kind=kind, interaction=interaction
        )

    def follow_up(self, interaction: Interaction, draft: Draft) -> Message:
        """Posts a follow-up; the first one fills a 'thinking' answer and its visibility."""
        original = self.messages.get(interaction.response_message_id or 0)
        if interaction.response == "deferred" and original is not None and original.thinking:
            return self.edit(original, draft)
        return self.answer(interaction, draft)

    # -- commands --------------------------------------------------------------------

    def commands_for(self, guild_id: int | None) -> list[Json]:
        """Returns the global commands, or one guild's, in the order they were made."""
        wanted = None if guild_id is None else str(guild_id)
        return [c for c in self.commands.values() if c.get("guild_id") == wanted]

    def put_command(self, body: Mapping[str, Any], guild_id: int | None) -> Json:
        """Creates a command, or overwrites the one of the same name and type."""
        kind = body.get("type") or 1
        same = [
            c
            for c in self.commands_for(guild_id)
            if c["name"] == body["name"] and c["type"] == kind
        ]
        identity = int(same[0]["id"]) if same else self.snowflake()
        said = {key: value for key, value in body.items() if value is not None}
        command = {**_COMMAND_DEFAULTS, **said, "type": kind}
        command |= {"id": str(identity), "application_id": str(self.bot.id)}
        command["version"] = str(self.snowflake())
        if command["default_member_permissions"] is not None:
            command["default_member_permissions"] = str(command["default_member_permissions"])
        if guild_id is not None:
            command["guild_id"] = str(guild_id)
        self.commands[identity] = command
        return command


_COMMAND_DEFAULTS: Json = {
    "description": "",
    "options": [],
    "default_member_permissions": None,
    "dm_permission": True,
    "nsfw": False,
    "integration_types": [0],
    "contexts": None,
}


def _failure(interaction: Interaction) -> str:
    """Says what a person's Discord client shows when nothing came in three seconds."""
    if interaction.kind == AUTOCOMPLETE:
        return "Loading options failed"
    if interaction.kind in (COMMAND, MODAL_SUBMIT):
        return "The application did not respond"
    return "This interaction failed"
