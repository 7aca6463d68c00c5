"""Takes a picture of every command at work, for ``/help`` and docs/commands.md: ``make portraits``.

The real bot runs in the playground; what it answers is photographed on the page, message by
message. Operators' commands are asked by the playground's owner, so that they answer too.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pictures import ANSWER_LIMIT_S, drawn_sign, offered, painted_evening, playground, upload
from PIL import Image
from playwright.async_api import Page, ViewportSize, async_playwright

from bot.locales.collect import commanding
from bot.playground.member import Member
from bot.ui import help as told

HERE = Path(__file__).parent
VIEW = ViewportSize(width=760, height=1400)
WIDEST = 640  # pixels
QUALITY = 72
SETTLING_MS = 600
STORY = (
    "The ferry was late. Nobody minded, for the evening was warm. The keeper lit the lamp at six. "
    "At seven the first boats came home. One of them brought news of a whale."
)


LAST = ("privacy delete", "gallery remove", "preset delete")


def asks(job_id: str) -> dict[str, Mapping[str, Any]]:
    """Return what is asked of each command; those that are not named are asked without options."""
    return {
        "complete": {"prompt": "The lighthouse keeper", "max_tokens": 24, "seed": 1},
        "ask": {"question": "Who lit the lamp?", "context": STORY},
        "summarize": {"text": STORY},
        "translate": {"text": "Where is the harbour?", "to": "pt"},
        "fill": {"text": "The cat sat on the [MASK]."},
        "sentiment": {"text": "What a wonderful evening that was!"},
        "imagine": {"prompt": "a red dragon", "seed": 2},
        "conjure": {"what": "lion", "count": 4, "seed": 3},
        "restyle": {"image": upload(painted_evening(), "evening"), "style": "starry blue"},
        "ocr": {"image": upload(drawn_sign(), "sign")},
        "describe": {"image": upload(painted_evening(), "evening")},
        "recommend": {"liked": "Alien 5, Fargo 4, Titanic 2"},
        "compare": {"task": "conjure", "prompt": "owl", "seeds": 3},
        "arena fight": {"task": "conjure", "prompt": "robot"},
        "arena table": {"task": "complete"},
        "gallery remove": {"id": job_id},
        "job show": {"id": job_id},
        "job explain": {"id": job_id},
        "job again": {"id": job_id},
        "preferences private": {"on": False},
        "preset save": {"command": "complete", "name": "bold", "options": "temperature:1.4"},
        "preset usual": {"command": "complete", "preset": "bold"},
        "preset delete": {"command": "complete", "preset": "bold"},
        "admin reload": {"cog": "recommend"},
        "preferences model": {"command": "complete", "model": "smollm2"},
        "settings command": {"command": "describe", "allowed": False},
        "settings model": {"model": "gpt2", "allowed": False},
        "settings channel": {"channel": "", "answers": True, "only": False},
        "settings role": None,  # type: ignore[dict-item]  # the playground has no roles
        "settings member": None,  # type: ignore[dict-item]
        "settings default": {"command": "complete", "model": "smollm2"},
        "settings spoilers": {"hidden": False},
        "settings mentions": {"answers": True},
        "settings nsfw": {"only": False, "command": "restyle"},
        "model info": {"model": "dalle-mini"},
        "model fetch": {"model": "smollm2"},
        "model load": {"model": "minilm-l6"},
        "model unload": {"model": "emoji-biggan"},
        "model pin": {"model": "smollm2"},
        "help": {"command": "imagine"},
    }


async def main() -> None:
    """Ask every command something, and photograph the answers."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("There is no chromium here. Install it (Debian: chromium) and run again.")
    told.PORTRAITS.mkdir(exist_ok=True)
    names = [command.qualified_name for command in told.commands((await commanding()).tree)]
    async with (
        playground() as address,
        Member(address, "manager") as manager,
        Member(address) as owner,
        async_playwright() as driver,
    ):
        browser = await driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        pages = {}
        for member in (manager, owner):
            page = await browser.new_page(viewport=VIEW, color_scheme="dark", locale="en-GB")
            await page.goto(f"{address}/?as={member.persona}")
            await page.get_by_text("Connected", exact=True).wait_for()
            pages[member.persona] = page
        await offered(owner, "conjure")
        first = await owner.invoke("complete", prompt="Once", max_tokens=8)
        answer = await first.settled(ANSWER_LIMIT_S, until=_done)
        job_id = answer["content"].rpartition("`")[0].rpartition("`")[2]
        await owner.click(answer, "☆")
        for name in sorted(names, key=LAST.__contains__):
            options = asks(job_id).get(name, {})
            if options is None:
                continue
            member = manager if name.startswith("settings") else owner
            if "channel" in options:
                options = {**options, "channel": member.channel_id}
            asked = await member.invoke(name, **options)
            message = await asked.settled(ANSWER_LIMIT_S, until=_done)
            await photograph(pages[member.persona], message["id"], name)
        await browser.close()
    write_page((await commanding()).tree)


def write_page(tree: Any) -> None:
    """Write docs/commands.md: every command by sections, its options, and its picture."""
    lines = [
        "# The commands",
        "",
        "Made by `make portraits` from the commands themselves; the pictures are of the",
        "playground and the starters. `/help` tells the same in the chat.",
    ]
    every = list(told.commands(tree))
    for section in told.SECTIONS:
        lines += ["", f"## {section.title}"]
        for command in every:
            root = command.root_parent.name if command.root_parent else command.name
            if root not in section.commands:
                continue
            lines += ["", f"### /{command.qualified_name}", "", command.description, ""]
            for each in command.parameters:
                optional = "" if each.required else " (optional)"
                lines.append(f"- `{each.display_name}`{optional}: {each.description}")
            name = f"{command.qualified_name.replace(' ', '-')}.webp"
            if (told.PORTRAITS / name).exists():
                alt_text = f"/{command.qualified_name} in the playground"
                lines += ["", f"![{alt_text}](../bot/ui/portraits/{name})"]
    (HERE / "commands.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _done(message: Mapping[str, Any]) -> bool:
    """Say whether an answer is whole: nothing is to be cancelled any more."""
    return not message["thinking"] and "Cancel" not in str(message["components"])


async def photograph(page: Page, message_id: str, name: str) -> None:
    """Write the picture of one message."""
    shown = page.locator(f'[data-id="{message_id}"]').first
    await page.wait_for_timeout(SETTLING_MS)  # what was edited is drawn anew
    for image in await shown.locator("img").all():
        await image.evaluate("image => image.decode()")
    picture = Image.open(io.BytesIO(await shown.screenshot())).convert("RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)))
    path = told.PORTRAITS / f"{name.replace(' ', '-')}.webp"
    picture.save(path, "WEBP", quality=QUALITY, method=6)
    sys.stdout.write(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size:,}\n")


if __name__ == "__main__":
    asyncio.run(main())
