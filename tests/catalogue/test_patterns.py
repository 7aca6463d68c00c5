"""Which files an entry takes: one framework's weights, whichever the repository has."""

from __future__ import annotations

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.patterns import chosen, matches, without_weights

EITHER = ["*.json", "model.safetensors | pytorch_model.bin"]


@pytest.mark.parametrize(
    ("name", "pattern", "wanted"),
    [
        ("config.json", "*.json", True),
        ("onnx/config.json", "*.json", False),
        ("variables/variables.index", "variables/*", True),
        ("variables/deep/x", "variables/*", False),
        ("Model.safetensors", "model.safetensors", False),
    ],
)
def test_a_pattern_stays_in_its_folder(name: str, pattern: str, wanted: bool) -> None:
    assert matches(name, pattern) is wanted


@pytest.mark.parametrize(
    ("there", "weights"),
    [
        (["pytorch_model.bin", "model.safetensors", "tf_model.h5"], "model.safetensors"),
        (["pytorch_model.bin", "tf_model.h5"], "pytorch_model.bin"),
        (["model.safetensors"], "model.safetensors"),
    ],
)
def test_the_first_choice_that_is_there_is_taken(there: list[str], weights: str) -> None:
    names = ["config.json", *there]
    assert chosen(names, EITHER) == [n for n in names if n in ("config.json", weights)]
    assert not without_weights(names, EITHER)


def test_weights_that_are_not_there_are_named() -> None:
    names = ["config.json", "flax_model.msgpack"]
    assert without_weights(names, [*EITHER, "merges.txt"]) == [EITHER[1]]


def test_shards_are_taken_together() -> None:
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    names = [*shards, "pytorch_model-00001-of-00001.bin"]
    assert chosen(names, ["model*.safetensors | pytorch_model*.bin"]) == shards


def test_programs_are_never_taken() -> None:
    names = ["config.json", "modelling.py", "kernel.so", "run.sh"]
    assert chosen(names, []) == ["config.json"]
    assert chosen(names, ["*"]) == ["config.json"]


# As the hub lists them, with sizes in megabytes.
GPTJ = {
    "config.json": 0, "merges.txt": 0, "vocab.json": 1, "tokenizer.json": 1, "README.md": 0,
    "tokenizer_config.json": 0, "added_tokens.json": 0, "special_tokens_map.json": 0,
    ".gitattributes": 0, "tf_model.h5": 24_200, "flax_model.msgpack": 24_200,
    "pytorch_model.bin": 24_200,
}  # fmt: skip
BART = {
    "config.json": 0, "generation_config.json": 0, "merges.txt": 0, "vocab.json": 1,
    "tokenizer.json": 1, "README.md": 0, "generation_config_for_summarization.json": 0,
    "model.safetensors": 1_630, "pytorch_model.bin": 1_630, "tf_model.h5": 1_630,
    "flax_model.msgpack": 1_630, "rust_model.ot": 2_000,
}  # fmt: skip
OPT = {
    "LICENSE.md": 0, "config.json": 0, "generation_config.json": 0, "merges.txt": 0,
    "vocab.json": 1, "special_tokens_map.json": 0, "tokenizer_config.json": 0,
    "pytorch_model.bin": 663, "tf_model.h5": 663, "flax_model.msgpack": 663,
}  # fmt: skip
OPT_SHARDS = {
    **{name: size for name, size in OPT.items() if size < 600},
    "pytorch_model.bin.index.json": 0,
    **{f"pytorch_model-0000{n}-of-00002.bin": 6_660 for n in (1, 2)},
    **{f"flax_model-0000{n}-of-00002.msgpack": 6_660 for n in (1, 2)},
    **{f"tf_model-0000{n}-of-00002.h5": 6_660 for n in (1, 2)},
}


@pytest.mark.parametrize(
    ("model", "listing", "weights"),
    [
        ("gpt-j-6b", GPTJ, {"pytorch_model.bin"}),
        ("bart-large-cnn", BART, {"model.safetensors"}),
        ("opt-350m", OPT, {"pytorch_model.bin"}),
        ("opt-6.7b", OPT_SHARDS, {f"pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)}),
    ],
)
def test_of_a_repository_in_many_formats_one_is_taken(
    model: str, listing: dict[str, int], weights: set[str]
) -> None:
    patterns = Catalogue.load().get(model).files
    taken = chosen(list(listing), patterns)
    assert {name for name in taken if listing[name] > 100} == weights
    assert {"config.json", "merges.txt", "vocab.json"} <= set(taken)
    assert not without_weights(taken, patterns)
