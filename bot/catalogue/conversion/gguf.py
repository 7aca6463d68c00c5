"""Writes a GGUF file as safetensors with its tokenizer and chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "  two spaces,\ttab\nline; 12,345.67 € — naïve café 日本語 🦊",
    "<|im_start|>user\nHello<|im_end|>\n",
)


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write ``files``, which is one .gguf, into ``folder`` as transformers reads it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    (source,) = files
    where = {"pretrained_model_name_or_path": source.parent, "gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(
        **where,
        # without it the weights stay packed and cannot be written
        quantization_config=GgufConfig(dequantize=True),
        dtype=getattr(torch, dtype),
    )
    _set_ends(model, tokenizer)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _check_tokenizer(tokenizer, AutoTokenizer.from_pretrained(folder))


def _set_ends(model: Any, tokenizer: Any) -> None:
    """Make generation end where the tokenizer says a text ends."""
    settings = model.generation_config
    settings.bos_token_id = tokenizer.bos_token_id
    settings.eos_token_id = tokenizer.eos_token_id
    padding = tokenizer.pad_token_id
    settings.pad_token_id = tokenizer.eos_token_id if padding is None else padding


def _check_tokenizer(first: Any, again: Any) -> None:
    """Refuse a tokenizer that changed on its way through the files."""
    for probe in PROBES:
        if first(probe)["input_ids"] != again(probe)["input_ids"]:
            raise ValueError(f"the saved tokenizer reads {probe!r} differently")
    for name in ("chat_template", "eos_token_id", "bos_token_id", "pad_token_id"):
        if getattr(first, name) != getattr(again, name):
            raise ValueError(f"the saved tokenizer has another {name}")
