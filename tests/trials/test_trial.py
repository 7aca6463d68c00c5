"""A trial by the ordinary way: a stand-in, a conversion, a worker, jobs; and how it goes wrong."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import is_present, verify
from bot.catalogue.model import Model
from bot.config import Inference
from bot.errors import OperatorError
from bot.trials import trial
from bot.trials.trial import Settings, is_large, try_out

SMALLEST = "recommender-transformers"


def settings_of(folder: Path, said: list[str] | None = None) -> Settings:
    return Settings(
        inference=Inference(threads=1),
        environ=os.environ,
        cache=folder / "cache",
        starters=folder / "starters",
        runs=1,
        tell=(said if said is not None else []).append,
    )


async def test_a_model_is_brought_converted_loaded_and_asked(tmp_path: Path) -> None:
    model, said = Catalogue.load().get(SMALLEST), []
    settings = settings_of(tmp_path, said)
    measured = await try_out(model, settings)
    assert measured.id == SMALLEST
    assert measured.weights == "synthetic"
    assert measured.threads == 1
    assert measured.convert_s is not None
    assert measured.load_s > 0
    assert measured.peak_mb > measured.own_mb > 100  # torch alone is more
    (timing,) = measured.job
    assert timing.best_s > 0
    assert [line.rpartition(": ")[2] for line in said[1:4]] == ["converting", "checking", "loading"]
    assert is_present(model, settings.cache)
    assert verify(model, settings.cache) == []
    assert not (settings.cache / "synthetic" / SMALLEST).exists()
    said.clear()
    again = await try_out(model, settings)  # what is kept is used
    assert (again.convert_s, again.fetched_mb) == (measured.convert_s, measured.fetched_mb)
    assert said[0] == f"{SMALLEST}: loading"


@pytest.mark.slow
async def test_a_model_that_does_not_load_says_why(tmp_path: Path) -> None:
    model = msgspec.structs.replace(Catalogue.load().get(SMALLEST), params=77)
    with pytest.raises(OperatorError, match="has 389,371 parameters"):
        await try_out(model, settings_of(tmp_path))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Model(id="x", task="complete", family="causal_lm", repo="no/such"), "nothing stands in"),
        (Model(id="x", task="complete", family="causal_lm", checkpoint="own"), "not of the hub"),
    ],
)
async def test_what_has_no_stand_in_is_refused(model: Model, said: str, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=said):
        await try_out(model, settings_of(tmp_path))


async def test_a_starter_is_tried_with_its_own_weights_only(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="Fetch them first"):
        await try_out(Catalogue.load().get("magenta-styles"), settings_of(tmp_path))


async def test_a_disk_without_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(folder: Path, needed_bytes: int) -> None:
        assert needed_bytes > 24_000_000_000
        raise OperatorError("no room")

    monkeypatch.setattr(trial, "check_room", no_room)
    with pytest.raises(OperatorError, match="no room"):
        await try_out(Catalogue.load().get("gpt-j-6b"), settings_of(tmp_path))


def test_what_takes_gigabytes_is_large() -> None:
    large = {model.id for model in Catalogue.load() if is_large(model)}
    assert large >= {"gpt-j-6b", "opt-2.7b", "opt-66b"}
    assert not large & {"gpt2", "bart-large-cnn", "opt-1.3b"}
