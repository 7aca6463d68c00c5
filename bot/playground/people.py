"""Who is in the playground at first, what they may do, and the languages that clients speak."""

from __future__ import annotations

from bot.playground.records import User

_VIEW, _SEND, _HISTORY, _ATTACH, _EMBED = 1 << 10, 1 << 11, 1 << 16, 1 << 15, 1 << 14
_MANAGE_GUILD, _MANAGE_MESSAGES, _REACT, _USE_COMMANDS = 1 << 5, 1 << 13, 1 << 6, 1 << 31
MANAGE_THREADS, _OPEN_THREADS, _SEND_IN_THREADS = 1 << 34, 1 << 35, 1 << 38
MEMBER_PERMISSIONS = _VIEW | _SEND | _HISTORY | _ATTACH | _EMBED | _REACT | _USE_COMMANDS
USE_EXTERNAL_APPS = 1 << 50
MEMBER_PERMISSIONS |= _OPEN_THREADS | _SEND_IN_THREADS | USE_EXTERNAL_APPS
MANAGER_PERMISSIONS = MEMBER_PERMISSIONS | _MANAGE_GUILD | _MANAGE_MESSAGES | MANAGE_THREADS

MOST_NAME = 32
LOCALES = frozenset(
    {
        *("bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "hi"),
        *("hr", "hu", "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru"),
        *("sv-SE", "th", "tr", "uk", "vi", "zh-CN", "zh-TW"),
    }
)
"""What Discord's client can be set to."""


def first_people() -> tuple[User, ...]:
    """Lists the personas that are there from the beginning."""
    return (
        User(100_000_000_000_000_011, "member", "robin", "Robin", MEMBER_PERMISSIONS),
        User(100_000_000_000_000_012, "manager", "morgan", "Morgan", MANAGER_PERMISSIONS),
        User(100_000_000_000_000_013, "stranger", "sam", "Sam", MEMBER_PERMISSIONS),
    )
