"""Writes a transformers checkpoint in its serving dtype, so that workers can share its pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WEIGHTS = (".bin", ".safetensors", ".h5", ".msgpack", ".pt")

UNUSED = {"VisionEncoderDecoderModel": "encoder.pooler."}
"""Class of a net -> the beginning of the names of weights that it has and nothing reads.

TrOCR's files leave them out (transformers issue 14017).
"""


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write the checkpoint whose config.json is ``files``.

    Its weights may be .bin or safetensors beside it, of any dtype; what is not weights is copied.
    Pickles are read as tensors only; a program in the folder is never run.

    Raises:
        ValueError: Weights that the architecture needs are not there, or of another shape.
    """
    import torch
    import transformers

    (config,) = files
    (architecture,) = json.loads(config.read_text(encoding="utf-8"))["architectures"]
    kind = getattr(transformers, architecture)
    net, info = kind.from_pretrained(
        config.parent,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        trust_remote_code=False,
        weights_only=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are told below
    )
    # what is lacking was filled with chance, and would be written as if it belonged there
    if wrong := lacking(net, info):
        raise ValueError(f"{len(wrong)} weights are missing, the first of them {wrong[0]}")
    drop_unused(net)
    net.save_pretrained(folder)
    for path in config.parent.iterdir():
        weights = path.suffix in WEIGHTS or path.name.endswith(".index.json")
        if path.is_file() and not weights and not (folder / path.name).exists():
            shutil.copy2(path, folder / path.name)


def lacking(net: Any, info: Mapping[str, Any]) -> list[str]:
    """Return the weights that a net needs and that its files lack, or hold of another shape.

    Args:
        net: As ``from_pretrained`` gave it.
        info: Its ``output_loading_info``.
    """
    wrong = {*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])}
    unused = UNUSED.get(type(net).__name__)
    return sorted(name for name in wrong if unused is None or not name.startswith(unused))


def drop_unused(net: Any) -> None:
    """Take out of a net what nothing reads."""
    if (unused := UNUSED.get(type(net).__name__)) is not None:
        parent, _, name = unused.rstrip(".").rpartition(".")
        setattr(net.get_submodule(parent), name, None)
