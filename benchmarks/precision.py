"""How well SmolLM2, a trained model, reads and writes in each dtype that the bot may serve it in.

- perplexity on a fixed text, of torch in float32 and bfloat16 (as the arena runs them, packed), and
  of what was prepared for OpenVINO; the bar is a rise of at most 1 %;
- greedy texts for a few prompts: how many tokens are those of float32 before the first that is not.

What is prepared stays in the cache, as when the bot does it. Ends in one line of JSON.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.config import Inference, cache_folder
from bot.decoding import attention, linears
from bot.decoding.arena import ArenaRuntime
from bot.decoding.engine import Runtime
from bot.decoding.export import prepared
from bot.decoding.export.measure import perplexity
from bot.decoding.export.opening import open_prepared
from bot.decoding.export.sample import TEXT
from bot.decoding.wiring import Wiring

BAR = 1.01
TOKENS = 64
PROMPTS = (
    "The lighthouse stood at the end of the pier, and",
    "To make a simple soup you need",
    "The main difference between a frog and a toad is",
    "Dear Anna, thank you for your letter. We have",
    "In 1969, the first people",
    "def add(a, b):",
)

Reads = Callable[[torch.Tensor], torch.Tensor]
"""From ids (T,) to logits (T, V)."""


def greedy(runtime: Runtime, prompts: list[list[int]]) -> list[list[int]]:
    """Return the likeliest tokens after each prompt, all rows side by side."""
    slots = list(range(len(prompts)))
    texts = [[int(runtime.extend(s, ids).argmax())] for s, ids in zip(slots, prompts, strict=True)]
    for _ in range(TOKENS - 1):
        logits = runtime.step(slots, [text[-1] for text in texts])
        for text, row in zip(texts, logits, strict=True):
            text.append(int(row.argmax()))
    for slot in slots:
        runtime.free(slot)
    return texts


def agreement(texts: list[list[int]], wanted: list[list[int]]) -> float:
    """Return the share of tokens before the first that differs."""
    same = 0
    for text, right in zip(texts, wanted, strict=True):
        parted = [n for n, (a, b) in enumerate(zip(text, right, strict=True)) if a != b]
        same += parted[0] if parted else len(right)
    return same / sum(map(len, wanted))


def on_torch(net: Any, dtype: torch.dtype) -> tuple[Reads, Runtime]:
    """Return a net as the arena runs it in a dtype."""
    own = copy.deepcopy(net).to(dtype)
    linears.relay(own, "packed")
    wiring = Wiring(own)
    wide = attention.widen(own)
    return (lambda ids: own(input_ids=ids[None], use_cache=False).logits[0]), ArenaRuntime(
        wiring, wide=wide
    )


@torch.inference_mode()
def main() -> None:
    """Measure and print."""
    cache = cache_folder(os.environ)
    model = Catalogue.load().get("smollm2-135m-instruct")
    folder = checkpoint_folder(model, cache)
    place = cache / "prepared" / model.id
    threads = Inference().chosen_threads()
    arguments = ["-m", "bot.decoding.export", str(folder), str(place), str(threads)]
    subprocess.run([sys.executable, *arguments], check=True)
    net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = list(tokenizer(TEXT)["input_ids"])
    prompts = [list(tokenizer(prompt)["input_ids"]) for prompt in PROMPTS]
    base = perplexity(net(input_ids=torch.tensor([ids]), use_cache=False).logits[0], ids)
    contestants = {
        "torch float32": on_torch(net, torch.float32),
        "torch bfloat16": on_torch(net, torch.bfloat16),
    }
    held = prepared.read(place)
    for name in held.variants if held else ():
        runtime = open_prepared(place, name, threads=threads, slots=len(PROMPTS) + 1)
        contestants[f"openvino {name}"] = (
            (lambda x, r=runtime: r.score(len(PROMPTS), x.tolist())),
            runtime,
        )
    found, wanted = {}, None
    for name, (reads, runtime) in contestants.items():
        rise = perplexity(reads(torch.tensor(ids)).float(), ids) / base - 1
        texts = greedy(runtime, prompts)
        wanted = wanted or texts
        found[name] = {"rise": round(rise, 5), "same": round(agreement(texts, wanted), 3)}
        verdict = "passes" if rise <= BAR - 1 else "FAILS"
        print(
            f"{name:18s} perplexity {base * (1 + rise):7.3f} ({rise:+.2%}), {verdict}; "
            f"{found[name]['same']:.0%} of the greedy tokens are float32's"
        )
    print(json.dumps({"benchmark": "precision", "perplexity": round(base, 4), "found": found}))


if __name__ == "__main__":
    main()
