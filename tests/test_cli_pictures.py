"""``ask imagine`` as a person meets it: pictures of a small DALL-E mini, through a real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bot.catalogue.conversion.flax import convert
from bot.catalogue.synthetic.dalle_mini import write

ROOT = Path(__file__).parents[1]
CONFIG = """
[inference]
threads = 1

[[model]]
id = "small-dalle"
task = "imagine"
family = "dalle_mini"
checkpoint = "small"
dtype = "bfloat16"
defaults = { temperature = 1.0, top_k = 0, top_p = 1.0, guidance = 4.0, pictures = 3 }
"""

Imagine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def imagine(tmp_path: Path) -> Imagine:
    (tmp_path / "hub").mkdir()
    (tmp_path / "small").mkdir()
    write(tmp_path / "hub", tiny=True)
    convert(sorted((tmp_path / "hub").rglob("*.msgpack")), tmp_path / "small", "bfloat16")
    (tmp_path / "config.toml").write_text(CONFIG)

    def ask(prompt: str, *options: str) -> subprocess.CompletedProcess[str]:
        environ = {
            **{k: v for k, v in os.environ.items() if k != "DISCORD_TOKEN"},
            "PYTHONPATH": str(ROOT),
            "MENAGERIE_CACHE": str(tmp_path / "cache"),
            "MENAGERIE_STATE": str(tmp_path / "state"),
        }
        command = [sys.executable, "-m", "bot", "ask", "imagine", "--text", prompt, *options]
        return subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100
        )

    return ask


def test_pictures_are_written_side_by_side(imagine: Imagine, tmp_path: Path) -> None:
    done = imagine("a fox, 日本", "--out", "fox.png", "--set", "seed=5")
    note = "The model reads English words, none of these letters: 日本"
    assert done.stdout.splitlines() == [note, "fox-1.png", "fox-2.png", "fox-3.png"], done.stderr
    for number in (1, 2, 3):
        with Image.open(tmp_path / f"fox-{number}.png") as image:
            assert image.size == (256, 256)
            assert image.info["Seed"] == f"5, picture {number}"


def test_one_picture_keeps_its_name_and_json_says_where_it_is(
    imagine: Imagine, tmp_path: Path
) -> None:
    done = imagine("a fox", "--out", "fox.png", "--set", "count=1", "--set", "seed=5", "--json")
    said = json.loads(done.stdout)
    assert (said["seed"], said["result"]["note"]) == (5, "")
    (picture,) = said["result"]["pictures"]
    assert (picture["path"], picture["data"]) == ("fox.png", None)
    assert picture["alt_text"] == "A picture, drawn from the words: a fox"
    with Image.open(tmp_path / "fox.png") as image:
        assert image.size == (256, 256)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--set", "count=5"), "Expected `int` <= 4"),
        (("--set", "count=0"), "Expected `int` >= 1"),
    ],
)
def test_more_pictures_than_there_are_to_be_had_are_refused(
    options: tuple[str, ...], sentence: str, imagine: Imagine
) -> None:
    done = imagine("a fox", *options)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_a_prompt_of_links_is_refused_with_a_sentence(imagine: Imagine) -> None:
    done = imagine("https://example.com")
    assert done.returncode == 1
    assert "nothing in this prompt that the model can read" in done.stdout + done.stderr
