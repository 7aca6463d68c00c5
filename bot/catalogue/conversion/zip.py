"""Takes a transformers checkpoint out of a zip archive, and writes it in its serving dtype.

Only files at the archive's top are taken, under their own plain names: a member's name never leads
anywhere. What they unpack to is counted as it comes, whatever the archive says of it.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from pathlib import Path

from bot.catalogue.conversion import safetensors
from bot.errors import OperatorError

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(json|safetensors|txt|model)")
"""Names of what a checkpoint is made of: weights, settings, vocabularies."""

MOST_BYTES = 8_000_000_000
MOST_FILES = 100
CHUNK = 1 << 20


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write the checkpoint in ``files``, which is one .zip, into ``folder``.

    Raises:
        OperatorError: It is no archive, damaged, too large, or holds no checkpoint.
        ValueError: Weights that the architecture needs are not there, or of another shape.
    """
    if len(files) != 1:
        raise OperatorError(f"A checkpoint comes as one .zip; here are {len(files)}.")
    (source,) = files
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        unpack(source, Path(temporary))
        config = Path(temporary, "config.json")
        if not config.is_file():
            raise OperatorError(f"{source}: there is no config.json at the top of this archive.")
        safetensors.convert([config], folder, dtype)


def unpack(source: Path, folder: Path) -> None:
    """Write the plain files at the top of an archive into ``folder``."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = [member for member in archive.infolist() if PLAIN.fullmatch(member.filename)]
            if len({member.filename for member in members}) < len(members):
                raise OperatorError(f"{source}: two files of this archive have the same name.")
            if len(members) > MOST_FILES:
                raise OperatorError(f"{source}: {len(members)} files are too many for one net.")
            left = MOST_BYTES
            for member in members:
                left -= _write(archive, member, folder / member.filename, left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise OperatorError(f"{source}: this archive cannot be unpacked: {error}") from error


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, room: int) -> int:
    """Write one member; return its bytes, of which there is room for so many."""
    written = 0
    with archive.open(member) as inside, target.open("xb") as outside:
        while chunk := inside.read(CHUNK):
            written += len(chunk)
            if written > room:
                raise OperatorError(f"{archive.filename}: more than {MOST_BYTES:,} bytes unpacked.")
            outside.write(chunk)
    return written
