"""The records that the playground's world keeps: plain data, no behaviour, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
COMPONENTS_V2 = 1 << 15

TEXT_CHANNEL = 0
DM_CHANNEL = 1
THREAD = 11  # a public one; private threads are not here

COMMAND = 2
COMPONENT = 3
AUTOCOMPLETE = 4
MODAL_SUBMIT = 5

ResponseKind: TypeAlias = Literal[
    "message", "deferred", "deferred_update", "update", "choices", "modal"
]
ChangeKind: TypeAlias = Literal[
    "message_created",
    "message_updated",
    "message_deleted",
    "interaction_created",
    "interaction_acknowledged",
    "interaction_failed",
    "modal_opened",
    "choices_offered",
    "reaction_added",
    "reaction_removed",
    "typing_started",
    "commands_changed",
    "people_changed",
    "thread_opened",
    "thread_deleted",
]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody: a persona of the playground, or the bot."""

    id: int
    key: str  # what the page and tests call them: "member"
    name: str
    display_name: str
    permissions: int = 0  # in the guild
    locale: str = "en-GB"
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A text channel or a thread of the guild, or one persona's direct messages with the bot.

    `nsfw` channels are age-restricted; the playground lets everybody in.
    """

    id: int
    kind: int
    name: str
    recipient_id: int | None = None  # the persona, in a DM
    parent_id: int | None = None  # the channel that a thread belongs to
    owner_id: int | None = None  # who opened a thread
    opened_s: float = 0.0
    nsfw: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file kept with a message or an option."""

    id: int
    channel_id: int
    filename: str
    data: bytes = field(repr=False)
    content_type: str | None = None  # guessed from the name, as Discord does
    description: str | None = None  # alt text
    width: int | None = None
    height: int | None = None
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class Pings:
    """Whom a message would notify."""

    users: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False


@dataclass(slots=True)
class Message:
    """A message as the store holds it; ephemeral ones are seen by one user only."""

    id: int
    channel_id: int
    author_id: int
    created_s: float
    kind: int = 0  # Discord's message type
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    edited_s: float | None = None
    reference_id: int | None = None
    interaction_id: int | None = None
    only_for: int | None = None  # the user who sees an ephemeral message
    pings: Pings = Pings()
    reactions: dict[str, set[int]] = field(default_factory=dict)
    tts: bool = False
    nonce: str | None = None

    @property
    def ephemeral(self) -> bool:
        """Tells whether only one user sees this message."""
        return bool(self.flags & EPHEMERAL)

    @property
    def thinking(self) -> bool:
        """Tells whether this is a deferred answer that nothing has filled yet."""
        return bool(self.flags & LOADING)


@dataclass(slots=True)
class Interaction:
    """Something a person did with the application, and the answer's clock."""

    id: int
    token: str
    kind: int
    user_id: int
    channel_id: int
    data: Json
    created_s: float
    message_id: int | None = None  # the message whose component was used
    opener_id: int | None = None  # the interaction that opened this modal
    acknowledged_s: float | None = None
    response: ResponseKind | None = None
    response_message_id: int | None = None
    original_deleted: bool = False
    follow_ups: int = 0
    modal: Json | None = None
    choices: list[Json] | None = None
    error: str | None = None

    @property
    def acknowledged_after_s(self) -> float | None:
        """Returns how long the first answer took."""
        return None if self.acknowledged_s is None else self.acknowledged_s - self.created_s


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the world, told to every listener."""

    kind: ChangeKind
    message: Message | None = None
    interaction: Interaction | None = None
    channel_id: int | None = None
    user_id: int | None = None
    emoji: str | None = None
