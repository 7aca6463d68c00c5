"""Paints a picture in the style of a second one, step by step: Gatys on VGG-19.

It is painted coarsely first, where a step takes a tenth of the time and a stroke spans a tenth of
the picture, and then finer: that gives large forms as well as strokes, in the time that a few steps
at the last size would take.

How many steps there is time for is settled from the measured speed when a size begins, and written
into the picture: the same steps give the same picture. Were the clock to end each size wherever it
stood, no two pictures would be the same, and the last steps, the small ones, would be lost. It is
only asked for machines that have become slower since.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.model import Model
from bot.errors import OperatorError, Sentence, UserError
from bot.families.base import BatchFamily, Run
from bot.families.encoders import serving_dtype
from bot.families.pictures import open_picture, to_image, to_picture
from bot.families.style import to_tensor
from bot.nets.gatys import Aim, aim_at, paint
from bot.nets.vgg import NAMES, SMALLEST_SIDE, VGG
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.picture import Picture

CHECKPOINT = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Stage:
    """A size to paint at, by its longer side in pixels, and the steps there if time allows."""

    side: int
    steps: int


STAGES = (Stage(128, 80), Stage(256, 50), Stage(384, 40))

SHARES = (1.0, 0.8, 0.6, 0.4)
"""Of their steps, what stages make: the most that there is time for; then the last is left out."""

BUDGET_S = 50.0
"""For all of them; what is around them, and a step that is under way, end within the minute."""

HEADROOM = 0.95
"""Of the time that is left, so much is planned with."""

TRIAL_STEPS = 4
"""Made and thrown away to see how fast the machine is; the first is spent on preparations."""

TRIAL_S = 2.0
"""No more of them are begun after this."""

PREVIEW_EVERY_S = 2.0

ENLARGED = 2
"""A picture comes back in its own size, but at most so many times that at which it was painted."""

NO_STYLE = Sentence(
    "This model paints in the style of a second picture, and there is none; it knows no styles by "
    "name. Send a picture as style_image, or choose a model that has learnt styles."
)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Content and style at the size of each stage, (1, 3, H, W), and the content's own size."""

    contents: tuple[Tensor, ...]
    styles: tuple[Tensor, ...]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture (3, H, W), the steps made at each size, and the size that the content had."""

    picture: Tensor
    made: tuple[Stage, ...]
    size: tuple[int, int]


def load(model: Model, folder: Path) -> Painter:
    """Load the net that :mod:`bot.catalogue.conversion.vgg` wrote into ``folder``.

    Raises:
        OperatorError: The file is absent, damaged, or holds another net than the entry says.
    """
    if model.dtype == "int8":
        raise OperatorError(f"{model.id}: a VGG is held in float32 or bfloat16, not in int8.")
    path = folder / CHECKPOINT
    try:
        with torch.inference_mode(mode=False):  # what is made in it can take no part in gradients
            net = _read(path)
            net.hold_in(getattr(torch, serving_dtype(model)))
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise OperatorError(
            f"{path}: cannot load the weights of {model.id}: {error}. Fetch them again: "
            f"python -m bot models fetch {model.id}"
        ) from error
    found = sum(weight.numel() for weight in net.parameters())
    if model.params and found != model.params:
        raise OperatorError(
            f"The checkpoint of {model.id} in {folder} has {found:,} parameters; its entry in the "
            f"catalogue says {model.params:,}. Give it the right repository, or mend 'params'."
        )
    return Painter(model, net)


def _read(path: Path) -> VGG:
    weights = load_file(path)
    with torch.device("meta"):
        net = VGG([len(weights[f"layers.{name}.bias"]) for name in NAMES])
    net.load_state_dict(weights, assign=True)
    return net.requires_grad_(requires_grad=False).eval()


class Painter(BatchFamily[Canvas, Painted]):
    """The family for :class:`bot.tasks.image_to_image.RestylePicture` with a style picture.

    Args:
        model: The catalogue's entry.
        net: What judges the picture; made in no inference mode.
        stages: The sizes, from coarse to fine.
        clock: Tells the seconds.
    """

    def __init__(
        self,
        model: Model,
        net: VGG,
        stages: Sequence[Stage] = STAGES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self.net = net
        self.stages = tuple(stages)
        self.clock = clock

    def preprocess(self, request: RestylePicture, seed: int) -> Canvas:
        """Open both pictures; painting begins from the first, so that chance plays no part."""
        if request.style_image is None:
            raise UserError(NO_STYLE)
        limit = self.model.limits.max_image_pixels
        style = open_picture(request.style_image, limit)
        content = open_picture(request.image, limit)
        return Canvas(self._at_each_stage(content), self._at_each_stage(style), content.size)

    def forward(self, batch: list[Canvas], run: Run) -> list[Painted]:
        """Paint one after the other: each takes all the cores, and they share the time."""
        budget_s = BUDGET_S / len(batch)
        with torch.inference_mode(mode=False):
            return [
                _Sitting(self, canvas, run, budget_s, index, len(batch)).painted()
                for index, canvas in enumerate(batch)
            ]

    def postprocess(self, outputs: Painted, request: RestylePicture) -> Picture:
        """Bring the picture towards its own size, and write into it how it was made."""
        _, height, width = outputs.picture.shape
        size = shown_size(outputs.size, (width, height))
        picture = to_image(outputs.picture).resize(size, Image.Resampling.BICUBIC)
        steps = ", ".join(f"{stage.steps} at {stage.side} px" for stage in outputs.made)
        parameters = {
            "Software": self.model.id,
            "Style": "a second picture",
            "Steps": steps,
            "Painted at": f"{width} x {height} pixels",
        }
        alt_text = "Your picture repainted in the style of the second picture."
        return to_picture(picture, alt_text, parameters)

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return sum(weight.nbytes for weight in self.net.parameters())

    def _at_each_stage(self, picture: Image.Image) -> tuple[Tensor, ...]:
        return tuple(
            to_tensor(
                picture.resize(
                    working_size(*picture.size, stage.side),
                    Image.Resampling.LANCZOS,
                    reducing_gap=3.0,
                )
            )
            for stage in self.stages
        )


class _Sitting:
    """One picture being painted, within its time."""

    def __init__(
        self, painter: Painter, canvas: Canvas, run: Run, budget_s: float, index: int, count: int
    ) -> None:
        self.net, self.stages, self.clock = painter.net, painter.stages, painter.clock
        self.run = run
        self.place = (index, count)
        # what preprocess made in inference mode can take no part in gradients: copies can
        self.contents = [tensor.clone() for tensor in canvas.contents]
        self.styles = [tensor.clone() for tensor in canvas.styles]
        self.size = canvas.size
        self.ends_at = self.clock() + budget_s
        self.done = 0
        self.shown_at = -math.inf

    def painted(self) -> Painted:
        """Paint stage after stage, as far as time allows."""
        made: list[Stage] = []
        aim = self._aim(0)
        pixel_s = self._measured(aim)
        picture = self.contents[0]
        for number, stage in enumerate(self.stages):
            plan = self._plan(number, pixel_s)
            if not plan or (made and self.clock() >= self.ends_at):
                break
            if number:
                aim = self._aim(number)
                picture = _enlarged(picture, self.contents[number])
            picture, took = self._paint(picture, aim, plan)
            made.append(Stage(stage.side, len(took)))
            pixel_s = median(took) / self._pixels(number)
        return Painted(picture[0], tuple(made), self.size)

    def _paint(self, start: Tensor, aim: Aim, plan: Sequence[int]) -> tuple[Tensor, list[float]]:
        """Make the first of the planned numbers of steps, or as many as there is time for.

        Return the picture, and the seconds of each step.
        """
        total = self.done + sum(plan)
        picture, took = start, []
        began = self.clock()
        for picture, far in paint(self.net, start, aim, plan[0], self.run.check):
            if not math.isfinite(far):
                raise RuntimeError(f"the picture is {far} from its aim")
            took.append(self.clock() - began)
            self.done += 1
            late = self.clock() >= self.ends_at
            self._tell(picture, total if not late else self.done)
            if late:
                break
            began = self.clock()
        return picture, took

    def _tell(self, picture: Tensor, total: int) -> None:
        """Report a step with a look at the picture now and then; in between, only ask to go on.

        A report without a picture would take the one before it off the message.
        """
        if self.clock() - self.shown_at < PREVIEW_EVERY_S and self.done < total:
            self.run.check()
            return
        self.shown_at = self.clock()
        index, count = self.place
        alt_text = f"The picture after {self.done} of {total} steps."
        preview = to_picture(to_image(picture[0]), alt_text)
        self.run.step(index * total + self.done, count * total, preview)

    def _plan(self, number: int, pixel_s: float) -> tuple[int, ...]:
        """Return how many steps the stages from this one on make; the first makes some anyhow."""
        stages = self.stages[number:]
        pixels = [self._pixels(later) for later in range(number, len(self.stages))]
        plan = affordable(stages, pixels, pixel_s, HEADROOM * (self.ends_at - self.clock()))
        return plan or (() if number else (_share(stages[0], SHARES[-1]),))

    def _measured(self, aim: Aim) -> float:
        """Return the seconds of a step for each pixel, the least of a few."""
        took: list[float] = []
        began = self.clock()
        for _ in paint(self.net, self.contents[0], aim, TRIAL_STEPS, self.run.check):
            took.append(self.clock() - began)
            if sum(took) > TRIAL_S:
                break
            began = self.clock()
        return min(took) / self._pixels(0)

    def _aim(self, number: int) -> Aim:
        return aim_at(self.net, self.contents[number], self.styles[number], self.run.check)

    def _pixels(self, number: int) -> int:
        return self.contents[number][0, 0].numel()


def affordable(
    stages: Sequence[Stage], pixels: Sequence[int], pixel_s: float, left_s: float
) -> tuple[int, ...]:
    """Return how many steps each stage makes in the time that is left, fewer stages if it is short.

    Args:
        stages: What there is to do.
        pixels: Of a picture in each.
        pixel_s: Seconds that a step takes for each pixel.
        left_s: Seconds for all of them.
    """
    for count in range(len(stages), 0, -1):
        for share in SHARES:
            plan = tuple(_share(stage, share) for stage in stages[:count])
            work = sum(steps * area for steps, area in zip(plan, pixels, strict=False))
            if pixel_s * work <= left_s:
                return plan
    return ()


def working_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size at which a picture of this size is painted, its longer side ``side``.

    Keeps the shape, but for slivers narrower than what the net takes.
    """
    scale = side / max(width, height)
    return max(SMALLEST_SIDE, round(width * scale)), max(SMALLEST_SIDE, round(height * scale))


def shown_size(size: tuple[int, int], painted: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which a picture comes back: its own, but none that shows no strokes.

    Its longer side is at least that of the painted one, and at most ``ENLARGED`` times that.
    """
    longest, finest = max(size), max(painted)
    scale = min(max(longest, finest), ENLARGED * finest) / longest
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _share(stage: Stage, share: float) -> int:
    return max(1, round(stage.steps * share))


def _enlarged(picture: Tensor, like: Tensor) -> Tensor:
    """Bring a coarse picture to the size of another."""
    size = (like.shape[2], like.shape[3])
    larger = F.interpolate(picture, size=size, mode="bicubic", align_corners=False)
    return larger.clamp(0, 1)
