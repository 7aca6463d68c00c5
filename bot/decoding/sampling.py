"""How the next token is chosen: one row's logits in, one token id out.

The order of the steps and their arithmetic are those of transformers' ``generate`` (repetition
penalty, temperature, top-k, top-p, multinomial), so that the same seed gives the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one row chooses its tokens; ``temperature`` 0 is greedy, ``top_k`` 0 is off."""

    max_new_tokens: int
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One text to be continued: its prompt as token ids, how to sample, where to stop."""

    ids: tuple[int, ...]
    sampling: Sampling
    stop: tuple[str, ...] = ()


COLDEST = 1e-3
"""Below this temperature the likeliest token has it all, and the division may overflow."""


class Chooser:
    """Chooses the tokens of one row; owns its random generator and the ids seen so far."""

    def __init__(self, row: Row) -> None:
        self._sampling = row.sampling
        self._generator = torch.Generator().manual_seed(row.sampling.seed)
        self._seen = torch.tensor(row.ids, dtype=torch.long)

    def choose(self, logits: torch.Tensor) -> int:
        """Return the next token id from the last position's logits, float of shape (V,)."""
        scores = self._penalised(logits.float())
        token = (
            int(scores.argmax()) if self._sampling.temperature < COLDEST else self._drawn(scores)
        )
        self._seen = torch.cat([self._seen, torch.tensor([token])])
        return token

    def _penalised(self, scores: torch.Tensor) -> torch.Tensor:
        penalty = self._sampling.repetition_penalty
        if penalty == 1.0:
            return scores
        seen = scores[self._seen]
        return scores.scatter(0, self._seen, torch.where(seen < 0, seen * penalty, seen / penalty))

    def _drawn(self, scores: torch.Tensor) -> int:
        scores = scores / self._sampling.temperature
        if 0 < self._sampling.top_k < scores.numel():
            worst = torch.topk(scores, self._sampling.top_k).values[-1]
            scores = scores.masked_fill(scores < worst, -torch.inf)
        if self._sampling.top_p < 1.0:
            ascending, order = torch.sort(scores)
            tail = ascending.softmax(-1).cumsum(-1) <= 1.0 - self._sampling.top_p
            tail[-1] = False  # the likeliest token always stays
            scores = scores.masked_fill(tail.scatter(0, order, tail), -torch.inf)
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._generator))
