"""Draws things by the names of their classes: BigGAN-deep, in a fraction of a second.

A request may name several things with ``+`` between them, which gives what lies between their
classes, and may ask for several pictures at once: each has a seed of its own, by which it can be
had again alone. Or it asks for a picture that moves from one thing to the next and back.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bot.catalogue.model import Model
from bot.catalogue.things import read_things
from bot.errors import OperatorError, UserError
from bot.families.base import BatchFamily, Run
from bot.families.encoders import serving_dtype
from bot.families.pictures import enlarged, to_image, to_moving_picture, to_picture
from bot.families.walks import ASIDE, Point, between, circle
from bot.nets.biggan import Config, Generator
from bot.tasks.picture import PicturesResult
from bot.tasks.text_to_image import (
    LEAST_TRUNCATION,
    MOST_PICTURES,
    MOST_TRUNCATION,
    ConjurePicture,
    check_walk,
)
from bot.tasks.things import Things

CHECKPOINT = "model.safetensors"
SETTINGS = "config.json"

TRUNCATION = 0.4
"""Where the request says none: likely pictures that still differ, as its authors show."""

FRAMES = 24
"""Of a picture that moves."""

STATIONS = 3
"""Pictures of one thing between which it moves, where no other is named."""

MOST_NEAR = 8
"""How often somebody may vary a variation."""

SEEDS = 2**32
BOUND = 2.0
"""Noise further from zero than so many standard deviations is drawn anew, before it is scaled."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the net reads: for each picture its noise (noise,), the classes that it mixes, its seed.

    If it ``moves``, they are the stations of one picture.
    """

    noises: tuple[Tensor, ...]
    classes: tuple[tuple[int, ...], ...]
    seeds: tuple[int, ...]
    step: int
    truncation: float
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures of a wish, (3, side, side) each."""

    pictures: tuple[Tensor, ...]
    wish: Wish


def load(model: Model, folder: Path) -> Conjurer:
    """Load the net that :mod:`bot.catalogue.conversion.biggan` wrote into ``folder``, or we taught.

    Which things it draws stands beside it (:mod:`bot.catalogue.things`).

    Raises:
        OperatorError: The files are absent, damaged, or hold another net than the entry says.
    """
    if model.dtype == "int8":
        raise OperatorError(f"{model.id}: a BigGAN is held in float32 or bfloat16, not in int8.")
    try:
        plain = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        with torch.device("meta"):
            net = Generator(Config.from_hub(plain))
        net.load_state_dict(_tensors(folder / CHECKPOINT), assign=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise OperatorError(f"{folder}: cannot load the BigGAN: {error}") from error
    things = read_things(folder)
    _check(model, folder, net, things)
    net.hold_in(getattr(torch, serving_dtype(model)))
    net.requires_grad_(requires_grad=False).eval().pack()
    return Conjurer(model, net, things)


def _tensors(path: Path) -> dict[str, Tensor]:
    """Read the weights; what was written in float16 to be small is calculated with in float32."""
    read = load_file(path).items()
    return {name: t.float() if t.dtype == torch.float16 else t for name, t in read}


def _check(model: Model, folder: Path, net: Generator, things: Things) -> None:
    found = sum(weight.numel() for weight in net.parameters())
    if model.params and found != model.params:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} has {found:,} parameters; its entry in the "
            f"catalogue says {model.params:,}. Give it the right repository, or mend 'params'."
        )
    if net.config.classes != len(things.listed):
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} knows {net.config.classes} classes; "
            f"{len(things.listed)} have names here. Bring the things.json that belongs to it."
        )


