"""Figures of trials: the file that keeps them, and the page that is made of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bot.catalogue.catalogue import Catalogue, has_family
from bot.catalogue.entries import packaged_models
from bot.catalogue.model import Model
from bot.cli_check import MEASURED, as_text, told
from bot.errors import OperatorError
from bot.trials.asks import ASKS, asks_of
from bot.trials.measured import Measured, Timing, read, record
from bot.trials.page import models_page

PAGE_OF_LINES = Timing(
    what="a page of 10 lines", first_s=9.0, best_s=8.0, parts=10, part="line", bar_s=1.0
)
TEXT = Timing(what='64 "tokens"', first_s=2.0, best_s=1.6, tokens=64, bar_s=1.0)
GPT2 = Measured(
    id="gpt2", date="2026-11-23", machine="2 cores, 25 GB of memory", threads=2,
    weights="synthetic", fetched_mb=553, disk_mb=500, params=124_439_808, convert_s=3.5,
    load_s=1.2, peak_mb=900, own_mb=600, note="as it is", job=(TEXT, PAGE_OF_LINES),
)  # fmt: skip


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "measured.toml"
    assert read(path) == {}
    record(path, GPT2, ["gpt2"])
    assert read(path) == {"gpt2": GPT2}


def test_a_record_replaces_the_older_one_and_keeps_the_catalogues_order(tmp_path: Path) -> None:
    path = tmp_path / "measured.toml"
    for model_id in ("c", "a", "gone", "b"):
        record(path, msgspec.structs.replace(GPT2, id=model_id), ["a", "b", "c", "gone"])
    newer = msgspec.structs.replace(GPT2, id="b", load_s=9.0)
    record(path, newer, ["a", "b", "c"])
    found = read(path)
    assert list(found) == ["a", "b", "c"]
    assert found["b"] == newer


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "measured.toml"
    path.write_text('[[model]]\nid = "gpt2"\nspeed = 3\n')
    with pytest.raises(OperatorError, match=r"measured\.toml"):
        read(path)


def test_figures_follow_from_figures() -> None:
    assert PAGE_OF_LINES.each_s == pytest.approx(0.8)
    assert PAGE_OF_LINES.met is True
    assert TEXT.met is False
    assert TEXT.tokens_per_s == pytest.approx(40.0)
    assert PAGE_OF_LINES.tokens_per_s is None
    assert [job["met"] for job in told(GPT2)["job"]] == [False, True]  # type: ignore[attr-defined]


def test_people_read_what_a_model_takes_and_whether_bars_are_met() -> None:
    assert as_text(GPT2).splitlines() == [
        "gpt2 (weights of chance; 2 cores, 25 GB of memory; threads: 2)",
        "  553 MB fetched, 500 MB on disk, converted in 3.5 s",
        "  loaded in 1.2 s; 900 MB of memory at most, 600 MB of them its own",
        "  as it is",
        '  64 "tokens": 1.60 s (the first 2.00 s), 40.0 tokens/s; the bar of 1 s is NOT met',
        "  a page of 10 lines: 8.00 s (the first 9.00 s), 0.80 s a line; the bar of 1 s is met",
    ]


def test_the_page_tells_what_the_catalogue_says_and_what_was_measured() -> None:
    (entry,) = (model for model in packaged_models() if model.id == "gpt2")
    page = models_page([entry], {"gpt2": GPT2})
    assert "Measured on: 2 cores, 25 GB of memory, threads: 2 (2026-11-23)." in page
    assert "## /complete" in page
    assert "### GPT-2" in page
    for told_there in (
        "- licence: MIT; by OpenAI",
        "- parameters: 124 million",
        "- memory: 900 MB (600)",
        "- on disk: 553 MB to fetch, written anew in 3.5 s as 500 MB",
        "- limits: 8,000 characters, 1,024 tokens read, 256 written, 120 s",
        '64 "tokens" in 1.6 s, 40 tokens/s (the bar is 1 s: not met)',
        "0.8 s a line (the bar is 1 s: met)",
    ):
        assert told_there in page


def test_the_page_tells_what_is_known_of_a_model_that_nobody_measured() -> None:
    model = Model(
        id="big", name="Big", task="complete", family="causal_lm", repo="a/b", params=3_000_000_000,
        status="too-big", reason="it is big.", licence="its own", licence_url="https://a/b",
        acknowledge="own", languages=("de", "en"),
    )  # fmt: skip
    page = models_page([model], {})
    assert "Measured on" not in page
    assert "- status: too-big: it is big." in page
    assert "- licence: [its own](https://a/b), to be accepted as `own`" in page
    assert "- memory: at least 12,001 MB" in page
    assert "- languages: 2: de, en" in page


def test_titles_that_would_share_an_anchor_get_no_link() -> None:
    page = models_page(
        [
            Model(id=n, name=n, task="fill", family="x", repo="a/b")
            for n in ("x-1.3b", "x-13b", "y")
        ],
        {},
    )
    assert "| x-1.3b |" in page
    assert "[y](#y)" in page


def test_every_task_of_the_catalogue_can_be_asked_for_with_its_own_request() -> None:
    for model in Catalogue.load():
        for ask in asks_of(model):
            assert ask.request.task() == model.tasks[0]
    with pytest.raises(OperatorError, match="how to try out"):
        asks_of(Model(id="x", task="sing", family="x", repo="a/b"))
    assert set(ASKS) >= {model.tasks[0] for model in Catalogue.load()}


def test_an_ask_lowers_what_a_model_writes_and_leaves_the_rest() -> None:
    (model,) = (entry for entry in packaged_models() if entry.id == "bart-large-cnn")
    for ask in asks_of(model):
        entry = ask.entry(model)
        assert entry.limits.max_new_tokens == ask.new_tokens
        assert entry.limits.max_input_chars == model.limits.max_input_chars
        assert entry.defaults.beams == ask.beams
    assert {ask.beams for ask in asks_of(model)} == {model.defaults.beams, 4}


def test_what_was_measured_is_of_models_that_there_are() -> None:
    known = {model.id: model for model in packaged_models()}
    for model_id, one in read(MEASURED).items():
        assert has_family(known[model_id].family)
        assert one.params == known[model_id].params
        assert one.weights == ("its own" if known[model_id].starter else "synthetic")
