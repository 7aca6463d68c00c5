"""Where the tour of docs/tour.py stops: what is asked of each command, and the pictures for it."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pictures import painted_evening
from PIL import Image, ImageDraw, ImageFont

from bot.playground.records import Upload
from bot.playground.scenario import Complete, File, Invoke

INK, PAPER = (34, 30, 40), (250, 246, 238)

SIGHTS = (
    "The harbour at Lindness",
    "Ferries leave at 07:15, 12:40 and 18:05.",
    "Bicycles travel free of charge; dogs cost 2.50.",
    "In winter (November to March) the last",
    "boat returns at 16:30. Please be early!",
)
PANELS = ((330, 16, 624, 424), (16, 16, 310, 424), (16, 444, 624, 744))
BUBBLES = (
    (("今日は", "いい天気", "ですね"), (500, 170)),
    (("散歩に", "行こうか"), (160, 200)),
    (("ちょっと", "待って", "ください"), (440, 595)),
    (("はやく",), (110, 590)),
)
"""Columns of each bubble from the right, and its middle; in the order in which one reads."""

BRIDGE = """\
The town council voted on Tuesday to replace the old iron bridge over the Leder with a wooden \
one. The bridge, which was built in 1887, has been closed to lorries since an inspection in \
March found rust in eleven of its forty girders. Engineers told the council that repairs would \
cost almost as much as a new bridge and would last only fifteen years. The new bridge will \
carry two lanes, a path for cyclists and, for the first time, a pavement on both sides. Work \
is to begin in May, once the spring floods are over. Until then buses go on using the ferry at \
Oster. Shopkeepers in the lower town said that they had lost a third of their customers since \
the lorries were turned away. The mayor, Ines Halvorsen, called the vote a relief. Two members \
voted against it, because the wooden bridge has to be painted every six years. The iron arches \
will be kept and set up in the park."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One section: a command, what it is, and the steps of a scenario that show it."""

    command: str
    about: str
    steps: Sequence[Invoke | Complete]
    what: str = ""
    lacks: str = ""  # why there is nothing to ask

    @property
    def title(self) -> str:
        """The heading."""
        return f"/{self.command}{f', {self.what}' if self.what else ''}"

    @property
    def name(self) -> str:
        """What its pictures are called."""
        return "-".join((self.command, *self.what.split()))


def ask(command: str, /, **given: Any) -> Invoke:
    """Make the step that uses a command; uploads among what is given become its files."""
    files = {name: File.of(one) for name, one in given.items() if isinstance(one, Upload)}
    options = {name: one for name, one in given.items() if name not in files}
    return Invoke(command=command, options=options, files=files)


def typing(command: str, option: str, text: str) -> Complete:
    """Make the step that types into an option, to be offered more."""
    return Complete(command=command, option=option, text=text)


