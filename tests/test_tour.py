"""docs/tour.md shows every command for which a starter stands, and its pictures are light."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.catalogue.catalogue import Catalogue

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "tour.md"
PICTURE = re.compile(r"^!\[[^\]]*\]\((tour/[^)]+)\)$", re.MULTILINE)
FOLDER_BYTES = 1_500_000


def tasks() -> list[str]:
    return sorted({task for model in Catalogue.load() if model.starter for task in model.tasks})


def section(title: str) -> str:
    """Return the text below a heading of the page, up to the next one."""
    found = re.search(
        rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S
    )
    assert found is not None, f"run `make tour`: docs/tour.md has no section {title}"
    return found[1]


@pytest.mark.parametrize("task", tasks())
def test_the_tour_stops_at_every_command_that_a_starter_answers(task: str) -> None:
    told = section(f"/{task}")
    assert f"\n/{task} " in told
    starters = [model for model in Catalogue.load().for_task(task) if model.starter]
    answered = {model.title for model in starters if f"-# {model.title} · starter model" in told}
    assert answered, f"run `make tour`: no starter of today answers /{task} in docs/tour.md"


def test_the_tour_asks_with_a_context_and_reads_a_manga_page() -> None:
    assert "context:" in section("/ask, with a context")
    assert "image:manga.png" in section("/ocr, a manga page")


def test_the_pictures_are_those_of_the_page_and_light() -> None:
    shown = PICTURE.findall(PAGE.read_text("utf-8"))
    there = {f"tour/{path.name}" for path in (DOCS / "tour").iterdir()}
    assert set(shown) == there
    assert sum((DOCS / name).stat().st_size for name in there) <= FOLDER_BYTES
