"""Recommends films by the stars that somebody gave others: the Behaviour Sequence Transformer.

A checkpoint is ``config.json``, ``model.safetensors`` and ``films.json``, written by the conversion
of the hub's SavedModel or by :mod:`bot.training.behaviour`. Ours brings what everybody thinks of
each film, and how that is blended with the transformer. The hub's brings neither, nor titles: they
are read from ``movies.dat`` beside it, and from ``ratings.dat`` if that is there too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bot.catalogue.films import MOVIES, RATINGS, KnownFilm, read_films
from bot.catalogue.model import Model
from bot.catalogue.ratings import read_ratings
from bot.errors import OperatorError, Sentence, UserError, joined
from bot.families.base import BatchFamily, Run
from bot.nets.behaviour import Config
from bot.nets.recommender import Blend, Recommender
from bot.nets.tastes import Tastes
from bot.tasks.films import LIKED_STARS, SAID, Titles, shown, understand
from bot.tasks.recommend import Film, FilmsResult, RecommendFilms

RECOMMENDED = 10
LEAST_RATINGS = 20
"""Of fewer ratings than these nobody should make a recommendation."""

INFLUENCE = 0.02
"""Stars by which a film must raise another more than most, to be named as the reason."""

OTHERS = 200
"""Films that tell how much a film raises any other."""

REASON_STARS = 3.5
"""Stars that a film must have got to be a reason."""

FILLERS = 3  # films that stand in where a whole history lacks some
BIAS_VARIANCE = 0.2  # of what people give on average, in stars; and of what is left of a rating
NOISE = 0.8


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody gave: numbers of films (n,), stars (n,), and sentences to go with the answer.

    ``starless`` are the numbers of those that they named without stars, ``without`` (k,) those of
    films that are not to be recommended.
    """

    films: Tensor
    stars: Tensor
    starless: frozenset[int]
    note: str
    without: Tensor


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is recommended: numbers of films, stars, and for each the number of its reason."""

    given: Given
    films: list[int]
    stars: list[float]
    reasons: list[int | None]


def load(model: Model, folder: Path) -> FilmRecommender:
    """Load a checkpoint; nothing is ever fetched.

    Raises:
        OperatorError: A file is absent or damaged, of another net than its entry says, or there
            are no titles.
    """
    films = read_films(folder)
    if not any(film.title for film in films):
        raise OperatorError(
            f"{folder}: the films have numbers only. Put {MOVIES} of MovieLens 1M there."
        )
    recommender = _net(folder, len(films))
    found = sum(weight.numel() for weight in recommender.sequence.parameters())
    if model.params not in (None, found):
        raise OperatorError(
            f"{folder}: its net has {found:,} parameters; the entry {model.id} says "
            f"{model.params:,}. Give it the right folder or repository, or mend 'params'."
        )
    counts = [film.ratings for film in films]
    if recommender.general is None and (folder / RATINGS).is_file():
        counts = _opinions(recommender, films, folder / RATINGS)
    known = [number for number, film in enumerate(films) if film.title and film.trained]
    popularity = [count or 0 for count in counts]
    enough = [number for number in known if popularity[number] >= LEAST_RATINGS]
    candidates = enough if len(enough) >= RECOMMENDED else known
    titles = Titles([film.title for film in films], popularity)
    return FilmRecommender(recommender.eval(), titles, torch.tensor(candidates, dtype=torch.long))


class FilmRecommender(BatchFamily[Given, Chosen]):
    """The family for :class:`bot.tasks.recommend.RecommendFilms`.

    Args:
        recommender: The net.
        titles: Of all films that it knows.
        candidates: Numbers of those that may be recommended.
    """

    def __init__(self, recommender: Recommender, titles: Titles, candidates: Tensor) -> None:
        self.recommender = recommender.requires_grad_(requires_grad=False)
        self.titles = titles
        self.candidates = candidates

    def preprocess(self, request: RecommendFilms, seed: int) -> Given:
        """Find the films and their stars; chance plays no part, so the seed is not used.

        Raises:
            UserError: No film is understood, or too few are.
        """
        understood = understand(request.liked, self.titles)
        left_out = understand(request.without or "", self.titles)
        films, fewest = understood.films, self.recommender.fewest
        unknown = self._not_understood((*understood.unknown, *left_out.unknown))
        if not films:
            raise UserError(
                joined(
                    unknown or Sentence("There is no film in this."),
                    Sentence(
                        "Name films with stars from 1 to 5, such as: {example}.",
                        {"example": self._example()},
                    ),
                )
            )
        if len(films) < fewest:
            need = Sentence(
                "I need {fewest} films at least, and know {known} of yours. Name more.",
                {"fewest": fewest, "known": len(films)},
            )
            raise UserError(joined(unknown, need))
        return Given(
            films=torch.tensor([film.number for film in films]),
            stars=torch.tensor([film.stars or LIKED_STARS for film in films]),
            starless=frozenset(film.number for film in films if film.stars is None),
            note=str(unknown),
            without=torch.tensor([film.number for film in left_out.films], dtype=torch.long),
        )

    def _not_understood(self, unknown: Sequence[Sentence]) -> Sentence | str:
        """Return what is said of films that nobody here knows."""
        if not unknown:
            return ""
        more: list[Sentence] = []
        if len(unknown) > 3:
            rest = {"count": len(unknown) - 3}
            more.append(Sentence("{count} more are unknown to me.", rest))
        if self.titles.newest is not None:
            more.append(Sentence("My films end in {year}.", {"year": self.titles.newest}))
        return joined(*unknown[:3], *more)

    def forward(self, batch: list[Given], run: Run) -> list[Chosen]:
        """Recommend to one after the other."""
        return [self._choose(given, run) for given in batch]

    def postprocess(self, outputs: Chosen, request: RecommendFilms) -> FilmsResult:
        """Name the films."""
        given = outputs.given
        rows = zip(outputs.films, outputs.stars, outputs.reasons, strict=True)
        films = [
            Film(
                title=self._title(number),
                stars=round(stars, 2),
                because="" if reason is None else self._title(reason),
            )
            for number, stars, reason in rows
        ]
        pairs = zip(given.films.tolist(), given.stars.tolist(), strict=True)
        liked = [Film(title=self._title(number), stars=round(stars, 2)) for number, stars in pairs]
        return FilmsResult(
            films=tuple(films),
            liked=tuple(liked),
            without=tuple(self._title(number) for number in given.without.tolist()),
            note=self._note(given),
        )

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        weights = [*self.recommender.parameters(), *self.recommender.buffers()]
        return sum(weight.nbytes for weight in weights)

    def _choose(self, given: Given, run: Run) -> Chosen:
        run.check()
        known = torch.cat((given.films, given.without))
        unseen = self.candidates[~torch.isin(self.candidates, known)]
        expected = self.recommender(given.films, given.stars, unseen, run.check)
        # films of equal stars stay in their order, so that the answer is always the same
        order = expected.sort(descending=True, stable=True).indices[:RECOMMENDED]
        chosen, stars = unseen[order], expected[order]
        reasons = self._reasons(given, chosen, run)
        return Chosen(given, chosen.tolist(), stars.tolist(), reasons)

    def _reasons(self, given: Given, chosen: Tensor, run: Run) -> list[int | None]:
        """Say which given film speaks most for each chosen one: by leaving it out.

        Five stars raise what every film can expect, for they say that somebody is generous; what
        counts is by how much more a film has raised the chosen one than others on average.
        """
        reasons: list[int | None] = [None] * len(chosen)
        count = len(given.films)
        if count - 1 < max(1, self.recommender.fewest):
            return reasons
        others = self.candidates[:: max(1, len(self.candidates) // OTHERS)]
        both = torch.cat((chosen, others))
        whole = self.recommender(given.films, given.stars, both, run.check)
        raised = torch.zeros(count, len(chosen))
        for place in range(count):
            if given.stars[place] < REASON_STARS:
                continue
            rest = torch.arange(count) != place
            without = self.recommender(given.films[rest], given.stars[rest], both, run.check)
            change = whole - without
            raised[place] = change[: len(chosen)] - change[len(chosen) :].mean()
        most, which = raised.max(0)
        for place in (most >= INFLUENCE).nonzero()[:, 0].tolist():
            reasons[place] = int(given.films[which[place]])
        return reasons

    def _note(self, given: Given) -> str:
        sentences = [given.note] if given.note else []
        if given.starless:
            named = "A film" if len(given.starless) == 1 else f"{len(given.starless)} films"
            sentences.append(f"{named} without stars counted as {LIKED_STARS:g}.")
        if len(given.films) < FILLERS:
            sentences.append("The more films you give, the better I know your taste.")
        return " ".join(sentences)

    def _title(self, number: int) -> str:
        return shown(self.titles.titles[number])

    def _example(self) -> str:
        """Return two films as one may write them: the first candidates, which always exist."""
        named = [self._title(number)[:SAID] for number in self.candidates[:2].tolist()]
        return ", ".join(f"{title} {5 - place}" for place, title in enumerate(named)) or "Heat 4"


def _net(folder: Path, films: int) -> Recommender:
    """Return the net of a checkpoint, all weights set."""
    try:
        settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = Config(
            films=settings["films"],
            width=settings["width"],
            heads=settings["heads"],
            history=settings["history"],
            hidden=tuple(settings["hidden"]),
        )
        recommender = Recommender(
            config, settings.get("factors", 0), whole_history=settings["whole_history"]
        )
        recommender.blend = Blend(**settings.get("blend", {}))
        recommender.load_state_dict(load_file(folder / "model.safetensors"), assign=True)
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise OperatorError(f"{folder}: cannot load the recommender: {error}") from error
    if config.films != films:
        raise OperatorError(f"{folder}: {films} films are listed for a net of {config.films}.")
    return recommender


def _opinions(recommender: Recommender, films: list[KnownFilm], path: Path) -> list[int | None]:
    """Give a recommender what everybody thinks, out of MovieLens' ratings; return their counts."""
    people, number, stars = _ratings(path, films)
    mean, count = stars.mean(), torch.bincount(number, minlength=len(films))
    held_back = NOISE / BIAS_VARIANCE  # by so many ratings
    generous = _means(people, stars - mean, held_back)
    offsets = _means(number, stars - mean - generous[people], held_back, len(films))
    general = Tastes(len(films), 1)
    general.mean, general.offsets = mean, offsets
    general.noise = torch.tensor(NOISE)
    general.factors = torch.full((len(films), 1), BIAS_VARIANCE**0.5)
    recommender.general = general
    best_known = count.argsort(descending=True, stable=True)[:FILLERS].tolist()
    recommender.fillers = [(film, float(mean + offsets[film])) for film in best_known]
    return list(count.tolist())


def _ratings(path: Path, films: list[KnownFilm]) -> tuple[Tensor, Tensor, Tensor]:
    """Return numbers of people, numbers of films and stars, of the ratings of known films."""
    rows = read_ratings(path)
    numbers = {int(film.id): number for number, film in enumerate(films) if film.id.isdigit()}
    found = np.array([numbers.get(known, -1) for known in rows[:, 1].tolist()])
    rows, found = rows[found >= 0], found[found >= 0]
    if not len(rows):
        raise OperatorError(f"{path}: its films are none of this checkpoint.")
    _, people = np.unique(rows[:, 0], return_inverse=True)
    stars = torch.from_numpy(rows[:, 2].astype(np.float32))
    return torch.from_numpy(people), torch.from_numpy(found), stars


def _means(groups: Tensor, values: Tensor, held_back: float, size: int = 0) -> Tensor:
    """Return the mean of each group, drawn towards 0 as by so many ratings of 0."""
    total = torch.bincount(groups, values, size)
    return (total / (torch.bincount(groups, minlength=size) + held_back)).float()
