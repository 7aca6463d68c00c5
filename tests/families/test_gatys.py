"""Painting in the style of a second picture, with a small net of chance and a clock of our own."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from bot.catalogue.conversion.vgg import convert
from bot.catalogue.model import Limits, Model
from bot.catalogue.synthetic import gatys as synthetic
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.gatys import (
    BUDGET_S,
    NO_STYLE,
    PREVIEW_EVERY_S,
    SHARES,
    STAGES,
    Painter,
    Stage,
    affordable,
    load,
    shown_size,
    working_size,
)
from bot.nets.vgg import NAMES, SMALLEST_SIDE
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.picture import Picture
from tests.families.odd import PICTURES, REFUSED, met

Encode = Callable[..., bytes]

MODEL = Model(id="painter", task="restyle", family="gatys")
SMALL = (Stage(32, 5), Stage(48, 5))
LAYERS = len(NAMES)


class Watch:
    """A run whose clock goes on by a fixed time whenever it is asked whether to go on."""

    def __init__(self, layer_s: float = 0.001) -> None:
        self.layer_s = layer_s
        self.now = 100.0
        self.checks = 0
        self.steps: list[tuple[int, int]] = []
        self.previews: list[Picture] = []
        self.seen_at: list[float] = []
        self.stop_at = 0

    def clock(self) -> float:
        return self.now

    def check(self) -> None:
        self.now += self.layer_s
        self.checks += 1
        if self.checks == self.stop_at:
            raise Stopped

    def step(self, done: int, total: int, preview: Picture | None = None) -> None:
        assert preview is not None  # a report without one would take the last off the message
        self.steps.append((done, total))
        self.previews.append(preview)
        self.seen_at.append(self.now)
        self.check()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vgg")
    synthetic.write(root / "hub", tiny=True)
    (root / "checkpoint").mkdir()
    convert([root / "hub" / "model.safetensors"], root / "checkpoint", "float32")
    return root / "checkpoint"


@pytest.fixture(autouse=True)
def as_in_a_worker() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def painter(folder: Path, watch: Watch) -> Painter:
    return Painter(MODEL, load(MODEL, folder).net, SMALL, watch.clock)


@pytest.fixture
def style() -> Image.Image:
    stripes = Image.new("RGB", (60, 40), "darkred")
    for left in range(0, 60, 10):
        stripes.paste("orange", (left, 0, left + 5, 40))
    return stripes


@pytest.fixture
def request_for(
    photo: Image.Image, style: Image.Image, encoded: Encode
) -> Callable[..., RestylePicture]:
    def make(image: Image.Image = photo, style_image: Image.Image = style) -> RestylePicture:
        return RestylePicture(image=encoded(image), style_image=encoded(style_image))

    return make


def answered(painter: Painter, watch: Watch, request: RestylePicture) -> Picture:
    (painted,) = painter.forward([painter.preprocess(request, 0)], watch)
    return painter.postprocess(painted, request)


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


def levels(picture: Picture) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(opened(picture).convert("RGB")).astype(float)


def test_the_picture_takes_the_styles_colours_and_says_how_it_was_made(
    painter: Painter, watch: Watch, request_for: Callable[..., RestylePicture], photo: Image.Image
) -> None:
    painter.stages = (Stage(32, 30), Stage(48, 15))
    picture = answered(painter, watch, request_for())
    image = opened(picture)
    assert image.size == (picture.width, picture.height) == (96, 72)  # twice 48 x 36
    assert image.text == {  # type: ignore[attr-defined]
        "Software": "painter",
        "Style": "a second picture",
        "Steps": "30 at 32 px, 15 at 48 px",
        "Painted at": "48 x 36 pixels",
    }
    assert picture.alt_text == "Your picture repainted in the style of the second picture."
    before = np.asarray(photo.resize((96, 72))).astype(float)
    gained = levels(picture).mean((0, 1)) - before.mean((0, 1))  # red, green, blue
    assert gained[0] > gained[2] + 10  # nearer to dark red and orange than the photo was
    assert np.abs(levels(picture) - before).mean() > 10


def test_without_a_style_picture_it_says_so(
    painter: Painter, photo: Image.Image, encoded: Encode
) -> None:
    for name in (None, "starry blue"):
        with pytest.raises(UserError) as refusal:
            painter.preprocess(RestylePicture(image=encoded(photo), style=name), 0)
        assert str(refusal.value) == str(NO_STYLE)


def test_the_same_steps_give_the_same_picture_whatever_the_clock_said(
    painter: Painter, request_for: Callable[..., RestylePicture]
) -> None:
    pictures = []
    for layer_s in (0.001, 0.02, 0.0):
        watch = Watch(layer_s)
        painter.clock = watch.clock
        pictures.append(answered(painter, watch, request_for()).data)
    assert pictures[0] == pictures[1] == pictures[2]


def test_in_a_batch_each_is_painted_as_alone(
    painter: Painter, watch: Watch, request_for: Callable[..., RestylePicture], style: Image.Image
) -> None:
    requests = [request_for(), request_for(style)]
    alone = [answered(painter, watch, request).data for request in requests]
    watch.steps.clear()
    outputs = painter.forward([painter.preprocess(request, 0) for request in requests], watch)
    together = [painter.postprocess(*pair).data for pair in zip(outputs, requests, strict=True)]
    assert together == alone
    assert watch.steps[-1] == (20, 20)
    assert watch.steps == sorted(watch.steps)


@pytest.mark.parametrize("layer_s", [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 3.0])
def test_however_slow_the_machine_it_ends_in_time(
    layer_s: float, painter: Painter, request_for: Callable[..., RestylePicture]
) -> None:
    """From 0.13 to 78 seconds for each step, when all that is wanted is 80 steps."""
    painter.stages = (Stage(32, 60), Stage(48, 20))
    watch = Watch(layer_s)
    painter.clock = watch.clock
    picture = answered(painter, watch, request_for())
    step_s = 2 * LAYERS * layer_s
    assert watch.now - 100 <= BUDGET_S + 3 * step_s  # aim, trial, and the one step
    made = [int(part.split()[0]) for part in opened(picture).text["Steps"].split(", ")]  # type: ignore[attr-defined]
    if layer_s == 0.005:
        assert made == [60, 20]
    else:
        assert sum(made) < 80
        assert sum(made) * step_s > 0.3 * BUDGET_S or sum(made) <= 2
    done, total = watch.steps[-1]
    assert done == total == sum(made)


def test_a_machine_that_becomes_slow_midway_ends_in_time_too(
    painter: Painter, request_for: Callable[..., RestylePicture]
) -> None:
    painter.stages = (Stage(32, 60), Stage(48, 20))
    watch = Watch(0.001)

    class Slowing(Watch):
        def check(self) -> None:
            if self.checks > 400:
                self.layer_s = 0.1
            super().check()

    watch = Slowing(0.001)
    painter.clock = watch.clock
    picture = answered(painter, watch, request_for())
    assert watch.now - 100 <= BUDGET_S + 3 * 2 * LAYERS * 0.1
    assert " at 32 px" in opened(picture).text["Steps"]  # type: ignore[attr-defined]


def test_steps_are_shown_with_a_picture_every_few_seconds(
    painter: Painter, request_for: Callable[..., RestylePicture]
) -> None:
    painter.stages = (Stage(32, 20), Stage(48, 10))
    watch = Watch(0.02)  # half a second for each step
    painter.clock = watch.clock
    answered(painter, watch, request_for())
    assert watch.steps[0] == (1, 30)
    assert watch.steps[-1] == (30, 30)
    pauses = np.diff(watch.seen_at)[:-1]
    assert pauses.min() >= PREVIEW_EVERY_S
    assert pauses.max() < PREVIEW_EVERY_S + 2
    assert watch.previews[0].alt_text == "The picture after 1 of 30 steps."
    assert {(p.width, p.height) for p in watch.previews} == {(32, 24), (48, 36)}
    assert not np.array_equal(levels(watch.previews[0]), levels(watch.previews[2]))


def test_a_cancelled_painting_ends_at_the_next_layer_on_the_way_there_or_back(
    painter: Painter, watch: Watch, request_for: Callable[..., RestylePicture]
) -> None:
    canvas = painter.preprocess(request_for(), 0)
    painter.forward([canvas], watch)
    for stop_at in range(1, watch.checks, 97):
        asked = Watch()
        asked.stop_at = stop_at
        with pytest.raises(Stopped):
            painter.forward([canvas], asked)
        assert asked.checks == stop_at
    assert watch.checks > 2 * LAYERS * sum(stage.steps for stage in SMALL)


KINDS = sorted(PICTURES)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_pictures_are_painted_or_refused(
    kind: str, painter: Painter, style: Image.Image, encoded: Encode
) -> None:
    painter.stages = (Stage(24, 2), Stage(32, 1))
    for request in (
        RestylePicture(image=PICTURES[kind](), style_image=encoded(style)),
        RestylePicture(image=encoded(style), style_image=PICTURES[kind]()),
    ):
        result = met(painter, request)
        assert isinstance(result, str if kind in REFUSED else Picture)
        if isinstance(result, Picture):
            assert opened(result).size == (result.width, result.height)
            assert min(result.width, result.height) >= 1
            assert 32 <= max(result.width, result.height) <= 64


def test_the_models_own_limit_holds_for_both_pictures(
    painter: Painter, photo: Image.Image, encoded: Encode
) -> None:
    painter.model = msgspec.structs.replace(MODEL, limits=Limits(max_image_pixels=10_000))
    large, tiny = encoded(photo), encoded(photo.resize((20, 20)))
    for request in (
        RestylePicture(image=large, style_image=tiny),
        RestylePicture(image=tiny, style_image=large),
    ):
        with pytest.raises(UserError, match="megapixels"):
            painter.preprocess(request, 0)


@pytest.mark.parametrize(
    ("size", "painted", "shown"),
    [
        ((640, 427), (384, 256), (640, 427)),  # its own
        ((4000, 3000), (384, 288), (768, 576)),  # no more than twice as large as it was painted
        ((100, 80), (384, 307), (384, 307)),  # no smaller
        ((1, 1), (384, 384), (384, 384)),
        ((1, 10_000), (16, 384), (1, 768)),
    ],
)
def test_a_picture_comes_back_in_its_size_within_bounds(
    size: tuple[int, int], painted: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert shown_size(size, painted) == shown


@pytest.mark.parametrize("size", [(1, 1), (640, 427), (6000, 4000), (24_000_000, 1), (3, 8_000)])
def test_the_working_size_is_bounded_for_every_shape(size: tuple[int, int]) -> None:
    for stage in STAGES:
        found = working_size(*size, stage.side)
        assert max(found) == stage.side
        assert min(found) >= SMALLEST_SIDE
        if max(size) < 8 * min(size):
            assert found[0] / found[1] == pytest.approx(size[0] / size[1], rel=0.02)


def test_as_many_steps_are_planned_as_there_is_time_for() -> None:
    stages, pixels = (Stage(1, 10), Stage(2, 5)), (1, 4)  # 10 of one, 20 of the other
    assert SHARES == (1.0, 0.8, 0.6, 0.4)
    assert affordable(stages, pixels, 1.0, 30) == (10, 5)
    assert affordable(stages, pixels, 1.0, 29) == (8, 4)
    assert affordable(stages, pixels, 1.0, 18) == (6, 3)
    assert affordable(stages, pixels, 1.0, 12) == (4, 2)
    assert affordable(stages, pixels, 1.0, 11) == (10,)
    assert affordable(stages, pixels, 1.0, 4) == (4,)
    assert affordable(stages, pixels, 1.0, 3) == ()
    assert affordable(stages, pixels, 0.1, 3) == (10, 5)


def test_a_picture_that_is_no_number_any_more_is_not_sent(
    painter: Painter, watch: Watch, request_for: Callable[..., RestylePicture]
) -> None:
    with torch.inference_mode(mode=False):
        painter.net.layers["conv1_1"].bias.fill_(torch.inf)
    with pytest.raises(RuntimeError, match="from its aim"):
        painter.forward([painter.preprocess(request_for(), 0)], watch)


def test_loading_says_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot load the weights.*models fetch painter"):
        load(MODEL, tmp_path)
    weights = load_file(folder / "model.safetensors")
    for lacking in ("layers.conv5_1.weight", "layers.conv3_2.bias"):
        kept = {name: weight for name, weight in weights.items() if name != lacking}
        save_file(kept, tmp_path / "model.safetensors")
        with pytest.raises(OperatorError, match=lacking.replace(".", r"\.")):
            load(MODEL, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(OperatorError, match="cannot load the weights"):
        load(MODEL, tmp_path)
    other = msgspec.structs.replace(MODEL, params=12_944_960)
    with pytest.raises(OperatorError, match=r"has [\d,]+ parameters; its entry .* 12,944,960"):
        load(other, folder)
    with pytest.raises(OperatorError, match="not in int8"):
        load(msgspec.structs.replace(MODEL, dtype="int8"), folder)


def test_the_weights_are_counted(painter: Painter) -> None:
    widths = [8, 8, 12, 12, *[16] * 4, *[24] * 5]
    pairs = zip([3, *widths], widths, strict=False)
    assert painter.size_bytes() == 4 * sum(9 * a * b + b for a, b in pairs)
    assert not any(weight.requires_grad for weight in painter.net.parameters())
