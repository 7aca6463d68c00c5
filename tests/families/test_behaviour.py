"""Recommending films: from a stand-in for the hub's checkpoint, and from one of our own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.conversion.saved_model import convert
from bot.catalogue.films import KnownFilm, read_films, write_films
from bot.catalogue.model import Model
from bot.catalogue.synthetic.behaviour import KNOWN_TITLES, write
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.behaviour import LEAST_RATINGS, RECOMMENDED, FilmRecommender, load
from bot.nets.behaviour import Config
from bot.nets.recommender import Blend, Recommender
from bot.tasks.films import Titles
from bot.tasks.recommend import FilmsResult, RecommendFilms
from bot.training import behaviour as training
from bot.training.movielens import Ratings

MODEL = Model(id="bst", task="recommend", family="behaviour")
THREE = "Alien 5, Casablanca 4, Heat 3"

Recommend = Callable[..., FilmsResult]


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted stand-in of the hub's repository, with titles beside it."""
    raw, done = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("done")
    write(raw, tiny=True)
    convert([raw / "saved_model.pb"], done, "float32")
    return done


@pytest.fixture(scope="module")
def hub(hub_folder: Path) -> FilmRecommender:
    return load(MODEL, hub_folder)


def answer(family: FilmRecommender, run: Any, liked: str) -> FilmsResult:
    request = RecommendFilms(liked=liked)
    (chosen,) = family.forward([family.preprocess(request, 0)], run)
    return family.postprocess(chosen, request)


@pytest.fixture
def recommend(hub: FilmRecommender, run: Any) -> Recommend:
    return lambda liked: answer(hub, run, liked)


def made_up(blend: Blend, offsets: torch.Tensor) -> FilmRecommender:
    """A recommender of eight films, of which two kinds are loved by different people."""
    net = Recommender(Config(films=8, width=4), 2, whole_history=False)
    net.blend = blend
    assert net.general is not None
    assert net.tastes is not None
    for linear in (net.general, net.tastes):
        linear.mean.fill_(3.0)
        linear.noise.fill_(0.5)
        linear.offsets.copy_(offsets)
        linear.factors[:, 0] = 0.4
    net.tastes.factors[:4, 1], net.tastes.factors[4:, 1] = 1.0, -1.0
    names = ("Loud A", "Loud B", "Loud C", "Loud D", "Quiet A", "Quiet B", "Quiet C", "Quiet D")
    titles = Titles([f"{name} (1990)" for name in names], [100] * 8)
    return FilmRecommender(net.eval(), titles, torch.arange(8))


def test_films_are_recommended_that_were_not_named(recommend: Recommend) -> None:
    result = recommend(THREE)
    assert len(result.films) == RECOMMENDED
    stars = [film.stars for film in result.films]
    assert stars == sorted(stars, reverse=True)
    assert all(1 <= number <= 5 for number in stars)
    assert [(film.title, film.stars) for film in result.liked] == [
        ("Alien (1979)", 5.0), ("Casablanca (1942)", 4.0), ("Heat (1995)", 3.0),
    ]  # fmt: skip
    assert not {film.title for film in result.films} & {film.title for film in result.liked}
    assert result.note == ""


def test_what_is_left_out_makes_room_for_the_next(hub: FilmRecommender, run: Any) -> None:
    whole = [film.title for film in answer(hub, run, THREE).films]
    gone = [whole[0], whole[3]]
    request = RecommendFilms(liked=THREE, without="; ".join(gone))
    (chosen,) = hub.forward([hub.preprocess(request, 0)], run)
    result = hub.postprocess(chosen, request)
    kept = [title for title in whole if title not in gone]
    titles = [film.title for film in result.films]
    assert titles[: len(kept)] == kept
    assert len(titles) == len(whole) == len({*titles, *whole}) - 2
    assert list(result.without) == gone
    odd = RecommendFilms(liked=THREE, without="Inception")
    assert "Inception" in hub.preprocess(odd, 0).note


def test_what_is_recommended_hangs_on_what_was_liked(recommend: Recommend) -> None:
    titles = {tuple(film.title for film in recommend(liked).films) for liked in (
        THREE, "Alien 1, Casablanca 1, Heat 1", "Seven 5, Star Wars 1, Toy Story 3",
    )}  # fmt: skip
    assert len(titles) == 3


def test_the_same_request_gives_the_same_answer_whoever_shares_the_batch(
    hub: FilmRecommender, run: Any
) -> None:
    requests = [RecommendFilms(liked=text) for text in (THREE, "Alien, Heat, Seven", THREE)]
    given = [hub.preprocess(request, seed) for seed, request in enumerate(requests)]
    first, second, third = hub.forward(given, run)
    assert first.films == third.films
    assert first.stars == third.stars
    (alone,) = hub.forward(given[1:2], run)
    assert (alone.films, alone.stars) == (second.films, second.stars)


