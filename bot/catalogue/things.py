"""The things that a checkpoint draws by their names, as its ``things.json`` lists them.

A checkpoint without that file draws the 1000 things of ImageNet. The file has three parts: of each
thing, in the order of the net's classes, its names, the title first; the numbers of the things that
a word for a kind stands for; and the numbers of those that are offered before anything is typed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.errors import OperatorError
from bot.tasks.imagenet import imagenet
from bot.tasks.things import Thing, Things

THINGS = "things.json"


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``things.json`` says."""

    things: tuple[tuple[str, ...], ...]
    kinds: dict[str, tuple[int, ...]]
    favourites: tuple[int, ...]

    def check(self) -> None:
        """Raise :class:`ValueError` where the parts do not fit."""
        if not all(names and all(name.strip() for name in names) for names in self.things):
            raise ValueError("a thing has no name")
        if not self.favourites or not all(self.kinds.values()):
            raise ValueError("there are no favourites, or a kind is empty")
        numbers = {*self.favourites, *(n for members in self.kinds.values() for n in members)}
        if not numbers <= set(range(len(self.things))):
            raise ValueError(f"{max(numbers)} is the number of no thing")


def write_things(listed: Listed, folder: Path) -> None:
    """Write ``things.json`` into a folder, a thing or a kind a line."""
    parts = []
    things = ",\n".join(f"  {_json(names)}" for names in listed.things)
    parts.append(f' "things": [\n{things}\n ]')
    kinds = ",\n".join(f"  {_json(word)}: {_json(n)}" for word, n in listed.kinds.items())
    parts.append(f' "kinds": {{\n{kinds}\n }}')
    parts.append(f' "favourites": {_json(listed.favourites)}')
    (folder / THINGS).write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def read_things(folder: Path) -> Things:
    """Return the things of a checkpoint: its own, or ImageNet's where it lists none.

    Raises:
        OperatorError: The list is damaged.
    """
    path = folder / THINGS
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return imagenet()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        listed = msgspec.json.decode(data, type=Listed)
        listed.check()
    except ValueError as error:  # of msgspec too
        raise _unreadable(path, error) from error
    things = [Thing(number, names[0], names) for number, names in enumerate(listed.things)]
    return Things(things, listed.kinds, listed.favourites)


def things_of(folder: Path) -> Things | None:
    """Return the things of a checkpoint, ``None`` where its list cannot be read.

    Like reading any file this takes a moment.
    """
    try:
        return read_things(folder)
    except OperatorError:
        return None


def _json(part: object) -> str:
    return msgspec.json.encode(part).decode()


def _unreadable(path: Path, error: Exception) -> OperatorError:
    return OperatorError(f"{path}: the list of things cannot be read: {error}.")
