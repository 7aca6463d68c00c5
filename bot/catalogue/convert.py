"""Turns the files of a checkpoint into what its family reads; runs as a process of its own.

``python -m bot.catalogue.convert KIND DTYPE FOLDER FILE...``: the bot never loads torch, and what a
conversion needs of memory goes back when it ends. Nothing here touches the network.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS = (".bin", ".safetensors", ".h5", ".msgpack", ".pt")
PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "  two spaces,\ttab\nline; 12,345.67 € — naïve café 日本語 🦊",
    "<|im_start|>user\nHello<|im_end|>\n",
)


def convert_gguf(files: list[Path], folder: Path, dtype: str) -> None:
    """Write a GGUF file as safetensors with its tokenizer and chat template."""
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


def convert_onnx(files: list[Path], folder: Path, dtype: str) -> None:
    """Write the weights of ONNX files as safetensors."""
    from bot.catalogue import convert_onnx as onnx

    onnx.convert_onnx(files, folder)


def convert_safetensors(files: list[Path], folder: Path, dtype: str) -> None:
    """Write a transformers checkpoint in its serving dtype, so that workers can share its pages.

    ``files`` is its config.json; weights may be .bin or safetensors beside it, of any dtype.
    """
    import shutil

    import torch
    import transformers

    (config,) = files
    (architecture,) = json.loads(config.read_text(encoding="utf-8"))["architectures"]
    kind = getattr(transformers, architecture)
    net = kind.from_pretrained(config.parent, dtype=getattr(torch, dtype), local_files_only=True)
    net.save_pretrained(folder)
    for path in config.parent.iterdir():
        weights = path.suffix in WEIGHTS or path.name.endswith(".index.json")
        if path.is_file() and not weights and not (folder / path.name).exists():
            shutil.copy2(path, folder / path.name)


CONVERSIONS: dict[str, Callable[[list[Path], Path, str], None]] = {
    "gguf": convert_gguf,
    "onnx": convert_onnx,
    "safetensors": convert_safetensors,
}
"""What a catalogue entry's ``convert`` may say, and what does it."""


def main(arguments: list[str]) -> None:
    """Run one conversion: KIND DTYPE FOLDER FILE..."""
    kind, dtype, folder, *files = arguments
    warnings.simplefilter("ignore")  # of what libraries say, only faults matter here
    CONVERSIONS[kind]([Path(file) for file in files], Path(folder), dtype)


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


if __name__ == "__main__":
    main(sys.argv[1:])
