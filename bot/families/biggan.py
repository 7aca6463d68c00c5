"""Draws things by the names of their classes: BigGAN-deep, in a fraction of a second.

A request may name several things with ``+`` between them, which gives what lies between their
classes, and may ask for several pictures at once, which come as one sheet.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bot.catalogue.model import Model
from bot.catalogue.things import read_things
from bot.errors import OperatorError, UserError
from bot.families.base import BatchFamily, Run
from bot.families.encoders import serving_dtype
from bot.families.pictures import enlarged, to_image, to_picture
from bot.nets.biggan import Config, Generator
from bot.tasks.picture import PicturesResult
from bot.tasks.text_to_image import (
    LEAST_TRUNCATION,
    MOST_PICTURES,
    MOST_TRUNCATION,
    ConjurePicture,
)
from bot.tasks.things import Things

CHECKPOINT = "model.safetensors"
SETTINGS = "config.json"

TRUNCATION = 0.4
"""Where the request says none: likely pictures that still differ, as its authors show."""

GAP = 8
"""Pixels between the pictures of a sheet."""

PAPER = (43, 45, 49)
"""What shows between them: dark grey, quiet on light and on dark pages."""

BOUND = 2.0
"""Noise further from zero than so many standard deviations is drawn anew, before it is scaled."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the net reads: for each picture its noise (noise,) and the classes that it mixes."""

    noises: tuple[Tensor, ...]
    classes: tuple[tuple[int, ...], ...]
    step: int
    truncation: float
    seed: int


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

        Of a word for several classes chance picks one for each picture. The first picture is the
        same however many are asked for.
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
        step = config.step(wanted)
        truncation = step / (config.statistics - 1)
        luck = torch.Generator().manual_seed(seed)
        noises = (noise(config.noise, truncation, luck) for _ in range(request.count))
        picked = picks(self.things.parse(request.what), request.count, seed)
        return Wish(tuple(noises), picked, step, truncation, seed)

    def forward(self, batch: list[Wish], run: Run) -> list[Drawn]:
        """Draw one picture after the other: a batch would be no faster, and one fills the cores."""
        total = sum(len(wish.noises) for wish in batch)
        done = 0
        drawn = []
        for wish in batch:
            pictures = []
            for noise, mixed in zip(wish.noises, wish.classes, strict=True):
                run.check()
                kind = self.net.kind(list(mixed))
                pictures.append(self.net(noise, kind, wish.step, lambda *_: run.check()))
                done += 1
                if total > 1:
                    run.step(done, total)
            drawn.append(Drawn(tuple(pictures), wish))
        return drawn

    def postprocess(self, outputs: Drawn, request: ConjurePicture) -> PicturesResult:
        """Enlarge the pictures, lay several out on a sheet, and say what they show."""
        wish = outputs.wish
        names = [self._mixture(mixed) for mixed in wish.classes]
        parameters = {
            "Software": self.model.id,
            "What": "; ".join(dict.fromkeys(names)),
            "Truncation": f"{wish.truncation:.2f}",
            "Seed": str(wish.seed),
        }
        image = sheet([enlarged(to_image(picture)) for picture in outputs.pictures])
        picture = to_picture(image, described(names, self.model.title), parameters)
        return PicturesResult(pictures=(picture,), note=caption(names))

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self.net.size_bytes()

    def _mixture(self, mixed: Sequence[int]) -> str:
        """Return the names of the things of one picture: ``tabby cat + sports car``."""
        return " + ".join(map(self.things.title, mixed))


def noise(length: int, truncation: float, luck: torch.Generator) -> Tensor:
    """Draw a vector (length,) of normal noise cut off at :data:`BOUND`, and scale it."""
    drawn = torch.empty(length)
    torch.nn.init.trunc_normal_(drawn, a=-BOUND, b=BOUND, generator=luck)
    return drawn * truncation


def picks(parts: Sequence[Sequence[int]], count: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Return for each picture one class of each part, each class as often as the others."""
    luck = random.Random(seed)
    orders = [luck.sample(part, len(part)) for part in parts]
    return tuple(tuple(order[number % len(order)] for order in orders) for number in range(count))


def caption(names: Sequence[str]) -> str:
    """Return what stands above a picture: its name, or those on a sheet in their order."""
    return names[0] if len(set(names)) == 1 else f"Row by row: {', '.join(names)}"


def described(names: Sequence[str], author: str) -> str:
    """Say what a picture or a sheet of them shows."""
    different = list(dict.fromkeys(names))
    what = with_article(different[0]) if len(different) == 1 else ", ".join(different)
    if len(names) == 1:
        return f"A picture of {what}, drawn by {author}."
    return f"{len(names)} pictures of {what}, drawn by {author}."


def with_article(name: str) -> str:
    """Return a name as it stands in a sentence; those of a mixture are joined in words."""
    parts = [_with_article(part) for part in name.split(" + ")]
    return f"a mixture of {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


def _with_article(name: str) -> str:
    word = name.split(" (")[0]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return name  # sunglasses, pyjamas
    return f"{'an' if word[0].lower() in 'aeio' else 'a'} {name}"


def sheet(images: Sequence[Image.Image]) -> Image.Image:
    """Lay pictures of one size out in rows, the last of them in the middle where it is short."""
    if len(images) == 1:
        return images[0]
    columns = {2: 2, 4: 2}.get(len(images), 3)
    rows = -(-len(images) // columns)
    side = images[0].width + GAP
    page = Image.new("RGB", (columns * side - GAP, rows * side - GAP), PAPER)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        absent = max(0, (row + 1) * columns - len(images))
        page.paste(image, (column * side + absent * side // 2, row * side))
    return page
