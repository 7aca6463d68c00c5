"""The films of a checkpoint, their titles, and what must be brought beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bot.catalogue.beside import is_complete, lacking
from bot.catalogue.catalogue import Catalogue
from bot.catalogue.films import KnownFilm, read_films, read_titles, titles_of, write_films
from bot.catalogue.model import Model
from bot.catalogue.synthetic.behaviour import write
from bot.config import load_config
from bot.errors import OperatorError

FILMS = [KnownFilm(id="1", trained=False), KnownFilm(id="3", ratings=7), KnownFilm(id="10")]
DAT = b"1::Toy Story (1995)::Animation|Children's\n10::Mis\xe9rables, Les (1995)::Drama\n\n"
CSV = 'movieId,title,genres\n1,Toy Story (1995),A|B\n3,"Cérémonie, La (1995)",Drama\n'


def test_films_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_films(FILMS, tmp_path)
    assert read_films(tmp_path) == FILMS
    assert (tmp_path / "films.json").read_text().count("\n") == len(FILMS) + 2


def test_titles_come_from_the_file_beside(tmp_path: Path) -> None:
    write_films(FILMS, tmp_path)
    (tmp_path / "movies.csv").write_text(CSV, encoding="utf-8-sig")
    assert [f.title for f in read_films(tmp_path)] == [
        "Toy Story (1995)",
        "Cérémonie, La (1995)",
        "",
    ]
    (tmp_path / "movies.dat").write_bytes(DAT)
    assert [f.title for f in read_films(tmp_path)] == [
        "Toy Story (1995)", "", "Misérables, Les (1995)",
    ]  # fmt: skip
    own = [msgspec.structs.replace(film, title=f"Own {film.id}") for film in FILMS]
    write_films(own, tmp_path)
    assert read_films(tmp_path) == own


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("movies.dat", b""),
        ("movies.dat", b"\x00\xff" * 50),
        ("movies.csv", b"a,b\n1,2\n"),
        ("movies.csv", b"movieId,title\n"),
        ("movies.csv", b"\xff\xfe\x00"),
    ],
)
def test_files_without_titles_are_refused(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OperatorError, match=name):
        read_titles(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{}", b'[{"id": 3}]', b'[{"id": "3"'])
def test_a_damaged_list_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "films.json").write_bytes(data)
    with pytest.raises(OperatorError, match="list of films cannot be read"):
        read_films(tmp_path)
    assert titles_of(tmp_path) is None


def test_titles_can_be_looked_up_once_they_are_there(tmp_path: Path) -> None:
    assert titles_of(tmp_path) is None
    write_films(FILMS, tmp_path)
    assert titles_of(tmp_path) is None
    (tmp_path / "movies.dat").write_bytes(DAT)
    titles = titles_of(tmp_path)
    assert titles is not None
    assert titles.find("toy story") == 0


@pytest.fixture
def fetched(tmp_path: Path) -> tuple[Model, Path]:
    """The hub's recommender, brought from a folder without titles."""
    raw, cache = tmp_path / "raw", tmp_path / "cache"
    raw.mkdir()
    write(raw)
    (raw / "movies.dat").unlink()
    done = command(cache, "fetch", "recommender-transformers", "--from", str(raw))
    assert done.returncode == 0, done.stderr
    folder = cache / "checkpoints" / "recommender-transformers"
    assert done.stderr.splitlines()[-1].startswith(
        "Behaviour Sequence Transformer lacks the titles of its films"
    )
    assert f"Put movies.dat or movies.csv into {folder}" in done.stderr
    return Catalogue.load().get("recommender-transformers"), cache


def command(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", "models", *arguments],
        capture_output=True, text=True, env={**os.environ, "MENAGERIE_CACHE": str(cache)},
    )  # fmt: skip


def test_a_checkpoint_that_lacks_files_counts_as_not_here(fetched: tuple[Model, Path]) -> None:
    model, cache = fetched
    assert not is_complete(model, cache)
    state = [line for line in command(cache, "list").stdout.splitlines() if model.id in line]
    assert "files to be brought" in state[0]
    (cache / "checkpoints" / model.id / "movies.dat").write_bytes(DAT)
    assert is_complete(model, cache)
    assert lacking(model, cache) is None
    again = command(cache, "fetch", model.id, "--json")  # rehashed, and left as it is
    assert again.returncode == 0
    assert "lacks" not in again.stderr
    assert (cache / "checkpoints" / model.id / "movies.dat").is_file()


def test_models_that_need_nothing_beside_are_complete_when_present(tmp_path: Path) -> None:
    model = Catalogue.load().get("gpt2")
    assert lacking(model, tmp_path) is None
    assert not is_complete(model, tmp_path)


def test_another_checkpoint_for_the_entry_needs_no_files_beside(tmp_path: Path) -> None:
    table = '[[model]]\nid = "recommender-transformers"\ncheckpoint = "mine"\n'
    (tmp_path / "config.toml").write_text(table)
    (tmp_path / "mine").mkdir()
    changes = load_config(tmp_path / "config.toml", os.environ).model
    assert is_complete(Catalogue.load(changes).get("recommender-transformers"), tmp_path)
