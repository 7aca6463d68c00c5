"""Finds one's way in Discord's nested message components. Pure."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator

from bot.playground.records import Json

ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8
SECTION, TEXT_DISPLAY, THUMBNAIL, MEDIA_GALLERY, FILE, SEPARATOR = 9, 10, 11, 12, 13, 14
CONTAINER, LABEL, FILE_UPLOAD = 17, 18, 19
RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 21, 22, 23
SELECTS = frozenset({3, 5, 6, 7, 8})
LINK_STYLE, PREMIUM_STYLE = 5, 6


def walk(components: Iterable[Json]) -> Iterator[Json]:
    """Yields every component, nested ones too, in reading order."""
    for component in components:
        yield component
        yield from walk(component.get("components") or ())
        for key in ("accessory", "component"):
            if isinstance(component.get(key), dict):
                yield from walk((component[key],))


def find(components: Iterable[Json], custom_id: str) -> Json | None:
    """Finds the component with this custom id."""
    return next((c for c in walk(components) if c.get("custom_id") == custom_id), None)


def numbered(components: Iterable[Json]) -> list[Json]:
    """Copies components, giving an id to each that came without one, as Discord does."""
    copied = copy.deepcopy(list(components))
    taken = {c["id"] for c in walk(copied) if c.get("id")}
    fresh = (number for number in itertools.count(1) if number not in taken)
    for component in walk(copied):
        if not component.get("id"):
            component["id"] = next(fresh)
    return copied
