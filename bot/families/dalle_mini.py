"""Draws what a sentence describes: DALL-E mini writes codes, a VQGAN draws them.

The checkpoint is what :mod:`bot.catalogue.conversion.flax` writes: ``config.json`` with the sizes
of both nets, ``model.safetensors``, ``tokenizer.json``, and ``words.tsv`` if hashtags are to be
split. Where there is a ``taught.txt``, all words that the net was ever told, a line each, people
hear which of theirs are not among them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from bot.catalogue.model import Model
from bot.decoding.sampling import Chooser, Sampling
from bot.decoding.serving import Serving
from bot.errors import OperatorError, Sentence, UserError
from bot.families.base import BatchFamily, Run
from bot.families.drawing import CodeWriter, draw, heir, hold, kept_rows
from bot.families.pictures import enlarged, to_image, to_picture
from bot.families.prompts import Words, normalise
from bot.families.romanising import unreadable
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from bot.nets.vqgan import VQGANConfig, VQGANDecoder
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.text_to_image import MOST_CANDIDATES, ImaginePicture

CHECKPOINT = "model.safetensors"
SETTINGS = "config.json"
TOKENIZER = "tokenizer.json"
WORDS = "words.tsv"
TAUGHT = "taught.txt"

TELL_EVERY_S = 0.5
DRAWING = 64  # steps of the bar that drawing takes, beside one a code
NAMED = re.compile(rf"([0-9]{{1,10}})/([1-{MOST_CANDIDATES}])")  # a picture: seed/number
SEEDS = 2**32
SHOWN = 40  # characters of a prompt that are repeated in a note

EMPTY = Sentence(
    "There is no word in this prompt. Say in a few English words what the picture should show."
)
NOTHING_LEFT = Sentence(
    "There is nothing in this prompt that the model can read: it was taught English captions, and "
    "reads no links. Say in a few English words what the picture should show."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What one job wants: a caption's token ids, how many pictures, their seed.

    ``caption`` is what the net reads, as text; ``note`` is what the person is told of that.
    ``near`` is the picture that these are variations of: its seed and its number, from 0, and those
    of the variations in between.
    """

    ids: tuple[int, ...]
    count: int
    seed: int
    caption: str
    note: str
    near: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures of a wish, (3, H, W) each, in 0..1, and their numbers, from 0."""

    wish: Wish
    pictures: tuple[Tensor, ...]
    numbers: tuple[int, ...]


def load(model: Model, folder: Path) -> Imaginer:
    """Load both nets, memory-mapped as far as they are served as they are stored.

    Raises:
        OperatorError: A file is absent, or holds another net than it or the entry says.
    """
    net_config, vqgan_config = read_config(folder / SETTINGS)
    with torch.device("meta"):
        net, drawer = DalleBart(net_config), VQGANDecoder(vqgan_config)
    both = nn.ModuleDict({"net": net, "vqgan": drawer})
    path = folder / CHECKPOINT
    try:
        both.load_state_dict(load_file(path), assign=True)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # the tokenizer's are of no kind of their own
        raise OperatorError(f"{path.parent}: cannot load DALL-E mini: {error}") from error
    found = sum(weight.numel() for weight in net.parameters())
    if model.params not in (None, found):
        raise OperatorError(
            f"{path}: its net has {found:,} parameters; the entry {model.id} says {model.params:,}."
        )
    both.requires_grad_(requires_grad=False).eval()
    return Imaginer(model, net, drawer, tokenizer, Words(folder / WORDS), _taught(folder / TAUGHT))


def read_config(path: Path) -> tuple[DalleBartConfig, VQGANConfig]:
    """Return the sizes of both nets.

    Raises:
        OperatorError: The file is absent, or says something else.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        tuples = {name: tuple(x) for name, x in said["vqgan"].items() if isinstance(x, list)}
        return DalleBartConfig(**said["net"]), VQGANConfig(**{**said["vqgan"], **tuples})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OperatorError(f"{path}: these are no sizes of DALL-E mini: {error!r}.") from error


