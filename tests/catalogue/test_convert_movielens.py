"""Training the recommender where it is fetched: what comes of it, and of what is no MovieLens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bot.catalogue.conversion.movielens import convert
from bot.catalogue.films import read_films
from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.behaviour import load
from bot.training.loop import STATE
from tests.training.movielens import EACH, FILMS, PEOPLE, write_recbole

MODEL = Model(id="films", task="recommend", family="behaviour", checkpoint="x")


@pytest.fixture
def source(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_recbole(folder)
    return [folder / "ml-100k.inter", folder / "ml-100k.item"]


@pytest.fixture
def done(tmp_path: Path) -> Path:
    folder = tmp_path / "done"
    folder.mkdir()
    return folder


def test_the_family_loads_what_the_conversion_learnt(source: list[Path], done: Path) -> None:
    arguments = ["movielens", "float32", str(done), *map(str, source)]
    run = subprocess.run(
        [sys.executable, "-m", "bot.catalogue.conversion", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "step " in run.stderr
    assert {path.name for path in done.iterdir()} == {
        "config.json", "films.json", "model.safetensors",
    }  # fmt: skip
    films = read_films(done)
    assert len(films) == FILMS
    told = sum(film.ratings or 0 for film in films)
    assert 0.9 * PEOPLE * EACH < told < PEOPLE * EACH  # of all people but the few that tune
    family = load(MODEL, done)
    loud = torch.tensor([3, 7, 11, 15])
    stars = family.recommender(loud, torch.full((4,), 5.0), torch.arange(FILMS))
    assert stars[1::2].mean() > stars[::2].mean() + 0.5  # who likes loud films likes other loud


def test_what_is_left_of_another_training_is_put_aside(source: list[Path], done: Path) -> None:
    state = source[0].with_name(STATE)
    state.write_bytes(b"of an older version")
    convert(source, done, "float32")
    assert not state.exists()
    assert (done / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("dtype", "spoil", "said"),
    [
        ("bfloat16", lambda files: None, "trained in float32"),
        ("float32", lambda files: files.clear(), "there are none"),
        ("float32", lambda files: files[0].write_text("no numbers"), "cannot be read|No rating"),
        ("float32", lambda files: files[1].unlink(), "cannot be read"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    dtype: str, spoil: object, said: str, source: list[Path], done: Path
) -> None:
    assert callable(spoil)
    spoil(source)
    with pytest.raises(OperatorError, match=said):
        convert(source, done, dtype)
    assert list(done.iterdir()) == []
