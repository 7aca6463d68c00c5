"""BigGAN-deep 128 at its true size, with weights drawn by chance: seconds a picture, and errors.

For float32 and bfloat16, as written and packed for oneDNN: seconds a picture for requests of one
picture and of four, and the greatest and the mean difference from float32 in levels of 255, and
its PSNR, over the truncations that are asked for. Ends in one line of JSON.

    python benchmarks/biggan.py [THREADS]
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from bot.catalogue.conversion.biggan import convert, read_config
from bot.catalogue.synthetic import biggan as synthetic
from bot.families.biggan import noise
from bot.nets.biggan import Generator

SEED = 1
PASSES = 5
TRUNCATIONS = (0.1, 0.4, 1.0)
CLASSES = (1, 207, 281, 985)


def checkpoint(folder: Path, dtype: str) -> Generator:
    """Convert the stand-in in ``folder`` and load it."""
    done = folder / dtype
    done.mkdir()
    convert([folder / "pytorch_model.bin"], done, dtype)
    with torch.device("meta"):
        net = Generator(read_config(done / "config.json"))
    net.load_state_dict(load_file(done / "model.safetensors"), assign=True)
    return net.requires_grad_(requires_grad=False).eval()


def draw(net: Generator, count: int, truncation: float = 0.4) -> Tensor:
    """Draw ``count`` pictures, (count, 3, 128, 128)."""
    luck = torch.Generator().manual_seed(SEED)
    noises = [noise(net.config.noise, truncation, luck) for _ in range(count)]
    kinds = [net.kind([number]) for number in CLASSES[:count]]
    step = net.config.step(truncation)
    return torch.stack([net(*pair, step) for pair in zip(noises, kinds, strict=True)])


def seconds(net: Generator, count: int) -> float:
    """Return the seconds a picture of a request, the best of several."""
    draw(net, count)
    took = []
    for _ in range(PASSES):
        began = time.perf_counter()
        draw(net, count)
        took.append(time.perf_counter() - began)
    return round(min(took) / count, 4)


def errors(net: Generator, reference: dict[float, Tensor]) -> dict[str, float]:
    """Return how far the pictures are from those in float32, in levels of 255."""
    gaps = [(draw(net, 4, t) - right) * 255 for t, right in reference.items()]
    gap = torch.stack(gaps)
    worst = max(one.square().mean().item() for one in gaps)
    return {
        "max_levels": round(gap.abs().max().item(), 2),
        "mean_levels": round(gap.abs().mean().item(), 3),
        "worst_psnr_db": round(20 * math.log10(255) - 10 * math.log10(max(worst, 1e-12)), 1),
    }


def main() -> None:
    """Measure, and print."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads()
    torch.set_num_threads(threads)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        folder = Path(name)
        synthetic.write(folder)
        reference: dict[float, Tensor] = {}
        for dtype in ("float32", "bfloat16"):
            net = checkpoint(folder, dtype)
            reference = reference or {t: draw(net, 4, t) for t in TRUNCATIONS}
            for way in ("as_written", "packed"):
                if way == "packed":
                    net.pack()
                figures = {"s_at_1": seconds(net, 1), "s_at_4": seconds(net, 4)}
                figures |= errors(net, reference) | {"mb": round(net.size_bytes() / 1e6)}
                found[f"{dtype} {way}"] = figures
                print(f"{dtype} {way}: {figures}", flush=True)
    print(json.dumps({"benchmark": "biggan", "threads": threads, **found}))


if __name__ == "__main__":
    main()
