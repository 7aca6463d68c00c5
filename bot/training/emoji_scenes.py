"""Captioned scenes of emoji: things in other colours, two things, several, small, on colours.

From thirteen hundred drawings alone a net learns names by heart; what it should learn beside them,
that "green" does the same to a car and to a cat, it must have seen done to many things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bot.training.emoji_art import SIDE, Drawing

T = TypeVar("T")

COLOURS = {  # red, green, blue, 0..1
    "red": (0.86, 0.13, 0.13), "orange": (0.98, 0.55, 0.09), "yellow": (0.99, 0.83, 0.15),
    "green": (0.22, 0.66, 0.24), "blue": (0.16, 0.42, 0.90), "purple": (0.56, 0.22, 0.74),
    "pink": (0.98, 0.53, 0.72), "brown": (0.49, 0.31, 0.19), "black": (0.17, 0.17, 0.19),
    "gray": (0.60, 0.62, 0.64),
}  # fmt: skip
SPELT = {"gray": ("gray", "grey"), "purple": ("purple", "violet")}
MOODS = {
    "crying": "sad", "pouting": "angry", "grinning": "happy", "pensive": "sad", "enraged": "angry",
    "automobile": "car", "beaming": "happy",
}  # fmt: skip
NUMBERS = {2: "two", 3: "three", 4: "four"}
PLACES = {  # x, y in pixels of so many things
    2: ((0, 16), (32, 16)), 3: ((16, 0), (0, 32), (32, 32)),
    4: ((0, 0), (32, 0), (0, 32), (32, 32)),
}  # fmt: skip
SHARES = {
    "alone": 0.40, "coloured": 0.44, "pair": 0.07, "several": 0.03, "small": 0.02,
    "background": 0.04,
}  # fmt: skip
UNSAID = 0.1  # of captions, left out, so that guidance has something to compare with
HUE_NEAR, HUE_FAR = 40.0, 70.0  # degrees from a drawing's main hue: of its colour, of another
CHROMATIC = 0.15  # the mean difference of the strongest and the weakest of red, green and blue


@dataclass(frozen=True, slots=True)
class Scene:
    """A caption and its picture, (3, SIDE, SIDE), float32 in 0..1."""

    caption: str
    picture: Tensor


class Scenes:
    """Draws scenes by chance.

    Args:
        drawings: All there are.
        held: Pairs (thing, colour) that are never shown, for the test.
        shares: How many of the scenes are of what kind, where that is not as in ``SHARES``; the
            other kinds keep their proportions.
    """

    def __init__(
        self,
        drawings: Sequence[Drawing],
        held: Iterable[tuple[str, str]] = (),
        shares: Mapping[str, float] | None = None,
    ) -> None:
        self._drawings = drawings
        self._things = things(drawings)
        self._names = list(self._things)
        self._held = frozenset(held)
        self._shares = torch.tensor(list(shared(shares or {}).values()))

    def scene(self, luck: torch.Generator) -> Scene:
        """Return the next scene."""
        kind = tuple(SHARES)[int(torch.multinomial(self._shares, 1, generator=luck))]
        return {
            "alone": self._alone, "coloured": self._coloured, "pair": self._pair,
            "several": self._several, "small": self._small, "background": self._background,
        }[kind](luck)  # fmt: skip

    def _alone(self, luck: torch.Generator) -> Scene:
        drawing = pick(self._drawings, luck)
        return Scene(article(called(drawing, luck), luck), on(drawing.picture))

    def _coloured(self, luck: torch.Generator) -> Scene:
        caption, levels = self._some_colour(luck)
        return Scene(article(caption, luck), on(levels))

    def _some_colour(self, luck: torch.Generator) -> tuple[str, Tensor]:
        while True:
            name, colour = pick(self._names, luck), pick(tuple(COLOURS), luck)
            if (name, colour) not in self._held:
                word = pick(SPELT.get(colour, (colour,)), luck)
                told = name if chance(luck) < 0.6 else mood(name)
                return f"{word} {told}", recoloured(self._things[name].picture, colour)

    def _member(self, luck: torch.Generator) -> tuple[str, Tensor]:
        """Return a thing to stand beside another."""
        if chance(luck) < 0.3:
            return self._some_colour(luck)
        name = pick(self._names, luck)
        return mood(name), self._things[name].picture

    def _pair(self, luck: torch.Generator) -> Scene:
        (one, left), (other, right) = self._member(luck), self._member(luck)
        canvas = beside(left, right)
        between = pick(("and", "and", "with", "next to", "beside"), luck)
        return Scene(f"{article(one, luck)} {between} {article(other, luck)}", canvas)

    def _several(self, luck: torch.Generator) -> Scene:
        name, levels = self._member(luck)
        count = 2 + int(chance(luck) * 3)
        return Scene(f"{NUMBERS[count]} {plural(name)}", repeated(levels, count))

    def _small(self, luck: torch.Generator) -> Scene:
        name, levels = self._member(luck)
        canvas = torch.ones(3, SIDE, SIDE)
        paste(canvas, shrunk(levels, SIDE // 2), SIDE // 4, SIDE // 4)
        return Scene(f"a {pick(('small', 'tiny', 'little'), luck)} {name}", canvas)

    def _background(self, luck: torch.Generator) -> Scene:
        name, levels = self._member(luck)
        colour = pick(tuple(COLOURS), luck)
        text = pick(("on a {} background", "on {}", "in front of {}"), luck).format(colour)
        return Scene(f"{article(name, luck)} {text}", on(levels, COLOURS[colour]))


def beside(left: Tensor, right: Tensor) -> Tensor:
    """Return a picture of two things, each half as wide, from theirs with opacity, (4, H, W)."""
    canvas = torch.ones(3, SIDE, SIDE)
    for levels, x in ((left, 0), (right, SIDE // 2)):
        paste(canvas, shrunk(levels, SIDE // 2), x, SIDE // 4)
    return canvas


def repeated(levels: Tensor, count: int) -> Tensor:
    """Return a picture of two, three or four of a thing, from its own with opacity, (4, H, W)."""
    canvas = torch.ones(3, SIDE, SIDE)
    for x, y in PLACES[count]:
        paste(canvas, shrunk(levels, SIDE // 2), x, y)
    return canvas


def shared(told: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each kind of scene, of which some are told."""
    rest = (1 - sum(told.values())) / sum(SHARES[kind] for kind in SHARES if kind not in told)
    return {kind: told.get(kind, share * rest) for kind, share in SHARES.items()}


