"""Sixteen requests at once: this bot's executor against all that could serve them instead.

    .venv/bin/pip install -c constraints.txt -e '.[bench]'      # the rivals d, e and f
    .venv/bin/python benchmarks/throughput.py                   # whole: about ten minutes
    .venv/bin/python benchmarks/throughput.py --quick --only a,ours

One GPT-2 (124M parameters, random weights, fp32 on disk), prompts of 8 to 128 tokens, greedy. Two
workloads: sixteen requests at once with 64 new tokens each, and requests that arrive by chance and
want exponentially many tokens (64 on the average). All contestants get the same trace; who falls
behind is late. Each runs in a process of its own, after a warm-up that is not timed; its memory is
the highest PSS of all its processes, the client that drives it included.

(a) ``pipeline()``, one request at a time, on the main thread: what bots do. Of the second workload
    it gets the first requests only.
(b) static micro-batches: what waits, padded, until the longest is done.
(c) transformers' ``generate_batch``: its continuous batching, pages counted out, streaming.
(d) LitServe with batching, the better of batches of 8 and 16, over HTTP.
(e) CTranslate2 in fp32 and in int8, at the best of its settings; each request ends at its length.
(f) ``transformers serve --continuous-batching`` over HTTP, streaming, its memory capped.
ours: jobs through the whole executor, as the product comes (``ours-RUNTIME-DTYPE``), and with
    other workers and threads (``...-1x2``: one worker of two threads).

``same`` counts answers equal to (a)'s to the letter. The ceiling is what memory allows: sixteen
tokens for every time that all weights, and every row's cache, are read. Ends in one line of JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from contest import report
from contest.race import Entry, Outcome, Race, python
from contest.tokenizers_offline import one_token_words
from contest.workload import FIRST, Ask, Writer, all_at_once, poisson
from tokenizers import Tokenizer

from bot.catalogue.synthetic.words import made_up_words

ROWS = 16
PARAMS = 124_439_808
CACHE_VALUES_PER_TOKEN = 2 * 12 * 768  # keys and values, layers, width
PAGES = {"page_size": 16, "num_blocks": 640, "max_batch_tokens": 512}

# What ours is told: (runtime and dtype as printed, what it computes in, Inference's settings, the
# model entry's). One line each.
VARIANTS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("torch-fp32", "float32", {"runtime": "torch", "dtype": "float32"}, {}),
    ("torch-bf16", "bfloat16", {"runtime": "torch", "dtype": "bfloat16"}, {}),
    ("openvino-fp32", "float32", {"runtime": "openvino", "dtype": "float32"}, {}),
    ("openvino-bf16", "bfloat16", {"runtime": "openvino", "dtype": "bfloat16"}, {}),
    ("openvino-int8", "int8", {"runtime": "openvino", "dtype": "int8"}, {}),
)
GATED = (  # the variants whose perplexity is within 1 % of float32's: benchmarks/precision.py
    "ours-torch-fp32",
    "ours-torch-bf16",
    "ours-openvino-fp32",
    "ours-openvino-bf16",
    "ours-openvino-int8",
)
PLACES: tuple[tuple[str, dict[str, int]], ...] = (("", {}), ("-1x2", {"workers": 1, "threads": 2}))

CT2 = [(2, 1, 8), (2, 1, 16), (1, 2, 8), (1, 2, 16)]
CT2_TRIES = tuple({"workers": w, "threads": t, "batch": b} for w, t, b in CT2)


def ctranslate2(key: str, dtype: str) -> Entry:
    """Return CTranslate2 in one precision."""
    return Entry(
        key=key,
        title=f"CTranslate2 {dtype}",
        where="rival_ctranslate2:CTranslate2",
        dtype=dtype,
        tries=tuple({"dtype": dtype, **settings} for settings in CT2_TRIES),
        needs=("ctranslate2",),
        prepare="rival_ctranslate2:converted",
    )


def rivals(most_of_a: int) -> list[Entry]:
    """Return everyone but us."""
    return [
        Entry(
            key="a",
            title="pipeline(), one at a time",
            where="rivals_torch:OneAtATime",
            most=most_of_a,
            warm=2,
        ),
        Entry(
            key="b",
            title="static micro-batches",
            where="rivals_torch:StaticBatches",
            tries=({"most": ROWS},),
        ),
        Entry(
            key="c",
            title="transformers generate_batch",
            where="rivals_torch:GenerateBatch",
            tries=(PAGES,),
        ),
        Entry(
            key="d",
            title="LitServe",
            where="rivals_http:LitServe",
            tries=({"batch": 16}, {"batch": 8}),
            needs=("litserve",),
        ),
        ctranslate2("e-fp32", "float32"),
        ctranslate2("e-int8", "int8"),
        Entry(
            key="f",
            title="transformers serve",
            where="rivals_http:TransformersServe",
            tries=(PAGES,),
            needs=("fastapi", "uvicorn", "openai"),
        ),
    ]


def ours(everywhere: bool) -> list[Entry]:
    """Return our variants as the product comes, and ``everywhere``: also by one worker alone."""
    return [
        Entry(
            key=f"ours-{name}{mark}",
            title=f"this bot{', 1 worker x 2 threads' if mark else ''}",
            where="ours:Ours",
            dtype=dtype,
            tries=({"inference": {**inference, **place}, "model": model},),
            prepare="ours:prepared" if inference.get("runtime") == "openvino" else None,
        )
        for name, dtype, inference, model in VARIANTS
        for mark, place in (PLACES if everywhere else PLACES[:1])
    ]


def workloads(folder: Path, quick: bool, requests: int, per_second: float) -> dict[str, list[Ask]]:
    """Return what is asked, the same in every run."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    known = one_token_words(tokenizer, made_up_words(60_000), 4_000)
    writer = Writer(tokenizer.token_to_id(FIRST), known, seed=2)
    opened = poisson(writer, requests, per_second)
    if quick:
        opened = [dataclasses.replace(a, new_tokens=-(-a.new_tokens // 8)) for a in opened[:6]]
    return {
        "warm": all_at_once(writer, ROWS, 4),
        "trial": all_at_once(writer, ROWS, 8 if quick else 32),
        report.CLOSED: all_at_once(writer, ROWS, 8 if quick else 64),
        report.OPEN: opened,
    }


def chosen(entries: list[Entry], only: str) -> list[Entry]:
    """Return the entries whose key is in the list, or begins with ``KEY-`` of one."""
    keys = [key for key in only.split(",") if key]
    return [e for e in entries if not keys or any(f"{e.key}-".startswith(f"{k}-") for k in keys)]


def bandwidth(folder: Path) -> dict[str, float]:
    """Return the gigabytes a second that are read, by threads; measured in a process of its own."""
    log = folder / "bandwidth.log"
    status, _ = python(["contest.bandwidth"], log, 60.0)
    if status:
        sys.exit(log.read_text())
    found: dict[str, float] = json.loads(log.read_text())
    return found


def show(
    outcomes: list[Outcome], asks: dict[str, list[Ask]], speeds: dict[str, float]
) -> dict[str, Any]:
    """Print all there is; return it for the line of JSON."""
    reference = next((one.texts for one in outcomes if one.key == "a"), {})
    for workload in (report.CLOSED, report.OPEN):
        print("\n" + "\n".join(report.table(outcomes, workload, reference)))
    print("\nSettings\n" + "\n".join(report.choices(outcomes)))
    ratios = report.ratios(outcomes, GATED)
    print("\nOurs, as the product comes, over the rivals\n" + "\n".join(r.line() for r in ratios))
    closed = asks[report.CLOSED]
    tokens = sum(len(ask.ids) + ask.new_tokens / 2 for ask in closed) / len(closed)
    row_values = tokens * CACHE_VALUES_PER_TOKEN
    far = report.distance(outcomes, max(speeds.values()), ROWS, PARAMS, row_values)
    print(f"\nMemory is read at {speeds} GB/s by threads; of the tokens/s that allows, all at once")
    for key, found in far.items():
        print(f"  ({key}) {found['share']:.0%} of {found['ceiling']:.0f}")
    contestants = {}
    for one in outcomes:
        contestants[one.key] = {**dataclasses.asdict(one), "texts": None}
        del contestants[one.key]["texts"]
    verdicts = [{**dataclasses.asdict(ratio), "passed": ratio.passed} for ratio in ratios]
    return {"bandwidth": speeds, "contestants": contestants, "ratios": verdicts, "ceilings": far}


def main(arguments: argparse.Namespace) -> None:
    """Run the race."""
    with tempfile.TemporaryDirectory() as passing:
        folder = (arguments.folder or Path(passing)).resolve() / "gpt2"
        folder.parent.mkdir(parents=True, exist_ok=True)
        log = folder.parent / "checkpoint.log"
        if python(["contest.checkpoints", "gpt2", str(folder)], log, 300.0)[0]:
            sys.exit(log.read_text())
        asks = workloads(folder, arguments.quick, arguments.requests, arguments.per_second)
        race = Race(folder, asks, arguments.limit)
        speeds = bandwidth(folder)
        outcomes = []
        for entry in chosen(
            [*rivals(arguments.most_of_a), *ours(arguments.places)], arguments.only
        ):
            outcomes.append(race.run(entry))
            if not arguments.json:
                last = outcomes[-1]
                speed = last.figure(report.CLOSED, "tokens_per_s")
                print(f"({entry.key}) {last.error or f'{speed:.0f} tokens/s'}", file=sys.stderr)
        if arguments.json:
            sys.stdout, kept = sys.stderr, sys.stdout
        found = show(outcomes, asks, speeds)
        if arguments.json:
            sys.stdout = kept
        print(json.dumps({"benchmark": "throughput", "quick": arguments.quick, **found}))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="keys, such as a,e,ours-torch")
    parser.add_argument("--places", action="store_true", help="ours also as 1 worker x 2 threads")
    parser.add_argument("--quick", action="store_true", help="few tokens: to see that it works")
    parser.add_argument("--json", action="store_true", help="only the line of JSON on stdout")
    parser.add_argument("--folder", type=Path, help="keeps the checkpoint and the logs")
    parser.add_argument("--requests", type=int, default=48, help="of the second workload")
    parser.add_argument("--per-second", type=float, default=10.0, help="its arrivals")
    parser.add_argument("--most-of-a", type=int, default=12, help="requests of it that (a) gets")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for each contestant")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that contestants are ended too
    main(parsed())
