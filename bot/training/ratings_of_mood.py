"""Sentences with the moods that people heard in them, out of VADER's source package.

C.J. Hutto and Eric Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
Social Media Text", ICWSM 2014: sentences of film reviews, tweets, reviews of goods and editorials,
each rated from -4 to 4 by twenty people. The package is under the MIT licence.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue.download import ChildFailed, run_child
from bot.errors import OperatorError

PIN = "vaderSentiment==3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
FILES = {
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
    "nyt": "nytEditorialSnippets_GroundTruth.txt",
}
INNER = "additional_resources/hutto_ICWSM_2014.tar.gz"
PIP = (
    *("-m", "pip", "download", "--no-deps", "--no-binary=:all:", "--no-build-isolation"),
    *("--require-hashes", "--quiet", "--no-input", "--disable-pip-version-check"),
)
TESTED, TUNED = 20, 5
"""Sentences in a hundred by which a head is judged, and by which its temperature is set."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A sentence, where it is from, and the mean of its ratings, -4 to 4.

    ``part`` is ``train``, ``tune`` or ``test``; sentences of one review are in the same.
    """

    domain: str
    text: str
    score: float
    part: str


def fetch(cache: Path) -> Path:
    """Return the source package, fetched by pip where it is not there yet.

    pip asks a source package for its name, which runs its setup.py: of this very file, by its
    hash, which does no more than tell. The bot itself never does this, only who trains.
    """
    folder = cache / "data" / f"vader-{SHA256[:12]}"
    found = sorted(folder.glob("*.tar.gz"))
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PIN} --hash=sha256:{SHA256}\n", encoding="utf-8")
    arguments = [*PIP, "--dest", str(folder), "--requirement", str(wanted)]
    try:
        run_child(arguments, folder.with_suffix(".log"), lambda: None, {})
    except ChildFailed as failed:
        raise OperatorError(
            f"pip could not fetch {PIN} ({failed}). Give the file with --data instead. The whole "
            f"output is in {failed.log}."
        ) from failed
    (package,) = folder.glob("*.tar.gz")
    return package


def read(package: Path) -> list[Rated]:
    """Read the source package.

    Raises:
        OperatorError: It is another one than that which was split and judged by.
    """
    if hashlib.sha256(package.read_bytes()).hexdigest() != SHA256:
        raise OperatorError(f"{package}: this is not the source package of {PIN}.")
    with tarfile.open(package) as outer:
        data = _member(outer, INNER)
    with tarfile.open(fileobj=io.BytesIO(data)) as inner:
        return [
            rated
            for domain, name in FILES.items()
            for rated in parsed(domain, _member(inner, name).decode("utf-8", "replace"))
        ]


def parsed(domain: str, table: str) -> list[Rated]:
    """Return the sentences of one table: a number, a score and a text in each line."""
    found = []
    for line in table.splitlines():
        number, score, text = line.split("\t", 2)
        group = number.partition("_")[0] if "_" in number else _letters(text)
        found.append(Rated(domain, html.unescape(text).strip(), float(score), part(domain + group)))
    return found


def part(group: str) -> str:
    """Return where a group of sentences belongs; it is the same everywhere and always."""
    place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) % 100
    return "test" if place < TESTED else "tune" if place < TESTED + TUNED else "train"


def _letters(text: str) -> str:
    """Return what is left of a text when two that differ in marks only are the same."""
    return re.sub(r"[^a-z]+", " ", text.lower()).strip()


def _member(archive: tarfile.TarFile, end: str) -> bytes:
    for member in archive:
        if member.name.endswith(f"/{end}") and member.isfile():
            file = archive.extractfile(member)
            assert file is not None
            return file.read()
    raise OperatorError(f"The package {PIN} lacks {end}.")
