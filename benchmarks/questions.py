"""How well does the starter answer from a text? F1 and exact matches, beside two baselines.

Questions and texts were written for this (``data/questions.json``): those of six texts are kept for
choosing prompts, weights and thresholds. Those of seven others are measured: five texts had been
looked at when the way of answering was designed, two (``fresh``) had not; all three parts have some
questions that their text does not answer. Words are compared without case, marks and articles, as
SQuAD does.

- quoted: what ``/ask`` with a context does, spans of the text weighed by the model;
- written: the same model, told to answer from the text, writes what it likes (greedy);
- overlap: no model, the sentence that shares most words with the question.

Ends in one line of JSON.

    python benchmarks/questions.py [measuring|fresh|choosing]
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.config import cache_folder
from bot.families.causal_lm import CausalLM, load
from bot.families.chunks import sentences
from bot.tasks.text_to_text import AnswerQuestion

STARTER = "smollm2-135m-instruct"
DATA = Path(__file__).parent / "data"
ARTICLES = {"a", "an", "the"}


def opened(*, quotes: bool = True) -> CausalLM:
    """Return the starter, loaded as a worker does."""
    model = Catalogue.load().get(STARTER)
    prompt = msgspec.structs.replace(model.prompt, quotes=quotes)
    folder = checkpoint_folder(model, cache_folder(os.environ))
    return load(msgspec.structs.replace(model, prompt=prompt), folder)


def answered(family: CausalLM, request: Any) -> Any:
    """Return the result of a request, alone in its worker."""
    family.engine.join("job", family.row(request, 0))
    while True:
        for emission in family.engine.step():
            if emission.error is not None:
                raise emission.error
            if emission.finish is not None:
                return family.result(request, emission.finish)


def words(text: str) -> list[str]:
    """Return the words that count."""
    found = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return [word for word in found if word not in ARTICLES]


def f1(given: str, right: str) -> float:
    """Return the F1 of the words of an answer."""
    one, other = words(given), words(right)
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared / (len(one) + len(other)) if shared else 0.0


def overlap(question: str, context: str) -> str:
    """Return the sentence that shares most words with the question, the first of the best."""
    asked = set(words(question))
    return max(sentences(context), key=lambda sentence: len(asked & set(words(sentence))))


def score(texts: list[dict[str, Any]], answer: Callable[[str, str], str]) -> dict[str, float]:
    """Return F1, exact matches and CPU seconds a question over those that have an answer."""
    gained, exact, count = 0.0, 0, 0
    began = time.process_time()
    for text in texts:
        for asked in text["questions"]:
            if not asked["answers"]:
                continue
            given = answer(asked["question"], text["text"])
            best = max(f1(given, right) for right in asked["answers"])
            gained, exact, count = gained + best, exact + (best == 1.0), count + 1
            print(f"  {best:.2f}  {asked['question']}  {given[:70]!r}", flush=True)
    cpu_s = time.process_time() - began
    return {
        "f1": round(gained / count, 3),
        "em": round(exact / count, 3),
        "cpu_s": round(cpu_s / count, 2),
    }


def doubts(texts: list[dict[str, Any]], family: CausalLM) -> dict[str, Any]:
    """Return how many questions the starter says it found no answer to, of either kind."""
    told: dict[bool, list[bool]] = {True: [], False: []}
    for text in texts:
        for asked in text["questions"]:
            request = AnswerQuestion(question=asked["question"], context=text["text"])
            told[bool(asked["answers"])].append(not answered(family, request).found)
    return {
        "unsure_where_there_is_none": f"{sum(told[False])}/{len(told[False])}",
        "unsure_where_there_is_one": f"{sum(told[True])}/{len(told[True])}",
    }


def main() -> None:
    """Measure, and print."""
    use = sys.argv[1] if len(sys.argv) > 1 else "measuring"
    torch.set_num_threads(1)
    texts = [t for t in json.loads((DATA / "questions.json").read_text()) if t["use"] == use]
    quoting, writing = opened(), opened(quotes=False)

    def quoted(question: str, context: str) -> str:
        result = answered(quoting, AnswerQuestion(question=question, context=context))
        return str(result.quotations[0].text)

    def written(question: str, context: str) -> str:
        return str(answered(writing, AnswerQuestion(question=question, context=context)).text)

    found: dict[str, Any] = {}
    ways = {"quoted": quoted, "written": written, "overlap": overlap}
    with torch.inference_mode():
        for name, answer in ways.items():
            print(name)
            found[name] = score(texts, answer)
            print(f"{name}: {found[name]}", flush=True)
        found |= doubts(texts, quoting)
    count = sum(bool(q["answers"]) for t in texts for q in t["questions"])
    print(json.dumps({"benchmark": "questions", "use": use, "questions": count, **found}))


if __name__ == "__main__":
    main()
