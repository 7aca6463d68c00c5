"""How the next token is chosen: rows of logits in, one token id each out.

The order of the steps and their arithmetic are those of transformers' ``generate`` (repetition
penalty, no-repeat n-grams, suppressed tokens, minimum length, forced tokens, temperature, top-k,
top-p, multinomial), so that the same seed gives the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one row chooses its tokens; ``temperature`` 0 is greedy, 0 or ``None`` is off.

    ``forced_first`` is chosen before anything else (a language, in translation), ``forced_last``
    where the length runs out. With more than one of ``beams`` the row is searched, not sampled;
    ``length_penalty`` and ``early_stopping`` are the search's, as in transformers.
    """

    max_new_tokens: int
    min_new_tokens: int = 0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    suppress: tuple[int, ...] = ()
    forced_first: int | None = None
    forced_last: int | None = None
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool = False
    seed: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether the likeliest token is chosen and nothing else is asked."""
        return (
            self.temperature < COLDEST
            and self.repetition_penalty == 1.0
            and not self.no_repeat_ngram
            and not self.suppress
            and not self.min_new_tokens
            and self.forced_first is None
            and self.forced_last is None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One text to be written: what is read, how to sample, where to stop.

    ``ids`` is the prompt, or what an encoder-decoder's decoder begins with; ``source`` is what its
    encoder reads. ``emitted`` is what an earlier run of the same row wrote before it was broken
    off: the row goes on behind it as if nothing had happened.
    """

    ids: tuple[int, ...]
    sampling: Sampling
    stop: tuple[str, ...] = ()
    source: Any = field(default=None, compare=False)
    emitted: tuple[int, ...] = ()


NO_NUMBERS = "the net gave something else than numbers"

COLDEST = 1e-3
"""Below this temperature the likeliest token has it all, and the division may overflow."""


class Chooser:
    """Chooses the tokens of one row; owns its random generator and the ids seen so far.

    Args:
        row: Whose tokens these are; what it ``emitted`` before has been chosen already.
        end_ids: The ids that end a text; none of them is chosen before ``min_new_tokens``.
    """

    def __init__(self, row: Row, end_ids: frozenset[int] = frozenset()) -> None:
        self.sampling = row.sampling
        self._end_ids = sorted(end_ids)
        self._generator = torch.Generator().manual_seed(row.sampling.seed)
        self._seen = torch.empty(len(row.ids) + row.sampling.max_new_tokens + 1, dtype=torch.long)
        self._seen[: len(row.ids)] = torch.tensor(row.ids, dtype=torch.long)
        self._length = len(row.ids)
        self._new = 0
        self._to_skip = len(row.emitted)
        for token in row.emitted:
            self.note(token)

    def choose(self, logits: torch.Tensor) -> int:
        """Return the next token id from the last position's logits, float of shape (V,)."""
        scores = self._allowed(self._penalised(logits.float()))
        sampled = self.sampling.temperature >= COLDEST
        token = self._drawn(scores) if sampled else int(scores.argmax())
        if torch.isnan(scores[token]):
            raise ValueError(NO_NUMBERS)
        self.note(token)
        return token

    def note(self, token: int) -> None:
        """Take a token as chosen."""
        self._seen[self._length] = token
        self._length += 1
        self._new += 1

    def _penalised(self, scores: torch.Tensor) -> torch.Tensor:
        penalty = self.sampling.repetition_penalty
        if penalty == 1.0:
            return scores
        ids = self._seen[: self._length]
        seen = scores[ids]
        return scores.scatter(0, ids, torch.where(seen < 0, seen * penalty, seen / penalty))

    def _allowed(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores without the tokens that may not come now."""
        sampling = self.sampling
        banned = [*sampling.suppress, *self._repeating()]
        if self._new < sampling.min_new_tokens:
            banned += self._end_ids
        if banned:
            scores = scores.index_fill(0, torch.tensor(banned), -torch.inf)
        forced = sampling.forced_first if self._new == 0 else None
        if forced is None and self._new == sampling.max_new_tokens - 1:
            forced = sampling.forced_last
        if forced is not None:
            scores = torch.full_like(scores, -torch.inf).index_fill(0, torch.tensor([forced]), 0.0)
        return scores

    def _repeating(self) -> list[int]:
        """Return the tokens that would end an n-gram which was there before."""
        size = self.sampling.no_repeat_ngram
        if not size or self._length < size:
            return []
        seen = self._seen[: self._length]
        windows = seen.unfold(0, size, 1)  # (L - size + 1, size)
        matches = (windows[:, :-1] == seen[self._length + 1 - size :]).all(dim=-1)
        return windows[matches, -1].tolist()

    def _drawn(self, scores: torch.Tensor) -> int:
        self._skip_luck(scores)
        scores = scores / self.sampling.temperature
        if 0 < self.sampling.top_k < scores.numel():
            worst = torch.topk(scores, self.sampling.top_k).values[-1]
            scores = scores.masked_fill(scores < worst, -torch.inf)
        if self.sampling.top_p < 1.0:
            ascending, order = torch.sort(scores)
            tail = ascending.softmax(-1).cumsum(-1) <= 1.0 - self.sampling.top_p
            tail[-1] = False  # the likeliest token always stays
            scores = scores.masked_fill(tail.scatter(0, order, tail), -torch.inf)
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._generator))

    def _skip_luck(self, scores: torch.Tensor) -> None:
        """Spend the luck of the tokens emitted before: each draw took one of every vocabulary."""
        for _ in range(self._to_skip):
            torch.multinomial(torch.ones_like(scores), 1, generator=self._generator)
        self._to_skip = 0


def choose_all(choosers: Sequence[Chooser], logits: torch.Tensor) -> list[int | Exception]:
    """Return each row's next token from logits of shape (N, V), or what kept it from choosing.

    Rows that only want the likeliest token are answered by one pass over all logits.
    """
    plain = [n for n, chooser in enumerate(choosers) if chooser.sampling.is_plain]
    likeliest = dict(zip(plain, _likeliest(logits, plain), strict=True))
    chosen: list[int | Exception] = []
    for n, chooser in enumerate(choosers):
        try:
            if n in likeliest:
                if torch.isnan(logits[n, likeliest[n]]):
                    raise ValueError(NO_NUMBERS)
                chooser.note(likeliest[n])
                chosen.append(likeliest[n])
            else:
                chosen.append(chooser.choose(logits[n]))
        except Exception as error:  # of this row's sampling: its neighbours go on
            chosen.append(error)
    return chosen


def _likeliest(logits: torch.Tensor, rows: list[int]) -> list[int]:
    if not rows:
        return []
    some = logits if len(rows) == len(logits) else logits[rows]
    if some.device.type == "cpu" and some.dtype == torch.float32:  # numpy's is ten times faster
        return some.numpy().argmax(-1).tolist()  # type: ignore[no-any-return]
    return some.argmax(-1).tolist()
