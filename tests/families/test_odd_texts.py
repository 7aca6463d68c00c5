"""Every family that reads texts given whatever people may send: it answers, or says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from bot.catalogue.model import Defaults, Limits, Model, Prompt
from bot.families import (
    causal_lm,
    classifier,
    extractive_qa,
    masked_lm,
    seq2seq,
    vision_seq2seq,
)
from bot.tasks.text_to_text import (
    AnswerQuestion,
    CandidatesResult,
    ClassifySentiment,
    CompleteText,
    FillMask,
    LabelsResult,
    QuotationsResult,
    Summarize,
    TextResult,
    Translate,
)
from tests.decoding.vocabularies import byte_fallback, byte_level
from tests.families import hub_files, odd, repositories
from tests.families.test_causal_lm import TEMPLATE, saved

Folder = Callable[[str], Path]


def model(family: str, **keys: Any) -> Model:
    base: dict[str, Any] = {
        "id": "tiny", "name": "Tiny", "task": "complete", "family": family, "checkpoint": "x",
        "limits": Limits(max_new_tokens=6),
        "defaults": Defaults(max_new_tokens=6, temperature=0.0),
    }  # fmt: skip
    return Model(**(base | keys))


def gpt2(folder: Path) -> Path:
    size = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128, "vocab_size": 320}
    torch.manual_seed(0)
    net = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
    return saved(folder, net, byte_level())


def llama(folder: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        bos_token_id=0, eos_token_id=[0, 1],
    )  # fmt: skip
    return saved(folder, LlamaForCausalLM(config), byte_fallback(), chat_template=TEMPLATE)


CHAT = Prompt(chat=True, system="Be brief.", context="TEXT {context} ASKS {question}")
FAMILIES: dict[str, tuple[Any, Callable[[Path], Path], Model]] = {
    "gpt2": (causal_lm, gpt2, model("causal_lm")),
    "chat": (causal_lm, llama, model("causal_lm", task=("complete", "ask"), prompt=CHAT)),
    "bert": (masked_lm, hub_files.bert, model("masked_lm", task="fill")),
    "roberta": (masked_lm, hub_files.roberta, model("masked_lm", task="fill")),
    "sst2": (classifier, hub_files.sst2, model("classifier", task="sentiment")),
    "squad": (extractive_qa, hub_files.squad, model("extractive_qa", task="ask")),
    "bart": (seq2seq, repositories.bart, model("seq2seq", task="summarize")),
    "m2m100": (seq2seq, repositories.m2m100, model("seq2seq", task="translate")),
    "marian": (seq2seq, repositories.marian, model("seq2seq", task="translate")),
    "mt5": (seq2seq, repositories.mt5, model("seq2seq", task="fill")),
    "trocr": (vision_seq2seq, repositories.trocr, model("vision_seq2seq", task="ocr")),
    "manga_ocr": (vision_seq2seq, repositories.manga_ocr, model("vision_seq2seq", task="ocr")),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Load a family once; what is asked of it runs as in a worker."""
    loaded: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in loaded:
            module, write, entry = FAMILIES[name]
            loaded[name] = module.load(entry, write(tmp_path_factory.mktemp(name)))
        return loaded[name]

    with torch.inference_mode():
        yield get


texts = pytest.mark.parametrize("text", odd.TEXTS.values(), ids=odd.TEXTS)
holes = pytest.mark.parametrize("text", odd.HOLES.values(), ids=odd.HOLES)


@texts
@pytest.mark.parametrize("name", ["gpt2", "chat"])
def test_a_completion(name: str, text: str, opened: Any) -> None:
    result = odd.met(opened(name), CompleteText(prompt=text))
    if isinstance(result, TextResult):
        assert result.text.startswith(text)
    else:
        assert "tokens long" in result or not text


@texts
def test_an_answer_of_a_chat_model(text: str, opened: Any) -> None:
    for request in (
        AnswerQuestion(question=text),
        AnswerQuestion(question="who?", context=text),
        AnswerQuestion(question=text, context=text),
    ):
        odd.met(opened("chat"), request)


@holes
@pytest.mark.parametrize("name", ["bert", "roberta", "mt5"])
def test_a_filling(name: str, text: str, opened: Any) -> None:
    result = odd.met(opened(name), FillMask(text=text))
    assert isinstance(result, str | CandidatesResult | TextResult)
    if isinstance(result, CandidatesResult):
        assert all(candidate.word.isprintable() for candidate in result.candidates)


@texts
@pytest.mark.parametrize("name", ["bert", "roberta", "mt5"])
def test_a_text_without_a_hole(name: str, text: str, opened: Any) -> None:
    assert "no hole in this text" in odd.met(opened(name), FillMask(text=text))


@texts
def test_a_mood(text: str, opened: Any) -> None:
    result = odd.met(opened("sst2"), ClassifySentiment(text=text))
    assert isinstance(result, LabelsResult)
    assert sum(label.score for label in result.labels) == pytest.approx(1.0)


@texts
def test_a_quotation(text: str, opened: Any) -> None:
    for question, context in ((text, "the cat sat on the mat."), ("who?", text), (text, text)):
        result = odd.met(opened("squad"), AnswerQuestion(question=question, context=context))
        if isinstance(result, QuotationsResult):
            for found in result.quotations:
                assert context[found.start : found.end] == found.text


@texts
def test_a_summary(text: str, opened: Any) -> None:
    result = odd.met(opened("bart"), Summarize(text=text))
    assert isinstance(result, str) == (not any(map(str.isalpha, text)))


@texts
@pytest.mark.parametrize("name", ["m2m100", "marian"])
def test_a_translation(name: str, text: str, opened: Any) -> None:
    result = odd.met(opened(name), Translate(text=text, to="de"))
    assert isinstance(result, str) == (not any(map(str.isalpha, text)))


@texts
@pytest.mark.parametrize("name", ["m2m100", "marian"])
def test_a_language(name: str, text: str, opened: Any) -> None:
    for request in (
        Translate(text="the fox", to=text),
        Translate(text="the fox", to="de", source=text),
    ):
        odd.met(opened(name), request)
