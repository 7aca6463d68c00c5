"""The 1000 classes of ImageNet, the things that a net draws whose checkpoint lists no others.

The names stand in ``imagenet.toml``, everyday words for kinds of them in :mod:`bot.tasks.kinds`.
A class is a number here, the same that every net trained on ImageNet uses.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

from bot.tasks.kinds import TITLES, kinds
from bot.tasks.things import Thing, Things

FAVOURITES = (
    1, 207, 281, 292, 388, 145, 130, 14, 323, 291, 386, 107, 40, 817, 820, 483, 780, 417, 963, 933,
    949, 985, 980, 973, 812,
)  # fmt: skip
"""Classes that are offered before anything is typed: those that people like, and nets do well."""


@functools.cache
def imagenet() -> Things:
    """Return the classes, to be looked up by name."""
    listed = [
        Thing(number, TITLES.get(number, names[0]), names)
        for number, names in enumerate(_names().values())
    ]
    return Things(listed, kinds(), FAVOURITES, such_as=("dog", "bird", "car"))


def wordnet_ids() -> tuple[str, ...]:
    """Return what WordNet calls the classes, in the order of their numbers."""
    return tuple(_names())


@functools.cache
def _names() -> dict[str, tuple[str, ...]]:
    """Return the names of each class by its id in WordNet."""
    text = resources.files("bot.tasks").joinpath("imagenet.toml").read_text(encoding="utf-8")
    return {wordnet: tuple(names.split(", ")) for wordnet, names in tomllib.loads(text).items()}
