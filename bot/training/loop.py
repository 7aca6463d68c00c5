"""The loop that every trainer shares: steps, schedule, evaluation, checkpoints, one line of JSON.

A trainer brings a :class:`Lesson` (a net, a batch for each step, a loss, figures); the loop does
the rest. What a step does depends on the seed and the step's number alone, so that a training that
was stopped goes on to the very weights that it would have had.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from bot.errors import OperatorError

Batch = TypeVar("Batch")
Figures = dict[str, Any]
Told = Callable[[str], None]

STATE = "training.pt"
TELL_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how fast to learn.

    Args:
        steps: Batches to learn from.
        learning_rate: At its highest, after ``warmup`` of the steps; then it falls to 0, a cosine.
        warmup: A share of the steps.
        weight_decay: Of matrices; vectors have none.
        clip: The longest that a gradient may be.
        seed: Decides the batches and what is dropped.
        data: What is learnt from, in a few letters: a training goes on with the same only.
        evaluate_every: Steps between evaluations; 0 for none but the last.
        keep_every_s: Seconds between checkpoints to resume from.
    """

    steps: int
    learning_rate: float
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    data: str = ""
    evaluate_every: int = 0
    keep_every_s: float = 60.0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, the first of which is 0."""
        begun = (step + 1) / max(1.0, self.warmup * self.steps)
        left = 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * min(begun, left)

    def seed_of(self, step: int) -> int:
        """Return the seed of a step: torch looks at 32 bits of one only."""
        return (self.seed * 1_000_003 + step) % (1 << 32)


class OtherTraining(OperatorError):
    """What is kept of a training is damaged, or of another one than is to go on."""


class Lesson(ABC, Generic[Batch]):
    """What a trainer brings: the net and what it learns from."""

    net: nn.Module

    @abstractmethod
    def batch(self, luck: torch.Generator) -> Batch:
        """Return the batch of a step, drawn with that step's luck and nothing else."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return what the net has yet to learn of a batch, one number."""

    def evaluate(self) -> Figures:
        """Return figures of the net as it is, on what it never learns from."""
        return {}


def train(
    lesson: Lesson[Any], plan: Plan, folder: Path | None = None, tell: Told | None = None
) -> Figures:
    """Let the net of a lesson learn; return the last figures.

    Args:
        lesson: Its net is changed in place, and ready to answer (``eval``) at the end.
        plan: How long and how fast.
        folder: Where ``training.pt`` is kept, and found again by the next call with the same plan;
            it is deleted at the end. ``None`` keeps nothing.
        tell: Told a line of progress now and then; by default standard error.

    Raises:
        OtherTraining: ``training.pt`` is of another plan or net.
        OperatorError: The loss is no number any more.
    """
    say = tell or _to_stderr
    optimizer = _optimizer(lesson.net, plan)
    state = None if folder is None else folder / STATE
    first = _resumed(state, lesson.net, optimizer, plan, say)
    began = told = kept = time.monotonic()
    for step in range(first, plan.steps):
        loss = _step(lesson, plan, optimizer, step)
        now, done = time.monotonic(), step + 1
        if now - told > TELL_EVERY_S or done == plan.steps:
            left = (now - began) / (done - first) * (plan.steps - done)
            say(f"step {done}/{plan.steps}  loss {loss:.4f}  {left:.0f} s left")
            told = now
        if state is not None and now - kept > plan.keep_every_s and done < plan.steps:
            _keep(state, lesson.net, optimizer, plan, done)
            kept = now
        if plan.evaluate_every and done % plan.evaluate_every == 0 and done < plan.steps:
            say(f"step {done}/{plan.steps}  {json.dumps(_evaluated(lesson))}")
    figures = _evaluated(lesson)
    if state is not None:
        state.unlink(missing_ok=True)
    return figures


def finish(figures: Figures) -> None:
    """Print what came of a training as one line of JSON, the last on standard output."""
    sys.stdout.write(json.dumps(figures) + "\n")


def _step(lesson: Lesson[Any], plan: Plan, optimizer: torch.optim.Optimizer, step: int) -> float:
    """Learn from one batch; return its loss."""
    seed = plan.seed_of(step)
    torch.manual_seed(seed)  # of what the net drops
    for group in optimizer.param_groups:
        group["lr"] = plan.rate(step)
    lesson.net.train()
    loss = lesson.loss(lesson.batch(torch.Generator().manual_seed(seed)))
    if not loss.isfinite():
        raise OperatorError(
            f"The loss of step {step + 1} is {loss.item()}. Take a lower learning rate."
        )
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(lesson.net.parameters(), plan.clip)
    optimizer.step()
    return loss.item()


def _evaluated(lesson: Lesson[Any]) -> Figures:
    lesson.net.eval()
    with torch.inference_mode():
        return lesson.evaluate()


def _optimizer(net: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate)


def _keep(
    path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan, done: int
) -> None:
    """Write what the training can go on from; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "done": done}
    torch.save(state | {"plan": asdict(plan)}, fresh)
    fresh.replace(path)


def _resumed(
    path: Path | None, net: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan, say: Told
) -> int:
    """Take up a training that was stopped; return the number of the first step to do."""
    if path is None or not path.is_file():
        return 0
    try:
        state = torch.load(path, weights_only=True)
        if state["plan"] != asdict(plan):
            raise ValueError("it is of another plan")
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        done = int(state["done"])
    except Exception as error:  # whatever a file of another time or hand makes torch raise
        raise OtherTraining(
            f"{path}: no training can go on from it: {error}. Delete it to begin anew."
        ) from error
    say(f"going on after step {done} ({path})")
    return done


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
