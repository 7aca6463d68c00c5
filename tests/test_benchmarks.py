"""The parts of the benchmarks that decide what is compared, and what is said of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.contest.bandwidth import ceiling
from benchmarks.contest.contestant import Blocking, Contestant, Served, Waiting, drive
from benchmarks.contest.figures import figures, percentile
from benchmarks.contest.memory import Peak, parents_now, pss_mb, tree
from benchmarks.contest.race import INSTALL, Entry, Outcome, Race, words
from benchmarks.contest.report import Ratio, distance, ratios, table
from benchmarks.contest.tokenizers_offline import (
    byte_level,
    one_token_words,
    plain_ids,
)
from benchmarks.contest.workload import FIRST, Ask, Writer, all_at_once, poisson, spread
from bot.catalogue.synthetic.words import made_up_words


@pytest.fixture(scope="module")
def writer() -> Writer:
    """Return a writer over a small vocabulary."""
    return Writer(7, [(f" w{number}", number) for number in range(10, 200)], seed=1)


def test_a_vocabulary_has_its_size_and_prompts_are_as_many_tokens_as_ids() -> None:
    made_up = made_up_words(1_500)
    tokenizer = byte_level(2_000, made_up)
    known = one_token_words(tokenizer, made_up, 100)
    scribe = Writer(tokenizer.token_to_id(FIRST), known, seed=1)

    assert tokenizer.get_vocab_size() == 2_000
    for tokens in (8, 64, 128):
        text, ids = scribe.prompt(tokens)
        assert len(ids) == tokens
        assert tuple(tokenizer.encode(text).ids) == ids


def test_ids_that_are_no_plain_text_are_told_apart() -> None:
    tokenizer = byte_level(1_000, made_up_words(500))

    plain = plain_ids(tokenizer)

    assert not plain[999]  # the end of text
    assert plain[tokenizer.token_to_id("A")]
    assert not plain[tokenizer.token_to_id("ÿ")]  # a byte beyond ASCII
    assert sum(plain) > 800


def test_prompts_at_once_are_short_and_long_in_no_order(writer: Writer) -> None:
    asks = all_at_once(writer, 16)

    lengths = [len(ask.ids) for ask in asks]
    assert (min(lengths), max(lengths)) == (8, 128)
    assert lengths != sorted(lengths)
    assert len({ask.text for ask in asks}) == 16
    assert {ask.at_s for ask in asks} == {0.0}
    assert spread(16) == spread(16)


def test_arrivals_by_chance_are_the_same_in_every_run() -> None:
    words = [(f" w{number}", number) for number in range(10, 200)]

    one, two = (poisson(Writer(7, words, seed=1), 400, 10.0) for _ in range(2))

    assert one == two
    assert all(before.at_s <= after.at_s for before, after in itertools.pairwise(one))
    assert 30 < one[-1].at_s < 50  # ten a second
    assert 50 < sum(ask.new_tokens for ask in one) / 400 < 75
    assert all(1 <= ask.new_tokens <= 256 for ask in one)


def test_figures_count_from_each_arrival() -> None:
    served = [Served(0, 0.0, 1.0, 2.0, 10, ""), Served(1, 1.0, 2.5, 5.0, 30, "")]

    found = figures(served)

    assert found["tokens_per_s"] == 8.0
    assert found["latency_p50_s"] == 2.0
    assert found["latency_p95_s"] == 4.0
    assert found["first_p95_s"] == 1.5


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.0, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


class Echo(Contestant):
    """Answers at once with what it was sent."""

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        seen()
        return ask.text

    async def stop(self) -> None:
        pass


async def test_requests_are_sent_when_they_are_due() -> None:
    asks = [Ask(0, "a", (1,), 3), Ask(1, "b", (1,), 5, at_s=0.05)]

    first, second = await drive(Echo(Path()), asks)

    assert (first.text, second.text) == ("a", "b")
    assert second.tokens == 5
    assert second.first_s >= 0.05 > first.last_s


class Rows(Blocking):
    """Notes how many it is given at a time."""

    most = 3

    def load(self) -> None:
        self.sizes: list[int] = []

    def run(self, batch: list[Waiting]) -> None:
        self.sizes.append(len(batch))
        for waiting in batch:
            if waiting.ask.text == "bad":
                raise ValueError("bad")
            waiting.answer.set_result(waiting.ask.text)


async def test_what_blocks_takes_what_waits_and_its_faults_reach_who_asked() -> None:
    rows = Rows(Path())
    working = asyncio.create_task(asyncio.to_thread(rows.work))

    served = await drive(rows, [Ask(number, f"{number}", (1,), 1) for number in range(5)])
    with pytest.raises(ValueError, match="bad"):
        await rows.ask(Ask(9, "bad", (1,), 1), lambda: None)
    await rows.stop()
    await working

    assert [one.text for one in served] == ["0", "1", "2", "3", "4"]
    assert max(rows.sizes) <= 3
    assert sum(rows.sizes) == 6


def test_a_tree_of_processes_is_found_with_its_grandchildren() -> None:
    assert tree(1, {2: 1, 3: 2, 4: 9, 5: 3}) == {1, 2, 3, 5}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_peak_counts_children() -> None:
    code = "import sys; block = bytearray(60_000_000); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert parents_now()[child.pid] == os.getpid()
        with Peak(child.pid, every_s=0.01) as peak:
            while not peak.mb:
                pass
        child.communicate()

    assert 55 < peak.mb < 200
    assert pss_mb(child.pid) == 0.0


def test_a_rival_that_is_not_installed_is_named(tmp_path: Path) -> None:
    entry = Entry(key="z", title="nobody", where="none:None", needs=("no_such_package",))

    outcome = Race(tmp_path, {"warm": [], "closed": []}, 1.0).run(entry)

    assert outcome.error == INSTALL
    assert INSTALL in "\n".join(table([outcome], "closed", {}))


def measured(key: str, speed: float, dtype: str = "float32", first_s: float = 1.0) -> Outcome:
    """Return an outcome of that speed in both workloads."""
    found = {
        "requests": 16,
        "tokens_per_s": speed,
        "latency_p50_s": 1.0,
        "latency_p95_s": 1.0,
        "first_p50_s": first_s,
        "first_p95_s": first_s,
    }
    return Outcome(key, key, dtype, figures={"closed": found, "open": found}, texts={0: "a"})


def test_ratios_are_of_the_product_as_it_comes_at_equal_precision() -> None:
    tuned = measured("ours-paged-fp32-1x2", 900.0)
    tuned.settings = {"inference": {"workers": 1}}
    outcomes = [
        measured("a", 20.0, first_s=40.0),
        measured("b", 100.0),
        measured("e-int8", 300.0, "int8"),
        measured("ours-torch-fp32", 110.0),
        measured("ours-paged-fp32", 300.0, first_s=2.0),
        tuned,
        measured("ours-paged-int8", 700.0, "int8"),
    ]

    found = {ratio.what: ratio for ratio in ratios(outcomes, ("ours-paged-fp32",))}

    assert found["(a), all at once, exact fp32"].value == 15.0
    assert found["(a), all at once, exact fp32"].passed
    assert found["(a), all at once, best dtype of good quality"].value == 15.0  # int8 is not gated
    assert found["(a), all at once, torch runtime in fp32"].value == 5.5
    assert found["(a)'s p95 time to first token, all at once"].passed
    assert found["(e) CTranslate2 int8, all at once"].value == round(700 / 300, 4)
    assert found["(c) generate_batch, Poisson, exact fp32"].passed is None
    assert "not measured" in found["(c) generate_batch, Poisson, exact fp32"].line()


def test_a_bar_that_is_missed_says_so() -> None:
    assert "FAIL" in Ratio("x", 2.0, 3.0).line()
    assert "pass" in Ratio("x", 0.05, 0.1, below=True).line()


def test_the_ceiling_is_a_step_of_all_rows_for_each_reading_of_the_weights() -> None:
    assert ceiling(10.0, 16, 1e9, 0.0) == 160.0
    assert ceiling(10.0, 10, 1e9, 1e8) == 50.0

    far = distance([measured("e-int8", 40.0, "int8")], 10.0, 16, 1_000_000_000, 0.0)

    assert far == {"e-int8": {"ceiling": 160.0, "share": 0.25}}


def test_answers_equal_to_the_reference_are_counted() -> None:
    lines = table([measured("b", 1.0)], "closed", {0: "a", 1: "b"})

    assert lines[-1].endswith("1/2")


def test_settings_read_as_words() -> None:
    assert words({}) == words({"inference": {}, "model": {}}) == "as it comes"
    assert words({"inference": {"workers": 1}, "batch": 8}) == "workers 1, batch 8"
