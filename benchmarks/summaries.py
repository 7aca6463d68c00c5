"""Summaries by the starter, beside the first sentences: the text's own, and do they say it?

On articles and references written for this (benchmarks/data/articles.json), each contestant with as
many sentences as the starter takes:

- strangers: sentences of the summary that do not stand in the source; must be none;
- ROUGE-1 and ROUGE-2 (F1) against the reference, as Lin 2004, without stemming;
- words: how long the summaries are.

Contestants are the starter, the first sentences (lead), the last, and the mean over 200 choices by
chance. Six articles tell a broken summarizer from a sound one, not a good one from a better. Ends
in one line of JSON.

    python benchmarks/summaries.py [CHECKPOINT]
"""

from __future__ import annotations

import collections
import json
import os
import random
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch as fetch_checkpoint
from bot.config import cache_folder
from bot.families import sentences
from bot.families.base import Unwatched
from bot.families.chunks import sentences as cut
from bot.tasks.text_to_text import Summarize

ARTICLES = Path(__file__).parent / "data" / "articles.json"
DRAWS = 200


def rouge(summary: str, reference: str, size: int) -> float:
    """Return the F1 of the runs of ``size`` words that both have in common."""
    ours, theirs = (_runs(text, size) for text in (summary, reference))
    common = (ours & theirs).total()
    return 2 * common / ((ours.total() + theirs.total()) or 1)


def _runs(text: str, size: int) -> collections.Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return collections.Counter(tuple(words[n : n + size]) for n in range(len(words) - size + 1))


def strangers(summary: str, source: str) -> int:
    """Return how many sentences of a summary do not stand in the source."""
    return sum(one.strip() not in source for one in cut(summary))


def figures(summaries: Sequence[str], articles: Sequence[dict[str, str]]) -> dict[str, float]:
    """Return the means over all articles."""
    pairs = list(zip(summaries, articles, strict=True))
    return {
        "rouge1": round(statistics.mean(rouge(s, a["reference"], 1) for s, a in pairs), 4),
        "rouge2": round(statistics.mean(rouge(s, a["reference"], 2) for s, a in pairs), 4),
        "words": round(statistics.mean(len(s.split()) for s, _ in pairs), 1),
    }


def main() -> None:
    """Measure, and print."""
    torch.set_num_threads(1)
    model = Catalogue.load().get("minilm-l6")
    given = [Path(argument) for argument in sys.argv[1:]]
    folder = given[0] if given else fetch_checkpoint(model, cache_folder(os.environ))
    family = sentences.load(model, folder)
    articles = json.loads(ARTICLES.read_text(encoding="utf-8"))
    requests = [Summarize(text=article["text"]) for article in articles]
    taken = family.forward([family.preprocess(request, 0) for request in requests], Unwatched())
    ours = [family.postprocess(*pair).text for pair in zip(taken, requests, strict=True)]
    wanted = [len(list(one)) for one in taken]  # type: ignore[arg-type]
    parts = [[one.strip() for one in cut(article["text"])] for article in articles]
    counted = list(zip(parts, wanted, strict=True))
    chance = random.Random(0)
    drawn = [
        figures(
            [" ".join(p[i] for i in sorted(chance.sample(range(len(p)), n))) for p, n in counted],
            articles,
        )
        for _ in range(DRAWS)
    ]
    table = {
        "starter": figures(ours, articles),
        "lead": figures([" ".join(p[:n]) for p, n in counted], articles),
        "last": figures([" ".join(p[-n:]) for p, n in counted], articles),
        "chance": {key: round(statistics.mean(d[key] for d in drawn), 4) for key in drawn[0]},
    }
    for article, summary in zip(articles, ours, strict=True):
        print(f"{article['title']}: {summary}\n")
    alien = sum(strangers(s, a["text"]) for s, a in zip(ours, articles, strict=True))
    print(f"{'':10}{'ROUGE-1':>9}{'ROUGE-2':>9}{'words':>7}")
    for name, one in table.items():
        print(f"{name:10}{one['rouge1']:9.3f}{one['rouge2']:9.3f}{one['words']:7.0f}")
    print(json.dumps({"strangers": alien, "sentences": sum(wanted), **table, "passed": alien == 0}))


if __name__ == "__main__":
    main()
