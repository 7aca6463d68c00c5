"""Emoji as lessons: captions, colours, scenes, codes; and small nets that are taught by them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from bot.families.dalle_mini import read_config
from bot.nets.vqgan import VQGANDecoder
from bot.training import dalle_mini, emoji_art, patches, vqgan
from bot.training.emoji_art import SIDE, Drawing
from bot.training.emoji_scenes import (
    COLOURS,
    Scenes,
    article,
    called,
    mood,
    on,
    plural,
    recoloured,
    shrunk,
    things,
)


def disc(red: int, green: int, blue: int) -> Tensor:
    """A drawing: a disc of one colour with a darker lower half, nothing around it."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    inside = (x - SIDE // 2) ** 2 + (y - SIDE // 2) ** 2 < (SIDE // 3) ** 2
    levels = torch.tensor([red, green, blue, 255])[:, None, None] * inside
    levels[:3, SIDE // 2 :] = levels[:3, SIDE // 2 :] * 2 // 3
    return levels.to(torch.uint8)


DRAWINGS = [
    Drawing(("apple", "red apple"), ("fruit",), "apple", disc(220, 30, 40)),
    Drawing(("crying cat",), (), "cat", disc(250, 190, 40)),
    Drawing(("full moon",), ("lunar", "night"), None, disc(240, 220, 120)),
    Drawing(("rock",), (), "rock", disc(130, 130, 132)),
]


def luck(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", list(COLOURS))
@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.names[0])
def test_a_drawing_takes_the_colour_and_keeps_its_shades(drawing: Drawing, name: str) -> None:
    painted = recoloured(drawing.picture, name).float() / 255
    assert torch.equal(painted[3], drawing.picture[3].float() / 255)
    wanted = torch.tensor(COLOURS[name])
    middle = SIDE // 2
    above, below = painted[:3, middle - 8, middle], painted[:3, middle + 8, middle]
    whole = (above + below) / 2
    nearest = min(COLOURS, key=lambda c: float((torch.tensor(COLOURS[c]) - whole).norm()))
    assert nearest == name, (whole, wanted)
    assert above.sum() > below.sum()


def test_what_is_put_on_a_colour_hides_it_only_where_it_is() -> None:
    picture = on(DRAWINGS[0].picture, (0.0, 0.0, 1.0))
    assert picture[:, 0, 0].tolist() == [0.0, 0.0, 1.0]
    assert picture[0, SIDE // 2 - 8, SIDE // 2] > 0.8


def test_what_is_made_smaller_keeps_its_colour_at_its_edge() -> None:
    small = shrunk(DRAWINGS[0].picture, 16)
    edge = (small[3] > 0.2) & (small[3] < 0.8)
    assert edge.any()
    assert bool((small[0][edge] > 0.5).all())


def test_held_pairs_are_never_shown() -> None:
    held = {("apple", "green"), ("cat", "blue")}
    scenes = Scenes(DRAWINGS, held)
    captions = [scenes.scene(source).caption for source in (luck(1),) for _ in range(3000)]
    for thing, colour in held:
        assert not any(f"{colour} {thing}" in caption for caption in captions)
    assert any("green cat" in caption for caption in captions)
    assert any(" and " in caption for caption in captions)
    assert any(caption.startswith("two ") for caption in captions)


def test_the_same_luck_gives_the_same_scenes() -> None:
    one, other = (
        [Scenes(DRAWINGS).scene(source) for source in (luck(5),) for _ in range(20)]
        for _ in range(2)
    )
    assert [scene.caption for scene in one] == [scene.caption for scene in other]
    assert all(torch.equal(a.picture, b.picture) for a, b in zip(one, other, strict=True))
    assert {tuple(scene.picture.shape) for scene in one} == {(3, SIDE, SIDE)}


def test_words_for_drawings() -> None:
    assert mood("crying cat face") == "sad cat face"
    assert [plural(word) for word in ("fox", "cat", "bus")] == ["foxes", "cats", "buses"]
    said = {article("apple", source) for source in (luck(2),) for _ in range(50)}
    assert said == {"apple", "the apple", "an apple"}
    names = {called(DRAWINGS[2], source) for source in (luck(3),) for _ in range(200)}
    assert {"full moon", "lunar", "night"} <= names
    assert list(things(DRAWINGS)) == ["rock", "cat", "apple"]


def test_patches_tell_pictures(tmp_path: Path) -> None:
    scenes = Scenes(DRAWINGS)
    source = luck(4)
    pictures = torch.stack([scenes.scene(source).picture for _ in range(60)])
    few, many = (patches.Eyes(patches.learn(pictures, codes=n, rounds=4)) for n in (8, 128))
    errors = [patches.psnr_db(eyes.pasted(eyes.codes(pictures)), pictures) for eyes in (few, many)]
    assert errors[0] + 3 < errors[1]
    assert few.codes(pictures).shape == (60, (SIDE // patches.PATCH) ** 2)


def art(folder: Path) -> None:
    """Two emoji in archives as npm packs them."""
    entries = [
        {"name": "CAR", "unified": "1F697", "image": "1f697.png", "short_name": "car",
         "category": "Travel & Places", "subcategory": "transport-ground", "sort_order": 2},
        {"name": "FLAG", "unified": "1F6A9", "image": "1f6a9.png", "short_name": "flag",
         "category": "Flags", "subcategory": "flag", "sort_order": 1},
    ]  # fmt: skip
    note = {"default": ["auto", "automobile", "drive"], "tts": ["automobile"]}
    words = {"annotations": {"annotations": {"\U0001f697": note}}}
    picture = io.BytesIO()
    Image.new("RGBA", (72, 72), (200, 0, 0, 255)).save(picture, "PNG")
    files = {"package/emoji.json": json.dumps([e | {"has_img_google": True} for e in entries])}
    pictures = {"package/img/google/64/1f697.png": picture.getvalue()}
    _pack(folder / "emoji-datasource-google-16.0.0.tgz", files, pictures)
    annotations = {"package/annotations/en/annotations.json": json.dumps(words)}
    _pack(folder / "cldr-annotations-full-48.0.0.tgz", annotations, {})


def _pack(path: Path, texts: dict[str, str], blobs: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {**{n: t.encode() for n, t in texts.items()}, **blobs}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_the_archives_are_read(tmp_path: Path) -> None:
    art(tmp_path)
    (car,) = emoji_art.read(tmp_path)
    assert car.names == ("automobile", "car")
    assert car.thing == "car"
    assert set(car.keywords) == {"auto", "drive"}
    assert car.picture.shape == (4, SIDE, SIDE)


@pytest.mark.slow
def test_both_nets_are_taught_and_leave_a_checkpoint_that_the_family_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    art(data)
    out = tmp_path / "out"
    out.mkdir()
    scenes = Scenes(emoji_art.read(data))
    pictures = torch.stack(
        [scenes.scene(source).picture for source in (luck(),) for _ in range(40)]
    )
    found = patches.learn(pictures, rounds=1)
    filled = torch.cat([found, torch.rand(vqgan.CONFIG.codes - len(found), found.shape[1])])
    patches.save_file({"patches": filled}, out / patches.FILE)
    for module in (vqgan, dalle_mini):
        monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(vqgan, "TESTED", 2)
    monkeypatch.setattr(dalle_mini, "CAPTIONS", 200)
    figures = vqgan.train(out, data, steps=2)
    assert 0 < figures["psnr_db"] < 60
    figures = dalle_mini.train(out, data, steps=2)
    assert figures["nats_per_code"] > 0
    net, drawer = read_config(out / "config.json")
    assert (net, drawer) == (dalle_mini.CONFIG, vqgan.CONFIG)
    assert VQGANDecoder(drawer).config.square ** 2 == net.image_length
    assert {path.name for path in out.iterdir()} >= {"model.safetensors", "tokenizer.json"}
    told = (out / "taught.txt").read_text().split()
    assert {"red", "two", "beside"} < set(told)
    assert told == sorted(told)
