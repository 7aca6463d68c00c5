"""Texts of whole families held against transformers' own ``generate`` and pipelines.

Each checkpoint lies as on the hub and is loaded by its entry in the catalogue, converted where the
entry says so. Summaries, translations, quotations and pictures have such tests of their own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.conversion.safetensors import convert
from bot.catalogue.model import Defaults, Limits, Model
from bot.families import masked_lm, seq2seq
from bot.tasks.text_to_text import CompleteText, FillMask, Summarize, Translate
from tests.families import decoder_files, hub_files, repositories
from tests.families.conftest import CountingRun
from tests.families.test_masked_lm import TEXTS as HOLES
from tests.families.test_masked_lm import judged as judged_words
from tests.families.test_seq2seq import answered, judged

HALF = "\ufffd"  # the beginning of a letter that never came
DECODERS: dict[str, Callable[[Path], Path]] = {
    "gpt2": decoder_files.gpt2,
    "distilgpt2": decoder_files.gpt2,
    "gpt-j-6b": decoder_files.gptj,
    "opt-125m": decoder_files.opt,
    "opt-350m": decoder_files.opt_350m,
    "opt-1.3b": decoder_files.opt,
}
PROMPTS = ["the quick brown fox", "x", "Good morning, how are you today? le chat noir", "über 🦊"]
TOKENS = 24
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0.0},
    "greedy with a penalty": {"temperature": 0.0, "repetition_penalty": 1.3},
    "drawn": {"temperature": 0.9, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.1},
}

Opened = tuple[Any, Path]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Opened]:
    """Load a stand-in by its entry; return the family, and the files as the hub has them."""

    def load(name: str, **sampling: Any) -> Opened:
        folder = DECODERS[name](tmp_path_factory.mktemp(name))
        defaults = Defaults(**({"top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0} | sampling))
        entry = msgspec.structs.replace(
            Catalogue.load().get(name), params=None, dtype="float32", defaults=defaults
        )
        read = folder
        if entry.convert:
            assert entry.convert == "safetensors"
            read = tmp_path_factory.mktemp(f"{name}-converted")
            convert([folder / "config.json"], read, "float32")
        with torch.inference_mode():
            family = importlib.import_module(f"bot.families.{entry.family}").load(entry, read)
        assert family.engine.note == ""
        return family, folder

    return load


def continued(folder: Path, prompt: str, seed: int, **sampling: Any) -> str:
    """Return the prompt with what transformers alone writes after it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    read = tokenizer(prompt, return_tensors="pt")
    drawn = sampling.pop("temperature")
    options = {"do_sample": True, "temperature": drawn} if drawn else {"do_sample": False}
    torch.manual_seed(seed)
    with torch.inference_mode():
        (ids,) = net.generate(**read, max_new_tokens=TOKENS, **options, **sampling)
    new = ids[read["input_ids"].shape[1] :]
    return prompt + str(tokenizer.decode(new, skip_special_tokens=True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", DECODERS)
def test_a_completion_is_that_of_generate(name: str, way: str, opened: Any) -> None:
    family, folder = opened(name, **WAYS[way])
    texts = set()
    for seed, prompt in enumerate(PROMPTS):
        request = CompleteText(prompt=prompt, max_tokens=TOKENS)
        _, result = answered(family, request) if seed == 0 else answered_with(family, request, seed)
        expected = continued(folder, prompt, seed, **WAYS[way])
        assert result.text.rstrip(HALF) == expected.rstrip(HALF)
        texts.add(result.text.removeprefix(prompt))
    assert len(texts) > 1


def answered_with(family: Any, request: Any, seed: int) -> tuple[None, Any]:
    with torch.inference_mode():
        family.engine.join("row", family.row(request, seed))
        while True:
            for emission in family.engine.step():
                if emission.finish is not None:
                    return None, family.result(request, emission.finish)


@pytest.mark.parametrize("name", ["gpt2", "gpt-j-6b", "opt-125m", "opt-350m"])
def test_whoever_shares_the_batch_nothing_changes(name: str, opened: Any) -> None:
    family, _ = opened(name, **WAYS["drawn"])
    requests = {prompt: CompleteText(prompt=prompt, max_tokens=TOKENS) for prompt in PROMPTS}
    alone = {p: answered_with(family, request, 7)[1] for p, request in requests.items()}
    together = {}
    waiting = list(requests)
    with torch.inference_mode():
        while len(together) < len(requests):
            if waiting:  # one joins at each step
                key = waiting.pop()
                family.engine.join(key, family.row(requests[key], 7))
            for emission in family.engine.step():
                if emission.finish is not None:
                    together[emission.key] = family.result(requests[emission.key], emission.finish)
    assert together == alone


def test_the_stand_in_for_opt_350m_is_built_as_it_is(tmp_path: Path) -> None:
    net = AutoModelForCausalLM.from_pretrained(decoder_files.opt_350m(tmp_path))
    decoder = net.model.decoder
    assert decoder.project_in.weight.shape == (32, 16)
    assert decoder.project_out.weight.shape == (16, 32)
    assert decoder.final_layer_norm is None
    assert AutoTokenizer.from_pretrained(tmp_path)("x")["input_ids"][0] == 2


@pytest.mark.parametrize("bin_file", [False, True])
def test_distilbert_fills_a_hole_as_the_pipeline_does(bin_file: bool, tmp_path: Path) -> None:
    torch.manual_seed(4)
    config = DistilBertConfig(
        vocab_size=hub_files.write_word_pieces(tmp_path), dim=32, n_layers=2, n_heads=2,
        hidden_dim=64, max_position_embeddings=hub_files.WINDOW,
    )  # fmt: skip
    net = hub_files.loud(DistilBertForMaskedLM(config))
    extra = {"architecture": "DistilBertForMaskedLM"}
    hub_files.write_net(tmp_path, net, bin_file=bin_file, renamed={}, extra=extra)
    model = Model(id="tiny", task="fill", family="masked_lm", checkpoint="x")
    family = masked_lm.load(model, tmp_path)
    for text in HOLES:
        request = FillMask(text=text)
        (outputs,) = family.forward([family.preprocess(request, 0)], CountingRun())
        found = family.postprocess(outputs, request).candidates
        mine = {"##" * c.joined + c.word: c.probability for c in found}
        assert mine == pytest.approx(judged_words(tmp_path, text), abs=1e-5)


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """google-t5/t5-base: the feed-forward without a gate, a head tied to the embeddings."""
    folder = tmp_path_factory.mktemp("t5")
    holes = [f"<extra_id_{number}>" for number in range(99, -1, -1)]
    made = repositories.pieces(
        folder / "spiece.model", "unigram", 220, pad_id=0, eos_id=1, unk_id=2, bos_id=-1
    )
    repositories.write(
        folder / "tokenizer_config.json",
        repositories.SPECIAL | {"extra_ids": 100, "additional_special_tokens": holes}
        | {"tokenizer_class": "T5Tokenizer", "model_max_length": 512},
    )  # fmt: skip
    torch.manual_seed(5)
    net = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(made) + 128, d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2,
            feed_forward_proj="relu", tie_word_embeddings=True, decoder_start_token_id=0,
        )
    )  # fmt: skip
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    with torch.no_grad():
        net.shared.weight[len(made) :] *= 0.01  # a trained one writes no hole where none is filled
    summaries = {"prefix": "summarize: ", "max_length": 24, "num_beams": 4, "length_penalty": 2.0}
    german = {"prefix": "translate English to German: ", "max_length": 24, "num_beams": 4}
    asked = {"summarization": summaries, "translation_en_to_de": german}
    repositories.config(folder, net, task_specific_params=asked)
    repositories.weights(folder, net, old=False)
    return folder


