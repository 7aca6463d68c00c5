"""Trains the head that tells a mood from MiniLM's states: ``python -m bot.training.sentiment``.

The four lower layers of all-MiniLM-L6-v2 stay as they are, and what they make of each sentence is
worked out once; a copy of the fifth and one number above it learn (the sixth, made for topics, has
less to say of moods). The number's goal is
the share that people's mean rating stands for: ``sigmoid(2 * rating)``, so that half its logit is
the rating itself. Learnt from are film reviews, tweets and reviews of goods; editorials are left
out, to see what becomes of texts of another kind.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer

from bot.nets.sentiment import Config, Head, layer_weights
from bot.training import loop
from bot.training.ratings_of_mood import Rated, fetch, read

LEARNT = ("movie", "amazon", "tweets")
DOMAINS = (*LEARNT, "nyt")
SLOPE = 2.0  # of a logit, by rating
CLEAR = 0.5  # a rating that is no middle
BELOW, LAYERS = 4, 1  # of the encoder's six layers four are shared; the fifth learns on
TOKENS = 128
BATCH = 32
POOL = 16  # batches that are drawn together and sorted by length
EPOCHS = 3.0
LEARNING_RATE = 1.5e-4
PROBES = ("What a lovely surprise, thank you!", "The worst meal I have ever had.")

States = list[Tensor]
"""What the lower layers make of each sentence: (T, C), in half precision."""


@dataclass(frozen=True, slots=True)
class Examples:
    """A batch: states (B, T, C), where nothing is (B, T), and the wanted shares (B,)."""

    states: Tensor
    absent: Tensor
    wanted: Tensor


class Moods(loop.Lesson[Examples]):
    """To foretell how pleased people find a sentence."""

    def __init__(self, head: Head, states: States, rows: Sequence[Rated]) -> None:
        self.net = self._head = head
        self._states = states
        self._scores = torch.tensor([row.score for row in rows])
        self._learnt = _places(rows, "train", LEARNT)
        self._tune = _places(rows, "tune", LEARNT)

    def batch(self, luck: torch.Generator) -> Examples:
        """Draw sentences of about one length: neighbours among those of some batches."""
        drawn = torch.randint(len(self._learnt), (BATCH * POOL,), generator=luck).tolist()
        places = sorted((self._learnt[one] for one in drawn), key=lambda p: len(self._states[p]))
        begin = BATCH * int(torch.randint(POOL, (), generator=luck))
        return self._examples(places[begin : begin + BATCH])

    def loss(self, batch: Examples) -> Tensor:
        """Return how surprised the net is at the shares, in nats."""
        logits = self.net(batch.states, batch.absent)
        return F.binary_cross_entropy_with_logits(logits, batch.wanted)

    def evaluate(self) -> loop.Figures:
        """Return the share of clear sentences that it gets right, of those to tune by."""
        clear = [place for place in self._tune if abs(self._scores[place]) >= CLEAR]
        return {"tune": accuracy(foretold(self._head, self._states, clear), self._scores[clear])}

    def _examples(self, places: list[int]) -> Examples:
        states = [self._states[place] for place in places]
        lengths = torch.tensor([len(one) for one in states])
        absent = torch.arange(int(lengths.max())) >= lengths[:, None]
        padded = torch.nn.utils.rnn.pad_sequence(states, batch_first=True).float()
        return Examples(padded, absent, torch.sigmoid(SLOPE * self._scores[places]))


def train(
    rows: Sequence[Rated], encoder: Path, folder: Path, *, seed: int = 0, epochs: float = EPOCHS,
    below: int = BELOW, layers: int = LAYERS, tell: loop.Told | None = None,
    kept: Path | None = None,
) -> loop.Figures:  # fmt: skip
    """Train a head, write it into ``folder``, and return its figures.

    Args:
        rows: Rated sentences.
        encoder: A checkpoint of transformers' ``BertModel``.
        folder: Gets ``model.safetensors`` (in half precision) and ``config.json``.
        seed: Decides the weights.
        epochs: How often a sentence is learnt from, about.
        below: The encoder's layers whose states are read.
        layers: Those that come next in the encoder, and learn on.
        tell: Told a line of progress now and then.
        kept: A file where the states are kept for the next time.
    """
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    bert = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    head = Head(
        Config(
            below=below, layers=layers, width=bert["hidden_size"],
            heads=bert["num_attention_heads"], inner=bert["intermediate_size"],
        )
    )  # fmt: skip
    weights = load_file(encoder / "model.safetensors")
    for number, layer in enumerate(head.layers):
        layer.load_state_dict(layer_weights(weights, below + number))
    states = _states(rows, encoder, below, kept)
    learnt = len(_places(rows, "train", LEARNT))
    steps = max(1, round(epochs * learnt / BATCH))
    plan = loop.Plan(steps=steps, learning_rate=LEARNING_RATE, seed=seed, data=f"{learnt} of mood")
    tuned = loop.train(Moods(head, states, rows), plan, folder, tell)
    trained_s = time.monotonic() - began
    head.half().float()  # judged is what is written
    with torch.inference_mode():
        figures = judge(lambda places: foretold(head, states, places), rows)
        probes = [_probe(head, encoder, text) for text in PROBES]
    save(head, folder, probes)
    return {
        "model": "sentiment", "sentences": learnt, "steps": steps, "seed": seed,
        "train_s": round(trained_s, 1), **tuned, "test": figures,
    }  # fmt: skip


def judge(
    foretell: Callable[[list[int]], Tensor], rows: Sequence[Rated]
) -> dict[str, dict[str, float]]:
    """Return figures by domain, of sentences that were never learnt from.

    ``accuracy`` is of all clear sentences, ``sure`` the share of them that is not called uncertain,
    ``accuracy_sure`` is of those, ``middle_unsure`` the share of the others that is.

    Args:
        foretell: From places in ``rows`` to logits.
        rows: All rated sentences.
    """
    table = {}
    for domain in DOMAINS:
        places = _places(rows, "test", (domain,))
        scores = torch.tensor([rows[place].score for place in places])
        logits = foretell(places)
        clear, sure = scores.abs() >= CLEAR, logits.abs() >= SLOPE * CLEAR
        table[domain] = {
            "clear": int(clear.sum()),
            "accuracy": accuracy(logits[clear], scores[clear]),
            "sure": _share(sure[clear]),
            "accuracy_sure": accuracy(logits[clear & sure], scores[clear & sure]),
            "middle_unsure": _share(~sure[~clear]),
        }
    return table


def accuracy(logits: Tensor, scores: Tensor) -> float:
    """Return the share of sentences on whose side of the middle both agree."""
    return _share((logits > 0) == (scores > 0))


def foretold(head: Head, states: States, places: Sequence[int]) -> Tensor:
    """Return the logits (n,) of some sentences."""
    return torch.stack([head(states[place][None].float())[0] for place in places])


def save(head: Head, folder: Path, probes: list[float]) -> None:
    """Write the head that :mod:`bot.families.sentences` reads.

    ``probes`` are sentences with what the head says of them: an encoder that is not the one it was
    trained on says something else.
    """
    settings = {
        "net": asdict(head.config), "slope": SLOPE, "uncertain_below": CLEAR,
        "encoder": "sentence-transformers/all-MiniLM-L6-v2",
        "probes": dict(zip(PROBES, probes, strict=True)),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    tensors = {name: tensor.half().contiguous() for name, tensor in head.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _share(true: Tensor) -> float:
    """Return the share of what is true; none of nothing."""
    return round(true.float().mean().item(), 4) if len(true) else 0.0


def _places(rows: Sequence[Rated], part: str, domains: Sequence[str]) -> list[int]:
    return [n for n, row in enumerate(rows) if row.part == part and row.domain in domains]


def _states(rows: Sequence[Rated], encoder: Path, below: int, kept: Path | None) -> States:
    """Return what the encoder's lower layers make of each sentence."""
    if kept is not None and kept.is_file():
        found: States = torch.load(kept, weights_only=True)
        return found
    net, tokenizer = _opened(encoder)
    ids = [
        tokenizer(row.text, truncation=True, max_length=TOKENS, verbose=False)["input_ids"]
        for row in rows
    ]
    order = sorted(range(len(rows)), key=lambda place: len(ids[place]))
    states: dict[int, Tensor] = {}
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH):
            places = order[begin : begin + BATCH]
            fed = tokenizer.pad({"input_ids": [ids[p] for p in places]}, return_tensors="pt")
            output = net(**fed, output_hidden_states=True).hidden_states[below].half()
            states |= {p: output[row, : len(ids[p])].clone() for row, p in enumerate(places)}
    ordered = [states[place] for place in range(len(rows))]
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(ordered, kept)
    return ordered


