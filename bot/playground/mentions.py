"""Works out whom a message would ping, given Discord's allowed_mentions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.playground.components import walk
from bot.playground.records import Json, Pings

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")

EVERYTHING: Json = {"parse": ["users", "roles", "everyone"], "replied_user": True}
USERS_ONLY: Json = {"parse": ["users"], "replied_user": True}


def find_pings(text: str, allowed: Json | None, default: Json, replied_to: int | None) -> Pings:
    """Finds the users, roles and everyone that `text` mentions and `allowed` lets ping.

    `default` applies when the sender says nothing: everything for an ordinary
    message, users only for an interaction's answer. `replied_to` is the author of the
    message being answered.
    """
    rules = default if allowed is None else allowed
    parse = rules.get("parse") or []
    users = _allowed(_USER.findall(text), "users" in parse, rules.get("users"))
    roles = _allowed(_ROLE.findall(text), "roles" in parse, rules.get("roles"))
    if replied_to is not None and rules.get("replied_user", False) and replied_to not in users:
        users = (*users, replied_to)
    everyone = "everyone" in parse and _EVERYONE.search(text) is not None
    return Pings(users, roles, everyone)


def _allowed(found: Iterable[str], every: bool, listed: Iterable[str] | None) -> tuple[int, ...]:
    """Keeps the mentioned ids that may ping, once each, in order."""
    wanted = {int(one) for one in listed or ()}
    return tuple(dict.fromkeys(int(one) for one in found if every or int(one) in wanted))


def spoken_text(content: str, components: Iterable[Json]) -> str:
    """Joins a message's content with the text displays of its components."""
    return "\n".join([content, *(c["content"] for c in walk(components) if c.get("type") == 10)])
