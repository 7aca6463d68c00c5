"""What is loaded is whole, is what the entry says, and runs nothing that came with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, VisionEncoderDecoderModel

from bot.catalogue.conversion.safetensors import convert
from bot.catalogue.model import Model
from bot.errors import OperatorError
from bot.families import vocabularies
from bot.families.checkpoints import load_net, load_tokenizer
from tests.families import hub_files, repositories


@pytest.fixture(scope="module")
def trocr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repositories.trocr(tmp_path_factory.mktemp("trocr"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_files.bert(tmp_path_factory.mktemp("bert"), bin_file=True)


def entry(**options: Any) -> Model:
    return Model(id="tiny", task="ocr", family="masked_lm", checkpoint="x", **options)


def without(folder: Path, target: Path, *names: str) -> Path:
    """Copy a checkpoint, but for some of its weights."""
    shutil.copytree(folder, target, dirs_exist_ok=True)
    state = torch.load(target / "pytorch_model.bin", weights_only=True)
    for name in names:
        del state[name]
    torch.save(state, target / "pytorch_model.bin")
    return target


def test_the_pooler_that_nothing_reads_may_be_missing(trocr: Path, tmp_path: Path) -> None:
    state = torch.load(trocr / "pytorch_model.bin", weights_only=True)
    assert not any("pooler" in name for name in state)  # as in microsoft/trocr-base-printed
    net = load_net(VisionEncoderDecoderModel, entry(), trocr)
    assert net.encoder.pooler is None
    convert([trocr / "config.json"], tmp_path, "float32")
    again = load_net(VisionEncoderDecoderModel, entry(), tmp_path)
    pixels, ids = torch.randn(1, 3, 32, 32), torch.tensor([[2, 5, 7]])
    with torch.inference_mode():
        first, second = (n(pixel_values=pixels, decoder_input_ids=ids).logits for n in (net, again))
    assert torch.equal(first, second)


def test_any_other_weight_may_not(trocr: Path, tmp_path: Path) -> None:
    broken = without(trocr, tmp_path, "encoder.layernorm.bias")
    with pytest.raises(OperatorError, match=r"lacks 1 weights, .* encoder\.layernorm\.bias"):
        load_net(VisionEncoderDecoderModel, entry(), broken)
    with pytest.raises(ValueError, match=r"1 weights are missing, .* encoder\.layernorm\.bias"):
        convert([broken / "config.json"], tmp_path / "done", "float32")
    assert not (tmp_path / "done").exists()


def test_a_weight_of_another_shape_is_refused(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 32}))
    with pytest.raises(OperatorError, match=r"lacks 1 weights, .*position_embeddings\.weight"):
        load_net(AutoModelForMaskedLM, entry(), tmp_path)


def test_some_tokens_more_are_no_other_net_and_a_layer_less_is(bert: Path) -> None:
    net = load_net(AutoModelForMaskedLM, entry(), bert)
    found = sum(weight.numel() for weight in net.parameters())
    layer = sum(weight.numel() for weight in net.bert.encoder.layer[0].parameters())
    load_net(AutoModelForMaskedLM, entry(params=found + found // 200), bert)
    for wrong in (found + layer, found - layer, found * 102 // 100):
        with pytest.raises(OperatorError, match=f"has {found:,} parameters; .* says {wrong:,}"):
            load_net(AutoModelForMaskedLM, entry(params=wrong), bert)


@pytest.fixture
def with_program(tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint that wants a program of its own run, and the file that this would write."""
    folder, trace = tmp_path / "net", tmp_path / "trace"
    folder.mkdir()
    program = f"import pathlib; pathlib.Path({str(trace)!r}).touch()\n"
    (folder / "evil.py").write_text(program)
    automatic = {
        "AutoConfig": "evil.Config",
        "AutoModelForCausalLM": "evil.Net",
        "AutoTokenizer": ["evil.Reader", None],
    }
    config = {"model_type": "evil", "auto_map": automatic, "architectures": ["Net"]}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "Reader", "auto_map": automatic})
    )
    return folder, trace


def test_no_program_of_a_checkpoint_is_run(with_program: tuple[Path, Path]) -> None:
    folder, trace = with_program
    with pytest.raises((ValueError, AttributeError)):
        load_net(AutoModelForCausalLM, entry(), folder)
    with pytest.raises((ValueError, AttributeError)):
        load_tokenizer(entry(), folder)
    with pytest.raises((ValueError, AttributeError)):
        vocabularies.load_tokenizer(folder)
    with pytest.raises((ValueError, AttributeError)):
        convert([folder / "config.json"], folder / "done", "float32")
    assert not trace.exists()


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self._trace,)


def test_a_pickle_is_read_as_tensors_only(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path, dirs_exist_ok=True)
    trace = tmp_path / "trace"
    state = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    torch.save({**state, "evil": Evil(trace)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        load_net(AutoModelForMaskedLM, entry(), tmp_path)
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        convert([tmp_path / "config.json"], tmp_path / "done", "float32")
    assert not trace.exists()


def test_nobody_trusts_programs_anywhere() -> None:
    root = Path(__file__).parents[2]
    for folder in ("bot", "cogs"):
        for path in (root / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert "trust_remote_code=True" not in text, path
            assert "weights_only=False" not in text, path
