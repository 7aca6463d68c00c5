"""Does the starter of /imagine draw what it is told? Its pictures beside the real drawings.

    .venv/bin/python benchmarks/emoji.py                    # the checkpoint in bot/starters/imagine
    .venv/bin/python benchmarks/emoji.py --folder FOLDER --sheet sheet.png

Needs the art that it was trained on (fetched by npm the first time). Four tests, best of four
pictures each, as the bot would show them:

new     a hundred pairs of a colour and a thing that no training saw ("a green scorpion"). The
        picture is compared with every thing in that colour, and with the thing in every colour.
plain   two hundred names ("scorpion"), compared with every drawing there is.
beside  fifty pairs of things ("a cat and a moon"), which it may have seen, a hundred thousand to
        one not: each half is compared with every thing's.
several fifty things twice, three or four times: compared with each thing in each number.

``top 5`` is how often the right one is among the five nearest, by the mean square of the pixels at
half their resolution. Ends in one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.sources import OURS
from bot.families.base import Unwatched
from bot.families.dalle_mini import Imaginer, load
from bot.tasks.text_to_image import ImaginePicture
from bot.training.dalle_mini import held_pairs
from bot.training.emoji_art import SIDE, Drawing, cached, read
from bot.training.emoji_scenes import (
    COLOURS,
    NUMBERS,
    article,
    beside,
    on,
    pick,
    plural,
    recoloured,
    repeated,
    things,
)  # fmt: skip

PLAIN = 200
FEW = 50
HALF = SIDE // 2
TOP = 5


class Judge:
    """Real drawings, and which of them a picture is nearest to."""

    def __init__(self, pictures: list[Tensor]) -> None:
        self._seen = torch.stack([small(picture) for picture in pictures])

    def rank(self, picture: Tensor, right: int) -> int:
        """Return how many are nearer to a picture than the right one."""
        apart = (self._seen - small(picture)).square().mean(1)
        return int((apart < apart[right]).sum())


def small(picture: Tensor) -> Tensor:
    """Return a picture (3, H, W) at half its resolution, as a vector."""
    return F.avg_pool2d(picture[None], 2).flatten()


def draw(family: Imaginer, prompt: str, seed: int) -> Tensor:
    """Return the picture that is shown first, (3, H, W)."""
    wish = family.preprocess(ImaginePicture(prompt=prompt), seed)
    (drawn,) = family.forward([wish], Unwatched())
    return drawn.pictures[0]


def new_pairs(
    family: Imaginer, drawings: list[Drawing], sheet: list[tuple[str, Tensor]]
) -> dict[str, float]:
    """Draw what no training saw."""
    known = things(drawings)
    names, colours = list(known), list(COLOURS)
    judges = {c: Judge([on(recoloured(known[n].picture, c)) for n in names]) for c in colours}
    top1 = top5 = right_colour = 0
    pairs = held_pairs(drawings)
    for number, (name, colour) in enumerate(pairs):
        picture = draw(family, f"a {colour} {name}", number)
        sheet.append((f"{colour} {name}", picture))
        rank = judges[colour].rank(picture, names.index(name))
        top1 += rank == 0
        top5 += rank < TOP
        shades = Judge([on(recoloured(known[name].picture, c)) for c in colours])
        right_colour += shades.rank(picture, colours.index(colour)) == 0
    count = len(pairs)
    return {
        "top5": top5 / count, "top1": top1 / count, "colour": right_colour / count,
        "chance_top5": TOP / len(names), "chance_colour": 1 / len(colours), "pairs": count,
    }  # fmt: skip


def plain_names(
    family: Imaginer, drawings: list[Drawing], sheet: list[tuple[str, Tensor]]
) -> dict[str, float]:
    """Draw what it should know by heart."""
    judge = Judge([on(drawing.picture) for drawing in drawings])
    luck = torch.Generator().manual_seed(0)
    order = torch.randperm(len(drawings), generator=luck)[:PLAIN].tolist()
    top1 = top5 = 0
    for number in order:
        picture = draw(family, drawings[number].names[0], number)
        sheet.append((drawings[number].names[0], picture))
        rank = judge.rank(picture, number)
        top1 += rank == 0
        top5 += rank < TOP
    return {"top5": top5 / PLAIN, "top1": top1 / PLAIN, "chance_top5": TOP / len(drawings)}


def two_things(
    family: Imaginer, drawings: list[Drawing], sheet: list[tuple[str, Tensor]]
) -> dict[str, float]:
    """Draw things beside each other."""
    known = things(drawings)
    names = list(known)
    empty = torch.zeros_like(known[names[0]].picture)
    halves = [Judge([beside(known[n].picture, empty)[..., :HALF] for n in names])]
    halves += [Judge([beside(empty, known[n].picture)[..., HALF:] for n in names])]
    luck = torch.Generator().manual_seed(1)
    top5 = both = 0
    for number in range(FEW):
        pair = torch.randint(len(names), (2,), generator=luck).tolist()
        one, other = (names[n] for n in pair)
        picture = draw(family, f"{article(one, luck)} and {article(other, luck)}", number)
        sheet.append((f"{one}, {other}", picture))
        parts = (picture[..., :HALF], picture[..., HALF:])
        found = [halves[at].rank(parts[at], pair[at]) < TOP for at in (0, 1)]
        top5 += sum(found)
        both += all(found)
    return {"top5": top5 / FEW / 2, "both_top5": both / FEW, "chance_top5": TOP / len(names)}


def several_things(
    family: Imaginer, drawings: list[Drawing], sheet: list[tuple[str, Tensor]]
) -> dict[str, float]:
    """Draw a thing more than once."""
    known = things(drawings)
    names = list(known)
    by_number = {n: Judge([repeated(known[name].picture, n) for name in names]) for n in NUMBERS}
    luck = torch.Generator().manual_seed(2)
    top5 = right = 0
    for number in range(FEW):
        thing = int(torch.randint(len(names), (1,), generator=luck))
        count = pick(tuple(NUMBERS), luck)
        prompt = f"{NUMBERS[count]} {plural(names[thing])}"
        picture = draw(family, prompt, number)
        sheet.append((prompt, picture))
        top5 += by_number[count].rank(picture, thing) < TOP
        counts = Judge([repeated(known[names[thing]].picture, n) for n in NUMBERS])
        right += counts.rank(picture, list(NUMBERS).index(count)) == 0
    return {
        "top5": top5 / FEW, "number": right / FEW,
        "chance_top5": TOP / len(names), "chance_number": 1 / len(NUMBERS),
    }  # fmt: skip


def save_sheet(cells: list[tuple[str, Tensor]], path: Path) -> None:
    """Write all pictures with their prompts below them."""
    columns, width, height = 14, 100, 86
    page = Image.new("RGB", (columns * width, -(-len(cells) // columns) * height), "white")
    pen = ImageDraw.Draw(page)
    for number, (text, picture) in enumerate(cells):
        x, y = number % columns * width, number // columns * height
        levels = (picture.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        page.paste(Image.fromarray(levels), (x + 18, y + 2))
        pen.text((x + 2, y + 68), text[:17], fill="black")
    page.save(path)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=OURS / "imagine")
    parser.add_argument("--sheet", type=Path, help="where all pictures are put, to look at them")
    options = parser.parse_args()
    family = load(Catalogue.load().get("emoji-mini"), options.folder)
    drawings = read(cached())
    sheet: list[tuple[str, Tensor]] = []
    with torch.inference_mode():
        figures = {
            "new": new_pairs(family, drawings, sheet),
            "plain": plain_names(family, drawings, sheet),
            "beside": two_things(family, drawings, sheet),
            "several": several_things(family, drawings, sheet),
        }  # fmt: skip
    if options.sheet is not None:
        save_sheet(sheet, options.sheet)
    for name, row in figures.items():
        sys.stdout.write(f"{name}: {', '.join(f'{k} {v:.3g}' for k, v in row.items())}\n")
    sys.stdout.write(json.dumps({"benchmark": "emoji", **figures}) + "\n")


if __name__ == "__main__":
    main()
