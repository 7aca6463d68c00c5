"""DALL-E mini's three parts at full size: reading a caption, writing codes, drawing them.

The nets have weights of chance and the layout in which they are served. Measured are captions of 14
tokens; the codes of one and of four pictures with guidance, the median step early and late; and the
VQGAN's drawing of four pictures. The bars: four pictures written in 20 s, drawn in 4 s more, on two
threads. Give ``--threads`` for another number. Ends in one line of JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from typing import Any

import torch
from torch import nn

from bot.decoding import linears
from bot.decoding.sampling import Sampling
from bot.families.drawing import CodeWriter, chooser, draw, hold
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from bot.nets.vqgan import VQGANConfig, VQGANDecoder

CAPTION_TOKENS = 14
GUIDANCE = 10.0
AROUND = 64  # steps at the begin and at the end
BARS = {"write_4_s": 20.0, "draw_4_s": 4.0}


def of_chance(net: nn.Module) -> None:
    """Give a net that is on no device weights of chance."""
    net.to_empty(device="cpu")
    for name, weight in net.named_parameters():
        if weight.dim() > 1:
            weight.data.normal_(0.0, (weight[0].numel()) ** -0.5)
        else:
            weight.data.fill_(1.0 if name.endswith("weight") else 0.0)
    net.requires_grad_(requires_grad=False).eval()


def caption(config: DalleBartConfig, tokens: int) -> tuple[int, ...]:
    """Return the ids of a caption of so many tokens, its ends counted."""
    ids = (0, *range(100, 98 + tokens), 2)
    return ids + (config.padding,) * (config.caption_length - len(ids))


def seconds(action: Any, times: int = 3) -> float:
    """Return the best time of an action in seconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return min(taken)


def written(writer: CodeWriter, config: DalleBartConfig, count: int) -> tuple[float, Any, Any]:
    """Return the seconds that pictures take, those of each step, and their codes."""
    sampling = Sampling(max_new_tokens=config.image_length, temperature=1.0)
    captions = [caption(config, 2), caption(config, CAPTION_TOKENS)]
    choosers = [chooser(sampling, 1, number) for number in range(count)]
    moments = [time.perf_counter()]
    written = writer.write(
        captions, [1] * count, choosers, GUIDANCE, lambda _: moments.append(time.perf_counter())
    )
    steps = [after - before for before, after in itertools.pairwise(moments[1:])]
    return moments[-1] - moments[0], steps, written.codes


def main() -> None:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--layout", choices=("packed", "plain"), default="packed")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    dtype = torch.bfloat16 if linears.has_bfloat16() else torch.float32
    config = DalleBartConfig()
    with torch.device("meta"):
        net, drawer = DalleBart(config), VQGANDecoder(VQGANConfig())
    of_chance(net)
    of_chance(drawer)
    hold(net, drawer, dtype)
    writer = CodeWriter(net, options.layout)
    figures: dict[str, Any] = {
        "threads": options.threads, "dtype": str(dtype).removeprefix("torch."),
        "layout": options.layout,
    }  # fmt: skip
    with torch.inference_mode():
        ids = torch.tensor([caption(config, CAPTION_TOKENS)])
        net.encode(ids)
        figures["read_s"] = seconds(lambda: net.encode(ids))
        for count in (1, 4):
            taken, steps, codes = written(writer, config, count)
            figures[f"write_{count}_s"] = taken
            figures[f"step_{count}_early_ms"] = 1e3 * statistics.median(steps[:AROUND])
            figures[f"step_{count}_late_ms"] = 1e3 * statistics.median(steps[-AROUND:])
        draw(drawer, codes[0])
        figures["draw_4_s"] = seconds(lambda: [draw(drawer, row) for row in codes], 1)
    figures["met"] = all(figures[name] <= bar for name, bar in BARS.items())
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"benchmark": "dalle_mini", **rounded}))


if __name__ == "__main__":
    main()
