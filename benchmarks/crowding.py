"""What is it worth to use fewer threads while other programs want the cores?

Products of the size of a token of a small language model (30 layers of 576 x 1536 and back, in
float32), with one thread, with all, and as a worker chooses (``bot/inference/crowding.py``): on the
machine as it is, and beside as many other busy processes as there are cores. Ends in one line of
JSON.

    python benchmarks/crowding.py [SECONDS]
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from bot.decoding.linears import PackedLinear
from bot.inference.crowding import Crowding

LAYERS, WIDE, HIGH = 30, 576, 1536
BUSY = "while True: pass"


@contextlib.contextmanager
def crowd(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def steps_per_second(
    layers: list[PackedLinear], threads: Callable[[], int], seconds: float
) -> float:
    """Return how many tokens' worth of products were made a second."""
    row, steps, began = torch.ones(1, WIDE), 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        if (wanted := threads()) != torch.get_num_threads():
            torch.set_num_threads(wanted)
        for up, down in zip(layers[::2], layers[1::2], strict=True):
            down(up(row))
        steps += 1
    return steps / passed


@torch.inference_mode()
def main(seconds: float) -> None:
    """Measure and print."""
    cores = len(os.sched_getaffinity(0))
    shapes = [(HIGH, WIDE), (WIDE, HIGH)] * LAYERS
    layers = [PackedLinear(torch.randn(shape) * 0.02, None) for shape in shapes]
    found: dict[str, dict[str, float]] = {}
    for name, others in (("quiet", 0), ("busy", cores)):
        crowding = Crowding()
        ways = {"one": lambda: 1, "all": lambda: cores, "chosen": partial(crowding.worth, cores)}
        with crowd(others):
            found[name] = {
                way: round(steps_per_second(layers, threads, seconds), 1)
                for way, threads in ways.items()
            }
        figures = ", ".join(f"{way} {rate:.1f}" for way, rate in found[name].items())
        print(f"{name:5} ({others} busy processes beside it), steps a second by threads: {figures}")
    print(json.dumps({"benchmark": "crowding", "cores": cores, "steps_per_second": found}))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0)
