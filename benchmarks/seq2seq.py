"""Eight summaries and eight translations at once, against ``generate`` one at a time.

    .venv/bin/python benchmarks/seq2seq.py                 # whole: about five minutes
    .venv/bin/python benchmarks/seq2seq.py --quick --only m2m100

Encoder-decoders of full size with random weights, fp32, greedy: BART large as it was trained for
summaries (texts of 800 tokens, 100 new ones) and M2M100 418M (40 tokens into 40). The rival is what
bots do: ``generate`` on one request at a time, on the main thread with torch's default threads.
Ours goes through the whole executor. Each runs in a process of its own after a warm-up. The bar is
three times the rival's tokens a second. Ends in one line of JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contest.race import Entry, Outcome, Race, python
from contest.report import CLOSED, Ratio, over, table
from contest.workload import Ask

from bot.catalogue.synthetic.words import made_up_words

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR = 3.0
AT_ONCE = 8

# What ours is told: (key, what it computes in, Inference's settings, the model entry's).
VARIANTS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("ours-fp32", "float32", {"dtype": "float32"}, {}),
    ("ours-auto", "bfloat16", {}, {}),
)


@dataclass(frozen=True, slots=True)
class Event:
    """A checkpoint and what is asked of it: words to read, tokens to write."""

    name: str
    task: str
    words: int
    new_tokens: int

    def asks(self, count: int, new_tokens: int, skip: int = 0) -> list[Ask]:
        """Return texts that share no sentence; a made-up word is well over one token."""
        words = made_up_words(60_000)
        texts = (
            " ".join(words[number * self.words : (number + 1) * self.words])
            for number in range(skip, skip + count)
        )
        return [Ask(number, text, (), new_tokens) for number, text in enumerate(texts)]


EVENTS = (Event("bart", "summarize", 450, 100), Event("m2m100", "translate", 24, 40))


def entries(event: Event) -> Iterator[Entry]:
    """Return the rival and our variants."""
    told: dict[str, Any] = {"task": event.task}
    yield Entry(key="a", title="generate, one at a time", where="seq2seq:OneAtATime", tries=(told,))
    for key, dtype, inference, model in VARIANTS:
        settings = {
            **told,
            "new_tokens": event.new_tokens,
            "inference": inference,
            "model": model,
        }
        yield Entry(
            key=key,
            title="this bot",
            where="seq2seq:OursSeq2Seq",
            dtype=dtype,
            tries=(settings,),
        )


def compete(event: Event, folder: Path, quick: bool, limit_s: float) -> dict[str, Any]:
    """Run an event; print its table and its ratio; return all figures."""
    if quick:
        event = dataclasses.replace(event, words=event.words // 4, new_tokens=8)
    log = folder.parent / f"{event.name}.log"
    if python(["contest.checkpoints", event.name, str(folder)], log, 300.0)[0]:
        sys.exit(log.read_text())
    count = 2 if quick else AT_ONCE
    workloads = {
        "warm": event.asks(1, event.new_tokens),
        CLOSED: event.asks(count, event.new_tokens, skip=1),
    }
    race = Race(folder, workloads, limit_s)
    outcomes: list[Outcome] = [race.run(entry) for entry in entries(event)]
    print(f"\n{event.name}: {event.task}, {count} at once, {event.new_tokens} new tokens each")
    print("\n".join(table(outcomes, CLOSED, outcomes[0].texts)))
    ratios = [
        Ratio(f"({one.key}) over (a)", over(one, outcomes[0], CLOSED), BAR) for one in outcomes[1:]
    ]
    print("\n".join(ratio.line() for ratio in ratios))
    found: dict[str, Any] = {}
    for one in outcomes:
        found[one.key] = dataclasses.asdict(one)
        del found[one.key]["texts"]
    verdicts = [{**dataclasses.asdict(ratio), "passed": ratio.passed} for ratio in ratios]
    return {"contestants": found, "ratios": verdicts}


def main() -> None:
    """Run the events."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="bart or m2m100")
    parser.add_argument("--quick", action="store_true", help="few tokens: to see that it works")
    parser.add_argument("--folder", type=Path, help="keeps the checkpoints and the logs")
    parser.add_argument("--limit", type=float, default=400.0, help="seconds for each contestant")
    arguments = parser.parse_args()
    chosen = [event for event in EVENTS if event.name in (arguments.only or event.name).split(",")]
    found = {}
    for event in chosen:
        with tempfile.TemporaryDirectory() as passing:
            folder = (arguments.folder or Path(passing)).resolve() / event.name
            folder.parent.mkdir(parents=True, exist_ok=True)
            found[event.name] = compete(event, folder, arguments.quick, arguments.limit)
    print(json.dumps({"benchmark": "seq2seq", "quick": arguments.quick, **found}))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that contestants are ended too
    main()