def things(drawings: Sequence[Drawing]) -> dict[str, Drawing]:
    """Return the drawings that come in all colours, by what they are called."""
    return {drawing.thing: drawing for drawing in reversed(drawings) if drawing.thing}


def called(drawing: Drawing, luck: torch.Generator) -> str:
    """Return one of the ways to say what a drawing shows."""
    draw = chance(luck)
    if draw < 0.45 or (draw < 0.75 and not drawing.keywords):
        return mood(drawing.names[0]) if chance(luck) < 0.3 else drawing.names[0]
    if draw < 0.70 and drawing.keywords:
        return pick(drawing.keywords, luck)
    if draw < 0.80 and drawing.keywords:
        return f"{pick(drawing.keywords, luck)} {drawing.names[0]}"
    return drawing.thing or pick(drawing.names, luck)


def mood(name: str) -> str:
    """Return a name in the words that people use for moods."""
    return " ".join(MOODS.get(word, word) for word in name.split())


def article(name: str, luck: torch.Generator) -> str:
    """Put "a", "the" or nothing before a name."""
    draw = chance(luck)
    if draw < 0.5:
        return name
    return f"the {name}" if draw < 0.6 else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def plural(name: str) -> str:
    """Return the plural of most English nouns."""
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def chance(luck: torch.Generator) -> float:
    """Return a number in 0..1."""
    return torch.rand((), generator=luck).item()


def pick(choices: Sequence[T], luck: torch.Generator) -> T:
    """Return one of the choices."""
    return choices[int(torch.randint(len(choices), (), generator=luck))]


def on(levels: Tensor, colour: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Tensor:
    """Put a drawing of levels (4, H, W) before a colour; (3, H, W) in 0..1."""
    canvas = torch.tensor(colour)[:, None, None].expand(3, *levels.shape[1:]).clone()
    return paste(canvas, levels.float() / 255, 0, 0)


def paste(canvas: Tensor, drawing: Tensor, x: int, y: int) -> Tensor:
    """Put a drawing (4, h, w) in 0..1 onto a canvas (3, H, W), which is changed and returned."""
    _, height, width = drawing.shape
    part = canvas[:, y : y + height, x : x + width]
    part += drawing[3] * (drawing[:3] - part)
    return canvas


def shrunk(levels: Tensor, side: int) -> Tensor:
    """Return a drawing of levels (4, H, W) as (4, side, side) in 0..1."""
    drawing = levels.float() / 255
    whole = torch.cat([drawing[:3] * drawing[3], drawing[3:]])  # no colour where nothing is
    small = F.interpolate(whole[None], (side, side), mode="area")[0]
    return torch.cat([small[:3] / small[3].clamp(min=1e-4), small[3:]])


def recoloured(levels: Tensor, name: str) -> Tensor:
    """Give a drawing of levels (4, H, W) another main colour; its shades and other colours stay."""
    rgb, opacity = levels[:3].float() / 255, levels[3].float() / 255
    target = torch.tensor(COLOURS[name])[:, None, None]
    share = _share_of_main_colour(rgb, opacity)
    light = (rgb * torch.tensor([0.30, 0.59, 0.11])[:, None, None]).sum(0)
    mean = (light * share * opacity).sum() / (share * opacity).sum().clamp(min=1e-4)
    shade = light / mean.clamp(min=0.05)
    dark, bright = target * shade, target + (1 - target) * (shade - 1) * 0.6
    painted = torch.where(shade <= 1, dark, bright).clamp(0, 1)
    mixed = rgb + share * (painted - rgb)
    return torch.cat([(mixed * 255).round(), levels[3:].float()]).to(torch.uint8)


def _share_of_main_colour(rgb: Tensor, opacity: Tensor) -> Tensor:
    """Return how much of each pixel, 0..1, is of a drawing's main colour, (H, W)."""
    high, low = rgb.amax(0), rgb.amin(0)
    chroma = high - low
    if (chroma * opacity).sum() < CHROMATIC * opacity.sum():
        return ((high - 0.12) * 8).clamp(0, 1)  # a grey thing: all but its outlines
    hue = _hue(rgb, high, chroma)
    bins = torch.zeros(36)
    bins.index_add_(0, (hue / 10).long().clamp(0, 35).flatten(), (chroma * opacity).flatten())
    smooth = bins + bins.roll(1) + bins.roll(-1)
    main = smooth.argmax() * 10.0 + 5.0
    apart = (hue - main).abs()
    apart = torch.minimum(apart, 360 - apart)
    near = ((HUE_FAR - apart) / (HUE_FAR - HUE_NEAR)).clamp(0, 1)
    return near * (chroma * 4).clamp(0, 1)


def _hue(rgb: Tensor, high: Tensor, chroma: Tensor) -> Tensor:
    """Return the hue of each pixel in degrees, (H, W)."""
    red, green, blue = rgb
    span = chroma.clamp(min=1e-4)
    hue = torch.where(
        high == red,
        ((green - blue) / span) % 6,
        torch.where(high == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    return (hue * 60) % 360
