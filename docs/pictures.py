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
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from playwright.async_api import Page, ViewportSize, async_playwright

from bot.playground.member import Member
from bot.playground.records import Upload

HERE = Path(__file__).parent
OUTPUT = HERE / "pictures" / "playground.png"
LARGEST_BYTES = 300_000
VIEW = ViewportSize(width=1180, height=1210)
ANNOUNCED = "Playground: "
START_LIMIT_S = 60.0
ANSWER_LIMIT_S = 180.0

OPENING = "Every evening the lighthouse keeper told the gulls"
SEED = 1
TOKENS = 49
STYLE = "starry blue"
SIGN = ("ISLAND FERRY", "Last boat at 18:40", "Please bring a lantern.")

SKY = ((38, 44, 92), (196, 92, 104), (252, 196, 128))  # from the zenith to the horizon
SEA = ((188, 112, 112), (26, 38, 84))
SIZE = (640, 400)
SHOWN = (416, 260)  # as large as the page shows a picture


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
            viewport=VIEW, color_scheme="dark", locale="en-GB", device_scale_factor=1.0
        )
        await page.goto(address)
        await page.get_by_text("Connected", exact=True).wait_for()
        await converse(member)
        await photograph(page)
        await browser.close()


@contextlib.asynccontextmanager
async def playground(
    environment: Mapping[str, str] = {}, arguments: Sequence[str] = ()
) -> AsyncIterator[str]:
    """Run the bot with a state folder of its own, and this besides; give the address."""
    with tempfile.TemporaryDirectory() as state:
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--playground", "--port", "0", *arguments),
            cwd=HERE.parent,
            env={**os.environ, **environment, "MENAGERIE_STATE": state},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_LIMIT_S):
                address = await _address(bot)
            yield address
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
    evening, sign = painted_evening(), drawn_sign()
    await offered(member, "restyle")
    for name, options in (
        ("complete", {"prompt": OPENING, "max_tokens": TOKENS, "seed": SEED}),
        ("ocr", {"image": upload(sign, "sign")}),
        ("restyle", {"image": upload(evening, "evening"), "style": STYLE}),
    ):
        if name == "ocr":
            shown = [upload(picture.resize(SHOWN), n) for n, picture in enumerate((sign, evening))]
            await member.say("At the pier this evening:", shown)
        asked = await member.invoke(name, **options)
        await asked.settled(ANSWER_LIMIT_S, until=lambda message: "· `" in message["content"])


async def offered(member: Member, command: str) -> None:
    """Wait until the bot is online and has published its commands."""
    await member.until(lambda: member.bot_online, 30)
    for _ in range(200):
        if command in {offered["name"] for offered in await member.commands()}:
            return
        await asyncio.sleep(0.1)
    raise SystemExit("The bot has published no commands.")


async def photograph(page: Page) -> None:
    """Write the page as a PNG of few colours."""
    for image in await page.locator("#messages img").all():
        await image.evaluate("image => image.decode()")
    await page.mouse.move(5, 5)
    shot = await page.screenshot()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    few = picture.quantize(palette=picture.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)
    OUTPUT.parent.mkdir(exist_ok=True)
    few.save(OUTPUT, optimize=True)
    size = OUTPUT.stat().st_size
    sys.stdout.write(f"{OUTPUT.name}: {picture.width} x {picture.height}, {size:,} bytes\n")
    if size > LARGEST_BYTES:
        raise SystemExit(f"That is more than {LARGEST_BYTES:,} bytes.")


def upload(picture: Image.Image, name: object) -> Upload:
    """Make a file to be uploaded of a picture."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return Upload(f"{name}.png", out.getvalue())


def painted_evening() -> Image.Image:
    """Paint a lighthouse over the sea at dusk."""
    width, height = SIZE
    horizon = int(height * 0.62)
    chance = random.Random(4)
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        sky, below = y / horizon, (y - horizon) / (height - horizon)
        colour = mixed(SKY, sky) if y < horizon else mixed(SEA, below)
        draw.line((0, y, width, y), fill=colour)
    for _ in range(60):
        x, y = chance.randrange(width), int(horizon * 0.5 * chance.random() ** 1.5)
        draw.point((x, y), fill=(255, 250, 230))
    picture = _with_sun(picture, (200, horizon - 26), horizon)
    draw = ImageDraw.Draw(picture)
    for depth, colour in enumerate(((122, 74, 106), (84, 56, 96))):
        base = horizon - 34 + depth * 20
        hills, knolls = 70 - 22 * depth, 17
        ridge = [
            (x, base - 22 * math.sin(x / hills + depth) - 9 * math.sin(x / knolls + depth * 2))
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
    rock = ((-120, 316), (-84, 262), (-30, 246), (44, 242), (96, 268), (154, 324))
    draw.polygon([(x + left, y) for left, y in rock], fill=(48, 36, 62))
    draw.polygon([(x - 60, 316), (x - 24, 262), (x + 30, 258), (x + 8, 318)], fill=(70, 50, 78))
    for stripe in range(7):
        upper, lower = top + 14 + stripe * 22, top + 36 + stripe * 22
        if upper >= foot:
            break
        colour = (206, 66, 66) if stripe % 2 else (246, 236, 224)
        narrow, wide = (17 + 15 * (y - top) / (foot - top) for y in (upper, lower))
        left, right = (
            ((x - narrow, upper), (x - wide, lower)),
            ((x + wide, lower), (x + narrow, upper)),
        )
        draw.polygon([*left, *right], fill=colour)
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
        wood = (218, 190, 144) if plank % 2 else (226, 198, 152)
        draw.rounded_rectangle((42, top, width - 42, top + 90), 8, fill=wood)
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
