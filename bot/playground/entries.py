"""What the inspector keeps: entries in a ring, their details masked and cut short. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bot.playground.records import Json

MASK = "•••"
MOST_ENTRIES = 2000
MOST_CHARACTERS = 16_000_000  # of all details together
DETAIL_CHARACTERS = 32_000  # of one detail; what is longer is shown up to there
SECRET_KEYS = frozenset({"token", "authorization"})
INTERACTION_TOKEN = re.compile(r"playground-[\w-]{20,}")

Kind: TypeAlias = Literal["rest", "to bot", "from bot", "interaction", "job", "log"]


@dataclass(slots=True)
class Entry:
    """One thing that happened, or one whose life goes on: an interaction, a job.

    `details` are named texts that are shown on a click; `stages` are what a life has
    come to so far, with the time of each.
    """

    at_s: float
    kind: Kind
    title: str
    status: str = ""
    took_s: float | None = None
    faults: list[str] = field(default_factory=list)
    interaction_id: str | None = None
    job_id: str | None = None
    clock: Json | None = None  # of an interaction: its three seconds and its fifteen minutes
    stages: list[Json] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)
    key: str = ""  # by which one whose life goes on is found again
    number: int = 0
    size: int = 0

    def row(self) -> Json:
        """Returns what the list shows."""
        return {
            "number": self.number,
            "at": self.at_s,
            "kind": self.kind,
            "title": self.title,
            "status": self.status,
            "took": self.took_s,
            "faults": self.faults,
            "interaction": self.interaction_id,
            "job": self.job_id,
            "clock": self.clock,
        }


class Ring:
    """The newest entries, bounded in number and in what their details hold."""

    def __init__(self, most: int = MOST_ENTRIES, characters: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._characters = characters
        self._entries: dict[int, Entry] = {}
        self._numbers: dict[str, int] = {}
        self._held = 0
        self._last = 0

    def __len__(self) -> int:
        """Returns how many entries there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """Goes through the entries, oldest first."""
        return iter(list(self._entries.values()))

    def get(self, number: int) -> Entry | None:
        """Finds an entry by its number."""
        return self._entries.get(number)

    def find(self, key: str) -> Entry | None:
        """Finds an entry whose life goes on."""
        return self._entries.get(self._numbers.get(key, 0))

    def add(self, entry: Entry) -> Entry:
        """Numbers an entry and keeps it; the oldest give way."""
        self._last += 1
        entry.number = self._last
        self._entries[entry.number] = entry
        if entry.key:
            self._numbers[entry.key] = entry.number
        self.weigh(entry)
        return entry

    def weigh(self, entry: Entry) -> None:
        """Counts anew what an entry holds, after its details have changed."""
        held = sum(map(len, entry.details.values()))
        self._held += held - entry.size
        entry.size = held
        while len(self._entries) > self._most or self._held > self._characters:
            if len(self._entries) == 1:
                return
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forgets every entry; numbers go on."""
        for number in list(self._entries):
            self._drop(number)

    def _drop(self, number: int) -> None:
        gone = self._entries.pop(number)
        self._held -= gone.size
        if self._numbers.get(gone.key) == number:
            del self._numbers[gone.key]


def detail(value: Any) -> str:
    """Writes a value as JSON for reading, secrets masked, and no longer than a detail may be."""
    text = json.dumps(masked(value), indent=2, ensure_ascii=False, default=repr)
    if len(text) <= DETAIL_CHARACTERS:
        return text
    return f"{text[:DETAIL_CHARACTERS]}\n… {len(text) - DETAIL_CHARACTERS:,} more characters"


def masked(value: Any) -> Any:
    """Returns the same value with tokens masked, wherever they stand."""
    if isinstance(value, dict):
        return {
            key: MASK if key.lower() in SECRET_KEYS and isinstance(one, str) else masked(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(one) for one in value]
    return masked_text(value) if isinstance(value, str) else value


def masked_text(text: str) -> str:
    """Returns a text without the tokens of interactions."""
    return INTERACTION_TOKEN.sub(MASK, text)
