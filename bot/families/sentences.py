"""Sentence vectors: extracts that say most of a text, and moods by a head of our own.

Source: sentence-transformers' all-MiniLM-L6-v2, a BERT whose states' mean is a sentence's vector
(Wang et al. 2020; Reimers and Gurevych 2019), through transformers' ``AutoModel``. The head that
tells moods ships with the bot; it was trained by :mod:`bot.training.sentiment` on that very net.
"""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from transformers import AutoModel

from bot.catalogue.sources import OURS
from bot.errors import OperatorError, UserError
from bot.families import extracts
from bot.families.base import BatchFamily, Run, Unwatched
from bot.families.chunks import chunked
from bot.families.encoders import Encoder, Window, windows_of
from bot.nets.sentiment import Config, Head
from bot.tasks.text_to_text import ClassifySentiment, Label, LabelsResult, Summarize, TextResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.catalogue.model import Model

HEAD = OURS / "sentiment"
MOOD_TOKENS = 128
"""Tokens of a piece whose mood is told at once: no longer sentences were learnt from."""

AT_ONCE = 256
"""Windows that are sorted into batches together."""

PROBE_TOLERANCE = 0.2
"""By so much, in logits, the head may say something else than when it was trained."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What an extract is chosen from: sentences, those that can stand alone, and how many."""

    sentences: tuple[str, ...]
    places: tuple[int, ...]
    wanted: int
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text whose mood is told, in pieces."""

    windows: tuple[Window, ...]


Inputs = Choice | Pieces
Outputs = list[str] | float
"""The sentences of an extract, or a text's rating by people as the head foretells it."""


@dataclass(frozen=True, slots=True)
class Moods:
    """The head, and what its logit means."""

    net: Head
    slope: float
    uncertain_below: float
    encoder: str
    probes: dict[str, float]

    @classmethod
    def load(cls, folder: Path) -> Moods:
        """Load the head that lies in ``folder``."""
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        net = Head(Config(**settings["net"]))
        weights = load_file(folder / "model.safetensors")
        net.load_state_dict({name: weight.float() for name, weight in weights.items()})
        return cls(
            net.eval(), settings["slope"], settings["uncertain_below"],
            settings["encoder"], settings["probes"],
        )  # fmt: skip

    def read(self, output: Any, row: int, length: int) -> float:
        """Return the logit of one window from the encoder's output."""
        states = output.hidden_states[self.net.config.below][row, :length].float()
        with torch.inference_mode():  # as the encoder: its states are of no use outside
            return float(self.net(states[None])[0])


def load(model: Model, folder: Path) -> Sentences:
    """Load a checkpoint, and the head beside it if it is to tell moods; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights, or the head was trained on another net.
    """
    encoder = Encoder(AutoModel, model, folder)
    moods = None
    if "sentiment" in model.tasks:
        moods = Moods.load(HEAD)
        encoder.net.config.output_hidden_states = True
        _check_probes(model, encoder, moods)
    return Sentences(model, encoder, moods)


