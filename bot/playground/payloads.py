"""Projects the world's records into the JSON that Discord's API and gateway speak."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from bot.playground.components import walk
from bot.playground.markup import trees_in
from bot.playground.places import channel, member, timestamp, user
from bot.playground.records import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    DM_CHANNEL,
    Attachment,
    Channel,
    Interaction,
    Json,
    Message,
    User,
)
from bot.playground.world import APPLICATION_ID, GUILD_ID, World

Reader = Callable[[Message], bool]


class Projection:
    """Messages and interactions, whose files need the address of the server."""

    def __init__(self, world: World, address: str = "", file_mark: str = "") -> None:
        self.world = world
        self.address = address
        self._file_mark = file_mark or "playground"  # without a door, nobody looks at it

    def attachment(self, what: Attachment) -> Json:
        """Projects a file; the link looks signed, as Discord's do."""
        path = f"/attachments/{what.channel_id}/{what.id}/{quote(what.filename)}"
        url = f"{self.address}{path}?ex=7fffffff&is=0&hm={self._file_mark}"
        payload: Json = {
            "id": str(what.id),
            "filename": what.filename,
            "size": len(what.data),
            "url": url,
            "proxy_url": url,
        }
        optional = {
            "content_type": what.content_type,
            "description": what.description,
            "width": what.width,
            "height": what.height,
            "ephemeral": what.ephemeral or None,
        }
        return payload | {key: value for key, value in optional.items() if value is not None}

    def message(self, what: Message, reads: Reader | None = None) -> Json:
        """Projects a message, and the one it answers; what `reads` refuses has no content."""
        world = self.world
        author = world.users[what.author_id]
        payload: Json = {
            "id": str(what.id),
            "channel_id": str(what.channel_id),
            "author": user(author),
            "type": what.kind,
            "timestamp": timestamp(what.created_s),
            "edited_timestamp": timestamp(what.edited_s),
            "tts": what.tts,
            "pinned": False,
            "flags": what.flags,
            "mention_everyone": what.pings.everyone,
            "mentions": [user(world.users[u]) for u in what.pings.users if u in world.users],
            "mention_roles": [str(role) for role in what.pings.roles],
            **(self._body(what) if reads is None or reads(what) else _EMPTY_BODY),
        }
        payload |= self._origin(what) | self._reference(what, reads)
        if what.reactions:
            payload["reactions"] = [_reaction(e, p, world) for e, p in what.reactions.items()]
        if what.nonce is not None:
            payload["nonce"] = what.nonce
        return payload

    def for_bot(self, what: Message) -> Json:
        """Projects a message as the application may see it, content withheld if it must be."""
        return self.message(what, self.may_read)

    def for_bot_on_command(self, what: Message) -> Json:
        """Projects the target of a message command, whose content is always given."""
        return self.message(what, lambda one: one.id == what.id or self.may_read(one))

    def may_read(self, what: Message) -> bool:
        """Tells whether Discord gives the application this message's content."""
        world = self.world
        return (
            world.reads_content
            or what.author_id == world.bot.id
            or world.channels[what.channel_id].kind == DM_CHANNEL
            or world.bot.id in what.pings.users
        )

    def _body(self, what: Message) -> Json:
        """Projects what a message says and shows."""
        files = {f"attachment://{one.filename}": self.attachment(one) for one in what.attachments}
        embeds = [_resolved_embed(embed, files) for embed in what.embeds]
        shown = {
            e[k]["name"] for e in embeds for k in ("image", "thumbnail") if "name" in e.get(k, {})
        }
        for embed in embeds:
            for key in ("image", "thumbnail"):
                embed.get(key, {}).pop("name", None)
        return {
            "content": what.content,
            "embeds": embeds,
            "components": _resolved_components(what.components, files),
            "attachments": [
                self.attachment(one)
                for one in what.attachments
                if f"attachment://{one.filename}" not in shown
            ],
        }

    def _origin(self, what: Message) -> Json:
        """Projects where an answer to an interaction comes from."""
        interaction = self.world.interactions.get(what.interaction_id or 0)
        if interaction is None:
            return {}
        metadata = self._metadata(interaction)
        if interaction.response_message_id not in (None, what.id):
            metadata["original_response_message_id"] = str(interaction.response_message_id)
        origin: Json = {
            "application_id": str(APPLICATION_ID),
            "webhook_id": str(APPLICATION_ID),
            "interaction_metadata": metadata,
        }
        if interaction.kind == COMMAND:
            keys = ("id", "type", "name", "user")
            origin["interaction"] = {key: metadata[key] for key in keys}
        return origin

    def _metadata(self, interaction: Interaction) -> Json:
        """Projects the interaction that a message answers, and what led to it."""
        metadata: Json = {
            "id": str(interaction.id),
            "type": interaction.kind,
            "user": user(self.world.users[interaction.user_id]),
            "authorizing_integration_owners": self.world.standing.owners(
                GUILD_ID, interaction.user_id
            ),
        }
        if interaction.kind == COMMAND:
            metadata["name"] = interaction.data["name"]
        if interaction.kind == COMPONENT:
            metadata["interacted_message_id"] = str(interaction.message_id)
        if interaction.opener_id is not None:
            opener = self.world.interactions[interaction.opener_id]
            metadata["triggering_interaction_metadata"] = self._metadata(opener)
        return metadata

    def _reference(self, what: Message, reads: Reader | None) -> Json:
        """Projects the message that this one answers."""
        if what.reference_id is None:
            return {}
        reference: Json = {
            "type": 0,
            "message_id": str(what.reference_id),
            "channel_id": str(what.channel_id),
        }
        answered = self.world.messages.get(what.reference_id)
        inner = None if answered is None else self.message(answered, reads)
        return {"message_reference": reference, "referenced_message": inner}

    def interaction(self, what: Interaction) -> Json:
        """Projects an interaction as INTERACTION_CREATE carries it."""
        world = self.world
        who, where = world.users[what.user_id], world.channels[what.channel_id]
        payload: Json = {
            "id": str(what.id),
            "application_id": str(APPLICATION_ID),
            "type": what.kind,
            "token": what.token,
            "version": 1,
            "data": what.data,
            "channel_id": str(where.id),
            "channel": channel(where, world),
            "locale": who.locale,
            "app_permissions": str(world.standing.permissions),
            "entitlements": [],
            "entitlement_sku_ids": [],
            "attachment_size_limit": world.attachment_limit_bytes,
        }
        payload |= self._place(who, where)
        source = world.messages.get(what.message_id or 0)
        if source is not None and what.kind not in (COMMAND, AUTOCOMPLETE):
            payload["message"] = self.for_bot(source)
        return payload

    def _place(self, who: User, where: Channel) -> Json:
        """Projects who acted and in what context."""
        standing = self.world.standing
        if where.kind == DM_CHANNEL:
            owners = standing.owners(0, who.id)
            return {"user": user(who), "context": 1, "authorizing_integration_owners": owners}
        return {
            "member": member(who) | {"permissions": str(who.permissions)},
            "guild_id": str(GUILD_ID),
            "guild": {"id": str(GUILD_ID), "locale": "en-GB", "features": []},
            "guild_locale": "en-GB",
            "context": 0,
            "authorizing_integration_owners": standing.owners(GUILD_ID, who.id),
        }

    def state(self, what: Interaction) -> Json:
        """Projects how an interaction stands, for the page and for tests."""
        message_id = what.response_message_id
        return {
            "id": str(what.id),
            "type": what.kind,
            "command": what.data.get("name"),
            "custom_id": what.data.get("custom_id") if what.kind >= COMPONENT else None,
            "user_id": str(what.user_id),
            "channel_id": str(what.channel_id),
            "message_id": None if what.message_id is None else str(what.message_id),
            "acknowledged_after_s": what.acknowledged_after_s,
            "response": what.response,
            "response_message_id": None if message_id is None else str(message_id),
            "modal": what.modal,
            "choices": what.choices,
            "error": what.error,
        }

    def shown(self, what: Message) -> Json:
        """Projects a message for a person's screen: all of it, read, and who would be pinged."""
        interaction = self.world.interactions.get(what.interaction_id or 0)
        pings = what.pings
        message = self.message(what)
        if answered := message.get("referenced_message"):
            message["referenced_message"] = answered | {"marked": trees_in(answered)}
        return message | {
            "marked": trees_in(message),
            "reacted": {emoji: [str(u) for u in sorted(p)] for emoji, p in what.reactions.items()},
            "ephemeral": what.ephemeral,
            "thinking": what.thinking,
            "interaction_id": None if interaction is None else str(interaction.id),
            "only_for": None if what.only_for is None else str(what.only_for),
            "pings": {
                "users": [str(one) for one in pings.users],
                "roles": [str(one) for one in pings.roles],
                "everyone": pings.everyone,
            },
        }