def test_films_that_the_net_never_learnt_are_not_recommended(
    hub: FilmRecommender, hub_folder: Path
) -> None:
    films = read_films(hub_folder)
    unlearnt = {number for number, film in enumerate(films) if not film.trained}
    assert unlearnt
    assert not unlearnt & set(hub.candidates.tolist())
    assert len(hub.candidates) == len(films) - len(unlearnt)


@pytest.mark.parametrize("liked", ["", "   ", "🙂🙂", "\0", "★★★★★", "5, 4, 3", ";;,,", "‏"])
def test_what_names_no_film_is_refused_with_an_example(liked: str, hub: FilmRecommender) -> None:
    with pytest.raises(
        UserError, match=r"Name films with stars from 1 to 5, such as: Alien \(1979\) 5"
    ):
        hub.preprocess(RecommendFilms(liked=liked), 0)


def test_unknown_films_are_named_with_the_nearest(
    hub: FilmRecommender, recommend: Recommend
) -> None:
    with pytest.raises(UserError) as refusal:
        hub.preprocess(RecommendFilms(liked="Inception 5, Casa Loma 4, שלום"), 0)
    assert str(refusal.value).startswith(
        "I know no film 'Inception'. I know no film 'Casa Loma'. Near it are Casablanca (1942)"
    )
    result = recommend(f"{THREE}, Inception 5")  # enough is known without it
    assert result.note == "I know no film 'Inception'. My films end in 1995."


def test_the_hubs_net_alone_asks_for_three_films(hub: FilmRecommender) -> None:
    with pytest.raises(UserError) as refusal:
        hub.preprocess(RecommendFilms(liked="Alien 5, Inception 4"), 0)
    assert str(refusal.value) == (
        "I know no film 'Inception'. My films end in 1995. I need 3 films at least, and know 1 of "
        "yours. Name more."
    )


def test_films_without_stars_count_as_liked(recommend: Recommend) -> None:
    result = recommend("Alien 5, Casablanca, Heat")
    assert [film.stars for film in result.liked] == [5, 4, 4]
    assert result.note == "2 films without stars counted as 4."


def test_right_to_left_titles_do_no_harm(hub: FilmRecommender, recommend: Recommend) -> None:
    assert "שלום" in recommend(f"{THREE}; שלום 3").note


def with_ratings(folder: Path, target: Path) -> Path:
    """Copy a checkpoint and put ratings beside it: film 1 has 80, 2 has 79, ... the last has 21."""
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    films = read_films(folder)
    rows = [
        f"{person}::{film.id}::{5 if number % 3 else 2}::{person}\n"
        for number, film in enumerate(films)
        for person in range(1, 81 - number)
    ]
    (target / "ratings.dat").write_text("".join(rows) + "1::999999::5::1\n")
    return target


def test_with_ratings_beside_it_it_blends_and_needs_one_film_only(
    hub_folder: Path, tmp_path: Path, run: Any
) -> None:
    family = load(MODEL, with_ratings(hub_folder, tmp_path))
    net = family.recommender
    assert net.fewest == 1
    assert net.general is not None
    assert net.blend.transformer(3) == pytest.approx(0.5, abs=0.01)
    assert [film for film, _ in net.fillers] == [0, 1, 2]
    assert net.fillers[1][1] > net.fillers[0][1] + 1
    offsets = net.general.offsets
    assert offsets[1::3].min() > offsets[0::3].max()  # the films with five stars
    rated = sum(81 - number - 1 >= LEAST_RATINGS for number in range(60))
    assert len(family.candidates) <= rated
    result = answer(family, run, "Casablanca 5")
    assert len(result.films) == RECOMMENDED
    assert result.note == "The more films you give, the better I know your taste."


def test_films_with_few_ratings_are_not_recommended(hub_folder: Path, tmp_path: Path) -> None:
    with_ratings(hub_folder, tmp_path)
    films = [msgspec.structs.replace(film, trained=True) for film in read_films(tmp_path)]
    films += [KnownFilm(id="999999", title="Rarely rated")]
    lines = (tmp_path / "ratings.dat").read_text().splitlines()
    few = [line for line in lines if line.split("::")[1] != films[5].id]
    few += [f"{person}::{films[5].id}::5::1" for person in range(LEAST_RATINGS - 1)]
    (tmp_path / "ratings.dat").write_text("\n".join(few))
    write_films(films[:-1], tmp_path)
    candidates = load(MODEL, tmp_path).candidates.tolist()
    assert 5 not in candidates
    assert 4 in candidates


def test_a_film_is_recommended_because_of_one_of_its_kind(run: Any) -> None:
    family = made_up(Blend(share=0.0, settles_after=0.0), torch.zeros(8))
    result = answer(family, run, "Loud A 5, Quiet A 4, Loud B 5, Quiet B 2")
    assert [film.title for film in result.films[:2]] == ["Loud C (1990)", "Loud D (1990)"]
    assert {film.because for film in result.films[:2]} <= {"Loud A (1990)", "Loud B (1990)"}
    assert "" not in {film.because for film in result.films[:2]}
    assert {film.because for film in result.films[2:]} <= {"", "Quiet A (1990)"}


