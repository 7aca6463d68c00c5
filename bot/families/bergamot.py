"""Bergamot's small translators: sentence by sentence, in the directions that a checkpoint holds.

Each sentence is translated by itself, as the nets were taught, and the likeliest token is taken at
every step (greedily). Bergamot's own programs choose among the few thousand tokens of a shortlist
that they make for each text, to be quick; here the choice is among all, which needs no such list.
The sentences of a request are batched together and never with those of others: so an answer cannot
depend on who asks at the same time.

Source: the nets of :mod:`bot.nets.marian_ssru`, converted by
:mod:`bot.catalogue.conversion.bergamot`.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from sentencepiece import SentencePieceProcessor

from bot.errors import OperatorError, Sentence, UserError, joined
from bot.families.base import BatchFamily, Run
from bot.families.chunks import chunked, sentences
from bot.families.guessing import guessed, hints
from bot.families.layouts import Piecework, lines_of
from bot.nets.marian_ssru import MarianSsru, SsruConfig
from bot.tasks.languages import find, languages
from bot.tasks.text_to_text import TextResult, Translate

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bot.catalogue.model import Model

CHECKPOINT = "model.safetensors"

SENTENCE_TOKENS = 128
"""Longer sentences are cut: the nets were taught none."""

MOST_PIECES = 200
"""Sentences and short lines of one translation."""

BATCH_TOKENS = 512
"""Tokens that are read at once, padding counted: well under a second on one core."""

LONGER = 2.5
"""A translation ends after so many tokens for each of the text's, as Bergamot's settings say..."""

SPARE = 8
"""...and so many more: a word alone may well take four times its tokens."""

SURE = 2.0
"""By so much more must a text look like another language than the one it should be in."""

WIDER = ("m2m100-418m", "nllb-200-distilled-600m")
"""Models that know most languages, to be named to whom this family cannot serve."""

PAIRS = frozenset({"en-de", "de-en", "en-fr", "fr-en", "en-es", "es-en", "ja-en"})
"""Those for which the catalogue has an OPUS-MT model."""

SYMBOLS = ("So", "Sk", "Cf", "Co", "Cn", "Cs", "Me")
"""Kinds of characters that no vocabulary of words has, emoji above all."""

VARIATION = "\ufe0f"  # behind a character: to be drawn as an emoji


@dataclass(frozen=True, slots=True)
class Direction:
    """One net and its vocabulary."""

    net: MarianSsru
    vocabulary: Any  # SentencePieceProcessor

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text and the end."""
        return [*self.vocabulary.encode(text), self.vocabulary.eos_id()]

    def length(self, text: str) -> int:
        """Count the tokens of a text."""
        return len(self.vocabulary.encode(text))


@dataclass(frozen=True, slots=True)
class Order:
    """A text in pieces, and the pair by which it is translated, such as ``en-pt``."""

    pair: str
    work: Piecework


@dataclass(frozen=True, slots=True)
class Written:
    """A translated text, how many tokens it took, and whether a sentence had to be cut off."""

    text: str
    tokens: int
    cut: bool


def load(model: Model, folder: Path) -> Bergamot:
    """Load every direction of a checkpoint; the weights are memory-mapped.

    Raises:
        OperatorError: A file is missing, or holds other weights than the entry says.
    """
    try:
        sizes = json.loads((folder / "config.json").read_text(encoding="utf-8"))["directions"]
        tensors = load_file(folder / CHECKPOINT)
        directions = {pair: _direction(folder, pair, sizes[pair], tensors) for pair in sizes}
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} cannot be loaded ({error}). Fetch it again: "
            f"python -m bot models fetch {model.id}"
        ) from error
    count = sum(weight.numel() for weight in tensors.values())
    if model.params and count != model.params:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} has {count:,} parameters; its entry in the "
            f"catalogue says {model.params:,}. Give it the right folder, or mend 'params'."
        )
    return Bergamot(model, directions, sum(weight.nbytes for weight in tensors.values()))


def _direction(
    folder: Path, pair: str, sizes: dict[str, int], tensors: dict[str, Tensor]
) -> Direction:
    with torch.device("meta"):
        net = MarianSsru(SsruConfig(**sizes))
    own = {
        name.removeprefix(f"{pair}."): weight
        for name, weight in tensors.items()
        if name.startswith(f"{pair}.")
    }
    net.load_state_dict(own, assign=True)
    net.requires_grad_(requires_grad=False).eval()
    vocabulary = SentencePieceProcessor(model_proto=(folder / f"{pair}.spm").read_bytes())
    if vocabulary.get_piece_size() > sizes["vocabulary"]:
        raise ValueError(f"{pair}.spm has more pieces than the net")
    return Direction(net, vocabulary)