def _probe(head: Head, encoder: Path, text: str) -> float:
    net, tokenizer = _opened(encoder)
    output = net(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    return round(float(head(output.hidden_states[head.config.below])[0]), 3)


def _opened(encoder: Path) -> tuple[Any, Any]:
    where: dict[str, Any] = {"local_files_only": True}
    net = AutoModel.from_pretrained(encoder, dtype=torch.float32, **where).eval()
    return net, AutoTokenizer.from_pretrained(encoder, **where)


def main() -> None:
    """Read the command line, train, print the figures."""
    from bot.catalogue.catalogue import Catalogue
    from bot.catalogue.checkpoints import fetch as fetch_checkpoint
    from bot.catalogue.sources import OURS
    from bot.config import cache_folder

    parser = argparse.ArgumentParser(prog="python -m bot.training.sentiment")
    parser.add_argument("--data", type=Path, help="VADER's source package; otherwise pip's")
    parser.add_argument("--encoder", type=Path, help="its checkpoint; otherwise the catalogue's")
    parser.add_argument("--out", type=Path, default=OURS / "sentiment", help="the head's folder")
    parser.add_argument("--states", type=Path, help="a file to keep what the encoder makes of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--below", type=int, default=BELOW, help="layers that are shared")
    parser.add_argument("--layers", type=int, default=LAYERS, help="layers that learn")
    options = parser.parse_args()
    torch.set_num_threads(1)  # batches are small: threads would mostly wait for each other
    cache = cache_folder(os.environ)
    encoder = options.encoder or fetch_checkpoint(Catalogue.load().get("minilm-l6"), cache)
    rows = read(options.data or fetch(cache))
    loop.finish(
        train(
            rows, encoder, options.out, seed=options.seed, epochs=options.epochs,
            below=options.below, layers=options.layers, kept=options.states,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
