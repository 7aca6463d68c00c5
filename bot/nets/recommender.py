"""Three opinions of how many stars somebody will give a film, and their blend.

- The *general* opinion: what everybody thinks of the film, and how generous this person is.
- The *tastes*: many hidden factors. They know a person well by many films and badly by few, and
  think less of films that only their lovers watch than somebody will who picks them out.
- The *transformer* reads a few rated films at a time, and is no straight line.

Knows nothing of titles, files or training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bot.nets.behaviour import BehaviourSequence, Config
from bot.nets.tastes import Tastes

MOST_WINDOWS = 8
"""Times that the transformer reads other films of those given, or the same in another order."""

LEAST_STARS, MOST_STARS = 1.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """How much each opinion has to say where ``n`` films are given.

    Args:
        share: The transformer's part of all, where few films are given.
        fades_after: After so many films it is half of that.
        settles_after: Of the rest, the tastes have ``n / (n + settles_after)``.
    """

    share: float = 0.5
    fades_after: float = 1000.0
    settles_after: float = 10.0

    def transformer(self, given: int) -> float:
        """Return the transformer's part."""
        return self.share / (1 + given / self.fades_after)

    def tastes(self, given: int) -> float:
        """Return the tastes' part of what is left; the general opinion has the other."""
        return given / (given + self.settles_after)


class Recommender(nn.Module):
    """From the films that somebody rated, the stars that others can expect.

    ``general`` and ``tastes`` may be ``None``: then nobody has told what everybody thinks.
    ``fillers`` are films that most people know and what they give them on average, best known
    first; a transformer that was trained on whole histories only reads them where films lack.

    Args:
        config: The transformer's.
        factors: Hidden factors of the tastes; 0 for none of the two linear opinions.
        whole_history: The transformer was trained on whole histories only.
    """

    def __init__(self, config: Config, factors: int, *, whole_history: bool) -> None:
        super().__init__()
        self.sequence = BehaviourSequence(config)
        self.general = Tastes(config.films, 1) if factors else None
        self.tastes = Tastes(config.films, factors) if factors > 1 else None
        self.blend = Blend()
        self.whole_history = whole_history
        self.fillers: list[tuple[int, float]] = []

    @property
    def fewest(self) -> int:
        """How many films it needs to be given."""
        short = self.whole_history and not self.fillers
        return self.sequence.config.history if short else 1

    def forward(
        self, films: Tensor, stars: Tensor, targets: Tensor, tell: Callable[[], None] = lambda: None
    ) -> Tensor:
        """Return the stars in 1..5 that each target can expect, (targets,).

        Args:
            films: Numbers of the films that were rated, (n,), each once; n is at least ``fewest``.
            stars: What they got, (n,), in 1..5.
            targets: Numbers of the films in question.
            tell: Called between windows; it may raise to stop.
        """
        share = 1.0 if self.general is None else self.blend.transformer(len(films))
        expected = torch.zeros(len(targets))
        if share < 1:
            expected = (1 - share) * self.linear(films, stars, targets)
        if share > 0:
            expected = expected + share * self.by_sequence(films, stars, targets, tell)
        return expected.clamp(LEAST_STARS, MOST_STARS)

    def linear(self, films: Tensor, stars: Tensor, targets: Tensor) -> Tensor:
        """Return what the general opinion and the tastes expect together."""
        assert self.general is not None
        general = self.general(films, stars)[targets]
        if self.tastes is None:
            return general
        return torch.lerp(
            general, self.tastes(films, stars)[targets], self.blend.tastes(len(films))
        )

    def by_sequence(
        self, films: Tensor, stars: Tensor, targets: Tensor, tell: Callable[[], None] = lambda: None
    ) -> Tensor:
        """Return what the transformer alone expects, the mean over its windows."""
        total = torch.zeros(len(targets))
        windows = self._windows(films, stars)
        for seen, given in windows:
            tell()
            many = len(targets), -1
            total += self.sequence(seen.expand(many), given.expand(many), targets)
        return total / len(windows)

    def _windows(self, films: Tensor, stars: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return what the transformer reads, (1, history) each: films, and their stars or 0.

        People name films in no order, so of enough films it reads as many stretches, the end joined
        to the beginning, as :data:`MOST_WINDOWS` allows.
        """
        history, given = self.sequence.config.history, len(films)
        if given >= history:
            count = min(MOST_WINDOWS, given)
            places = torch.arange(count)[:, None] * given // count + torch.arange(history)
            places %= given
            return [(films[place][None], stars[place][None]) for place in places]
        seen = torch.zeros(1, history, dtype=torch.long)
        marks = torch.zeros(1, history)
        seen[0, history - given :], marks[0, history - given :] = films, stars
        if self.whole_history:
            named = set(films.tolist())
            others = [(film, mean) for film, mean in self.fillers if film not in named]
            for place, (film, mean) in enumerate(others[: history - given]):
                seen[0, place], marks[0, place] = film, mean
        return [(seen, marks)]
