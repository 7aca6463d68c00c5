"""Beam search: rows that want the same run as a static batch through ``generate``.

Such a batch cannot be joined or left on the way, but it need not hold up the rows in flight:
``generate`` runs in a greenlet that gives way after each of its steps, in the same thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from greenlet import GreenletExit, getcurrent, greenlet  # type: ignore[import-untyped]
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList
from transformers.modeling_outputs import BaseModelOutput

from bot.decoding.arena import whole_blocks
from bot.decoding.beam_cache import shared_cache
from bot.decoding.sampling import Row, Sampling
from bot.decoding.wiring import Wiring

Found = list[int] | Exception


class BeamSearches:
    """The searches under way, and the rows that wait for the next to begin.

    Args:
        wiring: The net; what its checkpoint says of generating is forgotten here, for ``generate``
            would take it for whatever a row leaves open.
        end_ids: The ids that end a text.
        wide: Whether the net attends by :mod:`bot.decoding.attention`.
    """

    def __init__(self, wiring: Wiring, end_ids: frozenset[int], *, wide: bool = False) -> None:
        wiring.net.generation_config = GenerationConfig()
        self._wiring = wiring
        self._end_ids = end_ids
        self._wide = wide
        self._waiting: dict[str, Row] = {}
        self._searches: list[_Search] = []

    def join(self, key: str, row: Row) -> None:
        """Let a row take part in the next search of its kind."""
        self._waiting[key] = row

    def leave(self, key: str) -> None:
        """Drop a row; a search that nobody waits for ends."""
        self._waiting.pop(key, None)
        for search in self._searches:
            search.leave(key)
        self._searches = [search for search in self._searches if search.keys]

    def step(self) -> dict[str, Found]:
        """Advance every search by a token; return the new tokens of the rows that are done."""
        while self._waiting:
            kind = _kind(next(iter(self._waiting.values())))
            alike = {key: row for key, row in self._waiting.items() if _kind(row) == kind}
            for key in alike:
                del self._waiting[key]
            self._begin(alike)
        done: dict[str, Found] = {}
        for search in list(self._searches):
            try:
                found = search.step()
            except Exception as error:  # whatever it is, it may be of one row only
                self._searches.remove(search)
                done |= self._each_alone(search, error)
                continue
            if found is not None:
                self._searches.remove(search)
                done |= found
        return done

    def _begin(self, rows: dict[str, Row]) -> None:
        self._searches.append(_Search(self._wiring, self._end_ids, rows, wide=self._wide))

    def _each_alone(self, failed: _Search, error: Exception) -> dict[str, Found]:
        """Search anew for each row of a search that failed; one that was alone has failed."""
        rows = failed.wanted()
        if failed.had_company:
            for key, row in rows.items():
                self._begin({key: row})
            return {}
        return dict.fromkeys(rows, error)


def _kind(row: Row) -> tuple[Sampling, int]:
    """Return what rows must share to be one search: all options, and the length they begin at."""
    return replace(row.sampling, seed=0), len(row.ids)


class _Search:
    """One call of ``generate`` with several rows, a step at a time."""

    def __init__(
        self, wiring: Wiring, end_ids: frozenset[int], rows: dict[str, Row], *, wide: bool
    ) -> None:
        self.keys = set(rows)
        self._order = list(rows)
        self._wiring = wiring
        self._rows = list(rows.values())
        self._end_ids = sorted(end_ids)
        self._shares = wide and wiring.has_encoder and wiring.is_plain()
        self._begun = len(self._rows[0].ids)
        self._run = greenlet(self._generate)

    @property
    def had_company(self) -> bool:
        """Whether it began with several rows."""
        return len(self._order) > 1

    def wanted(self) -> dict[str, Row]:
        """Return the rows that have not left."""
        rows = zip(self._order, self._rows, strict=True)
        return {key: row for key, row in rows if key in self.keys}

    def leave(self, key: str) -> None:
        """Do not wait for a row; the last one out ends the search."""
        self.keys.discard(key)
        if not self.keys and self._run and not self._run.dead:
            self._run.throw(GreenletExit)

    def step(self) -> dict[str, Found] | None:
        """Encode a source or advance by a token; return what was found when it is done."""
        sequences = self._run.switch()
        if not self._run.dead:
            return None
        return {
            key: self._tokens(ids)
            for key, ids in zip(self._order, sequences.tolist(), strict=True)
            if key in self.keys
        }

    def _tokens(self, ids: list[int]) -> list[int]:
        """Return the new tokens of a row up to its end id, without the padding behind it."""
        new = ids[self._begun :]
        ends = [at for at, token in enumerate(new) if token in self._end_ids]
        return new[: ends[0] + 1] if ends else new

    def _generate(self) -> torch.Tensor:
        sampling = self._rows[0].sampling
        config = GenerationConfig(
            num_beams=sampling.beams,
            do_sample=False,
            max_new_tokens=sampling.max_new_tokens,
            min_new_tokens=sampling.min_new_tokens or None,
            repetition_penalty=sampling.repetition_penalty,
            no_repeat_ngram_size=sampling.no_repeat_ngram,
            bad_words_ids=[[token] for token in sampling.suppress] or None,
            length_penalty=sampling.length_penalty,
            early_stopping=sampling.early_stopping,
            forced_eos_token_id=sampling.forced_last,
            eos_token_id=self._end_ids or None,
            pad_token_id=self._end_ids[0] if self._end_ids else 0,
            decoder_start_token_id=self._rows[0].ids[0],
        )
        gate = StoppingCriteriaList([_Gate(self)])
        forced = self._forced(sampling)
        return self._wiring.net.generate(  # type: ignore[no-any-return]
            **self._inputs(),
            generation_config=config,
            stopping_criteria=gate,
            **forced,
        )

    def _forced(self, sampling: Sampling) -> dict[str, Any]:
        """Return what forces the first new token, wherever the decoder's prompt ends."""
        if sampling.forced_first is None:
            return {}
        first, every = [sampling.forced_first], None

        def allowed(_: int, ids: torch.Tensor) -> list[int]:
            nonlocal every
            if len(ids) == self._begun:
                return first
            every = every or list(range(self._wiring.decoder_config.vocab_size))
            return every

        return {"prefix_allowed_tokens_fn": allowed}

    def _inputs(self) -> dict[str, Any]:
        """Return the arguments of ``generate`` that carry the rows, and where they are kept."""
        ids = torch.tensor([row.ids for row in self._rows])  # (N, T)
        if not self._wiring.has_encoder:
            cache = self._wiring.new_cache()
            return {
                "input_ids": ids, "attention_mask": torch.ones_like(ids), "past_key_values": cache,
            }  # fmt: skip
        hidden, mask = self._encoded()
        if self._shares:
            cache = shared_cache(self._wiring, ids, hidden, mask)
            hidden = hidden[..., :1]  # only its shape matters now
        else:
            cache = self._wiring.new_cache()
        masks = {} if self._wiring.reads_pictures else {"attention_mask": mask}
        return {
            "encoder_outputs": BaseModelOutput(last_hidden_state=hidden),
            "decoder_input_ids": ids,
            "past_key_values": cache,
            **masks,
        }

    def _encoded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the encoder makes of the sources, (N, S, D), and what of it counts, (N, S).

        Each source is encoded by itself and padded on the right to whole blocks, so that what a
        row finds does not depend on who shares its search.
        """
        encoded: list[torch.Tensor] = []
        for row in self._rows:
            if encoded:
                _give_way()  # others need not wait until all are encoded
            encoded.append(self._wiring.encode(row.source)[0])
        width = max(len(one) for one in encoded)
        if not self._wiring.reads_pictures:
            width = whole_blocks(width)
        hidden = torch.stack(
            [torch.nn.functional.pad(one, (0, 0, 0, width - len(one))) for one in encoded]
        )
        mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in encoded])
        return hidden, mask


class _Gate(StoppingCriteria):  # type: ignore[misc]
    """Gives way after each step of a search, and stops the rows that have left."""

    def __init__(self, search: _Search) -> None:
        self._search = search

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Return which of the (rows x beams) are to stop, (N x K,)."""
        _give_way()
        gone = [key not in self._search.keys for key in self._search._order]
        beams = len(input_ids) // len(gone)
        return torch.tensor(gone).repeat_interleave(beams)


def _give_way() -> None:
    """Let the engine go on, until it comes to this search again."""
    parent = getcurrent().parent
    assert parent is not None  # a search runs in a greenlet of its own
    parent.switch()