class Conjurer(BatchFamily[Wish, Drawn]):
    """The family for :class:`bot.tasks.text_to_image.ConjurePicture`."""

    def __init__(self, model: Model, net: Generator, things: Things) -> None:
        self.model = model
        self.net = net
        self.things = things

    def preprocess(self, request: ConjurePicture, seed: int) -> Wish:
        """Find the classes by their names, and draw the noise.

        The seed of each picture is one more than that of the picture before it. Of a word for
        several classes the seed picks one.
        """
        config = self.net.config
        wanted = TRUNCATION if request.truncation is None else request.truncation
        if not LEAST_TRUNCATION <= wanted <= MOST_TRUNCATION:
            raise UserError(
                "The truncation is {wanted:g}; it goes from {least:g} (likely and "
                "alike) to {most:g} (varied and odd).",
                wanted=wanted,
                least=LEAST_TRUNCATION,
                most=MOST_TRUNCATION,
            )
        if not 1 <= request.count <= MOST_PICTURES:
            raise UserError(
                "You ask for {count} pictures; from 1 to {most} can be had.",
                count=request.count,
                most=MOST_PICTURES,
            )
        check_walk(walk=request.walk, count=request.count)
        step = config.step(wanted)
        truncation = step / (config.statistics - 1)
        near = _seeds(request.near)
        parts = self.things.parse(request.what)
        single = len(parts) == 1
        count = (STATIONS if single else 1) if request.walk else request.count
        seeds = tuple((seed + number) % SEEDS for number in range(count))
        noises = tuple(self._noise((*near, own), truncation) for own in seeds)
        classes = tuple(picks(parts, near[0] if near else own) for own in seeds)
        if request.walk and not single:
            classes = tuple((one,) for one in classes[0])
            noises *= len(classes)
        return Wish(noises, classes, seeds, step, truncation, moves=request.walk)

    def _noise(self, seeds: Sequence[int], truncation: float) -> Tensor:
        """Return the noise of a seed, or of a variation: a little of each seed after the first."""
        drawn = (noise(self.net.config.noise, truncation, seed) for seed in seeds)
        return functools.reduce(lambda one, other: between(one, other, ASIDE), drawn)

    def forward(self, batch: list[Wish], run: Run) -> list[Drawn]:
        """Draw one picture after the other: a batch would be no faster, and one fills the cores."""
        points = [self._points(wish) for wish in batch]
        total = sum(map(len, points))
        done = 0
        drawn = []
        for wish, its_points in zip(batch, points, strict=True):
            pictures = []
            for noise, kind in its_points:
                run.check()
                pictures.append(self.net(noise, kind, wish.step, lambda *_: run.check()))
                done += 1
                if total > 1:
                    run.step(done, total)
            drawn.append(Drawn(tuple(pictures), wish))
        return drawn

    def _points(self, wish: Wish) -> list[Point]:
        """Return what each picture of a wish, or each frame of the one that moves, is made of."""
        pairs = zip(wish.noises, wish.classes, strict=True)
        points = [(noise, self.net.kind(list(mixed))) for noise, mixed in pairs]
        return circle(points, FRAMES) if wish.moves else points

    def postprocess(self, outputs: Drawn, request: ConjurePicture) -> PicturesResult:
        """Enlarge the pictures, and say what they show."""
        wish = outputs.wish
        names = [self._mixture(mixed) for mixed in wish.classes]
        images = [enlarged(to_image(picture)) for picture in outputs.pictures]
        if wish.moves:
            way = " to ".join(with_article(name) for name in dict.fromkeys(names))
            alt_text = f"A moving picture: {way}, and round again, drawn by {self.model.title}."
            moving = to_moving_picture(images, alt_text, self._parameters(wish, way, wish.seeds[0]))
            return PicturesResult(pictures=(moving,), note=" → ".join(dict.fromkeys(names)))
        pictures = tuple(
            to_picture(
                image,
                f"A picture of {with_article(name)}, drawn by {self.model.title}.",
                self._parameters(wish, name, seed),
            )
            for image, name, seed in zip(images, names, wish.seeds, strict=True)
        )
        return PicturesResult(pictures=pictures, note=caption(names))

    def _parameters(self, wish: Wish, name: str, seed: int) -> dict[str, str]:
        """Return what is noted in the file of a picture."""
        return {
            "Software": self.model.id,
            "What": name,
            "Truncation": f"{wish.truncation:.2f}",
            "Seed": str(seed),
        }

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self.net.size_bytes()

    def _mixture(self, mixed: Sequence[int]) -> str:
        """Return the names of the things of one picture: ``tabby cat + sports car``."""
        return " + ".join(map(self.things.title, mixed))


def noise(length: int, truncation: float, seed: int) -> Tensor:
    """Draw a vector (length,) of normal noise cut off at :data:`BOUND`, and scale it."""
    luck = torch.Generator().manual_seed(seed)
    drawn = torch.empty(length)
    torch.nn.init.trunc_normal_(drawn, a=-BOUND, b=BOUND, generator=luck)
    return drawn * truncation


def picks(parts: Sequence[Sequence[int]], seed: int) -> tuple[int, ...]:
    """Return one class of each part; seeds that follow each other pick all before one again."""
    orders = (random.Random(place).sample(part, len(part)) for place, part in enumerate(parts))
    return tuple(order[seed % len(order)] for order in orders)


def _seeds(typed: str) -> tuple[int, ...]:
    """Return the seeds of the picture that others are to be like, and of its variations."""
    words = typed.replace(",", " ").split()
    if len(words) > MOST_NEAR or not all(map(_is_seed, words)):
        raise UserError(
            "`near` takes the seed of a picture, as it stands in small print, or up to {most} of "
            "them where a variation is varied; not {typed!r}.",
            most=MOST_NEAR,
            typed=typed[:60],
        )
    return tuple(map(int, words))


def _is_seed(word: str) -> bool:
    """Say whether a word is a seed; Python reads no number of some thousand digits."""
    return word.isdecimal() and len(word) <= len(str(SEEDS)) and int(word) < SEEDS


def caption(names: Sequence[str]) -> str:
    """Return what stands above pictures: their name, or their names in their order."""
    return names[0] if len(set(names)) == 1 else ", ".join(names)


def with_article(name: str) -> str:
    """Return a name as it stands in a sentence; those of a mixture are joined in words."""
    parts = [_with_article(part) for part in name.split(" + ")]
    return f"a mixture of {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


def _with_article(name: str) -> str:
    word = name.split(" (")[0]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return name  # sunglasses, pyjamas
    return f"{'an' if word[0].lower() in 'aeio' else 'a'} {name}"
