"""Makes the README's picture: the real bot in the playground, photographed after real answers.

``python docs/pictures.py`` starts ``python -m bot run --playground`` as a person would, uses it as
a member would, and photographs the page with chromium. The starters must have been fetched. The
pictures that the member uploads are drawn here, so that nobody else's are needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import os
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from playwright.async_api import Page, async_playwright

from bot.playground.member import Member
from bot.playground.records import Upload

HERE = Path(__file__).parent
OUTPUT = HERE / "pictures" / "playground.png"
LARGEST_BYTES = 400_000
VIEW = {"width": 1180, "height": 1060}
ANNOUNCED = "Playground: "
START_LIMIT_S = 60.0
ANSWER_LIMIT_S = 180.0

OPENING = "Every evening the lighthouse keeper told the gulls"
SEED = 7
STYLE = "starry blue"
SIGN = ("ISLAND FERRY", "Last boat at 18:40", "Please bring a lantern.")

SKY = ((38, 44, 92), (196, 92, 104), (252, 196, 128))  # from the zenith to the horizon
SEA = ((188, 112, 112), (26, 38, 84))
SIZE = (640, 400)


async def main() -> None:
    """Start the bot, ask it three things, and take the picture."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("There is no chromium here. Install it (Debian: chromium) and run again.")
    async with playground() as address, Member(address) as member, async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await browser.new_page(
            viewport=VIEW, color_scheme="dark", locale="en-GB", device_scale_factor=1.25
        )
        await page.goto(address)
        await page.get_by_text("Connected", exact=True).wait_for()
        await converse(member)
        await photograph(page)
        await browser.close()


@contextlib.asynccontextmanager
async def playground() -> AsyncIterator[str]:
    """Run the bot with a state folder of its own; give the playground's address."""
    with tempfile.TemporaryDirectory() as state:
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--playground", "--port", "0"),
            cwd=HERE.parent,
            env={**os.environ, "MENAGERIE_STATE": state},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_LIMIT_S):
                yield await _address(bot)
        finally:
            bot.terminate()
            await bot.wait()


async def _address(bot: asyncio.subprocess.Process) -> str:
    assert bot.stdout is not None
    async for line in bot.stdout:
        if line.decode().startswith(ANNOUNCED):
            return line.decode().removeprefix(ANNOUNCED).strip()
    raise SystemExit("The bot ended before its playground was open; its log stands above.")


async def converse(member: Member) -> None:
    """Show two pictures, then continue a text, read the one and repaint the other."""
    evening, sign = Upload("evening.png", png(painted_evening())), Upload("sign.png", png(drawn_sign()))
    await member.until(lambda: True)
    await _offered(member, "restyle")
    for name, options in (
        ("complete", {"prompt": OPENING, "max_tokens": 60, "seed": SEED}),
        ("ocr", {"image": sign}),
        ("restyle", {"image": evening, "style": STYLE}),
    ):
        if name == "ocr":
            await member.say("The pier, and the view from it:", [sign, evening])
        asked = await member.invoke(name, **options)
        await asked.settled(ANSWER_LIMIT_S, until=lambda message: "· `" in message["content"])


async def _offered(member: Member, command: str) -> None:
    """Wait until the bot has published its commands."""
    while command not in {offered["name"] for offered in await member.commands()}:
        await asyncio.sleep(0.2)


async def photograph(page: Page) -> None:
    """Write the page as a PNG of few colours."""
    await page.wait_for_function("[...document.images].every(image => image.complete)")
    await page.mouse.move(5, 5)
    shot = await page.screenshot()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    OUTPUT.parent.mkdir(exist_ok=True)
    few.save(OUTPUT, optimize=True)
    size = OUTPUT.stat().st_size
    print(f"{OUTPUT.relative_to(HERE.parent)}: {picture.width} x {picture.height}, {size:,} bytes")
    if size > LARGEST_BYTES:
        raise SystemExit(f"That is more than {LARGEST_BYTES:,} bytes.")


