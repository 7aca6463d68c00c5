"""Writes a transformers checkpoint in its serving dtype, so that workers can share its pages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

WEIGHTS = (".bin", ".safetensors", ".h5", ".msgpack", ".pt")


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write the checkpoint whose config.json is ``files``.

    Its weights may be .bin or safetensors beside it, of any dtype; what is not weights is copied.
    """
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