def test_stars_that_only_tell_of_generosity_are_no_reason(run: Any) -> None:
    family = made_up(Blend(share=0.0, settles_after=1e9), torch.linspace(-1, 1, 8))
    result = answer(family, run, "Loud A 5, Quiet A 5")
    assert {film.because for film in result.films} == {""}


def test_one_film_is_no_reason_for_everything(run: Any) -> None:
    family = made_up(Blend(share=0.0, settles_after=0.0), torch.zeros(8))
    result = answer(family, run, "Loud A 5")
    assert {film.because for film in result.films} == {""}


def test_who_has_seen_everything_is_told(run: Any) -> None:
    family = made_up(Blend(share=0.0), torch.zeros(8))
    names = ", ".join(f"{kind} {letter} 3" for kind in ("Loud", "Quiet") for letter in "ABCD")
    assert answer(family, run, names).films == ()


def test_our_own_checkpoint_is_served_as_it_was_saved(tmp_path: Path, run: Any) -> None:
    torch.manual_seed(0)
    net = Recommender(Config(films=5, width=32, history=8), training.FACTORS, whole_history=False)
    assert net.tastes is not None
    net.tastes.factors.normal_()
    net.blend = Blend(share=0.3, fades_after=20.0, settles_after=5.0)
    people = torch.arange(25).repeat_interleave(5)
    films = torch.arange(5).repeat(25)
    names = ["Alien (1979)", "Heat (1995)", "Seven (1995)", "Fargo (1996)", "Brazil (1985)"]
    ratings = Ratings(
        people, films, torch.full((125,), 4.0), torch.arange(0, 126, 5), list("12345"), names
    )
    training.save(net.eval(), ratings, torch.arange(125), tmp_path)
    family = load(MODEL, tmp_path)
    assert family.recommender.blend == net.blend
    assert family.recommender.fewest == 1
    given = torch.tensor([0, 2]), torch.tensor([5.0, 2.0]), torch.tensor([1, 3, 4])
    torch.testing.assert_close(family.recommender(*given), net(*given))
    assert {film.title for film in answer(family, run, "alien 5, se7en 4, seven 2").films} == {
        "Heat (1995)", "Fargo (1996)", "Brazil (1985)",
    }  # fmt: skip


def test_a_cancelled_run_ends_between_windows(hub: FilmRecommender) -> None:
    class Cancelled:
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 2:
                raise Stopped

        def step(self, done: int, total: int, preview: object = None) -> None: ...

    run = Cancelled()
    with pytest.raises(Stopped):
        hub.forward([hub.preprocess(RecommendFilms(liked=THREE), 0)], run)
    assert run.checks == 3


def test_fifty_films_are_answered_between_checks_of_less_than_a_second(run: Any) -> None:
    net = Recommender(Config(films=3883, width=62), 13, whole_history=True).eval()
    titles = Titles([f"Film Number {n} (1990)" for n in range(3883)], [9] * 3883)
    family = FilmRecommender(net, titles, torch.arange(3883))
    liked = "; ".join(f"Film Number {n} (1990) {1 + n % 5}" for n in range(0, 500, 10))
    began = time.monotonic()
    result = answer(family, run, liked)
    assert len(result.liked) == 50
    assert (time.monotonic() - began) / run.checks < 1


def test_the_weights_are_counted(hub: FilmRecommender) -> None:
    net = hub.recommender
    weights = sum(weight.numel() for weight in net.parameters())
    statistics = sum(2 * len(layer.dense.bias) for layer in net.sequence.layers)
    counters = 8 * len(net.sequence.layers)
    assert hub.size_bytes() == 4 * (weights + statistics) + counters
    assert not any(weight.requires_grad for weight in net.parameters())


def test_the_entry_describes_the_hubs_net(hub_folder: Path) -> None:
    entry = Catalogue.load().get("bst")
    with pytest.raises(OperatorError, match="389,371"):
        load(entry, hub_folder)  # a smaller one


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("model.safetensors", b"", "cannot load the recommender"),
        ("config.json", b"{}", "cannot load the recommender"),
        ("config.json", b"[", "cannot load the recommender"),
        ("films.json", b"[]", "numbers only"),
        ("films.json", b'[{"id": "1", "title": "Alien (1979)"}]', "1 films are listed"),
        ("movies.dat", None, r"Put movies\.dat of MovieLens 1M there"),
        ("ratings.dat", b"1::2::x::4", "ratings cannot be read"),
        ("ratings.dat", b"1::2::3", "no line has four numbers"),
        ("ratings.dat", b"", "ratings cannot be read"),
        ("ratings.dat", b"1::99999::3::4", "none of this checkpoint"),
    ],
)
def test_loading_says_what_is_wrong(
    name: str, data: bytes | None, said: str, hub_folder: Path, tmp_path: Path
) -> None:
    for path in hub_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if data is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(OperatorError, match=said):
        load(MODEL, tmp_path)


def test_the_stand_in_knows_what_anybody_may_type(hub: FilmRecommender) -> None:
    assert hub.titles.titles[: len(KNOWN_TITLES)] == KNOWN_TITLES
