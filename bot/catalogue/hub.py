"""Fetches checkpoints from the Hugging Face hub: lists the files first, then brings just those.

``python -m bot.catalogue.hub REPO COMMIT FOLDER FILE...`` is the child process that downloads; what
it had fetched when it was stopped is kept, and the next one goes on from there.
"""

from __future__ import annotations

import glob
import hashlib
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.catalogue.download import (
    MEGABYTE,
    ChildFailed,
    Fetching,
    Report,
    check_room,
    run_child,
    sha256_of,
    size_of,
)
from bot.catalogue.model import Model
from bot.catalogue.patterns import chosen, without_weights
from bot.catalogue.sources import Hub, Repository, check_inside
from bot.children import die_with_parent
from bot.errors import OperatorError

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of a repository; large ones have a ``sha256``, the others git's ``blob`` hash."""

    name: str
    size: int
    sha256: str | None
    blob: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The wanted files of a repository at one commit."""

    repository: Repository
    commit: str
    files: tuple[Remote, ...]


@dataclass(frozen=True, slots=True)
class Sound:
    """What is whole already: files, by their path in the checkpoint, at these commits."""

    files: frozenset[str] = frozenset()
    commits: Mapping[str, str] = field(default_factory=dict)


def get_files(
    source: Hub, model: Model, folder: Path, log: Path, report: Report, sound: Sound = Sound()
) -> dict[str, str]:
    """Bring the repositories of ``source`` into ``folder``; return their commits by name.

    ``sound`` is what lies in ``folder`` and need not be brought again; the rest then comes from
    the same commits.
    """
    listings = [_list(repository, model, sound) for repository in source.repositories]
    total = sum(file.size for listing in listings for file in listing.files)
    check_room(folder, total - size_of(folder) + converted_bytes(model))

    def grown() -> None:
        report(Fetching(model.id, "downloading", min(size_of(folder), total), total))

    for listing in listings:
        grown()
        _download(listing, model, folder / listing.repository.folder, log, grown, sound)
    _tidy(folder, listings)
    return {listing.repository.repo: listing.commit for listing in listings}


def converted_bytes(model: Model) -> int:
    """Return about how much a conversion writes beside the files that it reads."""
    if model.convert is None:
        return 0
    return (model.weights_mb or model.size_mb or 0) * MEGABYTE


def main(arguments: list[str]) -> None:
    """Download the named files: REPO COMMIT FOLDER FILE..."""
    from huggingface_hub import snapshot_download

    die_with_parent()
    repo, commit, folder, *names = arguments
    wanted = [glob.escape(name) for name in names]
    snapshot_download(repo, revision=commit, local_dir=folder, allow_patterns=wanted)


def _list(repository: Repository, model: Model, sound: Sound) -> Listing:
    """Ask the hub for the files of a repository, their sizes and the commit."""
    import httpx2
    from huggingface_hub import HfApi, errors

    name = repository.repo
    revision = sound.commits.get(name, repository.revision)
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
    return _listing(repository, info)


def _listing(repository: Repository, info: Any) -> Listing:
    """Return what an entry wants of what the hub lists.

    Raises:
        OperatorError: There are no such weights, or a file would lead out of its folder.
    """
    there = {file.rfilename: file for file in info.siblings or ()}
    names = [_inside(name, repository.repo) for name in chosen(list(there), repository.files)]
    lacking = without_weights(names, repository.files)
    if not names or lacking or info.sha is None:
        patterns = ", ".join(lacking or repository.files)
        raise OperatorError(f"{repository.repo} holds no file that matches {patterns}.")
    files = (
        Remote(name, file.size or 0, file.lfs.sha256 if file.lfs else None, file.blob_id)
        for name, file in ((name, there[name]) for name in names)
    )
    return Listing(repository, info.sha, tuple(files))


def _inside(name: str, repo: str) -> str:
    try:
        return check_inside(name)
    except ValueError as error:
        raise OperatorError(f"{repo} is refused: its file {error}.") from None


def _unreachable(name: str, model: Model, error: Exception) -> str:
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    again = f"python -m bot models fetch {model.id}"
    return (
        f"The hub could not be reached for {name} ({why}). With a network, run again: {again}. "
        "Without one, bring the repository's files into a folder and run: "
        f"{again} --from FOLDER"
    )


def _download(
    listing: Listing,
    model: Model,
    folder: Path,
    log: Path,
    grown: Callable[[], None],
    sound: Sound,
) -> None:
    repository = listing.repository
    at = "" if repository.folder == "." else f"{repository.folder}/"
    same = sound.commits.get(repository.repo) == listing.commit
    files = [file for file in listing.files if not (same and at + file.name in sound.files)]
    if not files:
        return
    names = [file.name for file in files]
    child = ["-m", "bot.catalogue.hub", repository.repo, listing.commit, str(folder), *names]
    try:
        run_child(child, log, grown, QUIET)
    except ChildFailed as failed:
        raise OperatorError(
            f"The download of {repository.repo} broke off ({failed}). Run again, it goes on from "
            f"there: python -m bot models fetch {model.id}. The whole output is in {failed.log}."
        ) from failed
    for file in files:
        _check(file, folder, repository.repo)


def _check(file: Remote, folder: Path, repo: str) -> None:
    path = folder / file.name
    if path.is_file() and path.stat().st_size == file.size and _is_as_listed(file, path):
        return
    path.unlink(missing_ok=True)
    raise OperatorError(f"{file.name} of {repo} arrived damaged and was dropped. Run again.")


def _is_as_listed(file: Remote, path: Path) -> bool:
    if file.sha256 is not None:
        return file.sha256 == sha256_of(path)
    return file.blob in (None, _blob_of(path))


def _blob_of(path: Path) -> str:
    """Return the name that git has for a file's contents."""
    data = path.read_bytes()  # large files have a sha256
    head = b"blob %d\0" % len(data)
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


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
