"""Every neighbour's entry loads in its family, from files like the hub's, and answers."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from PIL import Image
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    VisionEncoderDecoderModel,
)

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.conversion.safetensors import convert
from bot.catalogue.model import Model
from bot.decoding.sampling import Row, Sampling
from bot.families.captions import Captioner
from bot.tasks.image_to_text import DescribePicture
from bot.tasks.text_to_text import (
    AnswerQuestion,
    CandidatesResult,
    ClassifySentiment,
    FillMask,
    LabelsResult,
    QuotationsResult,
    Summarize,
    TextResult,
    Translate,
)
from tests.families import repositories
from tests.families.conftest import CountingRun
from tests.families.neighbours import BUILDERS
from tests.families.test_seq2seq import answered

CATALOGUE = Catalogue.load()
HALF = "\ufffd"  # the beginning of a letter that never came
STORY = "the quick brown fox jumps over the lazy dog. " * 3


def of_family(*names: str) -> Any:
    found = [name for name in BUILDERS if CATALOGUE.get(name).family in names]
    return pytest.mark.parametrize("name", found)


def opened(name: str, folder: Path, **changes: Any) -> tuple[Model, Any]:
    """Load a small checkpoint by the packaged entry, but for its number of parameters."""
    entry = msgspec.structs.replace(CATALOGUE.get(name), params=None, **changes)
    BUILDERS[name](folder)
    if entry.convert:
        done = folder.with_name(f"{folder.name}-done")
        done.mkdir()
        convert([folder / "config.json"], done, entry.dtype)
        folder = done
    with torch.inference_mode():
        return entry, importlib.import_module(f"bot.families.{entry.family}").load(entry, folder)


def batched(family: Any, request: Any) -> Any:
    with torch.inference_mode():
        (output,) = family.forward([family.preprocess(request, 0)], CountingRun())
        return family.postprocess(output, request)


@of_family("causal_lm")
def test_those_that_follow_instructions_answer_a_turn(name: str, tmp_path: Path) -> None:
    entry, family = opened(name, tmp_path, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    row = family.row(AnswerQuestion(question="who sat on the mat?"), 0)
    turn = [{"role": "user", "content": "who sat on the mat?"}]
    judged = tokenizer.apply_chat_template(
        turn, add_generation_prompt=True, **({"enable_thinking": False} if "3-" in name else {})
    )
    assert list(row.ids) == list(judged["input_ids"])
    written = tokenizer.decode(row.ids)
    assert written.endswith("</think>\n\n" if name == "qwen3-0.6b" else "assistant\n")
    assert (row.sampling.temperature, row.sampling.top_p) == (
        entry.defaults.temperature, entry.defaults.top_p
    )  # fmt: skip
    request = AnswerQuestion(question="who?", context="the fox sat on the mat.")
    _, result = answered(family, request)  # greedy: it has a context
    net = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids = torch.tensor([family.row(request, 0).ids])
    with torch.inference_mode():
        out = net.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=96, do_sample=False
        )
    text = str(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    assert result.text.rstrip(HALF) == text.lstrip().rstrip(HALF)


@of_family("seq2seq")
def test_encoder_decoders_do_each_of_their_tasks(name: str, tmp_path: Path) -> None:
    entry, family = opened(name, tmp_path)
    for task in entry.tasks:
        request = {
            "summarize": Summarize(text=STORY),
            "translate": Translate(text="the quick brown fox", to="de", source="en"),
        }[task]
        _, result = answered(family, request)
        assert isinstance(result, TextResult)
        assert result.tokens > 0
    assert family.engine.note == ""


@pytest.mark.parametrize("name", ["flan-t5-base", "flan-t5-large"])
def test_flan_t5_is_asked_in_the_words_it_was_taught(name: str, tmp_path: Path) -> None:
    _, family = opened(name, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    summary = family.row(Summarize(text="the fox"), 0).source
    assert list(summary) == tokenizer("summarize: the fox")["input_ids"]
    request = Translate(text="le chat noir", to="de", source="fr")
    asked = family.row(request, 0).source
    assert list(asked) == tokenizer("translate French to German: le chat noir")["input_ids"]


@of_family("masked_lm")
def test_holes_are_filled(name: str, tmp_path: Path) -> None:
    _, family = opened(name, tmp_path)
    result = batched(family, FillMask(text="the quick ___ fox"))
    assert isinstance(result, CandidatesResult)
    assert result.candidates
    assert 0 < result.candidates[0].probability <= 1


@of_family("classifier")
def test_labels_are_those_of_the_checkpoint(name: str, tmp_path: Path) -> None:
    _, family = opened(name, tmp_path)
    result = batched(family, ClassifySentiment(text="the quick brown fox"))
    assert isinstance(result, LabelsResult)
    assert {label.name for label in result.labels} == {"negative", "neutral", "positive"}
    assert sum(label.score for label in result.labels) == pytest.approx(1, abs=1e-3)


@of_family("extractive_qa")
def test_answers_are_quoted(name: str, tmp_path: Path) -> None:
    _, family = opened(name, tmp_path)
    context = "the cat sat on the mat in the house."
    result = batched(family, AnswerQuestion(question="where?", context=context))
    assert isinstance(result, QuotationsResult)
    assert all(context[q.start : q.end] == q.text for q in result.quotations)


@of_family("vision_seq2seq", "blip")
def test_nets_that_see_write_what_generate_writes(
    name: str, tmp_path: Path, photo: Image.Image, encoded: Any
) -> None:
    entry, family = opened(name, tmp_path, dtype="float32")
    assert family.engine.note == ""
    if isinstance(family, Captioner):
        _, result = answered(family, DescribePicture(image=encoded(photo)))
        assert result.text.endswith(".")
        return
    assert entry.tasks == ("ocr",)
    # not from_pretrained, which leaves sinusoids without values
    net = VisionEncoderDecoderModel(AutoConfig.from_pretrained(tmp_path)).eval()
    state = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    lacking = net.load_state_dict(state, strict=False).missing_keys
    assert all("pooler" in name for name in lacking)
    pixels = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        family.engine.join("row", Row(ids=(2,), source=pixels, sampling=Sampling(max_new_tokens=9)))
        tokens = []
        while len(tokens) < 9 and (not tokens or tokens[-1] != 2):
            tokens += [emission.token for emission in family.engine.step()]
        judged = net.generate(
            pixels[None], decoder_start_token_id=2, eos_token_id=2, pad_token_id=1,
            max_new_tokens=9, do_sample=False,
        )  # fmt: skip
    assert tokens == judged[0, 1:].tolist()


def test_every_neighbour_is_tried() -> None:
    """Entries of transformers' families are here, or in the tests of their families."""
    elsewhere = {
        "gpt2", "distilgpt2", "gpt-j-6b", "bert-base-uncased", "bart-large-cnn", "m2m100-418m",
        "mt5-base", "roberta-base-squad2", "tinyroberta-squad2", "distilbert-sst2",
        "trocr-base-printed", "trocr-base-handwritten", "manga-ocr-base", "smollm2-135m-instruct",
    }  # fmt: skip
    families = {CATALOGUE.get(name).family for name in BUILDERS}
    for model in CATALOGUE:
        if model.family in families and not model.id.startswith(("opt-", "opus-mt-")):
            assert model.id in {*BUILDERS, *elsewhere}, model.id


@pytest.mark.parametrize(
    "name", [model.id for model in CATALOGUE if model.id.startswith("opus-mt-")]
)
def test_a_pair_of_opus_mt_knows_its_pair(name: str, tmp_path: Path) -> None:
    entry = msgspec.structs.replace(CATALOGUE.get(name), params=None)
    repositories.marian(tmp_path)
    first, second = entry.languages
    assert name == f"opus-mt-{first}-{second}"
    settings = {"source_lang": first, "target_lang": second, "tokenizer_class": "MarianTokenizer"}
    repositories.write(tmp_path / "tokenizer_config.json", settings)
    with torch.inference_mode():
        family = importlib.import_module("bot.families.seq2seq").load(entry, tmp_path)
    _, result = answered(family, Translate(text="the quick brown fox", to=second))
    assert result.tokens > 0
