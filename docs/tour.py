"""Makes docs/tour.md: every command, asked of the real bot in the playground, and its answers.

``make tour`` starts ``python -m bot run --playground`` as a person would, but that no address other
than this machine's can be reached, and uses it as a member would. The pictures that the member
uploads are drawn here. A command for which no starter is on this machine is left out of the page.
Arguments go to the bot: ``--config FILE`` with ``[inference] threads = 1`` on a busy machine.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pictures import offered, playground
from PIL import Image
from tour_stops import STOPS, Ask, Stop

from bot.catalogue.beside import is_complete
from bot.catalogue.catalogue import Catalogue
from bot.config import cache_folder
from bot.playground.member import Member
from bot.playground.records import Json, Upload
from bot.tasks.registry import REQUESTS

HERE = Path(__file__).parent
PAGE, FOLDER = HERE / "tour.md", HERE / "tour"
ANSWER_LIMIT_S = 240.0
TRIES = 2  # on a machine that is busy with other things an answer may come too late
PNG_BYTES = 60_000  # of a larger picture a JPEG is kept
FOLDER_BYTES = 1_500_000
STARTER = "starter model"
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1",
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
}  # fmt: skip

HEAD = """\
# A tour

What every command answers on a machine that reaches nobody else: `make tour` has started the bot
in the playground, as `make run` does, typed what stands below as a member would, and written down
what came back. All of it is the work of *starters*, the small models that come at set-up: it is
real, and no better than they are. The last line of an answer says which model it was; `/model info`
tells more of it. The first answer of a model takes longer, since it is loaded then.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of an ask: the text and pictures of the answer, and the seconds it took."""

    content: str
    pictures: list[tuple[str, bytes, str]]
    choices: list[str]
    took_s: float


async def main() -> None:
    """Go on the tour, and write the page."""
    stops = list(_possible())
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    sections = [HEAD]
    async with playground(OFFLINE, sys.argv[1:]) as address, Member(address) as member:
        await offered(member, stops[0].command)
        for stop in stops:
            parts = [f"## {stop.title}\n", stop.about + "\n"]
            for number, ask in enumerate(stop.asks, 1):
                sys.stderr.write(f"{typed(stop.command, ask)}\n")
                seen = await asked(member, stop, ask)
                parts += list(told(stop, ask, seen, f"{stop.name}-{number}"))
            sections.append("\n".join(parts))
    PAGE.write_text("\n".join(sections), encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    figures = {"stops": len(stops), "asks": sum(len(s.asks) for s in stops), "bytes": size}
    sys.stdout.write(json.dumps(figures) + "\n")
    if size > FOLDER_BYTES:
        raise SystemExit(f"The pictures take {size:,} bytes; {FOLDER_BYTES:,} are allowed.")


def _possible() -> Iterator[Stop]:
    """Yield the stops for which a starter is on this machine; say which are missing, and why."""
    cache = cache_folder(os.environ)
    catalogue = Catalogue.load()
    for stop in STOPS:
        assert stop.command in REQUESTS
        starters = [model for model in catalogue.for_task(stop.command) if model.starter]
        here = [model for model in starters if is_complete(model, cache)]
        if not stop.asks:
            sys.stderr.write(f"{stop.title} is left out: {stop.lacks}\n")
        elif here:
            yield stop
        elif starters:
            ids = " or ".join(model.id for model in starters)
            sys.stderr.write(f"{stop.title} is left out: {ids} is not on this machine.\n")
        else:
            sys.stderr.write(f"{stop.title} is left out: the catalogue has no starter for it.\n")


async def asked(member: Member, stop: Stop, ask: Ask) -> Seen:
    """Use a command and wait for the whole answer.

    Raises:
        SystemExit: There was no answer, or it was no starter's.
    """
    choices = []
    if ask.typing is not None:
        option, text = ask.typing
        found = await member.autocomplete(stop.command, option, text)
        choices = [str(choice["name"]) for choice in found]
    for _ in range(TRIES):
        began = time.monotonic()
        invocation = await member.invoke(stop.command, **ask.options)
        message = await invocation.settled(ANSWER_LIMIT_S, until=_is_final)
        took_s = time.monotonic() - began
        if STARTER in message["content"]:
            break
        sys.stderr.write(f"This is no starter's answer: {message['content']}\n")
    else:
        raise SystemExit(f"{stop.title}: no starter has answered.")
    pictures = [
        (str(one["filename"]), await member.download(one), str(one["description"] or ""))
        for one in message["attachments"]
    ]
    return Seen(str(message["content"]), pictures, choices, took_s)


def _is_final(message: Json) -> bool:
    """Say whether an answer, or a refusal, is all there; before that it can be cancelled."""
    return not message["thinking"] and ("· `" in message["content"] or not message["components"])


def told(stop: Stop, ask: Ask, seen: Seen, name: str) -> Iterator[str]:
    """Yield the paragraphs that tell of one ask."""
    yield f"Typed:\n\n```text\n{typed(stop.command, ask)}\n```\n"
    if ask.typing is not None:
        option, text = ask.typing
        names = "; ".join(seen.choices) or "nothing"
        yield f"While `{text}` was being typed into `{option}`, these were offered: {names}.\n"
    for option, value in ask.options.items():
        if isinstance(value, Upload) and value.filename.endswith(".png"):
            path = kept(value.data, f"{name}-{option}")
            yield f"![what was uploaded as {option}](tour/{path.name})\n"
    model, *_ = seen.content.rpartition("-# ")[2].split(" · ")
    yield f"{model} answered after {seen.took_s:.1f} s:\n\n````text\n{seen.content}\n````\n"
    for number, (filename, data, alt) in enumerate(seen.pictures, 1):
        if filename.endswith(".txt"):
            yield f"With it came all of the text, in `{filename}`.\n"
            continue
        path = kept(data, f"{name}-answer-{number}")
        yield f"![{alt.replace('[', '(').replace(']', ')')}](tour/{path.name})\n"


def typed(command: str, ask: Ask) -> str:
    """Return a command as it stands in the client's box."""
    texts = [f"/{command}"]
    for option, value in ask.options.items():
        texts.append(f"{option}:{value.filename if isinstance(value, Upload) else value}")
    return " ".join(texts)


def kept(data: bytes, name: str) -> Path:
    """Write a picture as small as it may be: a PNG as it came, or a JPEG of it."""
    if len(data) <= PNG_BYTES:
        path = FOLDER / f"{name}.png"
        path.write_bytes(data)
        return path
    path = FOLDER / f"{name}.jpg"
    Image.open(io.BytesIO(data)).convert("RGB").save(path, quality=82, optimize=True)
    return path


if __name__ == "__main__":
    asyncio.run(main())
