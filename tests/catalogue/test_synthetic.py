"""Stand-ins for the hub's repositories: true in names and sizes, and as good as any to the bot."""

from __future__ import annotations

import importlib
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import transformers

from bot.catalogue.catalogue import Catalogue, has_family
from bot.catalogue.conversion import KINDS
from bot.catalogue.model import Model
from bot.catalogue.patterns import chosen
from bot.catalogue.synthetic import ALONE, UNWRITTEN, WRITERS, weights
from bot.catalogue.synthetic.__main__ import write
from bot.catalogue.synthetic.words import made_up_words, stems
from bot.decoding.engine import Finish
from bot.families.base import BatchFamily
from bot.families.vocabularies import load_tokenizer
from bot.tasks.image_to_image import RestylePicture
from bot.trials import pictures
from bot.trials.asks import Ask, asks_of, words

NEW_TOKENS = 5
SIZE_TOLERANCE = 0.015  # of what an entry says of its megabytes
HUB = [model for model in Catalogue.load() if model.repo is not None]
WRITTEN = [model for model in HUB if model.repo in WRITERS and has_family(model.family)]
OF_TRANSFORMERS = [model for model in WRITTEN if WRITERS[str(model.repo)] not in ALONE]
NOT_OF_THE_HUB = ("ratings.dat",)  # nor needed
OF_ONE_KIND = (
    *("opt-2.7b", "opt-6.7b", "opt-13b", "opt-30b", "opt-66b", "opus-mt-de-en", "opus-mt-en-fr"),
    *("opus-mt-fr-en", "opus-mt-en-es", "opus-mt-es-en", "qwen2.5-1.5b-instruct"),
    *("smollm2-1.7b-instruct", "flan-t5-large", "roberta-large-squad2", "tinyroberta-squad2"),
)
"""Models whose tiny forms are those of others."""

TINY = [model for model in WRITTEN if model.id not in OF_ONE_KIND]
LARGE_VOCABULARIES = (
    *("nllb-200-distilled-600m", "qwen2.5-1.5b-instruct", "qwen2.5-0.5b-instruct", "qwen3-0.6b"),
    *("xlm-roberta-sentiment", "mt5-base"),
)


def marked(models: list[Model], slow: tuple[str, ...]) -> Any:
    """Return the mark that gives a test each model, some of them only where there is time."""
    marks = dict.fromkeys(slow, pytest.mark.slow)
    cases = [pytest.param(m, id=m.id, marks=marks.get(m.id, ())) for m in models]
    return pytest.mark.parametrize("model", cases)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Unstopped:
    """A run that nobody stops."""

    def check(self) -> None:
        pass

    def step(self, done: int, total: int, preview: object = None) -> None:
        pass


def writer_of(model: Model) -> Any:
    return importlib.import_module(f"bot.catalogue.synthetic.{WRITERS[str(model.repo)]}")


def tiny_entry(model: Model, ask: Ask) -> Model:
    """Return a model's entry for a net of two small layers, which writes little."""
    limits = msgspec.structs.replace(model.limits, max_new_tokens=NEW_TOKENS)
    return msgspec.structs.replace(ask.entry(model), params=None, limits=limits)


def tiny_request(model: Model, ask: Ask) -> Any:
    """Return what is asked, of a small picture where a large one only takes longer."""
    if isinstance(ask.request, RestylePicture):
        return RestylePicture(image=pictures.scene(32), style_image=pictures.scene(32, 2.0))
    return ask.request


def checkpoint_of(model: Model, folder: Path) -> Path:
    """Write a tiny stand-in and convert it, as a fetch does in a child process."""
    raw, done = folder / "raw", folder / "done"
    write(str(model.repo), raw, tiny=True)
    if model.convert is None:
        return raw
    done.mkdir()
    conversion = importlib.import_module(f"bot.catalogue.conversion.{model.convert}")
    conversion.convert(sorted(raw.rglob(KINDS[model.convert])), done, model.dtype)
    return done


def answered(family: Any, request: Any) -> tuple[Any, list[int]]:
    """Run one job; return its result, and how many tokens each of its texts has."""
    with torch.inference_mode():
        if isinstance(family, BatchFamily):
            inputs = family.preprocess(request, 0)
            return family.postprocess(family.forward([inputs], Unstopped())[0], request), []
        finishes: list[Finish] = []
        row = family.row(request, 0)
        while row is not None:
            family.engine.join("job", row)
            while "job" in family.engine.joined():
                for emission in family.engine.step():
                    if emission.error is not None:
                        raise emission.error
                    finishes += [emission.finish] if emission.finish is not None else []
            row = family.next_row(request, 0, finishes)
        return family.result_of(request, finishes), [finish.tokens for finish in finishes]


