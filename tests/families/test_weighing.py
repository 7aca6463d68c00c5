"""Holes and quotations of a net that writes: against transformers' own numbers, among other rows.

The net is tiny and of chance: what is right is known by asking it for each text by itself.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bot.catalogue.model import Defaults, Limits, Model, Prompt
from bot.decoding.export import prepared
from bot.decoding.export.build import export
from bot.errors import OperatorError, UserError
from bot.families import holes, likelihoods, spans
from bot.families.causal_lm import CausalLM, load
from bot.families.chunks import sentences
from bot.families.clues import Clues
from bot.tasks.text_to_text import (
    AnswerQuestion,
    CandidatesResult,
    CompleteText,
    FillMask,
    QuotationsResult,
    TextResult,
)
from tests.decoding.vocabularies import byte_level
from tests.families import odd
from tests.families.test_causal_lm import TEMPLATE, saved

MODEL = Model(
    id="tiny", name="Tiny", task=("complete", "ask", "fill"), family="causal_lm", checkpoint="x",
    limits=Limits(max_new_tokens=16), defaults=Defaults(max_new_tokens=8, temperature=0.0),
    prompt=Prompt(chat=True, quotes=True),
)  # fmt: skip
CONTEXT = "The quick fox met a dog. (Nobody saw it, they say.)\nThen the lazy dog jumped over it!"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=4096,
        bos_token_id=0, eos_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    place = tmp_path_factory.mktemp("llama")
    return saved(place, LlamaForCausalLM(config), byte_level(), chat_template=TEMPLATE)


@pytest.fixture(scope="module")
def family(folder: Path) -> CausalLM:
    return load(MODEL, folder)


class Judge:
    """Transformers' own net on the same files, asked about one whole text at a time."""

    def __init__(self, folder: Path) -> None:
        self.net = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def likely(self, before: list[int], way: list[int]) -> float:
        """Return the log-probability of ``way`` after ``before``."""
        with torch.inference_mode():
            logits = self.net(torch.tensor([before + way])).logits[0].log_softmax(-1)
        return sum(float(logits[len(before) + n - 1, token]) for n, token in enumerate(way))


@pytest.fixture(scope="module")
def judge(folder: Path) -> Judge:
    return Judge(folder)


def run(family: CausalLM, **requests: Any) -> tuple[dict[str, Any], list[list[str]]]:
    """Run requests side by side; return their results, and which keys each step told of."""
    results: dict[str, Any] = {}
    steps: list[list[str]] = []
    for key, request in requests.items():
        family.engine.join(key, family.row(request, 0))
    with torch.inference_mode():
        while len(family.engine):
            emissions = family.engine.step()
            steps.append([emission.key for emission in emissions])
            for emission in emissions:
                if emission.error is not None:
                    raise emission.error
                if emission.finish is not None:
                    results[emission.key] = family.result(requests[emission.key], emission.finish)
    return results, steps


def one(family: CausalLM, request: Any) -> Any:
    return run(family, job=request)[0]["job"]


def test_a_hole_is_filled_by_how_likely_the_whole_sentence_is(
    family: CausalLM, judge: Judge
) -> None:
    result = one(family, FillMask(text="the quick ___ dog"))
    assert isinstance(result, CandidatesResult)
    assert (result.before, result.after) == ("the quick ", " dog")
    foresight = [0, *judge.ids("... dog\nthe quick")]

    def score(word: str) -> float:
        whole = judge.ids(f"the quick {word} dog")
        shared = judge.ids("the quick")
        assert whole[: len(shared)] == shared
        token = judge.ids(f" {word}")
        assert len(token) == 1  # what was proposed is a word of the vocabulary
        return judge.likely([0, *shared], whole[len(shared) :]) + holes.FORESIGHT * judge.likely(
            foresight, token
        )

    words = [candidate.word for candidate in result.candidates]
    shares = [candidate.probability for candidate in result.candidates]
    scores = [score(word) for word in words]
    assert len(words) == 5
    assert shares == sorted(shares, reverse=True)
    for number in range(1, len(words)):
        ratio = torch.tensor(shares[0] / shares[number]).log().item()
        assert ratio == pytest.approx(scores[0] - scores[number], abs=1e-3)
    spaced = [
        judge.tokenizer.decode([id_]).strip()
        for token, id_ in judge.tokenizer.get_vocab().items()
        if token.startswith("Ġ")
    ]
    if len(spaced) <= holes.PROPOSED:  # then every word was weighed, and none is better
        assert max(map(score, [word for word in spaced if word.isalnum()])) == max(scores)


@pytest.mark.parametrize(
    "text", ["___ quick fox", "the fox ___", "___", "(___)", "un___able", "[MASK] dog", "a <mask>."]
)
def test_a_hole_may_be_anywhere(text: str, family: CausalLM) -> None:
    result = one(family, FillMask(text=text))
    assert result.candidates
    assert sum(candidate.probability for candidate in result.candidates) <= 1.0 + 1e-9
    assert all(candidate.word.isalnum() for candidate in result.candidates)
    assert {candidate.joined for candidate in result.candidates} == {text.startswith("un")}


