"""Teaching a small BigGAN: what is taught is what is served, and noise means what it should."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bot.catalogue.model import Model
from bot.catalogue.things import Listed
from bot.families.biggan import load
from bot.nets.biggan import Config, Generator
from bot.tasks.picture import Picture
from bot.tasks.text_to_image import ConjurePicture
from bot.tasks.things import Thing, Things
from bot.training.biggan import Learner, Pictures, begin, learn, plan_of, save, shown
from bot.training.emoji_things import FAVOURITES, kinds, taught
from bot.training.variations import MEANINGS, varied

SETTINGS: dict[str, Any] = {
    "channel_width": 16, "layers": [(True, 8, 4), (True, 4, 4), (True, 4, 2), (True, 2, 1)],
    "attention_layer_position": 1, "z_dim": 12, "class_embed_dim": 12, "n_stats": 5, "eps": 1e-4,
    "num_classes": 3,
}  # fmt: skip
CONFIG = Config.from_hub(SETTINGS)


def drawings() -> Tensor:
    """Three drawings (3, 4, 64, 64): a red disc, a blue box, a green bar."""
    down, across = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    masks = torch.stack((
        ((down - 32) ** 2 + (across - 32) ** 2 < 20**2),
        ((down - 32).abs() < 16) & ((across - 32).abs() < 16),
        ((across - 32).abs() < 8),
    )).float()  # fmt: skip
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.2]])
    return torch.cat((masks[:, None] * colours[:, :, None, None], masks[:, None]), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a short training leaves."""
    folder = tmp_path_factory.mktemp("conjure")
    figures, net = learn(drawings(), SETTINGS, folder, plan_of(120, seed=3))
    assert figures["psnr_db"] > 14
    listed = Listed(
        things=(("disc", "circle"), ("box",), ("bar",)), kinds={"shape": (0, 1)}, favourites=(0,)
    )
    save(net, SETTINGS, listed, folder)
    return folder


def test_what_is_taught_is_what_is_served() -> None:
    torch.manual_seed(0)
    learner = Learner(CONFIG)
    begin(learner.generator)
    torch.nn.init.constant_(learner.generator.attention.gain, 0.7)
    lesson = Pictures(learner, drawings())
    lesson.hold()
    luck = torch.Generator().manual_seed(0)
    noise = torch.randn(4, CONFIG.noise, generator=luck)
    classes = [[0], [1], [2], [0, 2]]
    net: Generator = learner.generator.eval()
    kinds_ = torch.stack([net.kind(numbers) for numbers in classes])
    with torch.inference_mode():
        together = shown(learner(noise, kinds_))
        for step in (0, 2, 4):
            alone = torch.stack([net(*pair, step) for pair in zip(noise, kinds_, strict=True)])
            torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)
    assert together.std(0).mean() > 1e-3  # they do differ


def test_the_norms_hold_the_statistics_of_the_beginning() -> None:
    torch.manual_seed(0)
    learner = Learner(CONFIG)
    begin(learner.generator)
    lesson = Pictures(learner, drawings())
    lesson.hold()
    norms = learner.generator.norms
    assert (norms.means == norms.means[0]).all()
    luck = torch.Generator().manual_seed(1)
    batch = lesson.batch(luck)
    before = norms.means.clone()
    lesson.loss(batch).backward()  # type: ignore[no-untyped-call]
    assert torch.equal(norms.means, before)  # looking at pictures changes them no more
    assert norms.variances.min() > 0


def test_the_same_seed_gives_the_same_net(tmp_path: Path) -> None:
    def taught(name: str, seed: int) -> dict[str, Tensor]:
        plan = plan_of(3, seed, mixed=2)
        return learn(drawings(), SETTINGS, tmp_path / name, plan, mixed=2)[1].state_dict()

    one, same, other = taught("one", 0), taught("same", 0), taught("other", 1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["start.weight"], other["start.weight"])


class Unhindered:
    """A run that nobody stops."""

    def check(self) -> None: ...

    def step(self, done: int, total: int, preview: Picture | None = None) -> None: ...


