"""Encoder-decoders of text: BART, Pegasus, T5 and kin summarize, M2M100, NLLB, Marian translate.

mT5 as it was pre-trained can only fill a hole in a text. A text that is longer than what a model
reads well is cut into pieces at the ends of sentences, and these are written one after another.

Source: transformers' ``AutoModelForSeq2SeqLM`` and ``AutoTokenizer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from transformers import AutoModelForSeq2SeqLM

from bot.decoding.engine import Finish
from bot.decoding.sampling import Row
from bot.decoding.serving import Serving, open_engine
from bot.errors import UserError
from bot.families import checkpoints
from bot.families.base import GeneratingFamily
from bot.families.chunks import chunked
from bot.families.generation import ends_of, positions_of, sampling_of, settings_of, start_of
from bot.families.languages import Languages, Reading
from bot.families.layouts import UNCUT_SCRIPTS, Piecework, lines_of
from bot.families.masked_lm import around_hole
from bot.families.vocabularies import load_tokenizer, pieces_of, writer_of
from bot.tasks.text_to_text import FillMask, Summarize, TextResult, Translate

if TYPE_CHECKING:
    from pathlib import Path

    from bot.catalogue.model import Model

UNSAID_WINDOW = 512
"""Tokens that an encoder reads which knows no positions, such as T5's: as many as it was taught."""

INSANE = 1_000_000  # transformers' way to say that a tokenizer knows no limit

SENTENCE_TOKENS = 128
"""A translator's piece: they were taught sentences, and lose some of long texts."""

MOST_PIECES = 200
"""Pieces of one translation; short lines are one each."""

MOST_PARTS = 4
"""So many summaries of parts may be an answer together; of more a summary is made again."""

SHORTEST_SHARE = 3
"""A summary is not made to be longer than this part of its text: it would be invention."""

BREAK = "<n>"
"""How Pegasus writes the end of a line."""

SENTINELS = ("<extra_id_{}>", "▁<extra_id_{}>")
"""How T5 and mT5 write a hole."""

Asked = Summarize | Translate | FillMask


def load(model: Model, folder: Path) -> Seq2Seq:
    """Load a checkpoint in its serving dtype; nothing is ever fetched.

    Raises:
        OperatorError: The files lack weights that the architecture needs, or name no start.
    """
    dtype = Serving.from_environ().torch_dtype(model)
    net = checkpoints.load_net(AutoModelForSeq2SeqLM, model, folder, dtype)
    return Seq2Seq(model, net, load_tokenizer(folder))


@dataclass(frozen=True, slots=True)
class _Reader:
    """What all rows of one request share."""

    work: Piecework
    reading: Reading


