"""Linear layers for few rows: torch's own, oneDNN's, oneDNN's packed, and int8 with a scale a row.

For the shapes of GPT-2 (124M) and 1 to 128 rows: milliseconds a product, best of several passes
over more weights than the caches hold, and whether a row gives the same bits for every number of
rows from two up. Ends in one line of JSON.

    python benchmarks/linears.py [THREADS]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch

from bot.decoding.linears import PackedLinear, PlainLinear

SHAPES = ((768, 3072), (3072, 768), (768, 50257))  # (in, out)
ROWS = (1, 2, 4, 8, 16, 32, 128)
HELD = 150_000_000  # numbers that the weights of one shape have together
PASSES = 4

Product = Callable[[torch.Tensor], torch.Tensor]


def ways(weight: torch.Tensor) -> dict[str, Product]:
    """Return the products with one weight, (out, in), by name."""
    small = weight.bfloat16()
    scales = weight.abs().amax(1) / 127  # (out,)
    held = (weight / scales[:, None]).round().to(torch.int8)

    def bytes_by_row(x: torch.Tensor) -> torch.Tensor:
        steps = x.abs().amax(1, keepdim=True) / 127
        sums = torch._int_mm((x / steps).round().to(torch.int8), held.t())
        return sums.float() * steps * scales

    def in_bfloat16(layer: Product) -> Product:
        return lambda x: layer(x.bfloat16())

    return {
        "torch float32": lambda x: torch.nn.functional.linear(x, weight),
        "plain float32": PlainLinear(weight, None),
        "packed float32": PackedLinear(weight, None),
        "torch bfloat16": in_bfloat16(lambda x: torch.nn.functional.linear(x, small)),
        "packed bfloat16": in_bfloat16(PackedLinear(small, None)),
        "int8 by row": bytes_by_row,
    }


def milliseconds(products: list[Product], x: torch.Tensor) -> float:
    """Return what one product takes, each with weights that no cache holds any more."""
    best = float("inf")
    for _ in range(PASSES):
        began = time.perf_counter()
        for product in products:
            product(x)
        best = min(best, time.perf_counter() - began)
    return best * 1000 / len(products)


def steady(product: Product, inputs: torch.Tensor) -> bool:
    """Say whether the first rows have the same bits whoever comes after."""
    whole = product(inputs)
    return all(
        torch.equal(product(inputs[:count].contiguous()), whole[:count]) for count in range(2, 33)
    )


@torch.inference_mode()
def main(threads: int) -> None:
    """Measure and print."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    found: dict[str, dict[str, object]] = {}
    for wide, high in SHAPES:
        weights = [torch.randn(high, wide) * 0.02 for _ in range(max(1, HELD // wide // high // 2))]
        inputs = torch.randn(128, wide)
        kinds = [ways(weight) for weight in weights]
        print(f"{wide} to {high}, {threads} threads, ms for {', '.join(map(str, ROWS))} rows")
        for name in kinds[0]:
            products = [kind[name] for kind in kinds]
            times = [milliseconds(products, inputs[:count].contiguous()) for count in ROWS]
            same = steady(products[0], inputs)
            figures = " ".join(f"{t:7.3f}" for t in times)
            print(f"  {name:16s} {figures}  {'same bits' if same else 'other bits'}")
            found[f"{wide}x{high} {name}"] = {"ms": [round(t, 4) for t in times], "steady": same}
    print(json.dumps({"benchmark": "linears", "threads": threads, "rows": ROWS, "found": found}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