class Imaginer(BatchFamily[Wish, Drawn]):
    """The family for :class:`bot.tasks.text_to_image.ImaginePicture`.

    Args:
        model: The catalogue's entry.
        net: Reads captions and writes codes.
        drawer: Draws codes.
        tokenizer: That of the captions.
        words: What hashtags are split by.
        taught: All words that the net was ever told; empty if that is not known.
    """

    def __init__(
        self,
        model: Model,
        net: DalleBart,
        drawer: VQGANDecoder,
        tokenizer: Tokenizer,
        words: Words,
        taught: frozenset[str] = frozenset(),
    ) -> None:
        self._model = model
        self._config = net.config
        tokenizer.no_truncation()  # a file may ask for both; here it must be known what is cut off
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._words = words
        self._taught = taught
        self._ends = _id(tokenizer, "<s>"), _id(tokenizer, "</s>")
        most = min(net.config.caption_length, model.limits.max_input_tokens or 1 << 30)
        self._room = max(1, most - len(self._ends))
        serving = Serving.from_environ()
        hold(net, drawer, serving.torch_dtype(model))
        self._drawer = drawer
        self._size_bytes = _size_bytes(net) + _size_bytes(drawer)
        packs = _size_bytes(net.decoder) <= serving.pack_bytes
        self._writer = CodeWriter(net, "packed" if packs else "plain")

    def preprocess(self, request: ImaginePicture, seed: int) -> Wish:
        """Turn a prompt into a caption as the net was taught them.

        Raises:
            UserError: Nothing of it can be read.
        """
        if not request.prompt.strip():
            raise UserError(EMPTY)
        caption = normalise(request.prompt, self._words)
        if not caption.strip():
            raise UserError(NOTHING_LEFT)
        read = self._tokenizer.encode(caption, add_special_tokens=False)
        kept = read.ids[: self._room]
        near = self._near(request.near)
        notes = [self._inherited(near)] if near else []
        if letters := unreadable(request.prompt):
            notes.append(f"The model reads English words, none of these letters: {letters[:SHOWN]}")
        if strange := self._strange(caption):
            notes.append(f"The model was never told these words: {strange}")
        if len(kept) < len(read.ids):
            caption = caption[: read.offsets[len(kept) - 1][1]]
            notes.append(
                f"Your prompt has {len(read.ids)} tokens; the model reads {len(kept)}, as far as "
                f"“…{caption[-SHOWN:].lstrip()}”."
            )
        return Wish(
            ids=self._filled(kept),
            count=request.count or min(self._model.defaults.pictures, MOST_CANDIDATES),
            seed=seed,
            caption=caption[1:],
            note="\n".join(notes),
            near=near,
        )

    def forward(self, batch: list[Wish], run: Run) -> list[Drawn]:
        """Write the codes of all pictures at once, then draw them one by one."""
        count = sum(wish.count for wish in batch)
        first_look = self._first_look if len(batch) == 1 else None  # all jobs would get to see it
        progress = _Progress(run, self._config.image_length, count, first_look)
        run.check()
        written = self._writer.write(
            [self._filled(()), *(wish.ids for wish in batch)],
            [index for index, wish in enumerate(batch, 1) for _ in range(wish.count)],
            [self._chooser(wish, number) for wish in batch for number in range(wish.count)],
            self._model.defaults.guidance,
            progress.written,
        )
        pictures = []
        for row in written.codes:
            pictures.append(draw(self._drawer, row))
            progress.drawn(len(pictures))
        left = iter(zip(written.likeness.tolist(), pictures, strict=True))
        return [self._ordered(wish, list(islice(left, wish.count))) for wish in batch]

    def _ordered(self, wish: Wish, pictures: list[tuple[float, Tensor]]) -> Drawn:
        """Return the pictures, those that the net finds likeliest first where it is to rank."""
        numbers = list(range(len(pictures)))
        if self._model.defaults.ranked:
            numbers.sort(key=lambda number: -pictures[number][0])
        return Drawn(wish, tuple(pictures[number][1] for number in numbers), tuple(numbers))

    def postprocess(self, outputs: Drawn, request: ImaginePicture) -> PicturesResult:
        """Encode the pictures."""
        wish, count = outputs.wish, len(outputs.pictures)
        pictures = []
        for place, picture in enumerate(outputs.pictures, 1):
            which = "A picture" if count == 1 else f"Picture {place} of {count}"
            number = outputs.numbers[place - 1] + 1
            parameters = {
                "Software": self._model.id,
                "Prompt": wish.caption,
                "Seed": f"{wish.seed}, picture {number}",
            }
            if wish.near:
                parameters["Near"] = " ".join(f"{seed}/{n + 1}" for seed, n in wish.near)
            alt_text = f"{which}, drawn from the words: {wish.caption}"
            encoded = to_picture(enlarged(to_image(picture)), alt_text, parameters)
            pictures.append(msgspec.structs.replace(encoded, number=number))
        return PicturesResult(pictures=tuple(pictures), note=wish.note)

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self._size_bytes

    def _filled(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return a caption's ids between its two ends, filled up to the net's length."""
        start, end = self._ends
        bare = (start, *ids, end)
        return bare + (self._config.padding,) * (self._config.caption_length - len(bare))

    def _chooser(self, wish: Wish, number: int) -> Chooser:
        defaults = self._model.defaults
        sampling = Sampling(
            max_new_tokens=self._config.image_length,
            temperature=defaults.temperature,
            top_k=defaults.top_k,
            top_p=defaults.top_p,
        )
        line = (*wish.near, (wish.seed, number))
        return heir(sampling, line, self._drawer.config.square)

    def _strange(self, caption: str) -> str:
        """Return the words of a caption that mean nothing to the net, as far as that is known."""
        said = dict.fromkeys(words_of(caption)) if self._taught else ()
        return ", ".join(word for word in said if word not in self._taught)[:SHOWN]

    def _near(self, typed: str) -> tuple[tuple[int, int], ...]:
        """Return the picture that others are to be like, and its variations up to the one meant.

        Raises:
            UserError: It names none, or there is nothing left to vary.
        """
        near = named_pictures(typed)
        most = self._drawer.config.square.bit_length() - 1
        if len(near) > most:
            raise UserError(
                "This picture is a variation of a variation, {most} times over: nothing of it "
                "would be drawn anew. Vary one that came before it.",
                most=most,
            )
        return near

    def _inherited(self, near: Sequence[tuple[int, int]]) -> str:
        """Return how much of a picture its variations keep."""
        square = self._drawer.config.square
        seed, number = near[-1]
        rows = kept_rows(square, len(near))
        return (
            f"The upper {rows} of {square} rows of codes are those of picture {number + 1} of seed "
            f"{seed}; what is below is drawn anew."
        )

    def _first_look(self, codes: Tensor) -> Picture:
        """Draw as much of a picture as there are whole rows of codes for, on grey."""
        config = self._drawer.config
        rows = codes[: len(codes) // config.square * config.square]
        begun = enlarged(to_image(draw(self._drawer, rows)))
        canvas = Image.new("RGB", (begun.width, begun.width), "grey")
        canvas.paste(begun, (0, 0))
        return to_picture(canvas, "The first picture as far as it is drawn.")


class _Progress:
    """Tells of codes and pictures about twice a second, with a look at the first one half-way.

    The look costs half a picture's drawing, a thirtieth of the work on four. Once there is one, it
    goes with every step: what is told without a picture takes the last one away.
    """

    def __init__(
        self, run: Run, codes: int, pictures: int, first_look: Callable[[Tensor], Picture] | None
    ) -> None:
        self._run = run
        self._codes = codes
        self._pictures = pictures
        self._first_look = first_look
        self._seen: Picture | None = None
        self._told_at = time.monotonic()

    def written(self, codes: Tensor) -> None:
        """Take in the codes so far, (N, T)."""
        done = codes.shape[1]
        if self._first_look is not None and done == self._codes // 2:
            self._run.check()
            self._seen = self._first_look(codes[0])
            self._told_at = 0.0
        if time.monotonic() - self._told_at < TELL_EVERY_S:
            self._run.check()
        else:
            self._tell(done)

    def drawn(self, pictures: int) -> None:
        """Take in how many pictures are drawn."""
        self._tell(self._codes + DRAWING * pictures // self._pictures)

    def _tell(self, done: int) -> None:
        self._told_at = time.monotonic()
        self._run.step(done, self._codes + DRAWING, self._seen)


def named_pictures(typed: str) -> tuple[tuple[int, int], ...]:
    """Return the seed and the number, from 0, of each picture that is named: ``7/2 9/1``.

    Raises:
        UserError: It is something else.
    """
    found = [NAMED.fullmatch(word) for word in typed.replace(",", " ").split()]
    near = tuple((int(each[1]), int(each[2]) - 1) for each in found if each is not None)
    if len(near) < len(found) or any(seed >= SEEDS for seed, _ in near):
        raise UserError(
            "`near` takes the seed and the number of a picture of the same words, such as 7/2, as "
            "its file says; not {typed!r}.",
            typed=typed[:60],
        )
    return near


def words_of(caption: str) -> list[str]:
    """Return the words of a caption, without what stands around them."""
    bare = (part.strip(".,;:!?'\"()*").removesuffix("'s") for part in caption.split())
    return [word for word in bare if word]


def _taught(path: Path) -> frozenset[str]:
    return frozenset(path.read_text(encoding="utf-8").split() if path.exists() else ())


def _id(tokenizer: Tokenizer, token: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise OperatorError(f"The tokenizer of DALL-E mini has no {token}.")
    return found


def _size_bytes(net: nn.Module) -> int:
    return sum(weight.nbytes for weight in net.parameters())
