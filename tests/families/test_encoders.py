"""Windows of tokens: nothing of a text is lost, none is too long, and batches cost least."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalogue.model import Model
from bot.errors import UserError
from bot.families import classifier, extractive_qa
from bot.families.encoders import BATCH_COST, BATCH_TOKENS, batched
from bot.tasks.text_to_text import AnswerQuestion, ClassifySentiment
from tests.families import hub_files

ROOM = hub_files.WINDOW
words = st.sampled_from([*hub_files.WORDS, "x", "é", "🦊", "...", "日本", "\n\n", "\u200b", "qqq"])
texts = st.lists(words, max_size=150).map(" ".join)
questions = st.lists(words, max_size=4).map(" ".join)


def cost(batches: list[list[int]], lengths: list[int]) -> int:
    return sum(BATCH_COST + len(batch) * max(lengths[n] for n in batch) for batch in batches)


def partitions(items: list[int]) -> Any:
    """Yield every way to share items out among batches."""
    if not items:
        yield []
        return
    first, *rest = items
    for shared in partitions(rest):
        yield [[first], *shared]
        for n, batch in enumerate(shared):
            yield [*shared[:n], [first, *batch], *shared[n + 1 :]]


@given(st.lists(st.integers(1, 700), max_size=60))
def test_every_window_is_in_one_batch_and_no_batch_is_too_large(lengths: list[int]) -> None:
    batches = batched(lengths)
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= BATCH_TOKENS


@given(st.lists(st.integers(1, 300), max_size=6))
def test_no_other_way_to_share_them_out_costs_less(lengths: list[int]) -> None:
    allowed = [
        shared
        for shared in partitions(list(range(len(lengths))))
        if all(len(b) == 1 or len(b) * max(lengths[n] for n in b) <= BATCH_TOKENS for b in shared)
    ]
    assert cost(batched(lengths), lengths) == min(cost(shared, lengths) for shared in allowed)


@pytest.fixture(scope="module")
def moods(tmp_path_factory: pytest.TempPathFactory) -> classifier.Classifier:
    folder: Path = hub_files.sst2(tmp_path_factory.mktemp("sst2"))
    return classifier.load(Model(id="x", task="sentiment", family="classifier"), folder)


@pytest.fixture(scope="module")
def quotes(tmp_path_factory: pytest.TempPathFactory) -> extractive_qa.ExtractiveQA:
    folder: Path = hub_files.squad(tmp_path_factory.mktemp("squad"))
    return extractive_qa.load(Model(id="x", task="ask", family="extractive_qa"), folder)


@given(texts)
def test_the_windows_of_a_mood_are_the_text_in_pieces_of_about_one_length(
    moods: classifier.Classifier, text: str
) -> None:
    tokenizer = moods._encoder.tokenizer
    whole = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    windows = moods.preprocess(ClassifySentiment(text=text), 0)
    assert all(len(window) <= ROOM for window in windows)
    assert [id_ for window in windows for id_ in window.ids[1:-1]] == whole
    assert len(windows) == max(1, -(-len(whole) // (ROOM - 2)))
    lengths = [len(window) for window in windows[:-1]]
    assert len(set(lengths)) <= 1


@given(questions, texts.filter(bool))
def test_windows_of_a_context_overlap_so_that_each_answer_is_whole_in_one(
    quotes: extractive_qa.ExtractiveQA, question: str, context: str
) -> None:
    tokenizer = quotes._encoder.tokenizer
    asked = tokenizer(question.strip(), add_special_tokens=False, verbose=False)["input_ids"]
    if len(asked) > ROOM // 4:
        with pytest.raises(UserError, match="question is"):
            quotes.preprocess(AnswerQuestion(question=question, context=context), 0)
        return
    whole = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    before = len(asked) + 3  # <s> question </s></s> context </s>
    begin, end = 0, 0
    for passage in quotes.preprocess(AnswerQuestion(question=question, context=context), 0):
        ids, places = passage.window.ids, passage.places
        assert len(ids) == len(places) <= ROOM
        assert list(ids[1 : len(asked) + 1]) == asked
        assert set(places[:before]) == {(0, 0)} == {places[-1]}
        begin = max(0, end - ROOM // 3)  # what it shares with the one before
        end = begin + len(ids) - before - 1
        assert list(ids[before:-1]) == whole["input_ids"][begin:end]
        assert list(places[before:-1]) == [
            tuple(place) for place in whole["offset_mapping"][begin:end]
        ]
    assert end == len(whole["input_ids"])
