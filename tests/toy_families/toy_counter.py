"""A generating family without weights: it counts on from where its prompt ends."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from bot.decoding.engine import Engine, Finish, ReadsOneByOne
from bot.decoding.sampling import Row, Sampling
from bot.families.base import GeneratingFamily
from bot.tasks.text_to_text import TextResult

WORDS = 1000
STEP_S = 0.01


def load(model: Any, folder: Path) -> ToyCounter:
    step_s = 0.0 if model.id.endswith("fast") else STEP_S
    return ToyCounter(model.slots, step_s, memory_of(model))


def memory_of(model: Any) -> int:
    """Return for how many rows there is memory."""
    return 1 if model.id.endswith("narrow") else int(model.slots)


class CountingRuntime(ReadsOneByOne):
    """Finds the next number likeliest; dies at 42 if a file named ``armed`` can be removed.

    At 666 it dies always, after 777 comes what no row can choose from, and a step at 888 fails.
    """

    def __init__(self, step_s: float, memory: int) -> None:
        self.armed: Path | None = None
        self._step_s = step_s
        self._memory = memory
        self._in: set[int] = set()

    def extend(self, slot: int, ids: list[int]) -> torch.Tensor:
        time.sleep(self._step_s)
        if ids[-1] == 42 and self.armed is not None and self.armed.exists():
            self.armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if ids[-1] == 666:
            os.kill(os.getpid(), signal.SIGKILL)
        if ids[-1] == 777:
            return torch.full((WORDS,), torch.nan)
        return torch.nn.functional.one_hot(torch.tensor((ids[-1] + 1) % WORDS), WORDS).float()

    def begin(self, slot: int, tokens: int, source: Any) -> None:
        assert source is None
        if len(self._in) == self._memory:
            raise MemoryError(f"there is memory for {self._memory}")
        self._in.add(slot)

    def encode(self, slot: int, source: Any) -> None:
        raise NotImplementedError

    def step(self, slots: list[int], tokens: list[int]) -> torch.Tensor:
        if 888 in tokens:
            raise RuntimeError("no step goes on from 888")
        pairs = zip(slots, tokens, strict=True)
        return torch.stack([self.extend(slot, [token]) for slot, token in pairs])

    def free(self, slot: int) -> None:
        self._in.discard(slot)


class ToyCounter(GeneratingFamily):
    """Prompt: the first number, then perhaps the file that arms its death at 42."""

    def __init__(self, slots: int, step_s: float, memory: int) -> None:
        tokenizer = Tokenizer(WordLevel({str(n): n for n in range(WORDS)}, unk_token="0"))
        tokenizer.pre_tokenizer = WhitespaceSplit()
        self.runtime = CountingRuntime(step_s, memory)
        self.engine = Engine(self.runtime, tokenizer, frozenset({WORDS - 1}), slots)

    def row(self, request: Any, seed: int) -> Row:
        first, _, armed = request.prompt.partition(" ")
        self.runtime.armed = Path(armed) if armed else None
        sampling = Sampling(
            max_new_tokens=request.max_tokens or 5,
            temperature=request.temperature or 0.0,
            seed=seed,
        )
        return Row(ids=(int(first),), sampling=sampling)

    def result(self, request: Any, finish: Finish) -> TextResult:
        text = self.shown(request, finish.text)
        return TextResult(text=text, tokens=finish.tokens, stopped_by=finish.stopped_by)

    def shown(self, request: Any, text: str) -> str:
        return text.lstrip()

    def size_bytes(self) -> int:
        return 1
