"""Training a head on made-up moods, and which sentences are kept apart while doing so."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families import sentences
from bot.tasks.text_to_text import ClassifySentiment
from bot.training import ratings_of_mood, sentiment
from bot.training.ratings_of_mood import Rated, parsed, part, read
from tests.families import minilm
from tests.families.conftest import CountingRun

GOOD, BAD = ("good", "loved"), ("bad", "hated")
REST = ("film", "story", "city", "fox", "river", "cat")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.encoder(tmp_path_factory.mktemp("minilm"))


def table() -> str:
    """Return sentences as VADER's files have them: the mood hangs on one word."""
    texts = [
        (f"{first} {word} {second} {third}", 2.0 if word in GOOD else -2.0)
        for word in (*GOOD, *BAD)
        for first in REST
        for second in REST
        for third in REST[:4]
    ]
    return "\n".join(f"{number}\t{score}\t{text}" for number, (text, score) in enumerate(texts))


def rows() -> list[Rated]:
    return [row for domain in sentiment.DOMAINS for row in parsed(domain, table())]


def test_sentences_are_read_and_parted_always_the_same() -> None:
    found = parsed("movie", table())
    parts = [row.part for row in found]
    assert 0.15 < parts.count("test") / len(parts) < 0.25
    assert 0.02 < parts.count("tune") / len(parts) < 0.1
    assert parts == [row.part for row in parsed("movie", table())]
    (one,) = parsed("tweets", "7\t-1.5\tTom &amp; Ann\tare sad ")
    assert (one.text, one.score, one.domain) == ("Tom & Ann\tare sad", -1.5, "tweets")


def test_sentences_of_one_review_are_never_parted() -> None:
    lines = "\n".join(
        f"{review}_{n}\t0.1\tsentence {n} of {review}" for review in range(90) for n in range(5)
    )
    found = parsed("amazon", lines)
    for review in range(90):
        assert len({row.part for row in found if row.text.endswith(f" of {review}")}) == 1
    assert {row.part for row in found} == {"train", "tune", "test"}


def test_texts_that_differ_in_marks_only_are_never_parted() -> None:
    lines = [f"{n}\t1\tHello {chr(97 + n % 26) * (n % 7 + 1)}" for n in range(150)]
    twins = [f"{line}!! :)" for line in lines]
    found = parsed("tweets", "\n".join(lines))
    assert [row.part for row in found] == [row.part for row in parsed("tweets", "\n".join(twins))]
    assert len({row.part for row in found}) == 3


def test_the_split_is_what_the_published_figures_are_of() -> None:
    assert [part(f"movie{n}") for n in "abcdefgh"] == [
        "train", "train", "tune", "train", "test", "test", "test", "test",
    ]  # fmt: skip


def test_another_package_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vaderSentiment-9.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x"), io.BytesIO())
    with pytest.raises(OperatorError, match="not the source package"):
        read(path)


def test_the_package_is_read_through_both_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packed(files: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return out.getvalue()

    names = ratings_of_mood.FILES.items()
    inner = packed({f"hutto/{name}": f"1\t0.5\tof {d}".encode() for d, name in names})
    path = tmp_path / "package.tar.gz"
    path.write_bytes(packed({f"vader-1/{ratings_of_mood.INNER}": inner}))
    monkeypatch.setattr(ratings_of_mood, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    assert [(row.domain, row.text) for row in read(path)] == [(d, f"of {d}") for d, _ in names]


def test_a_head_learns_and_serves_what_it_has_learnt(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentiment, "LEARNING_RATE", 2e-3)
    kept = tmp_path / "states.pt"
    figures = sentiment.train(
        rows(), encoder, tmp_path / "a", epochs=3, below=1, tell=lambda _: None, kept=kept
    )
    assert figures["test"]["movie"]["accuracy"] > 0.95
    assert figures["test"]["nyt"]["accuracy"] > 0.95  # not learnt from
    json.dumps(figures)
    again = sentiment.train(
        rows(), encoder, tmp_path / "b", epochs=3, below=1, tell=lambda _: None, kept=kept
    )
    assert {**again, "train_s": 0} == {**figures, "train_s": 0}
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {weight.dtype for weight in first.values()} == {torch.float16}

    monkeypatch.setattr(sentences, "HEAD", tmp_path / "a")
    model = Model(id="x", task="sentiment", family="sentences", checkpoint="x")
    family = sentences.load(model, encoder)
    inputs = [
        family.preprocess(ClassifySentiment(text=f"city {w} fox cat"), 0) for w in (*GOOD, *BAD)
    ]
    ratings = family.forward(inputs, CountingRun())
    assert [rating > 0.5 for rating in ratings] == [True, True, False, False]  # type: ignore[operator]
    assert [rating < -0.5 for rating in ratings] == [False, False, True, True]  # type: ignore[operator]
