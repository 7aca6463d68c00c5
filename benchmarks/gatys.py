"""Style transfer on VGG-19 at its true size, with weights drawn by chance: speed, and recipes.

Seconds of a step at 256 x 192 pixels, in float32 and in bfloat16, and how many that is in a minute;
seconds of a whole painting, as the family makes it; and how far each of several recipes comes in
the same time, as the loss that is left of the photograph's own, judged in float32 at 256 pixels.
Nets of chance tell textures apart too; how good pictures look, they do not say. Ends in one line of
JSON.

    python benchmarks/gatys.py [THREADS]
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.conversion.vgg import convert
from bot.catalogue.model import Model
from bot.catalogue.synthetic import gatys as synthetic
from bot.families.base import Unwatched
from bot.families.gatys import Canvas, Painter
from bot.nets.gatys import aim_at, loss, paint
from bot.nets.vgg import VGG, Halving

SIZE = (192, 256)
RECIPE_S = 15.0
COARSE = 0.3  # of the time, where a recipe begins coarsely
PASSES = 4
HISTORY = 20  # steps that L-BFGS remembers

Recipe = Callable[[VGG, Tensor, Tensor, float], Tensor]


def scene(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return a content of large forms and a style of small ones, (1, 3, H, W) each."""
    down, right = torch.meshgrid(
        torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij"
    )
    disc = ((down - 0.4).hypot(right - 0.6) < 0.25).float()
    hill = (down > 0.7 + 0.1 * torch.sin(6 * right)).float()
    content = torch.stack([0.6 * disc + 0.2 * down, 0.5 * hill + 0.3 * right, 1 - down])
    waves = torch.sin(40 * right + 6 * torch.sin(9 * down)), torch.sin(30 * down - 20 * right)
    style = torch.stack([waves[0], waves[1], waves[0] * waves[1]]) / 2 + 0.5
    return content.clamp(0, 1)[None], style.clamp(0, 1)[None]


def net_in(folder: Path, dtype: torch.dtype, halving: Halving = "mean") -> VGG:
    """Load the converted stand-in."""
    net = VGG(halving=halving)
    net.load_state_dict(load_file(folder / "model.safetensors"))
    net.requires_grad_(requires_grad=False).hold_in(dtype)
    return net


def step_s(net: VGG, content: Tensor, style: Tensor) -> float:
    """Return the seconds of a step, the best of several."""
    aim, took = aim_at(net, content, style), []
    began = time.perf_counter()
    for _ in paint(net, content, aim, PASSES):
        took.append(time.perf_counter() - began)
        began = time.perf_counter()
    return min(took)


def smaller(picture: Tensor) -> Tensor:
    """Return a picture at half its size."""
    return F.interpolate(picture, scale_factor=0.5, mode="area")


def at_once(net: VGG, content: Tensor, style: Tensor, seconds: float) -> Tensor:
    """Paint at the last size only."""
    steps = max(1, int(seconds / step_s(net, content, style)))
    *_, (picture, _) = paint(net, content, aim_at(net, content, style), steps)
    return picture


def coarse_to_fine(net: VGG, content: Tensor, style: Tensor, seconds: float) -> Tensor:
    """Paint at half the size first."""
    coarse = at_once(net, smaller(content), smaller(style), COARSE * seconds)
    start = F.interpolate(coarse, size=SIZE, mode="bicubic").clamp(0, 1)
    steps = max(1, int((1 - COARSE) * seconds / step_s(net, content, style)))
    *_, (picture, _) = paint(net, start, aim_at(net, content, style), steps)
    return picture


def by_lbfgs(net: VGG, content: Tensor, style: Tensor, seconds: float) -> Tensor:
    """Minimise the same loss as most tutorials do, at the last size."""
    picture, aim = content.clone().requires_grad_(), aim_at(net, content, style)
    lbfgs = torch.optim.LBFGS(
        [picture], max_iter=1, history_size=HISTORY, tolerance_grad=0, tolerance_change=0
    )

    def closure() -> Tensor:
        lbfgs.zero_grad()
        far = loss(net, picture, aim)
        far.backward()
        return far.detach()

    for _ in range(max(1, int(seconds / step_s(net, content, style)))):
        lbfgs.step(closure)
    return picture.detach().clamp(0, 1)


RECIPES: dict[str, tuple[Recipe, Halving]] = {
    "adam coarse to fine, mean": (coarse_to_fine, "mean"),
    "adam, mean": (at_once, "mean"),
    "lbfgs, mean": (by_lbfgs, "mean"),
    "adam coarse to fine, max": (coarse_to_fine, "max"),
}


def left_of(folder: Path, name: str, dtype: torch.dtype, content: Tensor, style: Tensor) -> float:
    """Return what a recipe leaves of the loss, as a share of the content's own."""
    recipe, halving = RECIPES[name]
    picture = recipe(net_in(folder, dtype, halving), content, style, RECIPE_S)
    judge = net_in(folder, torch.float32, halving)
    aim = aim_at(judge, content, style)
    with torch.no_grad():
        left, whole = (float(loss(judge, p, aim)) for p in (picture, content))
    assert math.isfinite(left)
    return round(left / whole, 4)


def painting_s(net: VGG) -> tuple[float, dict[int, int]]:
    """Return the seconds that the family takes, and its steps by the size of the picture."""
    painter = Painter(Model(id="gatys", task="restyle", family="gatys"), net)
    sizes = [(3 * stage.side // 4, stage.side) for stage in painter.stages]
    contents, styles = zip(*(scene(*size) for size in sizes), strict=True)
    began = time.perf_counter()
    (painted,) = painter.forward([Canvas(contents, styles, (640, 480))], Unwatched())
    took = time.perf_counter() - began
    return round(took, 1), {stage.side: stage.steps for stage in painted.made}


def main() -> None:
    """Measure, and print."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads()
    torch.set_num_threads(threads)
    content, style = scene(*SIZE)
    found: dict[str, object] = {"benchmark": "gatys", "threads": threads}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic.write(folder / "hub")
        convert([folder / "hub" / "model.safetensors"], folder, "float32")
        for dtype in (torch.float32, torch.bfloat16):
            seconds = step_s(net_in(folder, dtype), content, style)
            label = str(dtype).removeprefix("torch.")
            found[label] = {"step_s": round(seconds, 3), "steps_in_60_s": int(60 / seconds)}
            print(f"{label}: {found[label]}", flush=True)
        took, steps = painting_s(net_in(folder, torch.bfloat16))
        found["painting"] = {"s": took, "steps": steps}
        print(f"a painting: {found['painting']}", flush=True)
        left = {r: left_of(folder, r, torch.bfloat16, content, style) for r in RECIPES}
        found["left_of_the_loss"] = {"s": RECIPE_S, **left}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
