"""A generating family that needs several rows for one job: one for each number of its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from bot.families.toy_counter import STEP_S, ToyCounter, memory_of

from bot.decoding.engine import Finish
from bot.decoding.sampling import Row
from bot.errors import UserError
from bot.tasks.text_to_text import TextResult


def load(model: Any, folder: Path) -> ToyRelay:
    return ToyRelay(model.slots, STEP_S, memory_of(model))


class ToyRelay(ToyCounter):
    """Prompt: numbers with commas between them; ``x`` is refused when its turn comes."""

    def row(self, request: Any, seed: int) -> Row:
        return self._leg(request, seed, 0)

    def next_row(
        self, request: Any, seed: int, finishes: Sequence[Finish], ahead: int = 0
    ) -> Row | None:
        number = len(finishes) + ahead
        more = number < len(request.prompt.split(","))
        return self._leg(request, seed, number) if more else None

    def shown_with(self, request: Any, finishes: Sequence[Finish], text: str) -> str:
        texts = [*(finish.text for finish in finishes), text]
        return " | ".join(text.strip() for text in texts if text)

    def result_of(self, request: Any, finishes: Sequence[Finish]) -> TextResult:
        tokens = sum(finish.tokens for finish in finishes)
        text = self.shown_with(request, finishes, "")
        return TextResult(text=text, tokens=tokens, stopped_by=finishes[-1].stopped_by)

    def _leg(self, request: Any, seed: int, number: int) -> Row:
        leg = request.prompt.split(",")[number]
        if leg == "x":
            raise UserError("x is no number")
        return super().row(msgspec.structs.replace(request, prompt=leg), seed)
