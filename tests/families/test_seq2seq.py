"""Summaries, translations and fillings, held against transformers' own ``generate``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.conversion.safetensors import convert
from bot.catalogue.model import Defaults, Limits, Model, Prompt
from bot.decoding.engine import Finish
from bot.errors import OperatorError, UserError
from bot.families.seq2seq import MOST_PARTS, Seq2Seq, load
from bot.families.vocabularies import load_tokenizer
from bot.tasks.text_to_text import FillMask, Summarize, TextResult, Translate
from tests.families import repositories
from tests.families.side_by_side import written

STORY = "The quick brown fox jumps over the lazy dog. Good morning, how are you today? "
MAKERS: dict[str, Callable[[Path], Path]] = {
    "bart": repositories.bart,
    "m2m100": repositories.m2m100,
    "nllb": repositories.nllb,
    "marian": repositories.marian,
    "marian_many": lambda folder: repositories.marian(folder, ("de", "fra", "pt_br")),
    "mt5": repositories.mt5,
}

Opened = Callable[..., Seq2Seq]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = MAKERS[kind](tmp_path_factory.mktemp(kind))
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def opened(folders: Callable[[str], Path]) -> Opened:
    """Load one of the checkpoints, with keys of its entry."""

    def make(kind: str, **keys: Any) -> Seq2Seq:
        with torch.inference_mode():
            return load(model_of(**keys), folders(kind))

    return make


def model_of(**keys: Any) -> Model:
    base = {"id": "tiny", "name": "Tiny", "task": "translate", "family": "seq2seq"}
    return Model(**(base | {"checkpoint": "x"} | keys))


def answered(family: Any, request: Any) -> tuple[list[str], Any]:
    """Run a request by itself, row after row; return what was shown, and the result."""
    shown: list[str] = []
    finishes: list[Any] = []
    with torch.inference_mode():
        row = family.row(request, 0)
        while row is not None:
            family.engine.join("job", row)
            ended = False
            while not ended:
                for emission in family.engine.step():
                    if emission.error is not None:
                        raise emission.error
                    if emission.finish is not None:
                        finishes.append(emission.finish)
                        ended = True
                    else:
                        shown.append(family.shown_with(request, finishes, emission.text))
            row = family.next_row(request, 0, finishes)
        return shown, family.result_of(request, finishes)


def judged(folder: Path, ids: list[int], **options: Any) -> str:
    """Return what transformers alone makes of what the encoder reads, no half letter at its end."""
    net = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True).eval()
    with torch.inference_mode():
        (written,) = net.generate(input_ids=torch.tensor([ids]), **options)
    text = str(load_tokenizer(folder).decode(written, skip_special_tokens=True))
    return text.rstrip("\ufffd").strip()


def read(family: Seq2Seq, request: Any) -> list[int]:
    return list(family.row(request, 0).source)


@pytest.mark.parametrize("beams", [1, 4])
def test_a_summary_is_that_of_generate(
    beams: int, folders: Callable[[str], Path], opened: Opened
) -> None:
    family = opened("bart", task="summarize", defaults=Defaults(beams=beams))
    _, result = answered(family, Summarize(text=STORY))
    ids = load_tokenizer(folders("bart"))(STORY.strip())["input_ids"]
    assert result.text == judged(folders("bart"), ids, num_beams=beams)
    assert result.text


def test_lengths_count_without_the_start_token(opened: Opened) -> None:
    sampling = opened("bart").row(Summarize(text=STORY), 0).sampling
    assert (sampling.min_new_tokens, sampling.max_new_tokens) == (8, 23)
    assert (sampling.forced_first, sampling.forced_last) == (0, 2)
    assert (sampling.no_repeat_ngram, sampling.length_penalty) == (3, 2.0)
    assert (sampling.beams, sampling.early_stopping, sampling.temperature) == (1, True, 0.0)


def test_a_summary_of_little_is_not_forced_to_be_long(opened: Opened) -> None:
    row = opened("bart").row(Summarize(text="the fox"), 0)
    assert row.sampling.min_new_tokens == len(row.source) // 3


@pytest.mark.parametrize("beams", [1, 5])
def test_m2m100_is_told_both_languages(
    beams: int, folders: Callable[[str], Path], opened: Opened
) -> None:
    text = "the quick brown fox"
    family = opened("m2m100", defaults=Defaults(beams=beams))
    tokenizer = load_tokenizer(folders("m2m100"))
    tokenizer.src_lang = "fr"
    ids = tokenizer(text)["input_ids"]
    request = Translate(text=text, to="de", source="fr")
    assert read(family, request) == ids
    assert ids[0] == tokenizer.get_lang_id("fr")
    _, result = answered(family, request)
    start = tokenizer.get_lang_id("de")
    assert result.text == judged(folders("m2m100"), ids, num_beams=beams, forced_bos_token_id=start)
    assert result.text


@pytest.mark.parametrize("legacy", [False, True])
def test_nllb_is_told_both_languages(
    legacy: bool, folders: Callable[[str], Path], opened: Opened, tmp_path: Path
) -> None:
    folder = shutil.copytree(folders("nllb"), tmp_path / "nllb")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings | {"legacy_behaviour": legacy})
    )
    with torch.inference_mode():
        family = load(model_of(), folder)
    text = "the quick brown fox"
    tokenizer = load_tokenizer(folder)
    tokenizer.src_lang = "fra_Latn"
    ids = tokenizer(text)["input_ids"]
    request = Translate(text=text, to="German", source="fr")
    assert read(family, request) == ids
    start = tokenizer.convert_tokens_to_ids("deu_Latn")
    expected = judged(folder, ids, num_beams=1, forced_bos_token_id=start)
    assert answered(family, request)[1].text == expected
    assert expected


@pytest.mark.parametrize("beams", [1, 6])
def test_marian_translates_its_pair(
    beams: int, folders: Callable[[str], Path], opened: Opened
) -> None:
    text = "the quick brown fox"
    family = opened("marian", defaults=Defaults(beams=beams))
    ids = load_tokenizer(folders("marian"))(text)["input_ids"]
    request = Translate(text=text, to="de", source="en")
    assert read(family, request) == ids
    assert answered(family, request)[1].text == judged(folders("marian"), ids, num_beams=beams)


@pytest.mark.parametrize(("to", "written"), [("de", "de"), ("French", "fra"), ("pt", "pt_br")])
def test_marian_for_many_is_told_the_language_before_the_text(
    to: str, written: str, folders: Callable[[str], Path], opened: Opened
) -> None:
    text = "the quick brown fox"
    ids = load_tokenizer(folders("marian_many"))(f">>{written}<< {text}")["input_ids"]
    assert read(opened("marian_many"), Translate(text=text, to=to)) == ids


def test_a_hole_is_filled_between_its_sentinels(
    folders: Callable[[str], Path], opened: Opened
) -> None:
    family = opened("mt5", task="fill", limits=Limits(max_new_tokens=6))
    tokenizer = load_tokenizer(folders("mt5"))
    holes = tokenizer.convert_tokens_to_ids([f"▁<extra_id_{n}>" for n in range(100)])
    ids = tokenizer("the quick <extra_id_0> jumps.")["input_ids"]
    request = FillMask(text="the quick ___ jumps.")
    assert read(family, request) == ids
    assert holes[0] in ids
    _, result = answered(family, request)
    filling = judged(
        folders("mt5"), ids, num_beams=1, max_new_tokens=6, min_new_tokens=1,
        decoder_input_ids=torch.tensor([[0, holes[0]]]), eos_token_id=[1, *holes],
    )  # fmt: skip
    filling = filling.split("<extra_id_0>", 1)[1].split("<extra_id_")[0].strip()
    assert result.text == f"the quick {filling} jumps."
    assert filling


def test_a_text_needs_one_hole_and_a_model_that_fills_it(opened: Opened) -> None:
    with pytest.raises(UserError, match="no hole"):
        opened("mt5").row(FillMask(text="the fox"), 0)
    with pytest.raises(UserError, match="Tiny was not taught to fill holes"):
        opened("bart").row(FillMask(text="the ___ fox"), 0)
    with pytest.raises(UserError, match=r"at most 12 .* around the hole"):
        opened("mt5", limits=Limits(max_input_tokens=12)).row(FillMask(text="fox " * 20 + "___"), 0)


def test_a_fine_tuned_mt5_is_asked_in_words(folders: Callable[[str], Path], opened: Opened) -> None:
    family = opened(
        "mt5", languages=("en", "de", "fr"), prompt=Prompt(prefix="translate {source} to {to}: ")
    )
    tokenizer = load_tokenizer(folders("mt5"))
    said = "translate German to French: the fox"
    request = Translate(text="the fox", to="fr", source="de")
    assert read(family, request) == tokenizer(said)["input_ids"]
    from_english = read(family, Translate(text="the fox", to="de"))
    assert from_english == tokenizer("translate English to German: the fox")["input_ids"]


def test_t5s_own_settings_name_its_pairs_and_its_words(tmp_path: Path) -> None:
    folder = repositories.mt5(
        tmp_path,
        task_specific_params={
            "summarization": {"prefix": "summarize: ", "max_length": 12, "min_length": 3},
            "translation_en_to_de": {"prefix": "translate English to German: "},
        },
    )
    with torch.inference_mode():
        family = load(model_of(task=("summarize", "translate")), folder)
    tokenizer = load_tokenizer(folder)
    row = family.row(Summarize(text=STORY), 0)
    assert list(row.source) == tokenizer(f"summarize: {STORY.strip()}")["input_ids"]
    assert row.sampling.max_new_tokens == 11
    said = read(family, Translate(text="the fox", to="de"))
    assert said == tokenizer("translate English to German: the fox")["input_ids"]
    with pytest.raises(UserError, match="It knows de"):
        family.row(Translate(text="the fox", to="fr"), 0)


def test_a_long_text_is_summarized_in_parts_that_fit(opened: Opened) -> None:
    family = opened("bart", task="summarize")
    request = Summarize(text=STORY * 4)
    first = family.row(request, 0)
    assert len(first.source) <= 64
    shown, result = answered(family, request)
    parts = result.text.split("\n")
    assert result.tokens > 0
    assert 2 <= len(parts) <= MOST_PARTS
    assert all(b.startswith(a.rstrip("\ufffd")) for a, b in pairwise(shown))


def test_summaries_of_many_parts_are_summarized_again(opened: Opened) -> None:
    family = opened("bart", task="summarize", limits=Limits(max_input_tokens=64))
    request = Summarize(text=STORY * 12)
    shown, result = answered(family, request)
    assert len(result.text) < len(shown[-1])


def test_a_translation_keeps_its_lines(opened: Opened) -> None:
    family = opened("m2m100")
    text = "the quick brown fox\n\n12 : 30\n\nle chat noir"
    request = Translate(text=text, to="de", source="en")
    shown, result = answered(family, request)
    alone = [
        answered(family, Translate(text=line, to="de", source="en"))[1].text
        for line in ("the quick brown fox", "le chat noir")
    ]
    assert result.text == f"{alone[0]}\n\n12 : 30\n\n{alone[1]}"
    assert all(b.startswith(a.rstrip()) for a, b in pairwise(shown))
    assert result.stopped_by == "length"


def test_long_lines_are_translated_in_sentences(opened: Opened) -> None:
    family = opened("m2m100", limits=Limits(max_input_tokens=40))
    request = Translate(text=STORY * 3, to="de", source="en")
    _, result = answered(family, request)
    assert "\n" not in result.text
    assert len(read(family, request)) <= 40


def test_what_was_read_is_forgotten_when_its_job_ends_or_too_many_came(opened: Opened) -> None:
    family = opened("m2m100", slots=2)
    answered(family, Translate(text="the fox", to="de"))
    assert not family._known
    for number in range(9):
        family.row(Translate(text=f"fox {number}", to="de"), 0)
    assert len(family._known) == 4


@pytest.mark.parametrize("text", ["", "  \n ", "12 + 12 = 24", "..."])
def test_a_text_without_words_is_refused(text: str, opened: Opened) -> None:
    with pytest.raises(UserError, match="no words in this text"):
        opened("m2m100").row(Translate(text=text, to="de"), 0)
    with pytest.raises(UserError, match="no words in this text"):
        opened("bart").row(Summarize(text=text), 0)


def test_too_many_lines_are_refused_with_fact_limit_and_next_step(opened: Opened) -> None:
    with pytest.raises(UserError) as caught:
        opened("m2m100").row(Translate(text="fox\n" * 300, to="de"), 0)
    assert "300 lines" in str(caught.value)
    assert "Tiny translates at most 200 at once. Send it in parts." in str(caught.value)


@pytest.mark.parametrize("kind", ["m2m100", "mt5", "marian"])
def test_a_converted_checkpoint_answers_the_same(
    kind: str, folders: Callable[[str], Path], opened: Opened, tmp_path: Path
) -> None:
    convert([folders(kind) / "config.json"], tmp_path, "float32")
    assert not list(tmp_path.glob("*.bin"))
    request: Any = Translate(text="the quick brown fox", to="de", source="en")
    if kind == "mt5":
        request = FillMask(text="the quick ___ jumps.")
    with torch.inference_mode():
        family = load(model_of(), tmp_path)
    assert answered(family, request)[1] == answered(opened(kind), request)[1]


def test_missing_weights_are_for_the_operator(
    folders: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders("m2m100"), tmp_path / "broken")
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    del state["model.decoder.layers.1.fc2.weight"]
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(OperatorError, match=r"lacks 1 weights.*layers\.1\.fc2\.weight"):
        load(model_of(), folder)


def test_weights_are_counted_once(opened: Opened) -> None:
    net = AutoModelForSeq2SeqLM.from_config(opened("m2m100")._config)
    held = [*net.parameters(), *net.buffers()]
    assert opened("m2m100").size_bytes() == 4 * sum(tensor.numel() for tensor in held)


def test_the_entry_of_m2m100_names_the_languages_of_its_tokenizer(opened: Opened) -> None:
    entry = Catalogue.load().get("m2m100-418m")
    assert set(entry.languages) == set(opened("m2m100")._languages._scheme.tokens)


def test_a_result_says_why_it_ends(opened: Opened) -> None:
    result = answered(opened("bart"), Summarize(text=STORY))[1]
    assert isinstance(result, TextResult)
    assert result.stopped_by in {"end", "length"}


def test_pegasus_ends_its_lines_in_its_own_way(opened: Opened) -> None:
    finish = Finish(text=" One.<n>Two. ", tokens=5, stopped_by="end")
    result = opened("bart").result(Summarize(text=STORY), finish)
    assert result.text == "One. Two."


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("kind", ["bart", "m2m100"])
def test_pieces_that_are_written_side_by_side_are_the_same(
    kind: str, beams: int, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Summaries of summaries too, which wait for all that they are made of."""
    limits = Limits(max_input_tokens=40, max_new_tokens=16)
    task = "summarize" if kind == "bart" else "translate"
    family = opened(kind, task=task, limits=limits, defaults=Defaults(beams=beams), slots=8)
    request: Any = Summarize(text=STORY * 12)
    if kind == "m2m100":
        request = Translate(text=STORY * 12, to="de", source="en")
    alone, one = written(family, request, 1, monkeypatch)
    together, several = written(family, request, 8, monkeypatch)
    assert together == alone
    assert one == 1
    assert several > 2