def png(picture: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def painted_evening() -> Image.Image:
    """Paint a lighthouse over the sea at dusk."""
    width, height = SIZE
    horizon = int(height * 0.62)
    chance = random.Random(4)
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        colour = mixed(SKY, y / horizon) if y < horizon else mixed(SEA, (y - horizon) / (height - horizon))
        draw.line((0, y, width, y), fill=colour)
    for _ in range(60):
        x, y = chance.randrange(width), int(horizon * 0.5 * chance.random() ** 1.5)
        draw.point((x, y), fill=(255, 250, 230))
    picture = _with_sun(picture, (200, horizon - 26), horizon)
    draw = ImageDraw.Draw(picture)
    for depth, colour in enumerate(((122, 74, 106), (84, 56, 96))):
        base = horizon - 34 + depth * 20
        ridge = [
            (x, base - 22 * math.sin(x / (70 - 22 * depth) + depth) - 9 * math.sin(x / 17 + depth * 2))
            for x in range(0, width + 1, 4)
        ]
        shown = [(x, min(y, horizon)) for x, y in ridge if depth or x > 330]
        draw.polygon([(shown[0][0], horizon), *shown, (width, horizon)], fill=colour)
    return _with_lighthouse(picture, horizon)


def _with_sun(picture: Image.Image, at: tuple[int, int], horizon: int) -> Image.Image:
    """Add a low sun, its glow and its path on the water."""
    (x, y), (width, height) = at, picture.size
    glow = Image.new("L", picture.size)
    ImageDraw.Draw(glow).ellipse((x - 70, y - 70, x + 70, y + 70), fill=190)
    glow = glow.filter(ImageFilter.GaussianBlur(45))
    picture = Image.composite(Image.new("RGB", picture.size, (255, 224, 150)), picture, glow)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((x - 24, y - 24, x + 24, y + 24), fill=(255, 240, 196))
    draw.rectangle((0, horizon, width, horizon), fill=(150, 92, 104))
    chance = random.Random(8)
    for row in range(horizon + 4, height, 5):
        reach = 12 + (row - horizon) * 0.5
        for _ in range(4):
            left = x + chance.uniform(-reach, reach)
            draw.line((left, row, left + chance.uniform(8, 30), row), fill=(255, 206, 142), width=2)
    return picture


def _with_lighthouse(picture: Image.Image, horizon: int) -> Image.Image:
    """Add a striped lighthouse on a rock, its lamp lit."""
    x, foot, top = 486, horizon + 6, 84
    beam = Image.new("L", picture.size)
    ImageDraw.Draw(beam).polygon([(x, top), (0, top - 60), (0, top + 26)], fill=105)
    beam = beam.filter(ImageFilter.GaussianBlur(5))
    picture = Image.composite(Image.new("RGB", picture.size, (255, 244, 200)), picture, beam)
    draw = ImageDraw.Draw(picture)
    rock = [(x - 120, 316), (x - 84, 262), (x - 30, 246), (x + 44, 242), (x + 96, 268), (x + 154, 324)]
    draw.polygon(rock, fill=(48, 36, 62))
    draw.polygon([(x - 60, 316), (x - 24, 262), (x + 30, 258), (x + 8, 318)], fill=(70, 50, 78))
    for stripe in range(7):
        upper, lower = top + 14 + stripe * 22, top + 36 + stripe * 22
        if upper >= foot:
            break
        slope = [17 + 15 * (y - top) / (foot - top) for y in (upper, lower)]
        colour = (206, 66, 66) if stripe % 2 else (246, 236, 224)
        corners = [(x - slope[0], upper), (x + slope[0], upper), (x + slope[1], lower), (x - slope[1], lower)]
        draw.polygon(corners, fill=colour)
    draw.rectangle((x - 24, top + 8, x + 24, top + 14), fill=(40, 32, 58))
    draw.rectangle((x - 13, top - 16, x + 13, top + 8), fill=(255, 236, 150))
    draw.polygon([(x - 19, top - 16), (x + 19, top - 16), (x, top - 38)], fill=(170, 48, 56))
    return picture


def drawn_sign() -> Image.Image:
    """Draw a wooden notice with three lines of text."""
    width, height = SIZE
    chance = random.Random(2)
    picture = Image.new("RGB", SIZE, (120, 152, 162))
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        draw.line((0, y, width, y), fill=mixed(((150, 186, 196), (70, 104, 124)), y / height))
    for left in (110, 496):
        draw.rectangle((left, 20, left + 34, height), fill=(84, 58, 42))
    for plank in range(3):
        top = 46 + plank * 96
        shade = 8 * (plank % 2)
        draw.rounded_rectangle((42, top, width - 42, top + 90), 8, fill=(226 - shade, 198 - shade, 152 - shade))
        for _ in range(9):
            y, left = top + chance.randrange(6, 84), chance.randrange(50, 420)
            draw.line((left, y, left + chance.randrange(40, 150), y), fill=(214, 184, 138))
    for number, (line, size) in enumerate(zip(SIGN, (62, 46, 40), strict=True)):
        font = ImageFont.load_default(size)
        draw.text((width / 2, 91 + number * 96), line, (44, 34, 40), font, anchor="mm")
    return picture


def mixed(colours: tuple[tuple[int, int, int], ...], share: float) -> tuple[int, int, int]:
    """Return the colour at a share (0..1) of the way along a row of colours."""
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    first = min(int(place), len(colours) - 2)
    rest = place - first
    pairs = zip(colours[first], colours[first + 1], strict=True)
    red, green, blue = (round(a + (b - a) * rest) for a, b in pairs)
    return red, green, blue


if __name__ == "__main__":
    asyncio.run(main())
