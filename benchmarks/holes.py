"""How often does the starter find the missing word? Top-1 and top-5, beside its left context only.

Sentences with a hole and the words that would do were written for this (``data/holes.json``): ten
are kept for choosing how words are proposed, thirty are measured. Ends in one line of JSON.

- weighed: what ``/fill`` does, each proposed word weighed in the whole sentence;
- left: the words that the same model finds likeliest after what stands before the hole.

    python benchmarks/holes.py [measuring|choosing]
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any

import torch
from questions import DATA, answered, opened

from bot.families.causal_lm import CausalLM
from bot.tasks.text_to_text import FillMask

SHOWN = 5


def left(family: CausalLM, tokenizer: Any, text: str) -> list[str]:
    """Return the likeliest words by what stands before the hole."""
    before = re.split("_{3,}", text)[0].rstrip()
    runtime: Any = family.engine._engine._runtime  # type: ignore[attr-defined]
    ids = [0, *tokenizer(before)["input_ids"]] if before else [0]
    runtime.begin(0, len(ids), None)
    logits = runtime.extend(0, ids)
    runtime.free(0)
    found: list[str] = []
    for token in logits.topk(200).indices.tolist():
        word = tokenizer.decode([token]).strip()
        if word.isalnum() and word not in found:
            found.append(word)
    return found[:SHOWN]


def main() -> None:
    """Measure, and print."""
    use = sys.argv[1] if len(sys.argv) > 1 else "measuring"
    torch.set_num_threads(1)
    holes = [h for h in json.loads((DATA / "holes.json").read_text()) if h["use"] == use]
    family = opened()
    hits = {"weighed": [0, 0], "left": [0, 0]}
    took = []
    with torch.inference_mode():
        answered(family, FillMask(text="Warm ___ first."))
        for hole in holes:
            began = time.process_time()
            result = answered(family, FillMask(text=hole["text"]))
            took.append(time.process_time() - began)
            ways = {
                "weighed": [candidate.word for candidate in result.candidates],
                "left": left(family, family._tokenizer, hole["text"]),
            }
            for name, words in ways.items():
                hits[name][0] += words[0] in hole["words"]
                hits[name][1] += any(word in hole["words"] for word in words)
            print(f"{hole['text'][:60]:60} {' '.join(ways['weighed'])}", flush=True)
    found: dict[str, Any] = {
        name: {"top1": round(one / len(holes), 3), "top5": round(five / len(holes), 3)}
        for name, (one, five) in hits.items()
    }
    found |= {"cpu_s": round(sum(took) / len(took), 2), "cpu_s_most": round(max(took), 2)}
    print(json.dumps({"benchmark": "holes", "use": use, "sentences": len(holes), **found}))


if __name__ == "__main__":
    main()