def test_a_taught_thing_is_drawn_as_it_was_shown(folder: Path) -> None:
    family = load(Model(id="small", task="conjure", family="biggan"), folder)
    wanted = varied(drawings(), torch.zeros(3, len(MEANINGS)))
    for name, number in (("circle", 0), ("box", 1), ("bar", 2)):
        request = ConjurePicture(what=name, truncation=0.1)
        (drawn,) = family.forward([family.preprocess(request, 0)], Unhindered())
        (picture,) = drawn.pictures
        errors = (wanted - picture).square().mean((1, 2, 3))
        assert errors.argmin() == number
        result = family.postprocess(drawn, request)
        levels = np.asarray(Image.open(io.BytesIO(result.pictures[0].data))).astype(int)
        middle = levels[96:160, 112:144].reshape(-1, 3).mean(0)
        assert middle.argmax() == (0, 2, 1)[number]  # red, blue, green
    assert result.note == "bar"
    assert family.things.find("shape") == (0, 1)


def test_noise_without_a_meaning_changes_nothing(folder: Path) -> None:
    net = load(Model(id="small", task="conjure", family="biggan"), folder).net
    noise = torch.zeros(CONFIG.noise)
    with torch.inference_mode():
        plain = net(noise, net.kind([0]), 4)
        noise[len(MEANINGS) :] = 2.0
        assert torch.equal(net(noise, net.kind([0]), 4), plain)
        noise[0] = 2.0
        assert not torch.equal(net(noise, net.kind([0]), 4), plain)


@pytest.mark.parametrize("meaning", range(len(MEANINGS)))
def test_each_number_means_something_and_half_of_it_half_as_much(meaning: int) -> None:
    noise = torch.zeros(3, len(MEANINGS))
    plain = varied(drawings(), noise)
    apart = []
    for much in (0.5, 1.0, 2.0):
        noise[:, meaning] = much
        changed = varied(drawings(), noise)
        assert changed.min() >= 0
        assert changed.max() <= 1
        apart.append((changed - plain).abs().mean().item())
    assert 0 < apart[0] < apart[1] < apart[2]


def test_no_noise_shows_a_drawing_on_white() -> None:
    plain = varied(drawings(), torch.zeros(3, len(MEANINGS)))
    torch.testing.assert_close(plain[:, :, 0, 0], torch.ones(3, 3))
    torch.testing.assert_close(plain[:, :, 32, 32], drawings()[:, :3, 32, 32])


def test_the_table_of_things_names_each_once() -> None:
    listed = [Thing(number, thing.names[0], thing.names) for number, thing in enumerate(taught())]
    titles = [thing.title for thing in listed]
    things = Things(listed, kinds(), [titles.index(name) for name in FAVOURITES])
    assert 150 <= len(titles) <= 250
    assert len(set(titles)) == len(titles)
    assert len({thing.drawing for thing in taught()}) == len(titles)
    assert len(set(FAVOURITES)) == 25
    for thing in listed:
        for name in thing.names:
            assert things.find(name) == (thing.number,)
    assert {"dog", "robin", "car"} & set(titles) == {"dog", "car"}
    assert things.find("dog")[0] in kinds()["animal"]
    assert things.find("car")[0] in kinds()["vehicle"]


def test_a_mixed_example_shows_two_things_half_transparent() -> None:
    torch.manual_seed(0)
    learner = Learner(CONFIG)
    begin(learner.generator)
    plain = Pictures(learner, drawings()).batch(torch.Generator().manual_seed(5))
    assert (plain.classes[:, 0] == plain.classes[:, 1]).all()
    mixed = Pictures(learner, drawings(), mixed=2).batch(torch.Generator().manual_seed(5))
    one, other, alone = mixed.classes.tolist()
    assert one == other[::-1]
    assert one[0] != one[1]
    assert alone[0] == alone[1]
    torch.testing.assert_close(mixed.pictures[2], plain.pictures[2])
    background = mixed.pictures[0, :, 0, 0]
    torch.testing.assert_close(background, plain.pictures[0, :, 0, 0])
    assert not torch.equal(mixed.pictures[0], plain.pictures[0])
