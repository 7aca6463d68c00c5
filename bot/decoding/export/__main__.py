"""Prepares a checkpoint for the paged runtime; a process of its own, for it takes much memory.

``python -m bot.decoding.export CHECKPOINT FOLDER THREADS``. Exits with 3 where the architecture
cannot be prepared, which is then known for the next time.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.children import die_with_parent, offer_when_memory_runs_out
from bot.decoding.export import prepared, sample
from bot.decoding.export.build import export, locked
from bot.decoding.export.graph import NotExportable
from bot.decoding.wiring import window_of

NICENESS = 19
OOM_SCORE = 1000  # the kernel takes it before any worker
REFUSED = 3
WIDEST = 8192  # tokens in a row: beyond it the blocks of all rows would not fit anyway


def main(checkpoint: Path, folder: Path, threads: int) -> int:
    """Prepare a checkpoint; return the exit status. Who works on the folder now is waited for."""
    torch.set_num_threads(threads)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        return _prepared(checkpoint, folder, threads)


def _prepared(checkpoint: Path, folder: Path, threads: int) -> int:
    source = prepared.fingerprint(checkpoint)
    if prepared.is_current(folder, source):
        return 0
    as_it_lies = {"local_files_only": True, "trust_remote_code": False}
    net = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, **as_it_lies).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, **as_it_lies)
    ids = list(tokenizer(sample.TEXT)["input_ids"])
    window = min(window_of(net.config), WIDEST)
    try:
        made = export(net, folder, ids, source=source, window=window, threads=threads)
    except NotExportable as error:
        prepared.refuse(folder, source, str(error))
        sys.stderr.write(f"{error}\n")
        return REFUSED
    for name, variant in made.variants.items():
        verdict = "passes" if made.passes(name) else "reads too badly"
        sys.stdout.write(
            f"{name}: perplexity {variant.perplexity:.3f} of {made.perplexity:.3f}, {verdict}; "
            f"{variant.alone:.0f} tokens/s alone, {variant.crowd:.0f} in eight rows\n"
        )
    return 0


def _give_way() -> None:
    """Be the first to go: when the parent dies, when memory runs out, when somebody asks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and tidy up
    parent = os.environ.get("MENAGERIE_PARENT")
    die_with_parent(int(parent) if parent else None)
    offer_when_memory_runs_out(OOM_SCORE)
    os.nice(NICENESS)


if __name__ == "__main__":
    _give_way()
    place, target, count = sys.argv[1:]
    sys.exit(main(Path(place), Path(target), int(count)))
