"""Words for a hole, judged by transformers' own pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import pipeline

from bot.catalogue.model import Limits, Model
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.masked_lm import SHOWN, MaskedLM, load
from bot.tasks.text_to_text import CandidatesResult, FillMask
from tests.families import hub_files
from tests.families.conftest import CountingRun

MODEL = Model(id="tiny-bert", name="Tiny BERT", task="fill", family="masked_lm", checkpoint="x")
TEXTS = ["the [MASK] sat on the mat", "[MASK]", "a quick brown fox [MASK]!", "who is not [MASK]?"]
LAYOUTS = [
    pytest.param(hub_files.bert, False, id="bert"),
    pytest.param(hub_files.bert, True, id="bert.bin"),
    pytest.param(hub_files.roberta, False, id="roberta"),
    pytest.param(hub_files.roberta, True, id="roberta.bin"),
]


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def bert(bert_folder: Path) -> MaskedLM:
    return load(MODEL, bert_folder)


def filled(family: MaskedLM, texts: list[str], run: Any = None) -> list[CandidatesResult]:
    requests = [FillMask(text=text) for text in texts]
    outputs = family.forward([family.preprocess(r, 0) for r in requests], run or CountingRun())
    return [family.postprocess(o, r) for o, r in zip(outputs, requests, strict=True)]


def judged(folder: Path, text: str) -> dict[str, float]:
    """Return what transformers says, tokens that read the same taken together."""
    judge = pipeline("fill-mask", model=str(folder), dtype=torch.float32)
    special = judge.tokenizer.all_special_ids
    words: dict[str, float] = {}
    for found in judge(text.replace("[MASK]", judge.tokenizer.mask_token), top_k=50):
        word = judge.tokenizer.decode([found["token"]]).strip()
        if word and word.isprintable() and "\ufffd" not in word and found["token"] not in special:
            words[word] = words.get(word, 0.0) + found["score"]
    return dict(sorted(words.items(), key=lambda item: -item[1])[:SHOWN])


@pytest.mark.parametrize(("write", "bin_file"), LAYOUTS)
def test_words_and_probabilities_are_those_of_the_pipeline(
    write: Any, bin_file: bool, tmp_path: Path
) -> None:
    family = load(MODEL, write(tmp_path, bin_file=bin_file))
    for text, result in zip(TEXTS, filled(family, TEXTS), strict=True):
        mine = {"##" * c.joined + c.word: c.probability for c in result.candidates}
        assert mine == pytest.approx(judged(tmp_path, text), abs=1e-5)


@pytest.mark.parametrize("hole", ["[MASK]", "<mask>", "___", "_________", "[mask]"])
def test_a_hole_may_be_written_in_any_of_its_ways(hole: str, bert: MaskedLM) -> None:
    (result,) = filled(bert, [f"The Cat {hole} on the mat."])
    (usual,) = filled(bert, ["The Cat [MASK] on the mat."])
    assert result == usual
    assert (result.before, result.after) == ("The Cat ", " on the mat.")
    assert result.text.splitlines()[0].split()[-1] == result.candidates[0].word


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the cat sat", "There is no hole in this text. Write [MASK], <mask> or ___"),
        ("the __ sat", "There is no hole"),
        ("[MASK] and ___", "There are 2 holes in this text; I can fill one at a time."),
    ],
)
def test_anything_but_one_hole_gets_a_sentence(text: str, sentence: str, bert: MaskedLM) -> None:
    with pytest.raises(UserError) as caught:
        bert.preprocess(FillMask(text=text), 0)
    assert sentence in str(caught.value)


def test_a_long_text_is_refused_with_fact_limit_and_next_step(bert: MaskedLM) -> None:
    most = hub_files.WINDOW - 3
    assert len(bert.preprocess(FillMask(text="___" + " cat" * most), 0)) == hub_files.WINDOW
    with pytest.raises(UserError) as caught:
        bert.preprocess(FillMask(text="___" + " cat" * (most + 1)), 0)
    assert "is 65 tokens long; Tiny BERT reads at most 64 " in str(caught.value)
    assert str(caught.value).endswith("ask again.")


def test_the_entrys_limit_of_tokens_holds(bert_folder: Path) -> None:
    model = Model(id="x", task="fill", family="masked_lm", limits=Limits(max_input_tokens=8))
    with pytest.raises(UserError, match="is 9 tokens long; x reads at most 8 "):
        load(model, bert_folder).preprocess(FillMask(text="___" + " cat" * 6), 0)


def test_the_positions_of_roberta_begin_after_its_padding(tmp_path: Path) -> None:
    family = load(MODEL, hub_files.roberta(tmp_path))
    (result,) = filled(family, ["<mask>" + " cat" * (hub_files.WINDOW - 3)])
    assert len(result.candidates) == SHOWN
    with pytest.raises(UserError, match="65 tokens long"):
        filled(family, ["<mask>" + " cat" * (hub_files.WINDOW - 2)])


def test_sharing_a_batch_changes_nothing(bert: MaskedLM) -> None:
    texts = [f"the [MASK]{' cat sat' * n}" for n in range(28)]
    windows = [bert.preprocess(FillMask(text=text), 0) for text in texts]
    together = torch.stack(bert.forward(windows, CountingRun()))
    alone = torch.stack([bert.forward([window], CountingRun())[0] for window in windows])
    assert (together - alone).abs().max() < 1e-5


def test_a_run_that_is_over_stops_between_two_layers(bert: MaskedLM) -> None:
    class Over(CountingRun):
        def check(self) -> None:
            super().check()
            if self.checks == 2:
                raise Stopped

    over = Over()
    with pytest.raises(Stopped):
        filled(bert, TEXTS, over)
    assert over.checks == 2
    assert filled(bert, TEXTS[:1])[0].candidates  # and the next one finds it in order


def test_missing_weights_and_those_of_another_shape_are_for_the_operator(
    bert_folder: Path, tmp_path: Path
) -> None:
    for file in bert_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    whole = load_file(tmp_path / "model.safetensors")
    name = "bert.encoder.layer.1.output.dense.weight"
    for weights in (
        {key: weight for key, weight in whole.items() if key != name},
        {**whole, name: whole[name][:, :-1].contiguous()},
    ):
        save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(OperatorError) as caught:
            load(MODEL, tmp_path)
        assert "lacks 1 weights" in str(caught.value)
        assert name in str(caught.value)
        assert "python -m bot models fetch tiny-bert" in str(caught.value)


def test_another_net_than_the_entry_says_is_for_the_operator(bert_folder: Path) -> None:
    model = Model(id="tiny-bert", task="fill", family="masked_lm", params=109_514_298)
    with pytest.raises(OperatorError, match=r"parameters; its entry in the catalogue says 109,51"):
        load(model, bert_folder)


def test_a_tokenizer_without_a_mask_is_for_the_operator(tmp_path: Path) -> None:
    hub_files.bert(tmp_path)
    settings = {"do_lower_case": True, "mask_token": None}
    hub_files.write_json(tmp_path / "tokenizer_config.json", settings)
    with pytest.raises(OperatorError, match="names no mask token"):
        load(MODEL, tmp_path)


def test_weights_are_held_as_the_entry_says(bert_folder: Path) -> None:
    sizes, first = {}, {}
    for dtype in ("float32", "bfloat16", "int8"):
        model = Model(id="x", task="fill", family="masked_lm", dtype=dtype)
        family = load(model, bert_folder)
        sizes[dtype] = family.size_bytes()
        first[dtype] = filled(family, TEXTS[:1])[0].candidates[0]
    if sizes["bfloat16"] == sizes["float32"]:
        pytest.skip("this processor has no bfloat16")
    assert sizes["bfloat16"] < sizes["float32"]
    assert sizes["int8"] < sizes["float32"]
    for found in first.values():
        assert found.probability == pytest.approx(first["float32"].probability, rel=0.3)
