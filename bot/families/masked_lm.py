"""Masked language models: BERT, RoBERTa and kin, which find the words for a hole in a text.

Source: transformers' ``AutoModelForMaskedLM`` and ``AutoTokenizer``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForMaskedLM

from bot.errors import OperatorError, UserError
from bot.families.base import BatchFamily, Run
from bot.families.encoders import Encoder, Window, windows_of
from bot.tasks.text_to_text import Candidate, CandidatesResult, FillMask

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

HOLE = re.compile(r"\[MASK\]|<mask>|_{3,}", re.IGNORECASE)
SHOWN = 5
LOOKED_AT = 50
"""Of so many tokens those are taken that a person can read."""

PIECE = "##"  # how BERT's tokenizers mark what goes on with a word


def load(model: Model, folder: Path) -> MaskedLM:
    """Load a checkpoint; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights, or the tokenizer has no token for a hole.
    """
    encoder = Encoder(AutoModelForMaskedLM, model, folder)
    if encoder.tokenizer.mask_token_id is None:
        raise OperatorError(
            f"The tokenizer of {model.id} in {folder} names no mask token. It is no model for "
            "'fill'; take another."
        )
    return MaskedLM(model, encoder)


class MaskedLM(BatchFamily[Window, torch.Tensor]):
    """The family for :class:`bot.tasks.text_to_text.FillMask`."""

    def __init__(self, model: Model, encoder: Encoder) -> None:
        self._model = model
        self._encoder = encoder

    def preprocess(self, request: FillMask, seed: int) -> Window:
        """Put the mask into the hole; chance plays no part, so the seed is not used."""
        before, after = around_hole(request.text)
        tokenizer = self._encoder.tokenizer
        text = f"{before}{tokenizer.mask_token}{after}"
        (window,) = windows_of(tokenizer([text], verbose=False))
        if len(window) > self._encoder.room:
            raise UserError(
                "This text is {count} tokens long; {model} reads at most {limit} (a token is "
                "about four letters). Keep what stands around the hole and ask again.",
                count=len(window),
                model=self._model.title,
                limit=self._encoder.room,
            )
        return replace(window, focus=window.ids.index(tokenizer.mask_token_id))

    def forward(self, batch: list[Window], run: Run) -> list[torch.Tensor]:
        """Return for each window the probability of every token of the vocabulary."""
        return self._encoder.outputs(batch, run, _probabilities)

    def postprocess(self, outputs: torch.Tensor, request: FillMask) -> CandidatesResult:
        """Name the likeliest words; tokens that read the same are one word."""
        before, after = around_hole(request.text)
        tokenizer = self._encoder.tokenizer
        found: dict[str, float] = {}
        best = outputs.topk(min(LOOKED_AT, len(outputs)))
        for chance, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            word = tokenizer.decode([token]).strip()
            if _is_word(word) and token not in tokenizer.all_special_ids:
                found[word] = found.get(word, 0.0) + chance
        ranked = sorted(found.items(), key=lambda item: -item[1])[:SHOWN]
        return CandidatesResult(
            before=before,
            after=after,
            candidates=tuple(_candidate(word, chance) for word, chance in ranked),
        )

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self._encoder.size_bytes()


def around_hole(text: str) -> tuple[str, str]:
    """Return what stands before the hole and after it; refuse a text without just one."""
    holes = list(HOLE.finditer(text))
    if not holes:
        raise UserError(
            "There is no hole in this text. Write [MASK], <mask> or ___ where the word is missing."
        )
    if len(holes) > 1:
        raise UserError(
            "There are {count} holes in this text; I can fill one at a time. Write words into"
            " the others and ask again.",
            count=len(holes),
        )
    return text[: holes[0].start()], text[holes[0].end() :]


def _is_word(text: str) -> bool:
    """Say whether a person can read this: byte-level tokens may be parts of a letter."""
    return bool(text) and text.isprintable() and "\ufffd" not in text


def _probabilities(output: Any, row: int, length: int) -> torch.Tensor:
    return torch.softmax(output.logits[row, 0].float(), dim=-1)  # (V,)


def _candidate(word: str, chance: float) -> Candidate:
    return Candidate(
        word=word.removeprefix(PIECE), probability=chance, joined=word.startswith(PIECE)
    )
