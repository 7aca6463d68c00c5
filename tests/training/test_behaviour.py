"""Training a recommender on a small made-up MovieLens, and what is kept apart while doing so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bot.catalogue.films import read_films
from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families.behaviour import load
from bot.nets.behaviour import Config
from bot.nets.recommender import Recommender
from bot.nets.tastes import Tastes
from bot.training import behaviour, tastes
from bot.training.behaviour import Stars, asked, train
from bot.training.movielens import Ratings, parted, read
from tests.training.movielens import EACH, FILMS, PEOPLE, rows, write_1m, write_recbole


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def ratings(tmp_path: Path) -> Ratings:
    (tmp_path / "data").mkdir()
    write_1m(tmp_path / "data")
    return read(tmp_path / "data")


@pytest.mark.parametrize("write", [write_1m, write_recbole])
def test_both_kinds_of_files_are_read(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path)
    found = read(tmp_path)
    assert len(found.stars) == PEOPLE * EACH
    assert len(found.starts) == PEOPLE + 1
    assert found.ids[:3] == ["1", "3", "5"]
    assert found.titles[3].startswith("Loud Film 7, Lé")
    assert found.titles[20] == "Quiet Film 41, Lé (1970)"
    expected = sorted((t, f, s) for p, f, s, t in rows() if p == 4)
    films, stars = found.of(1)  # the second person
    assert [int(found.ids[film]) for film in films.tolist()] == [f for _, f, _ in expected]
    assert stars.tolist() == [float(s) for _, _, s in expected]


def test_years_that_are_none_are_left_out(tmp_path: Path) -> None:
    write_recbole(tmp_path)
    assert read(tmp_path).titles[:2] == ["Quiet Film 1, Lé", "Loud Film 3, Lé"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "ratings.dat").unlink(), "there are no ratings here"),
        (lambda folder: (folder / "movies.dat").unlink(), "there are no titles here"),
        (lambda folder: (folder / "movies.dat").write_text("nothing"), "no title in it"),
        (lambda folder: (folder / "ratings.dat").write_text("1::x::2::3"), "cannot be read"),
        (lambda folder: (folder / "ratings.dat").write_text("1::2::3"), "cannot be read"),
        (lambda folder: (folder / "ratings.dat").write_text("1::9999::3::4"), "No rating is of"),
    ],
)
def test_what_is_wrong_with_the_data_is_said(
    spoil: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    write_1m(tmp_path)
    spoil(tmp_path)
    with pytest.raises(OperatorError, match=said):
        read(tmp_path)


def test_nobody_is_learnt_from_and_judged_by(ratings: Ratings) -> None:
    judged: list[int] = []
    for fold in range(5):
        learners, tuners, judges = (set(part.tolist()) for part in parted(ratings, fold))
        assert not learners & tuners
        assert not learners & judges
        assert not tuners & judges
        assert len(learners | tuners | judges) == PEOPLE
        judged += judges
    assert sorted(judged) == list(range(PEOPLE))  # every fifth once
    learners, _, judges = parted(ratings, None)
    assert len(learners) == PEOPLE - 3
    assert not len(judges)


def test_what_is_foretold_is_never_given(ratings: Ratings) -> None:
    people = torch.arange(10)
    for by_time in (False, True):
        for person, (films, stars, targets, wanted) in enumerate(
            asked(ratings, people, None, by_time=by_time)
        ):
            assert not set(films.tolist()) & set(targets.tolist())
            all_films, all_stars = ratings.of(person)
            pairs = [*zip(films.tolist(), stars.tolist(), strict=True)]
            pairs += zip(targets.tolist(), wanted.tolist(), strict=True)
            assert sorted(pairs) == sorted(zip(all_films.tolist(), all_stars.tolist(), strict=True))
            assert len(films) == round(0.85 * EACH)
            if by_time:
                assert films.tolist() == all_films[: len(films)].tolist()
    assert all(len(films) == 3 for films, *_ in asked(ratings, people, 3))
    assert list(asked(ratings, people, EACH)) == []


def test_a_batch_shows_other_films_of_the_same_person(ratings: Ratings) -> None:
    learners, _, _ = parted(ratings, 0)
    net = Recommender(Config(films=FILMS, width=4, history=5), 0, whole_history=False)
    lesson = Stars(net, ratings, learners)
    batch = lesson.batch(torch.Generator().manual_seed(3))
    own = [
        dict(zip(*(part.tolist() for part in ratings.of(person)), strict=True))
        for person in learners.tolist()
    ]
    shown = set()
    for films, stars, target, wanted in zip(
        batch.films.tolist(), batch.stars.tolist(), batch.targets.tolist(), batch.wanted.tolist(),
        strict=True,
    ):  # fmt: skip
        seen = {film: mark for film, mark in zip(films, stars, strict=True) if mark}
        assert target not in seen
        assert sum(mark > 0 for mark in stars) == len(seen)  # none twice
        assert any(mine.get(target) == wanted and seen.items() <= mine.items() for mine in own)
        shown.add(len(seen))
    assert shown >= {1, 2, 3, 4, 5}


def test_tastes_are_learnt_that_explain_what_was_made_up(ratings: Ratings) -> None:
    linear = Tastes(FILMS, 2)
    known = ratings.of_all(torch.arange(40))
    tastes.learn(
        linear, ratings.people[known], ratings.films[known], ratings.stars[known], stiffness=2.0
    )
    kinds = linear.factors[:, 1]
    loud, quiet = kinds[1::2], kinds[::2]
    assert loud.min() * quiet.max() < 0 < abs(float(loud.mean() - quiet.mean()))
    assert linear.factors[:, 0].min() > 0  # generous people give every film more
    assert 0.1 < linear.noise < 0.4  # rounding adds to the noise of 0.3 squared
    films, stars = ratings.of(50)
    loves = linear(films[:8], stars[:8])
    off = (loves[films[8:]] - stars[8:]).abs().mean()
    assert off < 0.6


def test_tastes_are_the_same_however_many_people_are_taken_at_once(
    ratings: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for at_once in (1024, 7):
        monkeypatch.setattr(tastes, "PEOPLE_AT_ONCE", at_once)
        linear = Tastes(FILMS, 3)
        tastes.learn(linear, ratings.people, ratings.films, ratings.stars, stiffness=2.0)
        found.append(linear.factors)
    torch.testing.assert_close(found[0], found[1])


def test_a_training_ends_in_a_checkpoint_that_the_family_serves(
    ratings: Ratings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour, "BATCH", 64)
    monkeypatch.setattr(behaviour, "STIFFNESS", {1: 2.0, behaviour.FACTORS: 2.0})  # of few people
    figures = train(ratings, tmp_path / "out", epochs=6, tell=lambda _: None)
    mae = figures["mae"]
    # people differ in what they like, which no mean of all people tells
    plain = min(mae[name]["85 %"] for name in mae if "mean" in name)
    assert mae["served"]["85 %"] < 0.7 * plain
    assert mae["served"]["3"] < 0.7 * mae["film's mean"]["3"]
    json.dumps(figures)
    films = read_films(tmp_path / "out")
    assert sum(film.ratings or 0 for film in films) == figures["ratings"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json", "films.json", "model.safetensors",
    ]  # fmt: skip
    family = load(Model(id="x", task="recommend", family="behaviour"), tmp_path / "out")
    _, _, judges = parted(ratings, 0)
    (films_given, stars, targets, _), *_ = asked(ratings, judges, 5)
    served = family.recommender(films_given, stars, targets)
    assert served.std() > 0.3


def test_one_seed_trains_one_recommender(
    ratings: Ratings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour, "BATCH", 64)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(ratings, tmp_path / name, epochs=0.5, seed=seed, tell=lambda _: None)
    data = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert data[0] == data[1] != data[2]


def test_the_command_ends_in_one_line_of_json(tmp_path: Path) -> None:
    write_recbole(tmp_path)
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--epochs", "0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "bot.training.behaviour", *arguments],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True,
    )  # fmt: skip
    figures = json.loads(done.stdout)
    assert figures["model"] == "behaviour"
    assert set(figures["mae"]["served"]) == {"1", "3", "5", "10", "20", "85 %", "first 85 %"}
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert not (tmp_path / "out" / "training.pt").exists()