class Bergamot(BatchFamily[Order, Written]):
    """The family for :class:`bot.tasks.text_to_text.Translate`."""

    def __init__(self, model: Model, directions: dict[str, Direction], size: int) -> None:
        self.model = model
        self.directions = directions
        self._size_bytes = size

    def preprocess(self, request: Translate, seed: int) -> Order:
        """Choose a direction and cut the text; chance plays no part, so the seed is not used.

        Raises:
            UserError: There are no words, or it is in, or should be in, an unknown language.
        """
        text = _plain(request.text)
        if not any(letter.isalpha() for letter in text):
            raise UserError("There are no words in this text. Write some and ask again.")
        pair = self._pair(request, text)
        direction = self.directions[pair]
        work = lines_of(text, lambda line: list(_cut(line, direction)), " ")
        if len(work.pieces) > MOST_PIECES:
            raise UserError(
                "This text has {count} sentences and lines; {model} translates at most "
                "{limit} at once. Send it in parts.",
                count=len(work.pieces),
                model=self.model.title,
                limit=MOST_PIECES,
            )
        return Order(pair, work)

    def forward(self, batch: list[Order], run: Run) -> list[Written]:
        """Translate one text after the other, the sentences of each in batches."""
        total = sum(len(order.work.pieces) for order in batch)
        answers: list[Written] = []
        before = 0
        for order in batch:
            answers.append(self._translated(order, run, before, total))
            before += len(order.work.pieces)
        return answers

    def postprocess(self, outputs: Written, request: Translate) -> TextResult:
        """Return the translation."""
        stopped_by = "length" if outputs.cut else "end"
        return TextResult(text=outputs.text, tokens=outputs.tokens, stopped_by=stopped_by)

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self._size_bytes

    def _translated(self, order: Order, run: Run, before: int, total: int) -> Written:
        direction = self.directions[order.pair]
        pieces = list(order.work.pieces)
        wordy = [number for number, piece in enumerate(pieces) if any(map(str.isalpha, piece))]
        ids = {number: direction.ids(pieces[number]) for number in wordy}
        tokens, cut, done = 0, False, before
        for numbers in _batches(ids):
            rows = translate(direction, [ids[number] for number in numbers], run)
            for number, row in zip(numbers, rows, strict=True):
                ended = row[-1:] == [direction.vocabulary.eos_id()]
                pieces[number] = direction.vocabulary.decode(row[:-1] if ended else row).strip()
                tokens, cut = tokens + len(row), cut or not ended
            done += len(numbers)
            run.step(done, total)
        return Written(order.work.put(pieces), tokens, cut)

    def _pair(self, request: Translate, text: str) -> str:
        """Return the direction that is asked for."""
        sources = {pair.partition("-")[0] for pair in self.directions}
        targets = {pair.partition("-")[2] for pair in self.directions}
        wanted = self._known(request.to, targets, "en-{}")
        if request.source is not None:
            source = self._known(request.source, sources, f"{{}}-{wanted}")
            if f"{source}-{wanted}" not in self.directions:
                raise UserError(
                    "From {source} to {target} {model} knows no way. {ways} Choose one of these.",
                    source=_name(source),
                    target=_name(wanted),
                    model=self.model.title,
                    ways=self._ways(),
                )
            return f"{source}-{wanted}"
        known = {pair.partition("-")[0] for pair in self.directions if pair.endswith(f"-{wanted}")}
        source = known.pop() if len(known) == 1 else guessed(text, known)
        self._refuse_other(text, source, wanted)
        return f"{source}-{wanted}"

    def _known(self, typed: str, codes: set[str], pair: str) -> str:
        """Return the code of a language that somebody typed, if it is one of these.

        ``pair`` is what would serve if it were known, with ``{}`` in its place.
        """
        found = find(typed)
        if found is None:
            raise UserError(
                "There is no language {typed!r} here. {ways}",
                typed=typed[:40],
                ways=self._ways(),
            )
        if found.code not in codes:
            advice = _advice(found.name, pair.format(found.code))
            raise UserError(joined(self._ways(), advice))
        return found.code

    def _refuse_other(self, text: str, source: str, wanted: str) -> None:
        """Refuse a text that is clearly in another language than it would be read in."""
        every = {language.code for language in languages()}
        seen, found = guessed(text, every), hints(text, every)
        strength = found.get(seen, math.inf)  # a script of its own leaves no doubt
        if seen == source or not strength or strength < SURE * found.get(source, 0):
            return
        name, believed = _name(seen), f"`from:{source}`"
        if seen == wanted:
            raise UserError(
                "This text seems to be in {seen} already, and {seen} is what you want. If it "
                "is in {source}, say so: {believed}.",
                seen=name,
                source=_name(source),
                believed=believed,
            )
        raise UserError(
            "This text seems to be in {seen}. {ways} If it is in {source}, say so: {believed}. "
            "{advice}",
            seen=name,
            ways=self._ways(),
            source=_name(source),
            believed=believed,
            advice=_advice(name, f"{seen}-{wanted}"),
        )

    def _ways(self) -> Sentence:
        pairs = (pair.partition("-") for pair in self.directions)
        ways = ", ".join(f"{_name(first)} → {_name(last)}" for first, _, last in pairs)
        return Sentence(
            "{model} translates only {ways}.", {"model": self.model.title, "ways": ways}
        )