def upload(picture: Image.Image, name: str) -> Upload:
    """Make a file to be uploaded of a picture."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return Upload(f"{name}.png", out.getvalue())


def text_page() -> Image.Image:
    """Draw a notice of a heading and four lines."""
    picture = Image.new("RGB", (640, 300), PAPER)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(SIGHTS):
        font = ImageFont.load_default(40 if number == 0 else 26)
        draw.text((30, 22 + 52 * number), line, INK, font)
    return picture.quantize(16)


def japanese_font(size: int) -> ImageFont.FreeTypeFont | None:
    """Return a font with Japanese letters, if fontconfig knows one."""
    try:
        found = subprocess.run(
            ["fc-list", ":lang=ja", "file"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    paths = sorted(line.rstrip(": ") for line in found.splitlines() if line.strip())
    return ImageFont.truetype(paths[0], size) if paths else None


def manga_page() -> Image.Image | None:
    """Draw a page of three panels, its bubbles in columns; ``None`` without a Japanese font."""
    size = 26
    font = japanese_font(size)
    if font is None:
        return None
    picture = Image.new("L", (640, 760), 255)
    draw = ImageDraw.Draw(picture)
    for left, top, right, bottom in PANELS:
        for x in range(left - (bottom - top), right, 14):  # hatched, as screen tone
            draw.line((x, bottom, x + bottom - top, top), fill=226)
    _gutters(draw)
    for columns, (x, y) in BUBBLES:
        wide, high = 1.5 * size * len(columns), size * max(map(len, columns))
        edges = (x - 0.75 * wide - 16, y - 0.75 * high, x + 0.75 * wide + 16, y + 0.75 * high)
        draw.ellipse(edges, fill=255, outline=0, width=3)
        for place, column in enumerate(columns):
            at = (x + wide / 2 - 1.5 * size * (place + 1), y - high / 2)
            draw.text(at, column, 0, font, direction="ttb")
    return picture.quantize(16)


def _gutters(draw: ImageDraw.ImageDraw) -> None:
    """Wipe what the hatching has drawn between the panels, and their frames again."""
    for edges in ((0, 0, 15, 760), (625, 0, 640, 760), (0, 0, 640, 15), (0, 745, 640, 760)):
        draw.rectangle(edges, fill=255)
    draw.rectangle((311, 0, 329, 428), fill=255)
    draw.rectangle((0, 425, 640, 443), fill=255)
    for panel in PANELS:
        draw.rectangle(panel, outline=0, width=4)


def mosaic() -> Image.Image:
    """Draw a pattern of warm tiles: a style to borrow."""
    picture = Image.new("RGB", (320, 240), (60, 30, 40))
    draw = ImageDraw.Draw(picture)
    colours = ("#d9482b", "#f2a541", "#7d1d3f", "#f7e3af", "#2a6f77")
    for row in range(12):
        for column in range(16):
            x, y = column * 20 + 10 * (row % 2), row * 20
            draw.ellipse((x, y, x + 17, y + 17), fill=colours[(row * 3 + column * 2) % 5])
    return picture


def _manga() -> tuple[Invoke, ...]:
    page = manga_page()
    return () if page is None else (ask("ocr", image=upload(page, "manga"), overlay=True),)


EVENING = painted_evening()

STOPS: tuple[Stop, ...] = (
    Stop("complete", "Goes on with a text.", (
        ask("complete", prompt="The old lighthouse keeper", max_tokens=60, seed=1),
        ask("complete", prompt="Dear neighbours, on Saturday", max_tokens=40, seed=2),
    )),
    Stop("ask", "Answers a question out of what the model happens to know.", (
        ask("ask", question="What is the capital of France?", seed=1),
        ask("ask", question="Why is the sky blue?", seed=1),
    )),
    Stop("ask", "Answers a question out of a text that is given.", (
        ask("ask", question="When was the old bridge built?", context=BRIDGE),
        ask("ask", question="Who is the mayor?", context=BRIDGE),
    ), what="with a context"),
    Stop("fill", "Finds words for a hole in a sentence.", (
        ask("fill", text="The capital of France is [MASK], which lies on the Seine."),
        ask("fill", text="She poured a cup of hot ___ and added milk and sugar."),
    )),
    Stop("summarize", "Says a long text in a few sentences.", (
        ask("summarize", file=Upload("bridge.txt", BRIDGE.encode())),
    )),
    Stop("sentiment", "Says whether a text is glad or not.", (
        ask("sentiment", text="What a lovely film: warm, funny, and over too soon."),
        ask("sentiment", text="The food was cold and nobody said sorry."),
        ask("sentiment", text="The train arrives at platform four."),
    )),
    Stop("translate", "Translates between English and Portuguese.", (
        ask("translate", text="I would like two tickets for the museum, please.",
            **{"to": "pt", "from": "en"}),
        ask("translate", text="O trem sai às nove horas da manhã.", **{"to": "en", "from": "pt"}),
    )),
    Stop("ocr", "Reads the text in a picture.", (
        ask("ocr", image=upload(text_page(), "notice")),
    )),
    Stop("ocr", "Reads columns from the right, panel by panel, and sends the page back numbered.",
        _manga(), what="a manga page",
        lacks="there is no Japanese font here; fonts-vlgothic is one.",
    ),
    Stop("imagine", "Draws what a sentence describes.", (
        ask("imagine", prompt="a rocket", seed=1),
        ask("imagine", prompt="a sad green cat", seed=1),
    )),
    Stop("conjure", "Draws one of the things that the model knows by name.", (
        typing("conjure", "what", "ca"),
        ask("conjure", what="cat", seed=1),
    )),
    Stop("restyle", "Repaints a picture in a style that is known, or in that of another picture.", (
        typing("restyle", "style", "st"),
        ask("restyle", image=upload(EVENING, "evening"), style="starry blue"),
        ask("restyle", image=upload(EVENING, "evening"), style_image=upload(mosaic(), "tiles")),
    )),
    Stop("recommend", "Names films that one may like, from those that one has seen.", (
        typing("recommend", "liked", "Alien 5, blade"),
        ask("recommend", liked="Alien 5, Blade Runner 5, Star Wars 4, the terminator 4.5"),
        ask("recommend", liked="Toy Story 5, Aladdin 5, Babe 4, Pulp Fiction 1"),
    )),
)  # fmt: skip
"""Every command for which a starter is meant, in the order of the README."""
