"""Conjuring things with a net of BigGAN's every layer and few channels."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.conversion.biggan import convert
from bot.catalogue.model import Model
from bot.catalogue.synthetic import biggan as synthetic
from bot.catalogue.things import Listed, write_things
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.biggan import (
    FRAMES,
    Conjurer,
    load,
    noise,
    picks,
    with_article,
)
from bot.families.pictures import SHOWN_SIDE
from bot.tasks.imagenet import imagenet
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.text_to_image import ConjurePicture

PARAMS = 125_093  # of the tiny stand-in
MODEL = Model(id="tiny", name="Tiny GAN", task="conjure", family="biggan", params=PARAMS)
NUMBERS = {one.title: one.number for one in imagenet().listed}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository, done = tmp_path_factory.mktemp("repository"), tmp_path_factory.mktemp("biggan")
    synthetic.write(repository, tiny=True)
    convert([repository / "pytorch_model.bin"], done, "float32")
    return done


@pytest.fixture(scope="module")
def family(folder: Path) -> Conjurer:
    return load(MODEL, folder)


@pytest.fixture
def conjure(answered: Callable[..., PicturesResult]) -> Callable[..., Picture]:
    def go(what: str, seed: int = 0, **options: Any) -> Picture:
        return answered(what, seed, **options).pictures[0]

    return go


@pytest.fixture
def answered(family: Conjurer, run: Any) -> Callable[..., PicturesResult]:
    def go(what: str, seed: int = 0, **options: Any) -> PicturesResult:
        request = ConjurePicture(what=what, **options)
        (drawn,) = family.forward([family.preprocess(request, seed)], run)
        return family.postprocess(drawn, request)

    return go


def pixels(picture: Picture) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(Image.open(io.BytesIO(picture.data))).astype(float)


def test_a_thing_is_drawn_large_enough_to_be_seen(conjure: Callable[..., Picture]) -> None:
    picture = conjure("goldfish", seed=7)
    assert (picture.width, picture.height) == (SHOWN_SIDE, SHOWN_SIDE)
    assert picture.alt_text == "A picture of a goldfish, drawn by Tiny GAN."
    image: Any = Image.open(io.BytesIO(picture.data))
    assert (image.mode, image.size) == ("RGB", (SHOWN_SIDE, SHOWN_SIDE))
    assert image.text == {
        "Software": "tiny", "What": "goldfish", "Truncation": "0.40", "Seed": "7",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    conjure: Callable[..., Picture],
) -> None:
    assert conjure("goldfish", 7).data == conjure("goldfish", 7).data
    assert np.abs(pixels(conjure("goldfish", 7)) - pixels(conjure("goldfish", 8))).mean() > 2


def test_classes_and_truncations_differ(conjure: Callable[..., Picture]) -> None:
    pictures = [
        pixels(conjure("goldfish")),
        pixels(conjure("castle")),
        pixels(conjure("goldfish + castle")),
        pixels(conjure("goldfish", truncation=0.1)),
        pixels(conjure("goldfish", truncation=1.0)),
    ]
    for number, one in enumerate(pictures):
        for other in pictures[:number]:
            assert np.abs(one - other).mean() > 2


def test_neighbours_in_a_batch_change_no_bit(family: Conjurer, run: Any) -> None:
    requests = [
        ConjurePicture(what="goldfish"),
        ConjurePicture(what="dog + castle", truncation=0.9, count=3),
        ConjurePicture(what="yurt", truncation=0.2),
    ]
    wishes = [family.preprocess(request, seed) for seed, request in enumerate(requests)]
    together = family.forward(wishes, run)
    assert len(together) == 3
    for wish, drawn in zip(wishes, together, strict=True):
        (alone,) = family.forward([wish], run)
        assert len(alone.pictures) == len(wish.noises)
        pairs = zip(drawn.pictures, alone.pictures, strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_each_of_several_is_had_alone_by_its_own_seed(
    family: Conjurer, answered: Callable[..., PicturesResult]
) -> None:
    several = family.preprocess(ConjurePicture(what="dog", count=9), 5)
    assert several.seeds == tuple(range(5, 14))
    for number, seed in enumerate(several.seeds):
        alone = family.preprocess(ConjurePicture(what="dog"), seed)
        assert torch.equal(several.noises[number], alone.noises[0])
        assert several.classes[number] == alone.classes[0]
    assert len({noise.sum().item() for noise in several.noises}) == 9
    shown = answered("dog", 5, count=4).pictures
    assert [file.alt_text for file in shown] == [
        answered("dog", seed).pictures[0].alt_text for seed in range(5, 9)
    ]
    assert shown[2].data == answered("dog", 7).pictures[0].data


def test_a_variation_is_closer_to_its_picture_than_another_one(family: Conjurer) -> None:
    (first,) = family.preprocess(ConjurePicture(what="dog"), 7).noises
    wish = family.preprocess(ConjurePicture(what="dog", near="7", count=4), 100)
    stranger = family.preprocess(ConjurePicture(what="dog", count=4), 100)
    for like, other in zip(wish.noises, stranger.noises, strict=True):
        assert torch.dist(first, like) < 0.7 * torch.dist(first, other)
        assert 0.7 * first.norm() < like.norm() < 1.4 * first.norm()
    assert set(wish.classes) == {family.preprocess(ConjurePicture(what="dog"), 7).classes[0]}
    again = family.preprocess(ConjurePicture(what="dog", near="7, 101"), 3).noises[0]
    assert torch.dist(wish.noises[1], again) < torch.dist(first, again)


@pytest.mark.parametrize(
    "near",
    [
        "seven", "-1", "1.5", "4294967296", "1 2 3 4 5 6 7 8 9",
        pytest.param("9" * 5000, id="more digits than Python reads"),
    ],
)  # fmt: skip
def test_what_is_no_seed_is_refused(family: Conjurer, near: str) -> None:
    with pytest.raises(UserError, match="takes the seed of a picture"):
        family.preprocess(ConjurePicture(what="dog", near=near), 0)


@pytest.mark.parametrize(
    ("what", "note"), [("goldfish + castle", "goldfish → castle"), ("yurt", "yurt")]
)
def test_a_walk_is_one_picture_that_moves_in_a_circle(
    answered: Callable[..., PicturesResult], what: str, note: str
) -> None:
    result = answered(what, 3, walk=True)
    (picture,) = result.pictures
    assert result.note == note
    assert picture.media_type == "image/gif"
    image: Any = Image.open(io.BytesIO(picture.data))
    assert (image.n_frames, image.info["loop"]) == (FRAMES, 0)
    assert b"Seed: 3" in image.info["comment"]
    assert "moving picture" in picture.alt_text
    frames = []
    for number in range(FRAMES):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB"), np.float32))
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    halves = np.abs(frames[0] - frames[FRAMES // 2]).mean()
    assert max(steps) < halves, "no step is as wide as the way"


def test_a_walk_and_several_pictures_are_two_wishes(family: Conjurer) -> None:
    with pytest.raises(UserError, match="one picture that moves"):
        family.preprocess(ConjurePicture(what="goldfish", count=2, walk=True), 0)


def test_a_kind_is_another_class_by_chance_and_the_same_by_seed(family: Conjurer) -> None:
    def drawn(seed: int) -> int:
        return family.preprocess(ConjurePicture(what="dog"), seed).classes[0][0]

    found = [drawn(seed) for seed in range(200)]
    assert found == [drawn(seed) for seed in range(200)]
    assert set(found) <= set(range(151, 269))
    assert len(set(found)) > 70


def test_of_several_pictures_of_a_kind_none_is_of_one_class_before_all_were() -> None:
    found = [picks([(281, 282, 283, 284, 285)], seed) for seed in range(3, 12)]
    assert {numbers[0] for numbers in found[:5]} == {281, 282, 283, 284, 285}
    assert found[5:] == found[:4]
    assert {picks([(1,), (2, 3)], seed) for seed in (0, 1)} == {(1, 2), (1, 3)}


def test_mixed_things_are_named_with_each_other(conjure: Callable[..., Picture]) -> None:
    picture = conjure("tabby cat+ sports car")
    image: Any = Image.open(io.BytesIO(picture.data))
    assert image.text["What"] == "tabby cat + sports car"
    assert picture.alt_text == (
        "A picture of a mixture of a tabby cat and a sports car, drawn by Tiny GAN."
    )


def test_what_was_drawn_is_said(answered: Callable[..., PicturesResult]) -> None:
    assert answered("Carassius auratus", count=2).note == "goldfish"
    result = answered("corgi", count=3)
    assert len(result.pictures) == 3
    one, two = "Cardigan Welsh corgi", "Pembroke Welsh corgi"
    assert result.note in (f"{one}, {two}, {one}", f"{two}, {one}, {two}")
    assert result.pictures[0].alt_text == (
        f"A picture of a {result.note.split(', ')[0]}, drawn by Tiny GAN."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("goldfish", "a goldfish"),
        ("airliner", "an airliner"),
        ("Irish setter", "an Irish setter"),
        ("sunglasses", "sunglasses"),
        ("parallel bars", "parallel bars"),
        ("bus", "a bus"),
        ("crane (bird)", "a crane (bird)"),
        ("unicycle", "a unicycle"),
        ("a + b + c", "a mixture of an a, a b and a c"),
    ],
)
def test_names_have_articles_that_fit(name: str, said: str) -> None:
    assert with_article(name) == said


def test_every_class_can_be_named_in_a_sentence() -> None:
    for one in imagenet().listed:
        assert with_article(one.title).endswith(one.title)


@pytest.mark.parametrize("truncation", [0.09, 1.01, -1.0, math.nan, math.inf])
def test_truncations_out_of_range_are_refused_with_it(family: Conjurer, truncation: float) -> None:
    with pytest.raises(UserError, match=r"it goes from 0\.1 \(.*\) to 1 \("):
        family.preprocess(ConjurePicture(what="goldfish", truncation=truncation), 0)


@pytest.mark.parametrize("count", [0, -1, 10])
def test_too_many_pictures_are_refused(family: Conjurer, count: int) -> None:
    with pytest.raises(UserError, match=f"ask for {count} pictures; from 1 to 9"):
        family.preprocess(ConjurePicture(what="goldfish", count=count), 0)


@pytest.mark.parametrize("change", [{"truncation": 2.0}, {"truncation": 0.0}, {"count": 10}])
def test_no_such_request_crosses_the_process_border(change: dict[str, Any]) -> None:
    data = msgspec.msgpack.encode({"type": "conjure", "what": "goldfish", **change})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(data, type=ConjurePicture)


def test_a_request_is_as_big_as_it_has_pictures() -> None:
    assert ConjurePicture(what="yurt", count=3).size() == 3 * ConjurePicture(what="yurt").size()


def test_truncation_is_taken_to_the_nearest_step_that_the_net_knows(family: Conjurer) -> None:
    wish = family.preprocess(ConjurePicture(what="yurt", truncation=0.431), 0)
    assert (wish.step, wish.truncation) == (22, pytest.approx(0.44))
    scaled = family.preprocess(ConjurePicture(what="yurt", truncation=1.0), 0).noises[0]
    torch.testing.assert_close(wish.noises[0], 0.44 * scaled)


@pytest.mark.parametrize(
    "what", ["", "  ", "\0", "🏳️", "كلب", "xyzzy", "a fish in a tall glass", "+"]
)
def test_what_is_no_name_is_refused_with_a_sentence(family: Conjurer, what: str) -> None:
    with pytest.raises(UserError, match=r"\.$"):
        family.preprocess(ConjurePicture(what=what), 0)


def test_noise_is_normal_and_cut_off() -> None:
    drawn = noise(200_000, 0.5, 1) / 0.5
    assert drawn.abs().max() <= 2
    normal = torch.distributions.Normal(0.0, 1.0)
    within = normal.cdf(torch.tensor(2.0)) - normal.cdf(torch.tensor(-2.0))
    for bound in (-1.5, -0.5, 0.0, 1.0):
        share = (normal.cdf(torch.tensor(bound)) - normal.cdf(torch.tensor(-2.0))) / within
        assert (drawn < bound).float().mean() == pytest.approx(share.item(), abs=0.005)


def test_steps_count_pictures_and_a_single_one_needs_none(family: Conjurer, run: Any) -> None:
    requests = [ConjurePicture(what="goldfish", count=2), ConjurePicture(what="yurt")]
    wishes = [family.preprocess(request, 0) for request in requests]
    family.forward(wishes[1:], run)
    assert run.steps == []
    assert run.checks == 6  # before the picture, and after each of five stages
    family.forward(wishes, run)
    assert run.steps == [(1, 3), (2, 3), (3, 3)]


def test_a_cancelled_run_ends_within_a_picture(family: Conjurer) -> None:
    class Cancelled:
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks == 3:
                raise Stopped

        def step(self, done: int, total: int, preview: Picture | None = None) -> None: ...

    cancelled = Cancelled()
    with pytest.raises(Stopped):
        family.forward([family.preprocess(ConjurePicture(what="yurt", count=9), 0)], cancelled)
    assert cancelled.checks == 3


def test_the_memory_is_counted(family: Conjurer, folder: Path) -> None:
    assert family.size_bytes() == family.net.size_bytes()
    assert family.size_bytes() > 0.9 * (folder / "model.safetensors").stat().st_size


def test_it_can_be_held_in_bfloat16(folder: Path, family: Conjurer, run: Any) -> None:
    with torch.inference_mode():  # as a worker does
        half = load(msgspec.structs.replace(MODEL, dtype="bfloat16"), folder)
        assert half.net.norms.weight.dtype == half.net.start.weight.dtype == torch.bfloat16
    wish = family.preprocess(ConjurePicture(what="yurt"), 0)
    ((one,), (other,)) = (f.forward([wish], run)[0].pictures for f in (half, family))
    assert (one - other).abs().max() < 0.05


def test_loading_says_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot load the BigGAN"):
        load(MODEL, tmp_path)
    with pytest.raises(OperatorError, match="not in int8"):
        load(msgspec.structs.replace(MODEL, dtype="int8"), folder)
    with pytest.raises(OperatorError, match=r"125,093 parameters; its entry .* 50,388,609"):
        load(msgspec.structs.replace(MODEL, params=50_388_609), folder)

    settings, weights = (folder / "config.json").read_text(), folder / "model.safetensors"
    (tmp_path / "config.json").write_text(settings)
    (tmp_path / "model.safetensors").write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(OperatorError, match="cannot load the BigGAN"):
        load(MODEL, tmp_path)
    tensors = load_file(weights)
    tensors.pop("to_rgb.bias")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(OperatorError, match=r"Missing key.*to_rgb\.bias"):
        load(MODEL, tmp_path)
    (tmp_path / "config.json").write_text(settings.replace("1000", "999"))
    tensors = load_file(weights)
    save_file({**tensors, "classes": tensors["classes"][:999]}, tmp_path / "model.safetensors")
    with pytest.raises(OperatorError, match=r"knows 999 classes; 1000 have names"):
        load(msgspec.structs.replace(MODEL, params=None), tmp_path)


def named(folder: Path, target: Path, count: int) -> Path:
    """Give the tiny net ``count`` things of its own in place of ImageNet's."""
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {**tensors, "classes": tensors["classes"][:4].contiguous()}, target / "model.safetensors"
    )
    settings = json.loads((folder / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(settings | {"num_classes": 4}))
    names = (("robot", "android"), ("ghost",), ("T-Rex",), ("rocket",))[:count]
    write_things(Listed(things=names, kinds={"being": (0, 1)}, favourites=(0, 1)), target)
    return target


def test_a_checkpoint_may_bring_its_own_things(folder: Path, tmp_path: Path, run: Any) -> None:
    family = load(msgspec.structs.replace(MODEL, params=None), named(folder, tmp_path, 4))
    request = ConjurePicture(what="androids + t rex", count=2)
    wish = family.preprocess(request, 0)
    assert wish.classes == ((0, 2), (0, 2))
    (drawn,) = family.forward([wish], run)
    result = family.postprocess(drawn, request)
    assert result.note == "robot + T-Rex"
    said = "A picture of a mixture of a robot and a T-Rex, drawn by Tiny GAN."
    assert result.pictures[0].alt_text == said
    assert {family.preprocess(ConjurePicture(what="being"), s).classes[0] for s in range(20)} == {
        (0,), (1,)
    }  # fmt: skip
    with pytest.raises(UserError, match="none of the English names of the 4 things"):
        family.preprocess(ConjurePicture(what="goldfish"), 0)


def test_things_that_do_not_fit_the_net_are_refused(folder: Path, tmp_path: Path) -> None:
    model = msgspec.structs.replace(MODEL, params=None)
    with pytest.raises(OperatorError, match="knows 4 classes; 3 have names here"):
        load(model, named(folder, tmp_path, 3))
    (tmp_path / "things.json").write_text("{")
    with pytest.raises(OperatorError, match="the list of things cannot be read"):
        load(model, tmp_path)


def test_weights_in_float16_are_calculated_with_in_float32(
    folder: Path, tmp_path: Path, family: Conjurer, run: Any
) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({name: t.half() for name, t in tensors.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    half = load(MODEL, tmp_path)
    assert {t.dtype for t in half.net.state_dict().values()} == {torch.float32}
    wish = family.preprocess(ConjurePicture(what="yurt"), 0)
    ((one,), (other,)) = (f.forward([wish], run)[0].pictures for f in (half, family))
    assert 0 < (one - other).abs().max() < 0.02


@pytest.fixture(scope="module")
def starter() -> Conjurer:
    """The net that ships with the bot."""
    model = Catalogue.load().get("emoji-biggan")
    return load(model, checkpoint_folder(model, Path("nowhere")))


@pytest.mark.parametrize(
    ("what", "channels"),
    [("tomato", (0,)), ("lemon", (0, 1)), ("fir tree", (1,)), ("dress", (2,)), ("heart", (0,))],
)
@pytest.mark.parametrize("truncation", [0.1, 0.4])
def test_the_starter_draws_things_in_their_colours(
    starter: Conjurer, run: Any, what: str, channels: tuple[int, ...], truncation: float
) -> None:
    for seed in range(3):
        wish = starter.preprocess(ConjurePicture(what=what, truncation=truncation), seed)
        (drawn,) = starter.forward([wish], run)
        (picture,) = drawn.pictures
        assert picture.shape == (3, 64, 64)
        assert picture[:, :3, :3].amin() > 0.75  # a light background
        middle = picture[:, 26:38, 26:38].mean((1, 2))
        others = [n for n in range(3) if n not in channels]
        assert min(middle[list(channels)]) > max(middle[others]) + 0.1


def test_the_starter_knows_its_things_by_all_their_names(starter: Conjurer) -> None:
    for thing in starter.things.listed:
        for name in thing.names:
            assert starter.things.find(name) == (thing.number,)
    assert len(starter.things.find("animal")) > 30
