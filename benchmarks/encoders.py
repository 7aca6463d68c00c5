"""Sixteen members at once: words for holes, moods and quotations, against one pipeline.

Full-size nets with random weights, written once into a temporary folder. For each task, in turn:

- naive: what bots do, a pipeline of transformers in float32 with torch's own number of threads, one
  request after the other (there is no pipeline for questions any more: the net is called itself);
- ours: the same texts through the whole executor, as the catalogue sets it.

Both get the requests all at once; seconds are from then to the answer. Only ratios within one run
mean something. Ends in one line of JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
import torch
import transformers
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForQuestionAnswering,
)

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Model
from bot.config import Inference
from bot.inference.job import Answered, Job
from bot.inference.local import LocalExecutor
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import AnswerQuestion, ClassifySentiment, FillMask

REQUESTS = 16
ROUNDS = 3
BAR = 2.5
NUMBERS = itertools.count()
CHANCE = random.Random(0)
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "in")]
WORDS = sorted(
    {"".join(CHANCE.choices(SYLLABLES, k=CHANCE.choice((1, 2, 2, 3)))) for _ in range(9000)}
)
KINDS = ("bert-base-uncased", "distilbert-sst2", "roberta-base-squad2")


def write_word_pieces(folder: Path, size: int) -> None:
    """Write a vocabulary as BERT has it."""
    letters = "abcdefghijklmnopqrstuvwxyz.,?"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    tokens += [word for word in WORDS if len(word) > 1]
    tokens += [f"[unused{n}]" for n in range(size - len(tokens))]
    (folder / "vocab.txt").write_text("\n".join(tokens[:size]) + "\n")
    settings = {"do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_byte_pairs(folder: Path, size: int) -> None:
    """Write a vocabulary as RoBERTa has it: every word is grown from its left, letter by letter."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet())]
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        grown = "Ġ"
        for letter in word:
            merges[grown, letter] = None
            grown += letter
    tokens += [a + b for a, b in merges]
    tokens += [f"unused{n}" for n in range(size - 1 - len(tokens))]
    vocabulary = {token: number for number, token in enumerate([*tokens[: size - 1], "<mask>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512}))


def write_checkpoints(place: Path) -> dict[str, Path]:
    """Write the three nets at their full size, in float32 as on the hub."""
    torch.manual_seed(0)
    folders = {name: place / name for name in KINDS}
    for folder in folders.values():
        folder.mkdir()
    mask, mood, ask = folders.values()
    BertForMaskedLM(BertConfig(pad_token_id=0)).save_pretrained(mask)
    labels = {"id2label": {0: "NEGATIVE", 1: "POSITIVE"}}
    DistilBertForSequenceClassification(DistilBertConfig(**labels)).save_pretrained(mood)
    size = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}
    RobertaForQuestionAnswering(RobertaConfig(**size)).save_pretrained(ask)
    write_word_pieces(mask, 30522)
    write_word_pieces(mood, 30522)
    write_byte_pairs(ask, 50265)
    return folders


def text(words: int) -> str:
    """Return a text of so many words."""
    return " ".join(CHANCE.choices(WORDS, k=words))


def requests(name: str) -> list[Any]:
    """Return sixteen requests of mixed lengths, in no order."""
    match name:
        case "bert-base-uncased":
            made: list[Any] = [
                FillMask(text=f"{text(n)} [MASK] {text(n // 2)}")
                for n in (4, 5, 6, 8, 8, 10, 12, 12, 15, 18, 20, 25, 30, 40, 60, 80)
            ]
        case "distilbert-sst2":
            lengths = (5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 80, 120, 200, 300)
            made = [ClassifySentiment(text=text(n)) for n in lengths]
        case _:
            lengths = (40, 60, 80, 100, 100, 120, 150, 150, 180, 200, 220, 250, 300, 350, 500, 700)
            made = [AnswerQuestion(question=text(8) + "?", context=text(n)) for n in lengths]
    CHANCE.shuffle(made)
    return made


def naive_question(folder: Path) -> Callable[[Any], Any]:
    """Return what answers one question as the pipeline that is gone did: window by window."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    net = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()

    def answer(request: Any) -> float:
        windows = tokenizer(
            request.question, request.context, truncation="only_second", max_length=384,
            stride=128, return_overflowing_tokens=True,
        )  # fmt: skip
        best = float("-inf")
        with torch.inference_mode():
            for ids in windows["input_ids"]:
                found = net(input_ids=torch.tensor([ids]))
                best = max(best, float(found.start_logits.max() + found.end_logits.max()))
        return best

    return answer


def naive(name: str, folder: Path) -> Callable[[Any], Any]:
    """Return what answers one request in this process."""
    if name == "roberta-base-squad2":
        return naive_question(folder)
    kind = "fill-mask" if name == "bert-base-uncased" else "text-classification"
    pipe = transformers.pipeline(kind, model=str(folder), dtype=torch.float32)
    return lambda request: pipe(request.text)


def one_after_the_other(answer: Callable[[Any], Any], asked: list[Any]) -> list[float]:
    """Return the seconds after which each request has its answer."""
    began, seconds = time.perf_counter(), []
    for request in asked:
        answer(request)
        seconds.append(time.perf_counter() - began)
    return seconds


async def at_once(executor: LocalExecutor, model: Model, asked: list[Any]) -> list[float]:
    """Return the seconds after which each request has its answer, and what shared its batch."""
    began = time.perf_counter()

    async def one(request: Any) -> float:
        number = next(NUMBERS)
        caller = Caller(user_id=number % REQUESTS + 1, guild_id=1)
        job = Job(id=f"e{number}", request=request, model=model, seed=0, caller=caller)
        news = [item async for item in executor.submit(job)]
        assert isinstance(news[-1], Answered), news[-1]
        return time.perf_counter() - began

    return sorted(await asyncio.gather(*(one(request) for request in asked)))


def cpu_s(pid: int) -> float:
    """Return the seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures(rounds: list[list[float]]) -> dict[str, float]:
    """Return requests per second and the latencies, each the median of the rounds."""
    found = {
        "req_s": [len(seconds) / max(seconds) for seconds in rounds],
        "p50_s": [statistics.median(seconds) for seconds in rounds],
        "p95_s": [sorted(seconds)[int(0.95 * len(seconds))] for seconds in rounds],
    }
    return {name: round(statistics.median(values), 3) for name, values in found.items()}


async def compared(name: str, folder: Path, executor: LocalExecutor) -> dict[str, Any]:
    """Return the figures of both, in turns, for one task."""
    model = msgspec.structs.replace(Catalogue.load().get(name), repo=None, checkpoint=str(folder))
    answer = naive(name, folder)
    one_after_the_other(answer, requests(name)[:4])
    await at_once(executor, model, requests(name))  # has every worker load it
    await at_once(executor, model, requests(name))
    theirs, ours = [], []
    cpu = {"naive": 0.0, "ours": 0.0}
    for _ in range(ROUNDS):
        asked = requests(name)
        before = cpu_s(os.getpid())
        theirs.append(one_after_the_other(answer, asked))
        cpu["naive"] += cpu_s(os.getpid()) - before
        before = sum(map(cpu_s, executor.pids.values()))
        ours.append(await at_once(executor, model, asked))
        cpu["ours"] += sum(map(cpu_s, executor.pids.values())) - before
    found: dict[str, Any] = {"naive": figures(theirs), "ours": figures(ours)}
    for who, seconds in cpu.items():
        found[who]["cpu_s"] = round(seconds / (ROUNDS * REQUESTS), 3)  # of one request
    found["ratio"] = round(found["ours"]["req_s"] / found["naive"]["req_s"], 2)
    return found


async def measured(folders: dict[str, Path]) -> dict[str, Any]:
    """Measure each task with one executor as it is by default."""
    settings = Inference(jobs_per_member=1000, jobs_per_guild=1000)
    executor = LocalExecutor(
        settings, environ=os.environ, folder_of=lambda model: Path(str(model.checkpoint))
    )
    await executor.start()
    await executor.up.wait()
    try:
        return {name: await compared(name, folder, executor) for name, folder in folders.items()}
    finally:
        await executor.drain(0.0)


def main() -> None:
    """Write the nets, measure, print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as place:
        found = asyncio.run(measured(write_checkpoints(Path(place))))
    for name, task in found.items():
        verdict = "meets" if task["ratio"] >= BAR else "MISSES"
        print(f"{name:22} naive {task['naive']}")
        print(f"{'':22} ours  {task['ours']}  {task['ratio']}x: {verdict} the bar of {BAR}x")
    threads = torch.get_num_threads()
    print(json.dumps({"benchmark": "encoders", "naive_threads": threads, "bar": BAR, **found}))


if __name__ == "__main__":
    main()
