"""Figures of one workload: throughput, latency, time to first token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contestant import Served


def percentile(values: list[float], share: float) -> float:
    """Return the value below which (or at which) a share of the values lies."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def figures(served: list[Served]) -> dict[str, float]:
    """Return tokens a second over the whole workload, and what each request waited."""
    tokens = sum(one.tokens for one in served)
    seconds = max(one.last_s for one in served) - min(one.at_s for one in served)
    latency = [one.last_s - one.at_s for one in served]
    first = [one.first_s - one.at_s for one in served]
    found = {
        "requests": len(served),
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_s": tokens / seconds,
        "latency_p50_s": percentile(latency, 0.5),
        "latency_p95_s": percentile(latency, 0.95),
        "first_p50_s": percentile(first, 0.5),
        "first_p95_s": percentile(first, 0.95),
    }
    return {name: round(figure, 3) for name, figure in found.items()}
