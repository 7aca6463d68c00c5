"""How likely a language model finds texts: one beginning read once, many ways to go on from it.

All is computed in the dtype in which the net is held, and summed up in float32. What a text gets
hangs on nothing but the texts that were asked for with it. The work is cut into pieces: everything
here that takes long is a generator that yields between them and returns what was found.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

from bot.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.decoding.wiring import Wiring

Found = TypeVar("Found")
Pieces = Generator[None, None, Found]
"""Work in pieces: it yields between them, and returns what it found."""

PIECE = 160
"""Tokens that are read at once, about: a third of a second on a slow core."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A text that was read: keys and values by layer, (1, heads, T, D), and what may come next.

    ``next`` holds the log-probability of every token of the vocabulary, (V,).
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    next: torch.Tensor


@dataclass(frozen=True, slots=True)
class Way:
    """How likely one way to go on is, token by token, each after all that stand before it.

    ``tokens`` are the log-probabilities of its tokens; ``ends`` those that one of the ids that were
    asked for as ends comes right after a token.
    """

    tokens: tuple[float, ...]
    ends: tuple[float, ...]

    @property
    def whole(self) -> float:
        """The log-probability of all of its tokens."""
        return sum(self.tokens)


class Likelihoods:
    """A net that is asked how likely texts are; it keeps nothing from one question to the next.

    Args:
        wiring: A decoder-only net, whose weights are used as they are.

    Raises:
        OperatorError: The net keeps something else than one key and one value per token.
    """

    def __init__(self, wiring: Wiring) -> None:
        if wiring.has_encoder or not wiring.is_plain():
            raise OperatorError(
                f"A net of the kind {wiring.decoder_config.model_type} cannot weigh texts: its "
                "cache is of its own kind. Take the task 'fill' and prompt.quotes from its entry."
            )
        self._wiring = wiring

    def begin(self, ids: Sequence[int], before: Beginning | None = None) -> Pieces[Beginning]:
        """Read how texts begin, or go on after ``before``; there must be one token at least."""
        cache = self._wiring.new_cache()
        for number, (keys, values) in enumerate(before.layers if before else ()):
            cache.update(keys, values, number)
        logits = torch.empty(0)
        for start in range(0, len(ids), PIECE):
            if start:
                yield
            logits = self._read(cache, ids[start : start + PIECE])
        layers = tuple((layer.keys, layer.values) for layer in cache.layers)
        return Beginning(layers, torch.log_softmax(logits, dim=-1))

    def follow(
        self, beginning: Beginning, ways: Sequence[Sequence[int]], ends: Sequence[int] = ()
    ) -> Pieces[list[Way]]:
        """Return how likely each of some ways to go on is, in their order.

        Args:
            beginning: What stands before all of them.
            ways: Token ids, one at least in each.
            ends: Ids whose probability after each token is wanted.
        """
        found: dict[int, Way] = {}
        for batch in _batches([len(way) for way in ways]):
            yield
            rows = [ways[index] for index in batch]
            found.update(zip(batch, self._weigh(beginning, rows, ends), strict=True))
        return [found[index] for index in range(len(ways))]

    @torch.inference_mode()
    def _read(self, cache: Cache, ids: Sequence[int]) -> torch.Tensor:
        return self._wiring.forward(torch.tensor([list(ids)]), cache)[0]  # (V,)

    @torch.inference_mode()
    def _weigh(
        self, beginning: Beginning, rows: list[Sequence[int]], ends: Sequence[int]
    ) -> list[Way]:
        """Weigh a batch; padding stands at the right, where no token of the row sees it."""
        longest = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])  # (N, T)
        cache = Cache(layers=[_Shared(*layer) for layer in beginning.layers])
        logits = self._wiring.net(input_ids=ids, past_key_values=cache, use_cache=True).logits
        after = torch.log_softmax(logits.float(), dim=-1)  # (N, T, V)
        own = after[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]  # (N, T - 1)
        first = beginning.next[ids[:, :1]]  # (N, 1)
        tokens = torch.cat((first, own), dim=1).tolist()
        ended = after[..., list(ends)].logsumexp(-1).tolist()  # (N, T)
        return [
            Way(tuple(tokens[n][: len(row)]), tuple(ended[n][: len(row)]))
            for n, row in enumerate(rows)
        ]


class _Shared(CacheLayerMixin):  # type: ignore[misc]
    """One layer's keys and values of a beginning, seen by all rows; what they add is not kept."""

    is_sliding = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self._before = keys, values

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """There is nothing to make room for."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what stands before, and behind it what came, (N, heads, T, D)."""
        count = len(key_states)
        keys, values = (old.expand(count, -1, -1, -1) for old in self._before)
        return torch.cat((keys, key_states), dim=2), torch.cat((values, value_states), dim=2)

    def get_seq_length(self) -> int:
        """Return how many columns stand before."""
        return self._before[0].shape[2]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many columns a pass sees, and the first of them."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1


def _batches(lengths: list[int]) -> list[list[int]]:
    """Return the indices of rows in batches of like lengths, of a piece each with the padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= PIECE:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