class Seq2Seq(GeneratingFamily):
    """The family for ``Summarize``, ``Translate`` and ``FillMask``."""

    def __init__(self, model: Model, net: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._size_bytes = checkpoints.size_bytes(net)
        self._config = net.config
        self._start = start_of(net)
        self._window = _window(model, net.config, tokenizer)
        self._room = positions_of(net.config, unsaid=model.limits.max_new_tokens + 1)
        self._languages = Languages(model, tokenizer, net.config)
        self._settings = {
            Summarize: settings_of(net, "summarization"),
            Translate: settings_of(net),
            FillMask: settings_of(net),
        }
        self._prefix = _prefix(model, self._settings[Summarize])
        self._holes = _sentinels(tokenizer)
        self._known: dict[Asked, _Reader] = {}
        special = self._languages.special
        ends = ends_of(net, tokenizer) | set(self._holes)
        self.engine = open_engine(net, writer_of(tokenizer, special), ends, model.slots)

    def row(self, request: Asked, seed: int) -> Row:
        """Turn a request into its first row.

        Raises:
            UserError: There is nothing to read, or it is more than the model reads.
        """
        if isinstance(request, FillMask):
            return self._hole_row(request, seed)
        reader = self._reader(request)
        return self._piece_row(request, seed, reader, reader.work.pieces[0])

    def next_row(
        self, request: Asked, seed: int, finishes: Sequence[Finish], ahead: int = 0
    ) -> Row | None:
        """Return the row of the next piece, if one is left; a summary of parts needs them all."""
        if isinstance(request, FillMask):
            return None
        reader = self._reader(request)
        texts = [self._clean(finish.text) for finish in finishes]
        if isinstance(request, Summarize):
            piece = self._level(reader.work.pieces, texts, ahead)[0]
        else:
            piece = reader.work.piece_after(len(texts) + ahead)
        return None if piece is None else self._piece_row(request, seed, reader, piece)

    def shown(self, request: Asked, text: str) -> str:
        """Return what a person sees of a lone row."""
        return self.shown_with(request, [], text)

    def shown_with(self, request: Asked, finishes: Sequence[Finish], text: str) -> str:
        """Return the pieces so far; summaries of parts stay where they are summarized again."""
        if isinstance(request, FillMask):
            return _filled(request, text)
        texts = [self._clean(finish.text) for finish in finishes]
        work = self._reader(request).work
        parts = [*texts, self._clean(text)][: len(work.pieces)]
        return "\n".join(filter(None, parts)) if isinstance(request, Summarize) else work.put(parts)

    def result(self, request: Asked, finish: Finish) -> TextResult:
        """Return the text of a lone row."""
        return self.result_of(request, [finish])

    def result_of(self, request: Asked, finishes: Sequence[Finish]) -> TextResult:
        """Return the whole text."""
        texts = [self._clean(finish.text) for finish in finishes]
        if isinstance(request, FillMask):
            text = _filled(request, texts[0])
        elif isinstance(request, Summarize):
            last = self._level(self._reader(request).work.pieces, texts)[1]
            text = "\n".join(last)
        else:
            text = self._reader(request).work.put(texts)
        self._known.pop(request, None)
        cut = any(finish.stopped_by == "length" for finish in finishes)
        return TextResult(
            text=text,
            tokens=sum(finish.tokens for finish in finishes),
            stopped_by="length" if cut else finishes[-1].stopped_by,
        )

    def size_bytes(self) -> int:
        """Return the size of the weights, those that are shared counted once."""
        return self._size_bytes

    def _reader(self, request: Summarize | Translate) -> _Reader:
        """Return how a request is read; kept, for every row of it asks."""
        if request not in self._known:
            while len(self._known) >= 2 * self._model.slots:  # of jobs that were cancelled
                self._known.pop(next(iter(self._known)))
            self._known[request] = (
                self._summary(request)
                if isinstance(request, Summarize)
                else self._translation(request)
            )
        return self._known[request]

    def _summary(self, request: Summarize) -> _Reader:
        _refuse_nothing(request.text)
        reading = Reading(prefix=self._prefix)
        pieces = self._cut(request.text, reading)
        return _Reader(Piecework(tuple(pieces), ("",) * (len(pieces) + 1)), reading)

    def _translation(self, request: Translate) -> _Reader:
        _refuse_nothing(request.text)
        reading = self._languages.reading(request.to, request.source, request.text)
        limit = min(SENTENCE_TOKENS, self._window - self._extra(reading))
        joint = "" if reading.to in UNCUT_SCRIPTS else " "
        work = lines_of(request.text, lambda line: chunked(line, self._length, limit), joint)
        if len(work.pieces) > MOST_PIECES:
            raise UserError(
                "This text has {count} lines and long sentences; {model} translates at most "
                "{limit} at once. Send it in parts.",
                count=len(work.pieces),
                model=self._model.title,
                limit=MOST_PIECES,
            )
        return _Reader(work, reading)

    def _level(
        self, pieces: Sequence[str], texts: list[str], ahead: int = 0
    ) -> tuple[str | None, list[str]]:
        """Return what is to be summarized next, if anything, and the last round's summaries.

        Where the next is so far ``ahead`` of what is written that it needs more, there is none.
        """
        while True:
            if len(texts) < len(pieces):
                number = len(texts) + ahead
                return pieces[number] if number < len(pieces) else None, texts
            level, texts = texts[: len(pieces)], texts[len(pieces) :]
            if len(pieces) <= MOST_PARTS:
                return None, level
            again = self._cut(" ".join(level), Reading(prefix=self._prefix))
            if len(again) >= len(pieces):  # it writes as much as it reads
                return None, level
            pieces = again

    def _cut(self, text: str, reading: Reading) -> list[str]:
        return chunked(text, self._length, self._window - self._extra(reading))

    def _length(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _extra(self, reading: Reading) -> int:
        """Return how many tokens of the window are not the text's."""
        return len(self._ids("", reading))

    def _ids(self, text: str, reading: Reading) -> tuple[int, ...]:
        """Return what the encoder reads of a piece."""
        text = reading.prefix + text
        if reading.before is None:
            return tuple(self._tokenizer(text, verbose=False)["input_ids"])
        ids = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return (*reading.before, *ids, *reading.after)

    def _piece_row(self, request: Asked, seed: int, reader: _Reader, piece: str) -> Row:
        source = self._ids(piece, reader.reading)
        sampling = sampling_of(self._settings[type(request)], self._model, seed, self._room)
        if reader.reading.forced_first is not None:
            sampling = replace(sampling, forced_first=reader.reading.forced_first)
        least = min(sampling.min_new_tokens, len(source) // SHORTEST_SHARE)
        sampling = replace(sampling, min_new_tokens=least)
        return Row(
            ids=(self._start,),
            source=source,
            sampling=sampling,
            stop=self._model.defaults.stop,
        )

    def _hole_row(self, request: FillMask, seed: int) -> Row:
        """Return the row that writes what stands in a hole: between the first two sentinels."""
        if not self._holes:
            raise UserError(
                "{model} was not taught to fill holes. Choose another model.",
                model=self._model.title,
            )
        first, second = (
            self._tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
            for part in around_hole(request.text)
        )
        source = (*first, self._holes[0], *second, self._tokenizer.eos_token_id)
        if len(source) > self._window:
            raise UserError(
                "This text is {count} tokens long; {model} reads at most {limit} (a token is"
                " about four letters). Keep what stands around the hole and ask again.",
                count=len(source),
                model=self._model.title,
                limit=self._window,
            )
        sampling = sampling_of(self._settings[FillMask], self._model, seed, self._room)
        most = min(sampling.max_new_tokens, self._model.defaults.max_new_tokens)
        # at least one token, or the likeliest filling is often none at all
        sampling = replace(sampling, max_new_tokens=most, min_new_tokens=min(1, most - 1))
        return Row(ids=(self._start, self._holes[0]), source=source, sampling=sampling)

    @staticmethod
    def _clean(text: str) -> str:
        return text.replace(BREAK, " ").strip()


def _filled(request: FillMask, text: str) -> str:
    before, after = around_hole(request.text)
    return f"{before}{text.strip()}{after}"


def _refuse_nothing(text: str) -> None:
    if not any(letter.isalpha() for letter in text):
        raise UserError(
            "There are no words in this text. Write some and ask again.",
        )


def _prefix(model: Model, settings: dict[str, Any]) -> str:
    """Return what a summary is asked for with; a pattern of languages is for translations."""
    given = model.prompt.prefix
    return given if given and "{" not in given else str(settings.get("prefix") or "")


def _window(model: Model, config: Any, tokenizer: Any) -> int:
    """Return how many tokens the encoder reads, the special ones counted."""
    limits = [
        model.limits.max_input_tokens,
        tokenizer.model_max_length if tokenizer.model_max_length < INSANE else None,
        positions_of(config, UNSAID_WINDOW),
    ]
    return min(limit for limit in limits if limit)


def _sentinels(tokenizer: Any) -> list[int]:
    """Return the ids of T5's holes, the first one first; none where it has no such tokens."""
    pieces = pieces_of(tokenizer)
    for pattern in SENTINELS:
        ids = [pieces.get(pattern.format(number)) for number in range(100)]
        known = [id_ for id_ in ids if id_ is not None]
        if known:
            return known
    return []