@pytest.mark.parametrize("text", ["no hole", "___ and ___"])
def test_there_must_be_one_hole(text: str, family: CausalLM) -> None:
    with pytest.raises(UserError):
        family.row(FillMask(text=text), 0)


def test_a_long_text_is_weighed_around_its_hole(family: CausalLM) -> None:
    near = "dog. " * 200 + "the ___ jumped " + "fox. " * 60
    far = "x " * 500 + near + "y " * 500
    words = [[c.word for c in one(family, FillMask(text=text)).candidates] for text in (near, far)]
    assert words[0] == words[1]


def held(place: int) -> str:
    """Return the sentence of the context at a place."""
    ends = itertools.accumulate(map(len, sentences(CONTEXT)))
    return next(text for text, end in zip(sentences(CONTEXT), ends, strict=True) if place < end)


def test_an_answer_is_a_quotation_as_likely_as_transformers_says(
    family: CausalLM, judge: Judge
) -> None:
    question = "Who jumped?"
    result = one(family, AnswerQuestion(question=question, context=CONTEXT))
    assert isinstance(result, QuotationsResult)
    assert result.characters == len(CONTEXT)
    ends = {0, *(judge.ids(end)[0] for end in ("\n", "."))}
    clues = Clues(question, CONTEXT)

    def likely(text: str, answer: str) -> float:
        asked = spans.ASKED.format(context=text, question=question)
        before = [*judge.ids(spans.EXAMPLES), *judge.ids(asked)]
        way = judge.ids(f" {answer}")
        each = torch.tensor([judge.likely(before, [*way, end]) for end in sorted(ends)])
        return each.logsumexp(0).item()

    for quotation in result.quotations:
        assert CONTEXT[quotation.start : quotation.end] == quotation.text
        sentence = held(quotation.start).strip()
        told = clues.clues(quotation.start, quotation.end)
        score = sum(spans.CLUES[name] * clue for name, clue in told.items())
        score += spans.IN_TEXT * likely(CONTEXT, quotation.text)
        score += spans.ALONE * likely(sentence, quotation.text)
        none = spans.NOTHING + spans.UNKNOWN * clues.unknown
        ratio = torch.tensor(quotation.score / result.nothing).log().item()
        assert ratio == pytest.approx(score - none, abs=1e-3)
    best = result.quotations[0].score
    assert result.found == (best >= result.nothing)


def test_answers_stay_inside_a_sentence_and_leave_out_the_marks_around_them(
    family: CausalLM,
) -> None:
    assert family._weigher._spans is not None
    starts = family._weigher._spans._starts(CONTEXT, 0)
    found = {CONTEXT[start.place : end] for start in starts for _, end in start.ends}
    assert "Nobody saw it, they say" in found
    assert "Then the lazy dog jumped over it" in found
    assert "quick fox met a dog" in found
    assert not any("dog." in text or "(" in text or ")" in text for text in found)
    assert not any(text.endswith(",") for text in found)


def test_only_the_best_sentences_are_read_again(
    family: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "SENTENCES", 1)
    monkeypatch.setitem(spans.CLUES, "sentence", 1000.0)
    for question, word in (("Who met a fox?", "quick"), ("Who jumped?", "jumped")):
        result = one(family, AnswerQuestion(question=question, context=CONTEXT))
        assert result.quotations
        assert all(word in held(quotation.start) for quotation in result.quotations)


