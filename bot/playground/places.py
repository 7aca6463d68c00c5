"""Projects people, the application, the guild and its channels into Discord's JSON."""

from __future__ import annotations

import datetime

from bot.playground.records import DM_CHANNEL, TEXT_CHANNEL, THREAD, Channel, Json, User
from bot.playground.world import APPLICATION_ID, GUILD_ID, World

JOINED_AT = "2024-01-01T00:00:00+00:00"


def timestamp(seconds: float | None) -> str | None:
    """Writes a time as Discord does, or None."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def user(who: User) -> Json:
    """Projects a user."""
    return {
        "id": str(who.id),
        "username": who.name,
        "global_name": who.display_name,
        "discriminator": "0",
        "avatar": f"portrait{0 if who.bot else who.id % 5}",
        "bot": who.bot,
        "flags": 0,
        "public_flags": 0,
        "primary_guild": None,
        "collectibles": None,
        "avatar_decoration_data": None,
    }


def member(who: User) -> Json:
    """Projects somebody as a member of the guild."""
    return {**bare_member(who), "user": user(who)}


def bare_member(who: User) -> Json:
    """Projects a membership without the user, as messages carry it."""
    return {
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [],
        "joined_at": JOINED_AT,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def application(world: World) -> Json:
    """Projects the bot's application; it belongs to whom the page opens as."""
    owner = next(iter(world.personas.values()))
    return {
        "id": str(APPLICATION_ID),
        "name": world.bot.display_name,
        "icon": None,
        "description": "A bot in the playground.",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "type": None,
        "flags": 1 << 15 | 1 << 19,
        "flags_new": str(1 << 15 | 1 << 19),
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "explicit_content_filter": 0,
        "approximate_user_authorization_count": 0,
        "eligible_oauth2_scopes": [],
        "team": None,
        "owner": user(owner),
        "bot": user(world.bot),
        "rpc_origins": [],
        "integration_types_config": {"0": {}},
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "redirect_uris": [],
        "tags": [],
    }


def guild(world: World) -> Json:
    """Projects the guild as GUILD_CREATE carries it."""
    people = list(world.users.values())
    return {
        **_guild_settings(),
        "channels": [channel(c, world) for c in world.channels.values() if c.kind == TEXT_CHANNEL],
        "threads": [channel(c, world) for c in world.channels.values() if c.kind == THREAD],
        "members": [member(who) for who in people],
        "member_count": len(people),
        "approximate_member_count": len(people),
        "owner_id": str(world.personas["manager"].id),
        "roles": [_everyone_role(world)],
    }


def _guild_settings() -> Json:
    """Lists what of a guild never changes here."""
    empty_lists = ("emojis", "stickers", "features", "threads", "presences", "voice_states",
                   "stage_instances", "guild_scheduled_events", "soundboard_sounds")  # fmt: skip
    nulls = ("icon", "splash", "banner", "discovery_splash", "description", "afk_channel_id",
             "system_channel_id", "rules_channel_id", "public_updates_channel_id",
             "vanity_url_code", "application_id", "widget_channel_id",
             "safety_alerts_channel_id", "incidents_data")  # fmt: skip
    zeros = ("verification_level", "default_message_notifications", "explicit_content_filter",
             "mfa_level", "premium_tier", "premium_subscription_count", "nsfw_level",
             "system_channel_flags")  # fmt: skip
    settings: Json = {name: [] for name in empty_lists}
    settings |= dict.fromkeys(nulls) | dict.fromkeys(zeros, 0)
    return settings | {
        "id": str(GUILD_ID),
        "name": "The playground",
        "preferred_locale": "en-GB",
        "afk_timeout": 300,
        "large": False,
        "unavailable": False,
        "joined_at": JOINED_AT,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "home_header": None,
        "region": "deprecated",
        "widget_enabled": False,
        "max_presences": None,
        "max_members": 100,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
    }


def _everyone_role(world: World) -> Json:
    """Projects the one role."""
    return {
        "id": str(GUILD_ID),
        "name": "@everyone",
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": 0,
        "permissions": str(world.personas["member"].permissions),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def channel(what: Channel, world: World) -> Json:
    """Projects a channel."""
    payload: Json = {"id": str(what.id), "type": what.kind, "last_message_id": None, "flags": 0}
    if what.kind == DM_CHANNEL:
        recipient = world.users[what.recipient_id or 0]
        return payload | {"recipients": [user(recipient)]}
    if what.kind == THREAD:
        return payload | _thread(what, world)
    return payload | {
        "guild_id": str(GUILD_ID),
        "name": what.name,
        "position": 0,
        "permission_overwrites": [],
        "nsfw": what.nsfw,
        "parent_id": None,
        "topic": None,
        "rate_limit_per_user": 0,
    }


def _thread(what: Channel, world: World) -> Json:
    """Projects what threads have beyond other channels."""
    opened = timestamp(what.opened_s)
    said = [m for m in world.history(what.id) if m.only_for is None]
    return {
        "guild_id": str(GUILD_ID),
        "name": what.name,
        "parent_id": str(what.parent_id),
        "owner_id": str(what.owner_id),
        "rate_limit_per_user": 0,
        "message_count": len(said),
        "member_count": 1,
        "total_message_sent": len(said),
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": 1440,
            "archive_timestamp": opened,
            "create_timestamp": opened,
            "locked": False,
        },
    }
