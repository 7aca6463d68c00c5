"""Runs a request of several rows as a worker does, with so many of them at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bot.inference import wire, writing
from bot.inference.ends import Jobs
from bot.inference.running import Running


def written(family: Any, request: Any, at_once: int, patch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """Return the result, and how many rows there were at the most at the same time."""
    patch.setattr(writing, "AT_ONCE", at_once)
    sent: list[Any] = []
    prepared: list[writing.Prepared] = []
    jobs = Jobs(sent.append)
    desk = writing.Writing({"m": family}, jobs, sent.append, prepared.append, lambda: None)
    running = Running(wire.RunJob("job", "m", request, 0, 600.0), sent.append)
    jobs.by_id["job"] = running
    desk.begin(family, running)
    most = 0
    with torch.inference_mode():
        while jobs.by_id:
            if prepared:
                desk.prepared(prepared.pop())
            desk.let_join()
            desk.advance()
            most = max(most, len(family.engine))
    assert isinstance(sent[-1], wire.Done), sent[-1]
    return sent[-1].result, most
