"""What a prepared folder holds, as ``prepared.json`` tells it. Loads neither torch nor OpenVINO."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec

FORMAT = 1
"""Counts up whenever older folders must be made anew."""

FILE = "prepared.json"
WRITERS = ("openvino", "nncf", "transformers")
WORST_RISE = 1.01
"""By how much a variant may raise the perplexity, at most, to be chosen on its own merits."""

FAVOURITE = "auto"


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What the net itself, in float32, makes of a prompt: N greedy tokens, K logits for each."""

    prompt: list[int]
    tokens: list[int]  # (N,)
    top: list[list[int]]  # (N, K), the likeliest ids, best first
    logits: list[list[float]]  # (N, K)


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run the net, and how it did when it was prepared."""

    graph: str  # a file in the folder
    inference: str  # in OpenVINO's words, as is ``cache``
    cache: str
    perplexity: float  # on the sample text
    error: float  # the largest distance from a reference's logit, in spreads
    margin: float  # the distance that is still taken for rounding, in spreads
    alone: float  # tokens/s of one row
    crowd: float  # tokens/s of eight rows together


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why a checkpoint cannot be prepared."""

    source: str
    versions: dict[str, str]
    reason: str


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A prepared folder's contents."""

    format: int
    versions: dict[str, str]
    machine: str
    source: str
    window: int  # tokens in a row, prompt and answer together
    perplexity: float  # of torch in float32
    spread: float  # the standard deviation of the references' logits
    references: list[Reference]
    variants: dict[str, Variant]

    def passes(self, name: str) -> bool:
        """Say whether a variant reads the sample text as well as the net itself, or nearly."""
        return self.variants[name].perplexity <= WORST_RISE * self.perplexity


def read(folder: Path) -> Prepared | None:
    """Return what the folder holds, or ``None`` where nothing can be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Prepared)
    except (OSError, msgspec.DecodeError):
        return None


def write(folder: Path, prepared: Prepared) -> None:
    """Write ``prepared.json``, the last file of a folder."""
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(prepared)))


def is_current(folder: Path, source: str) -> bool:
    """Say whether the folder was made from ``source``, by these versions, on such a machine."""
    prepared = read(folder)
    return prepared is not None and (
        prepared.format == FORMAT
        and prepared.source == source
        and prepared.versions == versions()
        and prepared.machine == machine()
    )


def refuse(folder: Path, source: str, reason: str) -> None:
    """Note beside the folder that a checkpoint cannot be prepared by these versions."""
    refused = Refused(source=source, versions=versions(), reason=reason)
    _refusal_of(folder).write_bytes(msgspec.json.encode(refused))


def refusal(folder: Path, source: str) -> str | None:
    """Return why a checkpoint cannot be prepared, or ``None`` where nobody has tried."""
    try:
        refused = msgspec.json.decode(_refusal_of(folder).read_bytes(), type=Refused)
    except (OSError, msgspec.DecodeError):
        return None
    same = refused.source == source and refused.versions == versions()
    return refused.reason if same else None


def _refusal_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.refused.json")


def size_of(folder: Path, name: str) -> int:
    """Return the bytes that a variant's weights take."""
    held = read(folder)
    if held is None:
        return 0
    return (folder / held.variants[name].graph).with_suffix(".bin").stat().st_size


def choose(folder: Path, wanted: str) -> str:
    """Return the variant to serve: the wanted one, or for ``auto`` the fastest that reads well.

    Raises:
        LookupError: The folder has no such variant, or is no prepared folder.
    """
    prepared = read(folder)
    if prepared is None:
        raise LookupError(f"{folder} is not a prepared folder")
    if wanted == FAVOURITE:
        good = [name for name in prepared.variants if prepared.passes(name)]
        if not good:
            raise LookupError(f"no variant in {folder} reads as well as the net itself")
        return max(good, key=lambda name: prepared.variants[name].crowd)
    if wanted not in prepared.variants:
        raise LookupError(f"{folder} has no {wanted}, only {', '.join(prepared.variants)}")
    return wanted


def fingerprint(checkpoint: Path) -> str:
    """Return what changes when a checkpoint's files do: by its manifest, or by sizes and times."""
    digest = hashlib.sha256()
    manifest = checkpoint / "manifest.json"
    if manifest.is_file():
        digest.update(manifest.read_bytes())
    else:
        for path in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
            stat = path.stat()
            line = f"{path.relative_to(checkpoint)} {stat.st_size} {stat.st_mtime_ns}\n"
            digest.update(line.encode())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide what a graph looks like."""
    return {name: version(name) for name in WRITERS}


def machine() -> str:
    """Name the processor: what it can do, and how fast, is measured once for each kind."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                flags = hashlib.sha256(line.encode()).hexdigest()[:12]
                return f"{platform.machine()} {flags}"
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()}".strip()
