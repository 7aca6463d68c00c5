"""MovieLens' ratings: read from its own files or from RecBole's, and parted by people.

GroupLens gives MovieLens for research. Its terms forbid to hand the data on, and to use it for
anything commercial, without permission, and ask that it be cited: F. Maxwell Harper and Joseph A.
Konstan, "The MovieLens Datasets: History and Context", 2015. So nothing of it is in this
repository; a copy of MovieLens 100K is fetched when it is needed, out of the package recbole.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bot.catalogue.download import Report
from bot.catalogue.films import MOVIES, RATINGS, read_titles
from bot.catalogue.packages import get_files
from bot.catalogue.ratings import read_ratings
from bot.catalogue.sources import Package
from bot.errors import OperatorError

TERMS = (
    "MovieLens is GroupLens' (https://grouplens.org/datasets/movielens/): for research; not to be "
    "handed on, nor used commercially, without their permission. Cite Harper and Konstan, 2015."
)
ML_100K = Package(
    name="recbole",
    version="1.2.1",
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    paths=(
        "recbole/dataset_example/ml-100k/ml-100k.inter",
        "recbole/dataset_example/ml-100k/ml-100k.item",
    ),
)
TESTED = 0.2
"""Of the people, those by whom a recommender is judged; there are five such fifths."""
TUNED = 0.05
"""Of the people, those by whom it is decided how opinions are blended."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Who gave which film how many stars.

    ``people``, ``films`` (numbers from 0) and ``stars`` are (n,), sorted by person and then by
    time; ``ids`` and ``titles`` are the films' by number; person ``p`` has the ratings from
    ``starts[p]`` up to ``starts[p + 1]``.
    """

    people: Tensor
    films: Tensor
    stars: Tensor
    starts: Tensor
    ids: list[str]
    titles: list[str]

    def of(self, person: int) -> tuple[Tensor, Tensor]:
        """Return the films that somebody rated, the latest last, and their stars."""
        begin, end = self.starts[person], self.starts[person + 1]
        return self.films[begin:end], self.stars[begin:end]

    def of_all(self, people: Tensor) -> Tensor:
        """Return the places of all ratings of some people, in order."""
        chosen = torch.zeros(len(self.starts) - 1, dtype=torch.bool)
        chosen[people] = True
        return chosen[self.people].nonzero()[:, 0]


def fetch_ml_100k(cache: Path, report: Report = lambda _: None) -> Path:
    """Return a folder with MovieLens 100K, fetched out of its package where it is not there yet."""
    folder = cache / "data" / f"ml-100k-{ML_100K.sha256[:12]}"
    if folder.is_dir():
        return folder
    sys.stderr.write(TERMS + "\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        fresh = Path(temporary, "files")
        fresh.mkdir()
        get_files(ML_100K, "ml-100k", fresh, folder.with_suffix(".log"), report)
        if not folder.is_dir():  # another process may have been quicker
            fresh.rename(folder)
    return folder


def read(folder: Path) -> Ratings:
    """Read a folder that holds ``ratings.dat`` and ``movies.dat``, or RecBole's atomic files.

    Raises:
        OperatorError: It holds neither, or they are damaged.
    """
    interactions = sorted(folder.glob("*.inter"))
    try:
        if (folder / RATINGS).is_file():
            titles = read_titles(folder)
            rows = torch.from_numpy(read_ratings(folder / RATINGS)).double()
        elif len(interactions) == 1:
            titles = _recbole_titles(interactions[0].with_suffix(".item"))
            rows = _recbole_rows(interactions[0])
        else:
            raise OperatorError(
                f"{folder}: there are no ratings here. Bring ratings.dat and movies.dat of "
                "MovieLens 1M, or ml-100k.inter and ml-100k.item of RecBole."
            )
    except (OSError, ValueError, IndexError, RuntimeError) as error:
        raise OperatorError(f"{folder}: the ratings cannot be read: {error}") from error
    if not titles:
        raise OperatorError(f"{folder}: there are no titles here. Bring {MOVIES}.")
    return _sorted(rows, titles)


def parted(ratings: Ratings, fold: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return people to learn from, to tune by and to be judged by; nobody is in two.

    Args:
        ratings: Of all people.
        fold: Which fifth is judged by, 0 to 4; ``None`` judges by nobody.
    """
    count = len(ratings.starts) - 1
    shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    judged = round(TESTED * count)
    if fold is not None:
        shuffled = shuffled.roll(-fold * judged)
    judges, others = shuffled[: 0 if fold is None else judged], shuffled[judged:]
    if fold is None:
        others = shuffled
    tuned = max(1, round(TUNED * count))
    return others[tuned:], others[:tuned], judges


def _sorted(rows: Tensor, titles: dict[str, str]) -> Ratings:
    """Sort rows by person and time, and number people and films; equal times keep their order."""
    ids = list(titles)
    places = {int(known): place for place, known in enumerate(ids) if known.isdigit()}
    rows = rows[rows[:, 3].argsort(stable=True)]
    rows = rows[rows[:, 0].argsort(stable=True)]
    kept = [place for place, film in enumerate(rows[:, 1].tolist()) if int(film) in places]
    rows = rows[kept]
    if not len(rows):
        raise OperatorError("No rating is of a film with a title. Bring files of one MovieLens.")
    people, counts = _numbered(rows[:, 0])
    return Ratings(
        people=people,
        films=torch.tensor([places[int(film)] for film in rows[:, 1].tolist()]),
        stars=rows[:, 2].float(),
        starts=torch.cat((torch.zeros(1, dtype=torch.long), counts.cumsum(0))),
        ids=ids,
        titles=[titles[known] for known in ids],
    )


def _numbered(sorted_names: Tensor) -> tuple[Tensor, Tensor]:
    """Return numbers from 0 for sorted names, (n,), and how often each is there."""
    numbers = (sorted_names.diff(prepend=sorted_names[:1]) != 0).long().cumsum(0)
    return numbers, torch.bincount(numbers)


def _recbole_rows(path: Path) -> Tensor:
    """Return rows of person, film, stars, time, of a file whose first line names them."""
    numbers = path.read_bytes().partition(b"\n")[2].split()
    return torch.tensor([float(cell) for cell in numbers], dtype=torch.float64).view(-1, 4)


def _recbole_titles(path: Path) -> dict[str, str]:
    """Return titles with their years; of some the file does not know the year."""
    titles = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        number, title, year, *_ = line.split("\t")
        titles[number] = f"{title} ({year})" if year.isdigit() else title
    return titles
