"""The number of parameters that an entry names is that of its true configuration."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoConfig, PretrainedConfig

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Model
from bot.catalogue.synthetic import WRITERS
from tests.catalogue.configurations import TRUE

FAMILIES = ("causal_lm", "masked_lm", "classifier", "extractive_qa", "seq2seq", "vision_seq2seq")
OF_TRANSFORMERS = [m for m in Catalogue.load() if m.family in FAMILIES]
HEAD_OF_ITS_OWN = ("T5ForConditionalGeneration", "MT5ForConditionalGeneration")


def counted(architecture: str, config: PretrainedConfig) -> int:
    """Return the parameters of a net, those that are shared counted once; none is filled."""
    with torch.device("meta"):
        net = getattr(transformers, architecture)(config)
    count = sum(weight.numel() for weight in net.parameters())
    if architecture in HEAD_OF_ITS_OWN:  # transformers 5 ties it until it has read the file
        assert net.lm_head.weight is net.shared.weight
        count += net.lm_head.weight.numel()
    return count


@pytest.mark.parametrize("model", OF_TRANSFORMERS, ids=lambda model: model.id)
def test_the_parameters_are_those_of_the_true_configuration(model: Model, tmp_path: Path) -> None:
    if model.id in TRUE:
        architecture, config = TRUE[model.id]
    else:
        assert model.repo is not None
        writer = importlib.import_module(f"bot.catalogue.synthetic.{WRITERS[model.repo]}")
        writer.write_files(tmp_path, model.repo)
        config = AutoConfig.from_pretrained(tmp_path)
        (architecture,) = config.architectures
    assert counted(architecture, config) == model.params


def test_blip_has_two_possible_counts_and_so_none_is_asked_for() -> None:
    assert counted(*TRUE["blip-captions"]) == 223_971_644
    assert Catalogue.load().get("blip-captions").params is None


def test_the_memory_of_every_model_of_the_hub_is_known() -> None:
    for model in Catalogue.load():
        assert model.needed_mb is not None or model.starter, model.id
