"""How soon is the bot there, and how soon does it answer? Measured through the playground.

    PYTHONPATH=. .venv/bin/python benchmarks/first_answer.py

Starts ``python -m bot run`` anew ``--starts`` times and asks each starter task ``--asks`` times,
one at a time, as a member would: acknowledgement, first text or picture, whole answer. All times
are a member's, with HTTP and the gateway in them. Ends in one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import statistics
import tempfile
import time
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from bot.playground.member import Member
from bot.playground.records import Upload
from tests.processes import bot, commands_of


def png(picture: Image.Image) -> bytes:
    """Return a picture as a file's bytes."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def inputs() -> dict[str, dict[str, Any]]:
    """Return what is asked, by command."""
    page = Image.new("RGB", (640, 170), "white")
    for number, line in enumerate(("Hello brave world", "Second line 42")):
        font = ImageFont.load_default(size=44)
        ImageDraw.Draw(page).text((20, 20 + 70 * number), line, font=font, fill="black")
    photo = Image.effect_noise((512, 342), 60).convert("RGB")
    return {
        "complete": {"prompt": "The old lighthouse keeper", "max_tokens": 48, "seed": 1},
        "ask": {"question": "What is the capital of France?", "seed": 1},
        "ocr": {"image": Upload("page.png", png(page))},
        "restyle": {"image": Upload("photo.png", png(photo)), "style": "starry blue"},
    }


async def ask(member: Member, command: str, options: dict[str, Any]) -> dict[str, float]:
    """Ask once; return seconds to the acknowledgement, the first sign and the whole answer."""
    began = time.monotonic()
    asked = await member.invoke(command, **options)
    acknowledged = await asked.acknowledged()
    await member.until(
        lambda: any("▌" in u["content"] or "-# " in u["content"] for u in asked.updates), 120
    )
    first = time.monotonic() - began
    await asked.settled(120, until=lambda message: "-# " in message["content"])
    return {"ack_s": acknowledged, "first_s": first, "whole_s": time.monotonic() - began}


async def measure(asks: int) -> dict[str, Any]:
    """Start the bot once and ask everything."""
    with tempfile.TemporaryDirectory() as state:
        environ = {**os.environ, "MENAGERIE_STATE": state}
        async with bot(environ) as (_, address, began), Member(address) as member:
            await commands_of(member)
            online = time.monotonic() - began
            figures: dict[str, Any] = {"online_s": online}
            for command, options in inputs().items():
                runs = [await ask(member, command, options) for _ in range(asks + 1)]
                figures[command] = {"cold": runs[0], "warm": runs[1:]}
            return figures


def summary(starts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians over all starts, and the slowest acknowledgement."""
    median = statistics.median
    found: dict[str, Any] = {"online_s": round(median(s["online_s"] for s in starts), 3)}
    acks = []
    for command in inputs():
        warm = [run for s in starts for run in s[command]["warm"]]
        cold = [s[command]["cold"] for s in starts]
        acks += [run["ack_s"] for run in (*warm, *cold)]
        found[command] = {
            "cold_whole_s": round(median(run["whole_s"] for run in cold), 3),
            "first_s": round(median(run["first_s"] for run in warm), 3),
            "whole_s": round(median(run["whole_s"] for run in warm), 3),
        }
    return found | {"slowest_ack_s": round(max(acks), 4)}


def main() -> None:
    """Measure, print a table, then the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--asks", type=int, default=3)
    arguments = parser.parse_args()
    starts = [asyncio.run(measure(arguments.asks)) for _ in range(arguments.starts)]
    found = summary(starts)
    print(f"online after {found['online_s']} s; slowest acknowledgement {found['slowest_ack_s']} s")
    print(f"{'command':10} {'cold whole':>11} {'warm first':>11} {'warm whole':>11}")
    for command in inputs():
        row = found[command]
        print(f"{command:10} {row['cold_whole_s']:11} {row['first_s']:11} {row['whole_s']:11}")
    print(json.dumps({"benchmark": "first_answer", **found}))


if __name__ == "__main__":
    main()