@pytest.mark.parametrize("beams", [1, 4])
def test_t5_summarizes_and_translates_as_generate_does(beams: int, t5: Path) -> None:
    model = Model(
        id="tiny", task=("summarize", "translate"), family="seq2seq", checkpoint="x",
        defaults=Defaults(beams=beams), limits=Limits(max_new_tokens=30),
    )  # fmt: skip
    with torch.inference_mode():
        family = seq2seq.load(model, t5)
    assert AutoModelForSeq2SeqLM.from_pretrained(t5).config.tie_word_embeddings
    tokenizer = AutoTokenizer.from_pretrained(t5)
    for request, said, options in (
        (
            Summarize(text="the quick brown fox jumps over the lazy dog."),
            "summarize: the quick brown fox jumps over the lazy dog.",
            {"max_new_tokens": 23} | ({"length_penalty": 2.0} if beams > 1 else {}),
        ),
        (
            Translate(text="the lazy dog", to="de", source="en"),
            "translate English to German: the lazy dog",
            {"max_new_tokens": 30},
        ),
    ):
        ids = tokenizer(said)["input_ids"]
        assert list(family.row(request, 0).source) == ids
        _, result = answered(family, request)
        assert result.text == judged(t5, ids, num_beams=beams, **options)
        assert result.text


def test_t5_reads_a_hole_as_its_makers_write_it(t5: Path) -> None:
    model = Model(id="tiny", task="fill", family="seq2seq", checkpoint="x")
    with torch.inference_mode():
        family = seq2seq.load(model, t5)
    tokenizer = AutoTokenizer.from_pretrained(t5)
    row = family.row(FillMask(text="the quick ___ jumps over the dog."), 0)
    assert list(row.source) == tokenizer("the quick <extra_id_0> jumps over the dog.")["input_ids"]
    assert row.ids == (0, tokenizer.convert_tokens_to_ids("<extra_id_0>"))
