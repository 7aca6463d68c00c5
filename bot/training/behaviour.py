"""Trains a recommender of films on MovieLens: ``python -m bot.training.behaviour``.

The Behaviour Sequence Transformer learns from sets of films that one person rated: some of them are
shown with their stars, in any order and of any number up to its history, and one is asked for. The
general opinion and tastes are learnt in closed form beside it. Then a few people whom none of the
three has seen decide how much each has to say, and others, whom nobody has seen, judge the blend:
exactly what is served.

Judging: of each judging person some ratings are given, and the stars of others are foretold. Given
are 1, 3, 5, 10 or 20 at random (foretold: the rest), 85 % at random, or the earliest 85 %. Nothing
else is known of them; no rating of theirs was learnt from.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.films import KnownFilm, write_films
from bot.nets.behaviour import Config
from bot.nets.recommender import Blend, Recommender
from bot.training import loop, tastes
from bot.training.movielens import TERMS, Ratings, fetch_ml_100k, parted, read

WIDTH, HEADS, HISTORY = 32, 3, 8
FACTORS = 13  # of tastes, the first of which is how generous somebody is
STIFFNESS = {1: 10.0, FACTORS: 40.0}  # by how many factors there are
BATCH = 512
EPOCHS = 8.0
KEEP_EVERY_S = 1.0  # it is a megabyte or two
LEARNING_RATE = 2e-3
GIVEN = (1, 3, 5, 10, 20)
MOST_GIVEN = 0.85
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
FADES = (5.0, 10.0, 20.0, 40.0, 1000.0)
SETTLES = (5.0, 10.0, 20.0)

Asked = tuple[Tensor, Tensor, Tensor, Tensor]
"""Films that are given, their stars, films that are foretold, the stars that those have got."""

Foretells = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From films that are given, their stars, and targets: the stars of those."""


@dataclass(frozen=True, slots=True)
class Example:
    """A batch: films (B, history), stars (B, history) or 0, targets (B,), their stars (B,)."""

    films: Tensor
    stars: Tensor
    targets: Tensor
    wanted: Tensor


class Stars(loop.Lesson[Example]):
    """To foretell the stars of one film from those of others that the same person rated."""

    def __init__(self, recommender: Recommender, ratings: Ratings, people: Tensor) -> None:
        self.net = recommender.sequence
        self._ratings = ratings
        self._known = ratings.of_all(people)
        self._history = recommender.sequence.config.history

    def batch(self, luck: torch.Generator) -> Example:
        """Draw ratings at random, and for each some others of the same person."""
        ratings, history = self._ratings, self._history
        target = self._known[torch.randint(len(self._known), (BATCH,), generator=luck)]
        person = ratings.people[target]
        begin, end = ratings.starts[person], ratings.starts[person + 1]
        spread = torch.rand(BATCH, history, generator=luck, dtype=torch.float64)
        places = begin[:, None] + (spread * (end - begin)[:, None]).long()  # (B, history)
        # of half the batch, as many are shown as there is room for
        shown = torch.randint(1, history + 1, (BATCH,), generator=luck)
        shown[torch.rand(BATCH, generator=luck) < 0.5] = history
        absent = torch.arange(history) < history - shown[:, None]
        absent |= places == target[:, None]
        absent |= (places[:, :, None] == places[:, None, :]).triu(1).any(1)  # drawn before
        stars = ratings.stars[places].masked_fill(absent, 0.0)
        films = ratings.films[places].masked_fill(absent, 0)
        return Example(films, stars, ratings.films[target], ratings.stars[target])

    def loss(self, batch: Example) -> Tensor:
        """Return the mean square of what the net is off by, in stars."""
        return F.mse_loss(self.net(batch.films, batch.stars, batch.targets), batch.wanted)


