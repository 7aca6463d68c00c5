"""Tokenizers of the Python kind write the same through the Rust library, whole or as it grows."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.decoding.stops import GrowingText
from bot.families.vocabularies import load_tokenizer, pieces_of, writer_of
from tests.families import repositories

MAKERS: dict[str, Callable[[Path], Path]] = {
    "m2m100": repositories.m2m100,
    "marian": repositories.marian,
    "marian_many": lambda folder: repositories.marian(folder, ("de", "fr")),
    "manga_ocr": repositories.manga_ocr,
}


@pytest.mark.parametrize("kind", list(MAKERS))
def test_any_ids_read_the_same(kind: str, tmp_path: Path) -> None:
    tokenizer: Any = load_tokenizer(MAKERS[kind](tmp_path))
    assert getattr(tokenizer, "backend_tokenizer", None) is None
    writer = writer_of(tokenizer)
    ids = sorted(pieces_of(tokenizer).values())
    rng = random.Random(0)
    for _ in range(200):
        chosen = [rng.choice(ids) for _ in range(rng.randrange(1, 20))]
        expected = tokenizer.decode(chosen, skip_special_tokens=True)
        growing = GrowingText(writer)
        for id_ in chosen:
            growing.add(id_)
        if kind == "manga_ocr":  # its spaces are thrown away, all of them
            expected, text = "".join(expected.split()), "".join(growing.whole().split())
        else:
            text = growing.whole().strip()
        assert text == expected.strip(), tokenizer.convert_ids_to_tokens(chosen)
        assert writer.decode(chosen).split() == growing.whole().split()