@marked(HUB, ())
def test_every_model_of_the_hub_has_a_stand_in_or_a_reason_to_have_none(model: Model) -> None:
    assert (model.repo in WRITERS) != (model.repo in UNWRITTEN)


def test_no_stand_in_is_of_a_model_that_the_catalogue_lacks() -> None:
    assert {*WRITERS, *UNWRITTEN} <= {model.repo for model in HUB}


@marked(OF_TRANSFORMERS, LARGE_VOCABULARIES)
def test_a_stand_in_has_the_size_of_the_original(model: Model, tmp_path: Path) -> None:
    writer, repo = writer_of(model), str(model.repo)
    writer.write_files(tmp_path, repo)
    layout = writer.layout(repo)
    held, voice = weights.planned(tmp_path, layout)
    sizes = [weight.nbytes for weight in held.values()]
    if layout.file.endswith(".safetensors"):  # a pickle has what is shared once
        sizes += [held[other].nbytes for other in layout.same.values()]
    assert sum(sizes) / 1e6 == pytest.approx(model.size_mb, rel=SIZE_TOLERANCE)
    assert voice in held or not layout.silent
    if model.id == "manga-ocr-base":
        return  # it reads characters
    tokenizer = load_tokenizer(tmp_path)
    ids = tokenizer(words(800), add_special_tokens=False, verbose=False)["input_ids"]
    assert len(ids) == 800
    assert tokenizer.decode(ids).split() == made_up_words(800)


@marked(TINY, ("neural-style-transfer",))
def test_a_stand_in_is_converted_loaded_and_answers(model: Model, tmp_path: Path) -> None:
    ask = asks_of(model)[0]
    entry = tiny_entry(model, ask)
    folder = checkpoint_of(entry, tmp_path)
    with torch.inference_mode():
        family = importlib.import_module(f"bot.families.{entry.family}").load(entry, folder)
    result, tokens = answered(family, tiny_request(model, ask))
    assert result is not None
    if not isinstance(family, BatchFamily):
        assert family.engine.note == ""
        # no text has ended by itself, though the last token may be an end that is forced
        assert set(tokens) <= {NEW_TOKENS, NEW_TOKENS - 1}
        assert tokens


@marked(TINY, ())
def test_a_stand_in_has_every_file_that_the_entry_asks_for(model: Model, tmp_path: Path) -> None:
    write(str(model.repo), tmp_path, tiny=True)
    for repository, patterns in [(".", model.files), *((p.name, p.files) for p in model.parts)]:
        place = tmp_path / repository
        names = [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]
        for pattern in patterns:
            if pattern not in NOT_OF_THE_HUB:
                assert chosen(names, [pattern]), f"{repository}: {pattern}"


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        write("facebook/opt-350m", tmp_path / folder, tiny=True, seed=seed)
    first, second, other = (
        torch.load(tmp_path / folder / "pytorch_model.bin", weights_only=True) for folder in "abc"
    )
    name = "decoder.layers.0.fc1.weight"
    assert torch.equal(first[name], second[name])
    assert not torch.equal(first[name], other[name])


def test_a_large_bin_is_parted_and_has_an_index(tmp_path: Path) -> None:
    writer: Any = importlib.import_module("bot.catalogue.synthetic.causal_lm")
    writer.write_files(tmp_path, "facebook/opt-6.7b", tiny=True)
    layout = writer.layout("facebook/opt-6.7b", tiny=True)
    layout = weights.Layout(
        file=layout.file, architecture=layout.architecture, renamed=layout.renamed,
        dtype=layout.dtype, shard_bytes=60_000,
    )  # fmt: skip
    weights.write(tmp_path, layout)
    parts = [path.name for path in tmp_path.iterdir() if fnmatch(path.name, "pytorch_model-*.bin")]
    assert len(parts) > 1
    net, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert all(weight.isfinite().all() for weight in net.parameters())


def test_stems_begin_with_whole_words() -> None:
    found = stems(1_000)
    assert len(set(found)) == 1_000
    assert set(made_up_words(100)) <= set(found)
    assert all(stem[:-1] in found[:number] for number, stem in enumerate(found) if len(stem) > 1)


def test_the_child_process_says_what_it_does_not_know(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot.catalogue.synthetic", "no/such", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "no/such" in done.stderr
