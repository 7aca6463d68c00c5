"""Which files of a repository an entry wants: patterns, each perhaps with a second choice.

``"model.safetensors | pytorch_model.bin"`` are the first of these that are there: the weights of
one framework, whichever the repository has. A ``*`` stays in its folder, as in a shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

OR = "|"
WEIGHTS = (
    ".safetensors",
    ".bin",
    ".msgpack",
    ".h5",
    ".onnx",
    ".gguf",
    ".pb",
    ".pt",
    ".pth",
    ".ckpt",
)
PROGRAMS = (".py", ".pyc", ".so", ".sh")


def chosen(names: Sequence[str], patterns: Iterable[str]) -> list[str]:
    """Return the names that are wanted, in their order: all where there is no pattern.

    Programs never are.
    """
    plain = [name for name in names if not name.endswith(PROGRAMS)]
    wanted: set[str] = set()
    given = tuple(patterns)
    for pattern in given:
        wanted.update(_first(plain, pattern))
    return [name for name in plain if not given or name in wanted]


def without_weights(names: Sequence[str], patterns: Iterable[str]) -> list[str]:
    """Return the patterns that name weights and that no file matches."""
    return [
        pattern
        for pattern in patterns
        if any(choice.endswith(WEIGHTS) for choice in choices(pattern))
        and not _first(names, pattern)
    ]


def choices(pattern: str) -> list[str]:
    """Return the patterns of which the first that matches anything counts."""
    return [choice.strip() for choice in pattern.split(OR)]


def matches(name: str, pattern: str) -> bool:
    """Say whether a name matches a pattern without choices."""
    parts, steps = name.split("/"), pattern.split("/")
    return len(parts) == len(steps) and all(map(fnmatchcase, parts, steps))


def _first(names: Sequence[str], pattern: str) -> list[str]:
    """Return what matches the first choice of a pattern that matches anything."""
    for choice in choices(pattern):
        if found := [name for name in names if matches(name, choice)]:
            return found
    return []
