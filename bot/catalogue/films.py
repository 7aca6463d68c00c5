"""The films that a recommender knows, as its checkpoint lists them, and where their titles are.

``films.json`` lists them in the order of the net's embeddings. A checkpoint that we trained has the
titles in it. That of the hub has MovieLens' numbers only, and nobody may hand MovieLens' files on:
whoever runs the bot puts ``movies.dat`` of MovieLens 1M beside it (or ``movies.csv`` of a later
MovieLens, which has the same numbers), and, if they like, ``ratings.dat``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bot.errors import OperatorError
from bot.tasks.films import Titles

FILMS = "films.json"
MOVIES, MOVIES_CSV, RATINGS = "movies.dat", "movies.csv", "ratings.dat"
SEPARATOR = "::"


class KnownFilm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A film of a checkpoint.

    ``title`` is as MovieLens writes it ("Godfather, The (1972)"), empty where it is not known;
    ``ratings`` counts those that the checkpoint was trained on, ``None`` where nobody has told;
    ``trained`` is false for a film of which the net has seen no rating.
    """

    id: str
    title: str = ""
    ratings: int | None = None
    trained: bool = True


def write_films(films: Iterable[KnownFilm], folder: Path) -> None:
    """Write ``films.json`` into a folder."""
    lines = ",\n".join(msgspec.json.encode(film).decode() for film in films)
    (folder / FILMS).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def read_films(folder: Path) -> list[KnownFilm]:
    """Return the films of a checkpoint with their titles, empty ones where there is no title.

    Raises:
        OperatorError: A file is absent or damaged.
    """
    path = folder / FILMS
    try:
        films = msgspec.json.decode(path.read_bytes(), type=list[KnownFilm])
    except (OSError, msgspec.MsgspecError) as error:
        raise OperatorError(f"{path}: the list of films cannot be read: {error}") from error
    if all(film.title for film in films):
        return films
    titles = read_titles(folder)
    return [
        film if film.title else msgspec.structs.replace(film, title=titles.get(film.id, ""))
        for film in films
    ]


def read_titles(folder: Path) -> dict[str, str]:
    """Return titles by MovieLens' numbers from the file beside a checkpoint; none without a file.

    Raises:
        OperatorError: The file is there and holds no titles.
    """
    for name, parse in ((MOVIES, _from_dat), (MOVIES_CSV, _from_csv)):
        path = folder / name
        if not path.is_file():
            continue
        try:
            titles = parse(path.read_bytes())
        except (OSError, ValueError, csv.Error) as error:
            raise OperatorError(f"{path}: the titles cannot be read: {error}") from error
        if not titles:
            raise OperatorError(f"{path}: there is no title in it. Bring MovieLens' own file.")
        return titles
    return {}


def titles_of(folder: Path) -> Titles | None:
    """Return the titles of a checkpoint's films, to be looked up; ``None`` without any.

    Like reading any file this takes a moment.
    """
    try:
        films = read_films(folder)
    except OperatorError:
        return None
    if not any(film.title for film in films):
        return None
    return Titles([film.title for film in films], [film.ratings or 0 for film in films])


def _from_dat(data: bytes) -> dict[str, str]:
    """Parse ``1::Toy Story (1995)::Animation|Comedy``, in Latin-1."""
    rows = (line.split(SEPARATOR) for line in data.decode("latin-1").splitlines())
    return {row[0].strip(): row[1].strip() for row in rows if len(row) >= 2 and row[1].strip()}


def _from_csv(data: bytes) -> dict[str, str]:
    """Parse ``movieId,title,genres`` with a line of names first, in UTF-8."""
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    names = rows.fieldnames or ()
    number = next((name for name in ("movieId", "movie_id", "id") if name in names), None)
    if number is None or "title" not in names:
        raise ValueError("the first line must name the columns 'movieId' and 'title'")
    return {row[number].strip(): row["title"].strip() for row in rows if row["title"]}