class Sentences(BatchFamily[Inputs, Outputs]):
    """The family for :class:`Summarize` and :class:`ClassifySentiment` on sentence vectors."""

    def __init__(self, model: Model, encoder: Encoder, moods: Moods | None) -> None:
        self._model = model
        self._encoder = encoder
        self._moods = moods

    def preprocess(self, request: Summarize | ClassifySentiment, seed: int) -> Inputs:
        """Cut the text into sentences or pieces; chance plays no part, so the seed is not used."""
        if isinstance(request, Summarize):
            return self._choice(request.text)
        return self._pieces(request.text)

    def forward(self, batch: list[Inputs], run: Run) -> list[Outputs]:
        """Return for each text its extract, or how pleased it sounds."""
        choices = [one for one in batch if isinstance(one, Choice)]
        moods = [one for one in batch if isinstance(one, Pieces)]
        extracted = iter(self._extracts(choices, run))
        ratings = iter(self._ratings(moods, run))
        return [next(extracted) if isinstance(one, Choice) else next(ratings) for one in batch]

    def postprocess(
        self, outputs: Outputs, request: Summarize | ClassifySentiment
    ) -> TextResult | LabelsResult:
        """Put the sentences together, or name the mood."""
        if isinstance(outputs, list):
            text = extracts.joined(outputs)
            return TextResult(text=text, tokens=self._length(text), stopped_by="end")
        assert self._moods is not None
        pleased = 1 / (1 + math.exp(-outputs * self._moods.slope))
        labels = (Label(name="POSITIVE", score=pleased), Label(name="NEGATIVE", score=1 - pleased))
        return LabelsResult(
            labels=tuple(sorted(labels, key=lambda label: -label.score)),
            uncertain=abs(outputs) < self._moods.uncertain_below,
        )

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        own = self._moods.net.parameters() if self._moods is not None else ()
        return self._encoder.size_bytes() + sum(w.numel() * w.element_size() for w in own)

    def _choice(self, text: str) -> Choice:
        if not any(letter.isalnum() for letter in text):
            raise UserError("There are no words in this text. Write some and ask again.")
        found = extracts.sentences_of(text)
        if len(found) < 2:
            raise UserError(
                "This is one sentence, and {model} picks out of a text the sentences that say"
                " most. Give it two at least, or choose a model that writes summaries.",
                model=self._model.title,
            )
        wanted = extracts.wanted_of(len(found))
        places = extracts.candidates(found, wanted)
        windows = self._windows([found[place] for place in places], self._encoder.room)
        return Choice(tuple(found), tuple(places), wanted, tuple(windows))

    def _pieces(self, text: str) -> Pieces:
        letters = [letter for letter in text if letter.isalpha()]
        latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
        if 2 * latin < len(letters):
            raise UserError(
                "{model} tells the moods of English texts, and this one is in other letters. "
                "Translate it first, or choose another model.",
                model=self._model.title,
            )
        limit = min(MOOD_TOKENS, self._encoder.room)
        tokenizer = self._encoder.tokenizer
        special = tokenizer.num_special_tokens_to_add()
        pieces = chunked(text, self._length, limit - special)
        windows = self._windows(pieces, limit) if pieces else []
        strange = {tokenizer.unk_token_id, *tokenizer.all_special_ids}
        if all(strange.issuperset(window.ids) for window in windows):
            raise UserError(
                "There is no word in this text that {model} knows. Write some in English and "
                "ask again.",
                model=self._model.title,
            )
        return Pieces(tuple(windows))

    def _windows(self, texts: list[str], limit: int) -> list[Window]:
        """Return a window for each text; what is too long for it is left out of it."""
        return windows_of(self._encoder.tokenizer(texts, truncation=True, max_length=limit))

    def _length(self, text: str) -> int:
        tokenizer = self._encoder.tokenizer
        return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _extracts(self, choices: list[Choice], run: Run) -> Iterator[list[str]]:
        windows = [window for choice in choices for window in choice.windows]
        vectors = iter(self._read(windows, run, _vector))
        for choice in choices:
            own = torch.stack([next(vectors) for _ in choice.windows])
            with torch.inference_mode():
                taken = extracts.chosen(own, choice.wanted, run.check)
            yield [choice.sentences[choice.places[place]] for place in taken]

    def _ratings(self, texts: list[Pieces], run: Run) -> Iterator[float]:
        """Yield for each text the mean of its pieces' ratings, each weighed by its length."""
        if not texts:
            return
        moods = self._moods
        assert moods is not None
        windows = [window for text in texts for window in text.windows]
        logits = iter(self._read(windows, run, moods.read))
        for text in texts:
            lengths = [len(window) for window in text.windows]
            total = sum(length * next(logits) for length in lengths)
            yield total / sum(lengths) / moods.slope

    def _read(
        self, windows: list[Window], run: Run, read: Callable[[Any, int, int], Any]
    ) -> list[Any]:
        """Run the encoder on windows of any number, like lengths together."""
        order = sorted(range(len(windows)), key=lambda place: len(windows[place]))
        found: dict[int, Any] = {}
        for begin in range(0, len(order), AT_ONCE):
            places = order[begin : begin + AT_ONCE]
            run.check()
            outputs = self._encoder.outputs([windows[place] for place in places], run, read)
            found.update(zip(places, outputs, strict=True))
        return [found[place] for place in range(len(windows))]


def _vector(output: Any, row: int, length: int) -> torch.Tensor:
    """Return a sentence's vector (C,), of length 1: the mean of its states."""
    mean = output.last_hidden_state[row, :length].float().mean(0)
    return torch.nn.functional.normalize(mean, dim=0)


def _check_probes(model: Model, encoder: Encoder, moods: Moods) -> None:
    """Refuse an encoder on which the head says something else than on its own."""
    windows = windows_of(encoder.tokenizer(list(moods.probes)))
    width = encoder.net.config.hidden_size
    fits = (
        width == moods.net.config.width
        and encoder.net.config.num_hidden_layers >= moods.net.config.below
    )
    told = encoder.outputs(windows, Unwatched(), moods.read) if fits else [float("inf")]
    expected = moods.probes.values()
    if not fits or any(abs(a - b) > PROBE_TOLERANCE for a, b in zip(told, expected, strict=True)):
        raise OperatorError(
            f"{model.id}: the bot's head for 'sentiment' was trained on {moods.encoder}, and "
            "this checkpoint is another net. Take 'sentiment' out of the entry's task."
        )
