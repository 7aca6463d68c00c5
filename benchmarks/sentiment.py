"""Moods of sentences that people rated: the starter as it is served, beside named baselines.

Of each domain the sentences that training never saw and that people found clear (|rating| >= 0.5):
the share on whose side of the middle each contestant is.

- majority: always the side that is the more frequent in training;
- VADER: the lexicon and rules of the package that the ratings are from (tweets are its home);
- TF-IDF: words and pairs of words, logistic regression on the sentences that the head learnt from;
- starter: the whole family on the catalogue's checkpoint, with the head of bot/starters/sentiment.

Editorials (nyt) are of a domain that neither the head nor TF-IDF has learnt from. Ends in one line
of JSON.

    python benchmarks/sentiment.py [SOURCE_PACKAGE [CHECKPOINT]]
"""

from __future__ import annotations

import collections
import importlib.util
import itertools
import json
import math
import os
import re
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch as fetch_checkpoint
from bot.config import cache_folder
from bot.errors import UserError
from bot.families import sentences
from bot.families.base import Unwatched
from bot.tasks.text_to_text import ClassifySentiment
from bot.training.ratings_of_mood import Rated, fetch, read
from bot.training.sentiment import CLEAR, LEARNT, SLOPE, judge

BARS = {"movie": 0.80, "tweets": 0.88}
RARE = 2  # a word or pair that is in fewer sentences is not looked at
DECAY = 3e-6


def learnt(rows: Sequence[Rated]) -> list[Rated]:
    """Return the clear sentences that may be learnt from."""
    of_domain = (row for row in rows if row.domain in LEARNT and row.part == "train")
    return [row for row in of_domain if abs(row.score) >= CLEAR]


def majority(rows: Sequence[Rated]) -> Tensor:
    """Return what the more frequent side says of each sentence."""
    positive = sum(row.score > 0 for row in learnt(rows)) * 2 > len(learnt(rows))
    return torch.full((len(rows),), 1.0 if positive else -1.0)


def vader(rows: Sequence[Rated], package: Path) -> Tensor:
    """Return what VADER says of each test sentence, in -1..1; of others nothing."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
        (place,) = Path(folder).glob("*/vaderSentiment/vaderSentiment.py")
        spec = importlib.util.spec_from_file_location("vader", place)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        analyzer = module.SentimentIntensityAnalyzer(
            str(place.with_name("vader_lexicon.txt")),
            str(place.with_name("emoji_utf8_lexicon.txt")),
        )
    said = [analyzer.polarity_scores(r.text)["compound"] if r.part == "test" else 0 for r in rows]
    return torch.tensor(said)


def grams(text: str) -> collections.Counter[str]:
    """Count the words and pairs of words of a text."""
    words = re.findall(r"[a-z0-9']+|[:;=][-']?[()dp]|[!?]", text.lower())
    return collections.Counter([*words, *(" ".join(p) for p in itertools.pairwise(words))])


def tf_idf(rows: Sequence[Rated]) -> Tensor:
    """Return logits of a logistic regression on words and pairs of words."""
    examples = learnt(rows)
    seen = collections.Counter(gram for row in examples for gram in grams(row.text))
    known = [gram for gram, count in seen.items() if count >= RARE]
    places = {gram: place for place, gram in enumerate(known)}
    weight = [math.log(len(examples) / seen[gram]) + 1 for gram in known]

    def matrix(chosen: Sequence[Rated]) -> Tensor:
        ats: list[tuple[int, int]] = []
        values: list[float] = []
        for number, row in enumerate(chosen):
            counts = {places[g]: 1 + math.log(n) for g, n in grams(row.text).items() if g in places}
            terms = {place: count * weight[place] for place, count in counts.items()}
            norm = math.sqrt(sum(value * value for value in terms.values())) or 1.0
            ats += [(number, place) for place in terms]
            values += [value / norm for value in terms.values()]
        size = (len(chosen), len(known))
        return torch.sparse_coo_tensor(torch.tensor(ats).T, torch.tensor(values), size).coalesce()

    inputs = matrix(examples)
    wanted = torch.tensor([float(row.score > 0) for row in examples])
    weights = torch.zeros(len(known), 1, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    learner = torch.optim.LBFGS([weights, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        learner.zero_grad()
        logits = torch.sparse.mm(inputs, weights)[:, 0] + bias
        value = F.binary_cross_entropy_with_logits(logits, wanted) + DECAY * weights.square().sum()
        value.backward()
        return value

    learner.step(loss)
    with torch.no_grad():
        return torch.sparse.mm(matrix(rows), weights)[:, 0] + bias


def starter(rows: Sequence[Rated], folder: Path) -> Tensor:
    """Return the logits of the family for each test sentence; of others nothing."""
    family = sentences.load(Catalogue.load().get("minilm-l6"), folder)
    logits = torch.zeros(len(rows))
    places = [place for place, row in enumerate(rows) if row.part == "test"]
    for begin in range(0, len(places), 64):
        batch: dict[int, Any] = {}
        for place in places[begin : begin + 64]:
            try:
                batch[place] = family.preprocess(ClassifySentiment(text=rows[place].text), 0)
            except UserError:  # no answer is no right answer: neither side of the middle
                logits[place] = -1e-9 if rows[place].score > 0 else 1e-9
        found = family.forward(list(batch.values()), Unwatched())
        for place, rating in zip(batch, found, strict=True):
            logits[place] = float(rating) * SLOPE  # type: ignore[arg-type]
    return logits


def main() -> None:
    """Measure, and print."""
    torch.set_num_threads(1)
    given = [Path(argument) for argument in sys.argv[1:]]
    cache = cache_folder(os.environ)
    package = given[0] if given else fetch(cache)
    model = Catalogue.load().get("minilm-l6")
    folder = given[1] if len(given) > 1 else fetch_checkpoint(model, cache)
    rows = read(package)
    began = time.process_time()
    served = starter(rows, folder)
    seconds = time.process_time() - began
    contestants = {
        "majority": majority(rows), "VADER": vader(rows, package), "TF-IDF": tf_idf(rows),
        "starter": served,
    }  # fmt: skip
    table = {name: judge(lambda p, o=out: o[p], rows) for name, out in contestants.items()}  # type: ignore[misc]
    print(f"{'':10}" + "".join(f"{domain:>9}" for domain in table["starter"]))
    for name, figures in table.items():
        print(f"{name:10}" + "".join(f"{one['accuracy']:9.3f}" for one in figures.values()))
    best = table["starter"]
    passed = all(best[domain]["accuracy"] >= bar for domain, bar in BARS.items())
    accuracies = {n: {d: one["accuracy"] for d, one in f.items()} for n, f in table.items()}
    figures = {"accuracy": accuracies, "starter": best, "bars": BARS, "passed": passed}
    count = sum(row.part == "test" for row in rows)
    print(
        json.dumps(figures | {"sentences": count, "cpu_ms_each": round(1000 * seconds / count, 1)})
    )


if __name__ == "__main__":
    main()