def train(
    ratings: Ratings, folder: Path, *, fold: int | None = 0, seed: int = 0, epochs: float = EPOCHS,
    keep: Path | None = None, tell: loop.Told | None = None,
) -> loop.Figures:  # fmt: skip
    """Train a recommender, write its checkpoint into ``folder``, and return its figures.

    Args:
        ratings: What it learns from and is judged by.
        folder: Gets ``model.safetensors``, ``config.json``, ``films.json``.
        fold: Which fifth of the people judge it; with ``None`` all are learnt from.
        seed: Decides the weights.
        epochs: How often each rating is asked for, about.
        keep: Where it is noted how far the training is, to go on from after a stop; by default
            in ``folder``.
        tell: Told a line of progress now and then.

    Raises:
        OtherTraining: What is noted there is of another training.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    learners, tuners, judges = parted(ratings, fold)
    torch.manual_seed(seed)
    config = Config(films=len(ratings.ids), width=WIDTH, heads=HEADS, history=HISTORY)
    recommender = Recommender(config, FACTORS, whole_history=False)
    known = ratings.of_all(learners)
    seen = ratings.people[known], ratings.films[known], ratings.stars[known]
    for linear in (recommender.general, recommender.tastes):
        assert linear is not None
        stiffness = STIFFNESS[linear.factors.shape[1]]
        tastes.learn(linear, *seen, stiffness=stiffness, seed=seed)
    steps = max(1, round(epochs * len(known) / BATCH))
    with torch.no_grad():  # so that the first steps are not spent on learning the mean
        recommender.sequence.stars.bias.fill_(seen[-1].mean())
    data = f"fold {fold} of {zlib.crc32(ratings.stars.numpy().tobytes()):08x}"
    plan = loop.Plan(
        steps=steps, learning_rate=LEARNING_RATE, seed=seed, data=data,
        keep_every_s=KEEP_EVERY_S,
    )  # fmt: skip
    loop.train(Stars(recommender, ratings, learners), plan, keep or folder, tell)
    trained_s = time.monotonic() - began
    with torch.inference_mode():
        tune(recommender, ratings, tuners)
        figures = judge(recommender, ratings, learners, judges) if len(judges) else {}
    save(recommender, ratings, known, folder)
    return {
        "model": "behaviour", "people": len(learners), "ratings": len(known), "steps": steps,
        "seed": seed, "fold": fold, "train_s": round(trained_s, 1),
        "blend": asdict(recommender.blend), "mae": figures,
    }  # fmt: skip


def tune(recommender: Recommender, ratings: Ratings, people: Tensor) -> None:
    """Set how much each opinion has to say: what is best for these people, over all settings."""
    assert recommender.general is not None
    assert recommender.tastes is not None
    heard: list[tuple[int, Tensor, Tensor]] = []  # films given, opinions (3, targets), the truth
    for given in (*GIVEN, None):
        for films, stars, targets, wanted in asked(ratings, people, given):
            opinions = (
                recommender.general(films, stars)[targets],
                recommender.tastes(films, stars)[targets],
                recommender.by_sequence(films, stars, targets),
            )
            heard.append((len(films), torch.stack(opinions), wanted))

    def off(blend: Blend) -> float:
        total = 0.0
        for given, (general, taste, sequence), wanted in heard:
            linear = torch.lerp(general, taste, blend.tastes(given))
            expected = torch.lerp(linear, sequence, blend.transformer(given)).clamp(1, 5)
            total += float((expected - wanted).abs().mean())  # everybody counts alike
        return total

    grid = itertools.product(SHARES, FADES, SETTLES)
    blends = [Blend(share=s, fades_after=f, settles_after=h) for s, f, h in grid]
    recommender.blend = min(blends, key=off)


def judge(
    recommender: Recommender, ratings: Ratings, learners: Tensor, judges: Tensor
) -> loop.Figures:
    """Return the mean absolute error in stars, by what is told and by how much is given."""
    assert recommender.general is not None
    assert recommender.tastes is not None
    known = ratings.of_all(learners)
    films, stars = ratings.films[known], ratings.stars[known]
    mean = stars.mean()
    count = torch.bincount(films, minlength=len(ratings.ids))
    means = (torch.bincount(films, stars, len(ratings.ids)) + mean) / (count + 1)
    general, taste = recommender.general, recommender.tastes
    ways: dict[str, Foretells] = {
        "mean of all": lambda _, __, targets: mean.expand(len(targets)),
        "film's mean": lambda _, __, targets: means[targets],
        "film's mean and person's": Biases(ratings, known),
        "transformer": lambda f, s, t: recommender.by_sequence(f, s, t).clamp(1, 5),
        "general": lambda f, s, t: general(f, s)[t].clamp(1, 5),
        "tastes": lambda f, s, t: taste(f, s)[t].clamp(1, 5),
        "served": recommender,
    }
    settings = {str(given): asked(ratings, judges, given) for given in GIVEN}
    settings["85 %"] = asked(ratings, judges, None)
    settings["first 85 %"] = asked(ratings, judges, None, by_time=True)
    table: loop.Figures = {name: {} for name in ways}
    for setting, questions in settings.items():
        totals, foretold = dict.fromkeys(ways, 0.0), 0
        for given, marks, targets, wanted in questions:
            foretold += len(targets)
            for name, foretell in ways.items():
                totals[name] += float((foretell(given, marks, targets) - wanted).abs().sum())
        for name, total in totals.items():
            table[name][setting] = round(total / foretold, 4)
    return table


class Biases:
    """The plainest baseline that knows a person: the film's mean, and how generous they are.

    Both are held back where few ratings speak for them, by five and by three ratings.
    """

    def __init__(self, ratings: Ratings, known: Tensor) -> None:
        people, films, stars = ratings.people[known], ratings.films[known], ratings.stars[known]
        self.mean = stars.mean()
        self.films = torch.zeros(len(ratings.ids))
        persons = torch.zeros(int(people.max()) + 1)
        for _ in range(10):
            self.films = self._held_back(films, stars - self.mean - persons[people], self.films, 5)
            persons = self._held_back(people, stars - self.mean - self.films[films], persons, 3)

    def __call__(self, films: Tensor, stars: Tensor, targets: Tensor) -> Tensor:
        """Return the stars that the targets can expect."""
        generous = (stars - self.mean - self.films[films]).sum() / (len(films) + 3)
        return (self.mean + self.films[targets] + generous).clamp(1, 5)

    @staticmethod
    def _held_back(places: Tensor, left: Tensor, like: Tensor, by: int) -> Tensor:
        total = torch.zeros_like(like).index_add_(0, places, left)
        return total / (torch.bincount(places, minlength=len(like)) + by)


def asked(
    ratings: Ratings, people: Tensor, given: int | None, *, by_time: bool = False
) -> Iterator[Asked]:
    """Yield one question for each person who has rated more than are given.

    Args:
        ratings: Of all people.
        people: Who is asked about.
        given: How many of their films are told; ``None`` for 85 % of them.
        by_time: Whether those are the earliest; otherwise they are drawn, always the same.
    """
    for person in people.tolist():
        films, stars = ratings.of(person)
        count = round(MOST_GIVEN * len(films)) if given is None else given
        if not 0 < count < len(films):
            continue
        if not by_time:
            luck = torch.Generator().manual_seed(person)
            order = torch.randperm(len(films), generator=luck)
            films, stars = films[order], stars[order]
        yield films[:count], stars[:count], films[count:], stars[count:]


def save(recommender: Recommender, ratings: Ratings, known: Tensor, folder: Path) -> None:
    """Write the checkpoint that :mod:`bot.families.behaviour` reads."""
    config = recommender.sequence.config
    settings = {
        "films": config.films, "width": config.width, "heads": config.heads,
        "history": config.history, "hidden": list(config.hidden), "factors": FACTORS,
        "whole_history": recommender.whole_history, "blend": asdict(recommender.blend),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    counts = torch.bincount(ratings.films[known], minlength=config.films).tolist()
    rows = zip(ratings.ids, ratings.titles, counts, strict=True)
    films = (KnownFilm(id=i, title=t, ratings=n, trained=n > 0) for i, t, n in rows)
    write_films(films, folder)
    tensors: dict[str, Any] = {
        name: tensor.contiguous() for name, tensor in recommender.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", {"terms": TERMS})


def main() -> None:
    """Read the command line, train, print the figures."""
    from bot.config import cache_folder

    parser = argparse.ArgumentParser(prog="python -m bot.training.behaviour", description=TERMS)
    parser.add_argument(
        "--data", type=Path, help="a folder with MovieLens' or RecBole's files; without it, "
        "MovieLens 100K is fetched",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("behaviour"), help="the checkpoint")
    parser.add_argument(
        "--fold", type=int, choices=range(-1, 5), default=0,
        help="which fifth of the people judges it; -1 for none",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    options = parser.parse_args()
    torch.set_num_threads(1)  # in nets as small as this one threads only wait for each other
    ratings = read(options.data or fetch_ml_100k(cache_folder(os.environ)))
    fold = None if options.fold < 0 else options.fold
    figures = train(ratings, options.out, fold=fold, seed=options.seed, epochs=options.epochs)
    loop.finish(figures)


if __name__ == "__main__":
    main()
