"""Threads of the guild's text channel: opened on a message or beside them, and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.playground import places
from bot.playground.errors import RefusedByClient
from bot.playground.people import MANAGE_THREADS
from bot.playground.records import TEXT_CHANNEL, THREAD, Change, Channel, Json

if TYPE_CHECKING:
    from bot.playground.actions import Deed
    from bot.playground.world import World

MOST_NAME = 100
EVENTS = {"thread_opened": "THREAD_CREATE", "thread_deleted": "THREAD_DELETE"}


def open_thread(world: World, deed: Deed) -> Channel:
    """Opens a thread in a text channel; one that is opened on a message has its id."""
    name = str(deed.body.get("name") or "").strip()
    if deed.where.kind != TEXT_CHANNEL:
        raise RefusedByClient("A thread can be opened in a text channel only.")
    if not 1 <= len(name) <= MOST_NAME:
        raise RefusedByClient(f"A thread's name has between 1 and {MOST_NAME} characters.")
    identity = world.snowflake()
    if deed.body.get("message_id"):
        message = world.messages.get(int(deed.body["message_id"]))
        if message is None or message.channel_id != deed.where.id or message.ephemeral:
            raise RefusedByClient("There is no such message in this channel.")
        if message.id in world.channels:
            raise RefusedByClient("A thread has been opened on this message before.")
        identity = message.id
    thread = Channel(
        identity, THREAD, name,
        parent_id=deed.where.id, owner_id=deed.who.id, opened_s=world.clock(),
    )  # fmt: skip
    world.channels[identity] = thread
    world.tell("thread_opened", channel_id=identity)
    return thread


def delete_thread(world: World, deed: Deed) -> None:
    """Deletes a thread and all that was said in it; those who manage the guild can."""
    if deed.where.kind != THREAD:
        raise RefusedByClient("This is no thread.")
    if not deed.who.permissions & MANAGE_THREADS:
        raise RefusedByClient("You may not manage threads here.")
    world.tell("thread_deleted", channel_id=deed.where.id)
    del world.channels[deed.where.id]
    for message in world.history(deed.where.id):
        del world.messages[message.id]


def event(world: World, change: Change) -> Json:
    """Projects what the gateway tells of a thread that was opened or deleted."""
    thread = places.channel(world.channels[change.channel_id or 0], world)
    if change.kind == "thread_opened":
        return thread | {"newly_created": True}
    return {key: thread[key] for key in ("id", "guild_id", "parent_id", "type")}
