"""Answers quoted from a text, judged by a search over every span, written out by hand."""

from __future__ import annotations

import itertools
import json
import math
import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from bot.catalogue.model import Model
from bot.errors import UserError
from bot.families.encoders import BATCH_TOKENS
from bot.families.extractive_qa import ANSWER, BEST, ExtractiveQA, Found, load
from bot.tasks.text_to_text import AnswerQuestion, QuotationsResult
from tests.families import hub_files
from tests.families.conftest import CountingRun

MODEL = Model(id="tiny-qa", name="Tiny QA", task="ask", family="extractive_qa", checkpoint="x")
QUESTION = "where is a cat?"
SHORT = "the cat sat on the mat in the house. rome lies on the tiber."


def chatter(words: int, seed: int) -> str:
    chance = random.Random(seed)
    spaces = (" ", " ", " ", ", ", "\n\n")
    return "".join(chance.choice(hub_files.WORDS) + chance.choice(spaces) for _ in range(words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.squad(tmp_path_factory.mktemp("squad"))


@pytest.fixture(scope="module")
def family(folder: Path) -> ExtractiveQA:
    return load(MODEL, folder)


def found(family: ExtractiveQA, requests: list[AnswerQuestion]) -> list[Found]:
    return family.forward([family.preprocess(r, 0) for r in requests], CountingRun())


def asked(family: ExtractiveQA, context: str, question: str = QUESTION) -> QuotationsResult:
    request = AnswerQuestion(question=question, context=context)
    (outputs,) = found(family, [request])
    return family.postprocess(outputs, request)


def searched(
    folder: Path, question: str, context: str
) -> tuple[dict[tuple[int, int], float], float]:
    """Return the score of every span, by hand: window after window, token after token."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    net = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
    first = tokenizer(question, add_special_tokens=False)["input_ids"]
    whole = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    second, places = whole["input_ids"], whole["offset_mapping"]
    room = hub_files.WINDOW - len(first) - 4  # <s> question </s></s> context </s>
    overlap = hub_files.WINDOW // 3
    spans: dict[tuple[int, int], float] = {}
    nothing, begin = math.inf, 0
    while True:
        piece = second[begin : begin + room]
        with torch.no_grad():
            output = net(torch.tensor([[0, *first, 2, 2, *piece, 2]]))
        starts, ends = output.start_logits[0].tolist(), output.end_logits[0].tolist()
        nothing = min(nothing, starts[0] + ends[0])
        offset = len(first) + 3
        for i in range(len(piece)):
            for j in range(i, min(i + ANSWER, len(piece))):
                place = (places[begin + i][0], places[begin + j][1])
                if not all(places[begin + n][1] > places[begin + n][0] for n in (i, j)):
                    continue  # of white space
                score = starts[offset + i] + ends[offset + j]
                if place[1] > place[0]:
                    spans[place] = max(score, spans.get(place, -math.inf))
        if begin + room >= len(second):
            return spans, nothing
        begin += room - overlap


@pytest.mark.parametrize("words", [3, 20, 60, 200])
@pytest.mark.parametrize("bin_file", [False, True])
def test_the_best_spans_are_those_of_a_search_by_hand(
    words: int, bin_file: bool, tmp_path: Path
) -> None:
    family = load(MODEL, hub_files.squad(tmp_path, bin_file=bin_file))
    context = chatter(words, seed=words)
    spans, nothing = searched(tmp_path, QUESTION, context)
    (outputs,) = found(family, [AnswerQuestion(question=QUESTION, context=context)])
    best = sorted(spans.values(), reverse=True)[:BEST]
    assert outputs.nothing == pytest.approx(nothing, abs=1e-4)
    assert list(outputs.spans.values()) == pytest.approx(best, abs=1e-4)
    for place, score in outputs.spans.items():
        assert spans[place] == pytest.approx(score, abs=1e-4)


def test_scores_are_shared_with_no_answer_and_places_lead_back_into_the_context(
    folder: Path, family: ExtractiveQA
) -> None:
    context = chatter(200, seed=5)
    spans, nothing = searched(folder, QUESTION, context)
    best = dict(sorted(spans.items(), key=lambda item: -item[1])[:BEST])
    total = math.exp(nothing) + sum(math.exp(score) for score in best.values())
    result = asked(family, context)
    assert result.nothing == pytest.approx(math.exp(nothing) / total, abs=1e-5)
    assert result.found == (max(best.values()) >= nothing)
    assert result.characters == len(context)
    for quotation in result.quotations:
        assert context[quotation.start : quotation.end] == quotation.text
        assert quotation.text == quotation.text.strip() != ""
        score = best[quotation.start, quotation.end]
        assert quotation.score == pytest.approx(math.exp(score) / total, abs=1e-5)
        before = quotation.before.removeprefix("…")
        assert context[: quotation.start].endswith(before)
        assert context[quotation.end :].startswith(quotation.after.removesuffix("…"))
    ordered = sorted(result.quotations, key=lambda q: q.start)
    assert all(a.end <= b.start for a, b in itertools.pairwise(ordered))


def tuned(folder: Path, *, nothing: float) -> ExtractiveQA:
    """Return the family with a head that likes the first token more or less."""
    fresh = load(MODEL, folder)
    head = fresh._encoder.net.qa_outputs
    head.register_forward_hook(
        lambda _, __, out: out + nothing * torch.eye(out.shape[1])[0][None, :, None]
    )
    return fresh


def test_no_answer_is_said_where_it_is_likelier_than_any(folder: Path) -> None:
    empty = asked(tuned(folder, nothing=9.0), SHORT)
    assert not empty.found
    assert empty.nothing > 0.99
    assert empty.quotations
    assert empty.text.startswith("The context seems to hold no answer (")
    full = asked(tuned(folder, nothing=-9.0), SHORT)
    assert full.found
    assert full.nothing < 0.01
    assert full.text.splitlines()[0] == full.quotations[0].text


def test_an_answer_is_found_wherever_it_stands(folder: Path) -> None:
    """A net that likes one word only, in a context of many windows."""
    family = load(MODEL, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    (wanted,) = tokenizer(" the", add_special_tokens=False)["input_ids"]
    seen: list[torch.Tensor] = []
    net = family._encoder.net
    net.base_model.embeddings.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["input_ids"]), with_kwargs=True
    )
    net.qa_outputs.register_forward_hook(
        lambda _, __, out: (seen[-1] == wanted)[..., None].float().expand_as(out) * 50
    )
    for at in (0, 1, 60, 150, 298, 299):
        words = ["cat"] * 300
        words[at] = "the"
        context = " " + " ".join(words)
        result = asked(family, context)
        assert (result.found, result.quotations[0].text) == (True, "the")
        assert result.quotations[0].start == 1 + 4 * at
        assert result.quotations[0].score > 0.99


def test_no_answer_is_longer_than_it_may_be(family: ExtractiveQA, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    context = chatter(300, seed=9)
    (outputs,) = found(family, [AnswerQuestion(question=QUESTION, context=context)])
    for start, end in outputs.spans:
        tokens = tokenizer(" " + context[start:end], add_special_tokens=False)["input_ids"]
        assert len(tokens) <= ANSWER


@pytest.mark.parametrize("context", [None, ""])
def test_without_a_context_the_member_is_told_what_to_do(
    context: str | None, family: ExtractiveQA
) -> None:
    with pytest.raises(UserError) as caught:
        family.preprocess(AnswerQuestion(question=QUESTION, context=context), 0)
    said = str(caught.value)
    assert "Tiny QA finds answers in a text, and there is none." in said
    assert "Give one as context or file" in said


def test_a_long_question_is_refused_with_fact_limit_and_next_step(family: ExtractiveQA) -> None:
    limit = hub_files.WINDOW // 4
    fine = AnswerQuestion(question=" cat" * limit, context=SHORT)
    assert family.preprocess(fine, 0)
    with pytest.raises(UserError, match=r"question is 17 tokens long; Tiny QA reads at most 16 "):
        family.preprocess(AnswerQuestion(question=" cat" * (limit + 1), context=SHORT), 0)


@pytest.mark.parametrize("context", ["\u200b", "é", "日本語のテキスト", "🦊 fox 🦊", "\n\n a \n\n"])
def test_any_context_gets_an_answer(context: str, family: ExtractiveQA) -> None:
    result = asked(family, context)
    for quotation in result.quotations:
        assert context[quotation.start : quotation.end] == quotation.text


def test_sharing_a_batch_changes_nothing(family: ExtractiveQA) -> None:
    requests = [
        AnswerQuestion(question="who?" if n % 2 else QUESTION, context=chatter(7 * n + 3, n))
        for n in range(16)
    ]
    for mine, alone in zip(
        found(family, requests), [found(family, [r])[0] for r in requests], strict=True
    ):
        assert mine.nothing == pytest.approx(alone.nothing, abs=1e-5)
        assert mine.spans == pytest.approx(alone.spans, abs=1e-5)


def test_a_long_context_looks_at_the_clock_often(family: ExtractiveQA) -> None:
    run = CountingRun()
    request = AnswerQuestion(question=QUESTION, context=chatter(600, 1))
    passages = family.preprocess(request, 0)
    family.forward([passages], run)
    tokens = sum(len(passage.window) for passage in passages)
    assert run.checks >= 2 * tokens / BATCH_TOKENS  # two layers


def test_the_old_pipeline_that_this_replaces_is_really_gone(folder: Path) -> None:
    import transformers

    with pytest.raises(KeyError, match="question-answering"):
        transformers.pipeline("question-answering", model=str(folder))
    assert json.loads((folder / "config.json").read_text())["architectures"]
