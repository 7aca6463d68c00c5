"""Takes the files of hub repositories out of a folder, where somebody brought them by hand.

They lie there as in the repository; those of a second repository in a folder of its part's name.
There is no hub to ask for hashes, so they are looked at: complete, and not broken off.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

from bot.catalogue.download import Fetching, Report, check_room
from bot.catalogue.hub import converted_bytes
from bot.catalogue.model import Model
from bot.catalogue.patterns import chosen, without_weights
from bot.catalogue.sources import Hub, Repository
from bot.errors import OperatorError

CHUNK = 16 << 20
INDEX = ".index.json"


def get_files(source: Hub, model: Model, origin: Path, folder: Path, report: Report) -> None:
    """Bring what the entry wants of ``origin`` into ``folder``: as links where it is converted.

    Raises:
        OperatorError: A file is missing or broken off, or there is no room.
    """
    if not origin.is_dir():
        raise OperatorError(f"--from {origin}: there is no such folder.")
    files = {
        path: folder / repository.folder / path.relative_to(origin / repository.folder)
        for repository in source.repositories
        for path in _found(origin, repository, source)
    }
    for path in files:
        _check(path)
    total = sum(path.stat().st_size for path in files)
    check_room(folder, converted_bytes(model) if model.convert else total)
    done = 0
    for path, target in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if model.convert:  # it reads them once
            target.symlink_to(path.resolve())
            continue

        def copied(size: int, before: int = done) -> None:
            report(Fetching(model.id, "copying", before + size, total))

        _copy(path, target, copied)
        done += path.stat().st_size


def _found(origin: Path, repository: Repository, source: Hub) -> list[Path]:
    """Return the files of one repository that the entry wants."""
    place = origin / repository.folder
    parts = {other.folder for other in source.repositories} - {".", repository.folder}
    files = (path.relative_to(place) for path in sorted(place.rglob("*")) if path.is_file())
    names = [file.as_posix() for file in files if file.parts[0] not in parts]
    wanted = chosen(names, repository.files)
    lacking = without_weights(wanted, repository.files)
    if not wanted or lacking:
        patterns = ", ".join(lacking or repository.files)
        raise OperatorError(
            f"{place} holds no file that matches {patterns}. Bring the files of {repository.repo} "
            "there, as they lie in the repository."
        )
    return [place / name for name in wanted]


def _check(path: Path) -> None:
    """Refuse a file that is empty or ends too early, and an index whose weights are not all there.

    Pickles are looked at where they are converted.
    """
    if not path.stat().st_size:
        raise OperatorError(f"{path} is empty. Bring it again.")
    if path.suffix == ".safetensors" and _length_of(path) != path.stat().st_size:
        raise OperatorError(f"{path} is broken off, or no safetensors file. Bring it again.")
    if path.name.endswith(INDEX):
        for name in sorted(_named_by(path)):
            if not (path.parent / name).is_file():
                raise OperatorError(f"{path.name} names {name}, which is not beside it. Bring it.")


def _length_of(path: Path) -> int | None:
    """Return how long a safetensors file says that it is, or ``None`` where it says nothing."""
    with path.open("rb") as file:
        (header,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        if header > path.stat().st_size:
            return None
        try:
            tensors = json.loads(file.read(header))
            tensors.pop("__metadata__", None)
            ends = [int(tensor["data_offsets"][1]) for tensor in tensors.values()]
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
    return 8 + int(header) + max(ends, default=0)


def _named_by(index: Path) -> set[str]:
    try:
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError):
        raise OperatorError(f"{index} is no index of weights. Bring it again.") from None
    # of two indexes, one is of the weights in another format: those that are not wanted
    return named if any((index.parent / name).is_file() for name in named) else set()


def _copy(path: Path, target: Path, copied: Callable[[int], None]) -> None:
    size = 0
    with path.open("rb") as inside, target.open("wb") as outside:
        while chunk := inside.read(CHUNK):
            outside.write(chunk)
            size += len(chunk)
            copied(size)
