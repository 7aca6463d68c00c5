"""Fetches checkpoints from the Hugging Face hub: lists the files first, then brings just those.

``python -m bot.catalogue.hub REPO COMMIT FOLDER FILE...`` is the child process that downloads; what
it had fetched when it was stopped is kept, and the next one goes on from there.
"""

from __future__ import annotations

import glob
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bot.catalogue.download import (
    ChildFailed,
    Fetching,
    Report,
    check_room,
    run_child,
    sha256_of,
    size_of,
)
from bot.catalogue.model import Model
from bot.catalogue.sources import Hub, Repository, check_inside
from bot.errors import OperatorError

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of a repository; ``sha256`` is known for large ones only."""

    name: str
    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The wanted files of a repository at one commit."""

    repository: Repository
    commit: str
    files: tuple[Remote, ...]


def get_files(source: Hub, model: Model, folder: Path, log: Path, report: Report) -> dict[str, str]:
    """Bring the repositories of ``source`` into ``folder``; return their commits by name."""
    listings = [_list(repository, model) for repository in source.repositories]
    total = sum(file.size for listing in listings for file in listing.files)
    check_room(folder, total - size_of(folder))

    def grown() -> None:
        report(Fetching(model.id, "downloading", min(size_of(folder), total), total))

    for listing in listings:
        grown()
        _download(listing, model, folder / listing.repository.folder, log, grown)
    _tidy(folder, listings)
    return {listing.repository.repo: listing.commit for listing in listings}


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Say whether a file is wanted: a pattern's ``*`` stays in its folder, as in a shell."""
    parts = name.split("/")
    return any(
        len(parts) == len(steps) and all(map(fnmatchcase, parts, steps))
        for steps in (pattern.split("/") for pattern in patterns)
    )


def main(arguments: list[str]) -> None:
    """Download the named files: REPO COMMIT FOLDER FILE..."""
    from huggingface_hub import snapshot_download

    repo, commit, folder, *names = arguments
    wanted = [glob.escape(name) for name in names]
    snapshot_download(repo, revision=commit, local_dir=folder, allow_patterns=wanted)


def _list(repository: Repository, model: Model) -> Listing:
    """Ask the hub for the files of a repository, their sizes and the commit."""
    import httpx2
    from huggingface_hub import HfApi, errors

    name, revision = repository.repo, repository.revision
    try:
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
    except errors.GatedRepoError as error:
        raise OperatorError(
            f"{name} is given only to those who accept its terms. Accept them at "
            f"https://huggingface.co/{name}, then set HF_TOKEN to a token of that account."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise OperatorError(f"{name} has no revision {revision!r} on the hub.") from error
    except errors.RepositoryNotFoundError as error:
        raise OperatorError(
            f"There is no repository {name} on the hub, or it is private: "
            "then set HF_TOKEN to a token that may read it."
        ) from error
    except (httpx2.HTTPError, OSError) as error:
        raise OperatorError(_unreachable(name, model, error)) from error
    wanted = [file for file in info.siblings or () if _wanted(file.rfilename, repository)]
    if not wanted or info.sha is None:
        raise OperatorError(f"{name} holds no file that matches {', '.join(repository.files)}.")
    files = (
        Remote(_inside(file.rfilename, name), file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in wanted
    )
    return Listing(repository, info.sha, tuple(files))


def _wanted(name: str, repository: Repository) -> bool:
    """Take what the entry asks for, and programs never."""
    if name.endswith(".py"):
        return False
    return not repository.files or matches(name, repository.files)


def _inside(name: str, repo: str) -> str:
    try:
        return check_inside(name)
    except ValueError as error:
        raise OperatorError(f"{repo} is refused: its file {error}.") from None


def _unreachable(name: str, model: Model, error: Exception) -> str:
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    return (
        f"The hub could not be reached for {name} ({why}). With a network, run again: "
        f"python -m bot models fetch {model.id}. Without one, bring the files into a folder and "
        f'name it in config.toml: [[model]] id = "{model.id}", checkpoint = "/that/folder".'
    )


def _download(
    listing: Listing, model: Model, folder: Path, log: Path, grown: Callable[[], None]
) -> None:
    repository = listing.repository
    names = [file.name for file in listing.files]
    child = ["-m", "bot.catalogue.hub", repository.repo, listing.commit, str(folder), *names]
    try:
        run_child(child, log, grown, QUIET)
    except ChildFailed as failed:
        raise OperatorError(
            f"The download of {repository.repo} broke off ({failed}). Run again, it goes on from "
            f"there: python -m bot models fetch {model.id}. The whole output is in {failed.log}."
        ) from failed
    for file in listing.files:
        _check(file, folder, repository.repo)


def _check(file: Remote, folder: Path, repo: str) -> None:
    path = folder / file.name
    size = path.stat().st_size if path.is_file() else -1
    if size == file.size and file.sha256 in (None, sha256_of(path)):
        return
    path.unlink(missing_ok=True)
    raise OperatorError(f"{file.name} of {repo} arrived damaged and was dropped. Run again.")


def _tidy(folder: Path, listings: list[Listing]) -> None:
    """Remove the client's own notes, and files of an earlier try that are no longer wanted."""
    wanted = set()
    for listing in listings:
        place = folder / listing.repository.folder
        shutil.rmtree(place / ".cache", ignore_errors=True)
        wanted |= {place / file.name for file in listing.files}
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
