"""The loop that trains: seeds, schedule, evaluation, going on after a stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bot.errors import OperatorError
from bot.training import loop
from bot.training.loop import Lesson, Plan, finish, train

PLAN = Plan(steps=40, learning_rate=0.05)


class Line(Lesson[tuple[Tensor, Tensor]]):
    """To find ``y = 2 x - 1`` through a layer that drops some of what it sees."""

    def __init__(self, stop_at: int | None = None) -> None:
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(1, 16), nn.Dropout(0.1), nn.Linear(16, 1))
        self.stop_at = stop_at
        self.drawn: list[float] = []
        self.evaluated = 0

    def batch(self, luck: torch.Generator) -> tuple[Tensor, Tensor]:
        if len(self.drawn) == self.stop_at:
            raise KeyboardInterrupt
        x = torch.rand(32, 1, generator=luck)
        self.drawn.append(float(x[0]))
        return x, 2 * x - 1

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        assert self.net.training
        x, y = batch
        return (self.net(x) - y).square().mean()

    def evaluate(self) -> dict[str, Any]:
        assert not self.net.training
        assert torch.is_inference_mode_enabled()
        self.evaluated += 1
        x = torch.linspace(0, 1, 9)[:, None]
        return {"off": float((self.net(x) - (2 * x - 1)).abs().mean())}


def weights(lesson: Line) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in lesson.net.parameters()])


def test_a_net_learns_and_is_ready_to_answer() -> None:
    lesson, said = Line(), list[str]()
    before = lesson.net.eval()(torch.tensor([[1.0]])).item()
    figures = train(lesson, Plan(steps=300, learning_rate=0.05), tell=said.append)
    assert figures["off"] < 0.1 < abs(before - 1)
    assert not lesson.net.training
    assert lesson.evaluated == 1
    assert said[-1].startswith("step 300/300  loss ")


def test_one_seed_gives_one_net_whatever_happened_before() -> None:
    first, second, third = Line(), Line(), Line()
    train(first, PLAN)
    torch.rand(1000)
    train(second, PLAN)
    train(third, Plan(steps=40, learning_rate=0.05, seed=1))
    assert torch.equal(weights(first), weights(second))
    assert not torch.allclose(weights(first), weights(third))
    assert len(set(first.drawn)) == 40  # each step draws anew


def test_a_training_that_was_stopped_comes_to_the_very_same_weights(tmp_path: Path) -> None:
    plan = Plan(steps=40, learning_rate=0.05, keep_every_s=0.0)
    whole, begun, rest = Line(), Line(stop_at=17), Line()
    train(whole, plan)
    with pytest.raises(KeyboardInterrupt):
        train(begun, plan, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    said: list[str] = []
    train(rest, plan, tmp_path, said.append)
    assert "going on after step 17" in said[0]
    assert len(rest.drawn) == 40 - 17
    assert torch.equal(weights(whole), weights(rest))
    assert list(tmp_path.iterdir()) == []


def test_another_plan_or_a_damaged_state_is_refused(tmp_path: Path) -> None:
    plan = Plan(steps=40, learning_rate=0.05, keep_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(Line(stop_at=5), plan, tmp_path)
    other = Plan(steps=40, learning_rate=0.05, keep_every_s=0.0, data="other")
    for another in (PLAN, other):
        with pytest.raises(OperatorError, match=r"training\.pt.*another plan\. Delete it"):
            train(Line(), another, tmp_path)
    (tmp_path / "training.pt").write_bytes(b"no zip file")
    with pytest.raises(OperatorError, match="no training can go on from it"):
        train(Line(), plan, tmp_path)


def test_the_rate_rises_and_falls() -> None:
    plan = Plan(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [plan.rate(step) for step in range(100)]
    assert rates[0] == 0.1
    assert max(rates) == pytest.approx(1, abs=0.05)
    assert rates.index(max(rates)) == 9
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_only_matrices_decay() -> None:
    optimizer = loop._optimizer(Line().net, PLAN)
    decays = {
        group["weight_decay"]: [w.ndim for w in group["params"]] for group in optimizer.param_groups
    }
    assert decays == {0.01: [2, 2], 0.0: [1, 1]}


def test_figures_come_in_between_where_they_are_wanted() -> None:
    lesson, said = Line(), list[str]()
    train(lesson, Plan(steps=40, learning_rate=0.05, evaluate_every=10), tell=said.append)
    assert lesson.evaluated == 4
    assert sum('"off":' in line for line in said) == 3


def test_a_loss_that_is_no_number_ends_it() -> None:
    class Broken(Line):
        def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return super().loss(batch) * float("nan")

    with pytest.raises(OperatorError, match="loss of step 1 is nan"):
        train(Broken(), PLAN)


def test_the_figures_are_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    finish({"mae": 0.7, "steps": 3})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"mae": 0.7, "steps": 3}
