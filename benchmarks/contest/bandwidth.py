"""How fast this machine reads memory, and what that allows a decoder at most.

``python -m contest.bandwidth`` prints gigabytes a second by number of threads, as JSON.
"""

from __future__ import annotations

import json
import time

MEGABYTES = 400
TIMES = 12


def measure(threads: tuple[int, ...] = (1, 2)) -> dict[str, float]:
    """Return the best of several sums over memory that no cache holds, in GB/s, by threads."""
    import torch

    block = torch.ones(MEGABYTES * 1_000_000 // 4)
    found = {}
    for count in threads:
        torch.set_num_threads(count)
        best = float("inf")
        for _ in range(TIMES):
            began = time.perf_counter()
            block.sum()
            best = min(best, time.perf_counter() - began)
        found[str(count)] = round(MEGABYTES / 1000 / best, 2)
    return found


def ceiling(
    gigabytes_per_s: float, rows: int, weight_bytes: float, row_cache_bytes: float
) -> float:
    """Return the most tokens a second: each step reads all weights once, and each row's cache."""
    return rows * gigabytes_per_s * 1e9 / (weight_bytes + rows * row_cache_bytes)


if __name__ == "__main__":
    print(json.dumps(measure()))