_EMPTY_BODY: Json = {"content": "", "embeds": [], "components": [], "attachments": []}


def _reaction(emoji: str, people: set[int], world: World) -> Json:
    """Projects the count of one emoji."""
    name, _, identity = emoji.partition(":")
    return {
        "emoji": {"id": identity or None, "name": name},
        "count": len(people),
        "count_details": {"normal": len(people), "burst": 0},
        "me": world.bot.id in people,
        "me_burst": False,
        "burst_colors": [],
    }


def _resolved_embed(embed: Json, files: dict[str, Json]) -> Json:
    """Replaces attachment:// links in an embed, noting under "name" which file was used."""
    resolved: Json = {"type": "rich", **embed}
    for key in ("image", "thumbnail"):
        media = dict(resolved[key]) if resolved.get(key) else {}
        if media.get("url") in files:
            resolved[key] = _media(files[media["url"]]) | {"name": media["url"]}
        elif media:
            resolved[key] = media
    return resolved


def _media(file: Json) -> Json:
    """Projects a file as embeds and galleries show it."""
    keys = ("url", "proxy_url", "width", "height", "content_type")
    return {key: file[key] for key in keys if key in file}


def _resolved_components(components: list[Json], files: dict[str, Json]) -> list[Json]:
    """Copies components with their attachment:// links replaced."""
    copied = copy.deepcopy(components)
    for component in walk(copied):
        media = [component, *component.get("items", ())]
        for holder in media:
            for key in ("media", "file"):
                link: Any = holder.get(key)
                if isinstance(link, dict) and link.get("url") in files:
                    file = files[link["url"]]
                    holder[key] = _media(file) | {"id": file["id"], "attachment_id": file["id"]}
                    holder |= (
                        {"name": file["filename"], "size": file["size"]} if key == "file" else {}
                    )
    return copied