def test_a_long_context_is_read_in_windows_and_its_places_are_those_of_the_whole(
    family: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert family._weigher._spans is not None
    monkeypatch.setattr(family._weigher._spans, "_window", 40)
    context = CONTEXT * 5
    pieces = family._weigher._spans._windows(context)
    assert len(pieces) > 5
    assert all(context[at:].startswith(piece) for at, piece in pieces)
    result = one(family, AnswerQuestion(question="who?", context=context))
    for quotation in result.quotations:
        assert context[quotation.start : quotation.end] == quotation.text


def test_no_answer_where_every_span_is_unlikely(
    family: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = AnswerQuestion(question="who?", context=CONTEXT)
    monkeypatch.setattr(spans, "NOTHING", 1000.0)
    unsure = one(family, request)
    assert not unsure.found
    assert unsure.nothing > 0.5
    assert "seems to hold no answer" in unsure.text
    monkeypatch.setattr(spans, "NOTHING", -1000.0)
    assert one(family, request).found


def test_a_question_without_a_context_is_answered_in_words(family: CausalLM) -> None:
    for context in (None, "", " \n"):
        asked = AnswerQuestion(question="who?", context=context)
        assert isinstance(one(family, asked), TextResult)


def test_a_long_question_is_refused_with_fact_limit_and_next_step(family: CausalLM) -> None:
    with pytest.raises(UserError, match=r"reads at most 64 .* Shorten it"):
        family.row(AnswerQuestion(question="why " * 200, context=CONTEXT), 0)


def test_who_else_is_there_changes_no_answer_and_rows_grow_meanwhile(
    family: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihoods, "PIECE", 32)
    requests = {
        "asks": AnswerQuestion(question="Who jumped?", context=CONTEXT),
        "fills": FillMask(text="the quick ___ jumped over it"),
        "writes": CompleteText(prompt="the quick"),
    }
    alone = {key: one(family, request) for key, request in requests.items()}
    together, steps = run(family, **requests)
    assert together == alone
    writing = [step for step in steps if "writes" in step]
    assert all("asks" in step or "fills" in step for step in writing)
    assert not any("asks" in step and "fills" in step for step in steps)  # the oldest alone


def test_a_job_that_leaves_is_worked_on_no_more(family: CausalLM) -> None:
    request = AnswerQuestion(question="who?", context=CONTEXT)
    family.engine.join("gone", family.row(request, 0))
    family.engine.join("stays", family.row(FillMask(text="the ___"), 0))
    family.engine.step()
    assert family.engine.joined() == ["gone", "stays"]
    family.engine.leave("gone")
    family.engine.leave("unknown")
    assert {emission.key for emission in family.engine.step()} == {"stays"}
    family.engine.leave("stays")
    assert len(family.engine) == 0


def test_a_job_begins_when_those_before_it_are_done(family: CausalLM) -> None:
    for key in ("first", "second"):
        family.engine.join(key, family.row(FillMask(text="the ___"), 0))
    family.engine.join("writes", family.row(CompleteText(prompt="the quick"), 0))
    assert sorted(family.engine.admit()) == ["first", "writes"]
    assert family.engine.admit() == []
    while "first" in family.engine.joined():
        assert family.engine.admit() == []
        family.engine.step()
    assert family.engine.admit() == ["second"]
    for key in ("second", "writes"):
        family.engine.leave(key)
    family.engine.join("second", family.row(FillMask(text="the ___"), 0))
    assert family.engine.admit() == ["second"]
    family.engine.leave("second")


def test_a_fault_ends_only_its_job(family: CausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("broken")

    family.engine.join("bad", family.row(FillMask(text="the ___"), 0))
    family.engine.join("good", family.row(CompleteText(prompt="the"), 0))
    with monkeypatch.context() as patched:
        patched.setattr(likelihoods.Likelihoods, "_read", fails)
        emissions = [e for _ in range(3) for e in family.engine.step()]
    assert [str(e.error) for e in emissions if e.error is not None] == ["broken"]
    assert family.engine.joined() == ["good"]
    family.engine.leave("good")


def test_writing_and_weighing_share_one_net(family: CausalLM) -> None:
    net = family._weigher._net()
    one(family, FillMask(text="the ___"))
    assert family._weigher._likelihoods()._wiring.net is net
    runtime: Any = family.engine._engine._runtime  # type: ignore[attr-defined]
    assert runtime._wiring.net is net


def test_what_writes_on_openvino_weighs_the_same(
    folder: Path, family: CausalLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    sample = [number % 300 for number in range(400)]
    with torch.no_grad():
        export(
            net, tmp_path / MODEL.id, sample,
            source=prepared.fingerprint(folder), window=2048, threads=1, seconds=0.02,
        )  # fmt: skip
    monkeypatch.setenv("MENAGERIE_RUNTIME", "auto")
    monkeypatch.setenv("MENAGERIE_DTYPE", "float32")
    monkeypatch.setenv("MENAGERIE_PREPARED", str(tmp_path))
    fast = load(MODEL, folder)
    assert fast.engine.note == "on OpenVINO, float32"
    requests = {
        "asks": AnswerQuestion(question="Who jumped?", context=CONTEXT),
        "fills": FillMask(text="the quick ___ jumped over it"),
        "writes": CompleteText(prompt="the quick"),
    }
    found, _ = run(fast, **requests)
    alone = {key: one(family, request) for key, request in requests.items()}
    assert found["writes"] == alone["writes"]
    assert [c.word for c in found["fills"].candidates] == [
        c.word for c in alone["fills"].candidates
    ]
    for mine, other in zip(found["asks"].quotations, alone["asks"].quotations, strict=True):
        assert mine.text == other.text
        assert mine.score == pytest.approx(other.score, abs=1e-4)


def test_a_net_that_reads_too_little_to_quote_is_for_the_operator(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=320, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=128,
    )  # fmt: skip
    place = saved(tmp_path, LlamaForCausalLM(config), byte_level(), chat_template=TEMPLATE)
    with pytest.raises(OperatorError, match="too few to quote"):
        load(MODEL, place)


@pytest.mark.parametrize("name", list(odd.TEXTS))
def test_whatever_is_sent_is_answered_or_refused(name: str, family: CausalLM) -> None:
    text = odd.TEXTS[name][:2000]
    result = one(family, AnswerQuestion(question="who?", context=text))
    assert isinstance(result, QuotationsResult | TextResult)
    if isinstance(result, QuotationsResult):
        assert all(text[q.start : q.end] == q.text for q in result.quotations)
    assert isinstance(one(family, FillMask(text=f"{text} ___ dog")), CandidatesResult)
    assert isinstance(one(family, FillMask(text=f"___{text}")), CandidatesResult)
