"""A family without weights whose prompt says what happens: the worst that a model may do."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import torch

from bot.errors import UserError
from bot.families.base import BatchFamily, Run
from bot.tasks.text_to_text import TextResult


def load(model: Any, folder: Path) -> ToyEcho:
    """What a model's id ends with says how it loads; ``folder`` is where it may leave marks."""
    if model.id.endswith("broken"):
        raise RuntimeError("these weights are no weights")
    if model.id.endswith("slow"):
        time.sleep(0.5)
    if model.id.endswith("huge"):
        raise MemoryError
    if model.id.endswith("tight") and not (folder / "tried").exists():
        (folder / "tried").touch()
        raise MemoryError
    return ToyEcho()


class ToyEcho(BatchFamily[str, str]):
    """Prompts: ``refuse``, ``fail``, ``die``, ``die-once FILE``, ``steps N``, ``burst N``.

    And ``threads N``, which takes so many steps and answers how many threads it had meanwhile,
    ``deaf S``, which listens to nobody for a while, ``babble``, which sends the bot what is no
    message, ``tally FILE``, which adds a line and then takes ten steps, and ``leak MB``, which
    keeps so much and then takes its time.
    """

    def __init__(self) -> None:
        self.leaked: list[bytearray] = []

    def preprocess(self, request: Any, seed: int) -> str:
        if request.prompt == "refuse":
            raise UserError("This is not for me. Ask another.")
        return str(request.prompt)

    def forward(self, batch: list[str], run: Run) -> list[str]:
        for file in {Path(prompt.split()[1]) for prompt in batch if prompt.startswith("note ")}:
            with file.open("a") as notes:
                notes.write(f"{len(batch)}\n")
        return [self._act(prompt, run) for prompt in batch]

    def postprocess(self, outputs: str, request: Any) -> TextResult:
        return TextResult(text=f"echo: {outputs}", tokens=1, stopped_by="end")

    def size_bytes(self) -> int:
        return 1

    def _act(self, prompt: str, run: Run) -> str:
        verb, _, rest = prompt.partition(" ")
        match verb:
            case "fail":
                raise ValueError("a fault in the family")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die-once":
                if not Path(rest).exists():
                    Path(rest).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            case "steps":
                for step in range(int(rest)):
                    run.step(step + 1, int(rest))
                    time.sleep(0.01)
            case "babble":  # into every socket: to the bot this is no message
                for fd in range(3, 64):
                    with contextlib.suppress(OSError):
                        if stat.S_ISSOCK(os.fstat(fd).st_mode):
                            os.write(fd, b"\x00\x00\x00\x01\xc1")
            case "tally":
                with Path(rest).open("a") as file:
                    file.write("run\n")
                for step in range(10):
                    run.step(step + 1, 10)
                    time.sleep(0.01)
            case "leak":
                self.leaked.append(bytearray(b"x" * (int(rest) * 1_000_000)))
                for step in range(1000):
                    run.step(step + 1, 1000)
                    time.sleep(0.01)
            case "threads":
                seen: list[int] = []
                for step in range(int(rest)):
                    run.step(step + 1, int(rest))
                    seen += {torch.get_num_threads()} - {*seen[-1:]}
                    time.sleep(0.02)
                return " ".join(map(str, seen))
            case "burst":
                for step in range(int(rest)):
                    run.step(step + 1, int(rest))
            case "deaf":
                time.sleep(float(rest))
            case "environment":
                return "\n".join(f"{k}={v}" for k, v in os.environ.items())
        return prompt