def translate(direction: Direction, rows: Sequence[Sequence[int]], run: Run) -> list[list[int]]:
    """Return what the net writes for each row of tokens; with the end, unless it ran too long.

    Args:
        direction: The net.
        rows: Token ids, the end included.
        run: Checked at every step.
    """
    net, end = direction.net, direction.vocabulary.eos_id()
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.full((len(rows), int(lengths.max())), end)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    run.check()
    memory = net.read(ids, lengths)
    kept, last = net.begin(len(rows)), None
    written: list[list[int]] = [[] for _ in rows]
    left = list(range(len(rows)))  # rows that have not ended
    for place in range(math.ceil(LONGER * int(lengths.max())) + SPARE):
        run.check()
        logits, kept = net.step(last, place, kept, memory)
        logits[:, direction.vocabulary.unk_id()] = -torch.inf
        if not place:
            logits[:, end] = -torch.inf  # no text with words is translated by nothing
        last = logits.argmax(1)
        for number, token in zip(left, last.tolist(), strict=True):
            written[number].append(token)
        going = [
            index
            for index, number in enumerate(left)
            if written[number][-1] != end and place + 1 < LONGER * len(rows[number]) + SPARE
        ]
        if len(going) < len(left):
            rest = torch.tensor(going, dtype=torch.long)
            memory, kept, last = memory.of(rest), kept[:, rest], last[rest]
            left = [left[index] for index in going]
        if not left:
            break
    return written


def _batches(ids: dict[int, list[int]]) -> Iterator[list[int]]:
    """Yield the numbers of rows of like lengths, a batch at a time."""
    batch: list[int] = []
    for number in sorted(ids, key=lambda number: len(ids[number])):
        if batch and (len(batch) + 1) * len(ids[number]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _plain(text: str) -> str:
    """Return a text with whole letters, without control characters but the ends of lines."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        " " if unicodedata.category(letter) == "Cc" and letter != "\n" else letter
        for letter in lines
    )


def _cut(line: str, direction: Direction) -> Iterator[str]:
    """Yield the sentences of a line, and by themselves the symbols around them."""
    for sentence in sentences(line):
        core = sentence.strip()
        first = next((n for n, letter in enumerate(core) if not _is_symbol(letter)), len(core))
        last = next((n for n in range(len(core), first, -1) if not _is_symbol(core[n - 1])), first)
        parts = (core[:first].strip(), core[first:last], core[last:].strip())
        for part in filter(None, parts):
            yield from chunked(part, direction.length, SENTENCE_TOKENS)


def _is_symbol(letter: str) -> bool:
    return letter.isspace() or letter == VARIATION or unicodedata.category(letter) in SYMBOLS


def _name(code: str) -> str:
    language = find(code)
    return code if language is None else language.name


def _advice(name: str, pair: str) -> Sentence:
    """Return which models know a language, for whoever runs the bot to fetch."""
    ids = [f"opus-mt-{pair}", *WIDER] if pair in PAIRS else list(WIDER)
    return Sentence(
        "For {language} whoever runs the bot can bring another model, the small ones first: {how}.",
        {"language": name, "how": ", ".join(f"`/model fetch model:{model}`" for model in ids)},
    )
