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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from pictures import offered, playground
from PIL import Image
from tour_stops import STOPS, Stop

from bot.catalogue.beside import is_complete
from bot.catalogue.catalogue import Catalogue
from bot.config import cache_folder
from bot.playground.records import Json
from bot.playground.replaying import NotReplayed, Played, Replay
from bot.playground.scenario import Complete, Invoke, typed
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


async def main() -> None:
    """Go on the tour, and write the page."""
    stops = list(_possible())
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    sections = [HEAD]
    async with (
        playground(OFFLINE, sys.argv[1:]) as address,
        Replay(address, patience_s=ANSWER_LIMIT_S, until=_is_final) as replay,
    ):
        await offered(await replay.member("member"), stops[0].command)
        for stop in stops:
            parts = [part async for part in visited(replay, stop)]
            sections.append("\n".join(parts))
    PAGE.write_text("\n".join(sections), encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    figures = {"stops": len(stops), "steps": sum(len(s.steps) for s in stops), "bytes": size}
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
        if not stop.steps:
            sys.stderr.write(f"{stop.title} is left out: {stop.lacks}\n")
        elif here:
            yield stop
        elif starters:
            ids = " or ".join(model.id for model in starters)
            sys.stderr.write(f"{stop.title} is left out: {ids} is not on this machine.\n")
        else:
            sys.stderr.write(f"{stop.title} is left out: the catalogue has no starter for it.\n")


async def visited(replay: Replay, stop: Stop) -> AsyncIterator[str]:
    """Play the steps of a stop and yield the paragraphs that tell of them."""
    yield f"## {stop.title}\n"
    yield stop.about + "\n"
    number, choices = 0, ""
    for step in stop.steps:
        sys.stderr.write(f"{typed(step)}\n")
        if isinstance(step, Complete):
            choices = offers(step, await replay.play(step))
            continue
        number += 1
        seen = await answered(replay, stop, step)
        async for part in told(replay, step, seen, choices, f"{stop.name}-{number}"):
            yield part
        choices = ""


async def answered(replay: Replay, stop: Stop, step: Invoke) -> Played:
    """Use a command and wait for the whole answer.

    Raises:
        SystemExit: There was no answer, or it was no starter's.
    """
    for _ in range(TRIES):
        try:
            played = await replay.play(step)
        except NotReplayed as failed:
            raise SystemExit(f"{stop.title}: {failed}") from None
        if STARTER in played.message["content"]:
            return played
        sys.stderr.write(f"This is no starter's answer: {played.message['content']}\n")
    raise SystemExit(f"{stop.title}: no starter has answered.")


def _is_final(message: Json) -> bool:
    """Say whether an answer, or a refusal, is all there; before that it can be cancelled."""
    return not message["thinking"] and ("· `" in message["content"] or not message["components"])


def offers(step: Complete, played: Played) -> str:
    """Return the paragraph that tells what was offered while something was being typed."""
    names = "; ".join(str(choice["name"]) for choice in played.choices) or "nothing"
    return f"While `{step.text}` was being typed into `{step.option}`, these were offered: {names}."


async def told(
    replay: Replay, step: Invoke, played: Played, choices: str, name: str
) -> AsyncIterator[str]:
    """Yield the paragraphs that tell of one command and its answer."""
    yield f"Typed:\n\n```text\n{typed(step)}\n```\n"
    if choices:
        yield choices + "\n"
    for option, file in step.files.items():
        if file.name.endswith(".png"):
            path = kept(file.data, f"{name}-{option}")
            yield f"![what was uploaded as {option}](tour/{path.name})\n"
    content = str(played.message["content"])
    model, *_ = content.rpartition("-# ")[2].split(" · ")
    yield f"{model} answered after {played.took_s:.1f} s:\n\n````text\n{content}\n````\n"
    member = await replay.member(step.persona)
    for number, one in enumerate(played.message["attachments"], 1):
        if str(one["filename"]).endswith(".txt"):
            yield f"With it came all of the text, in `{one['filename']}`.\n"
            continue
        path = kept(await member.download(one), f"{name}-answer-{number}")
        alt = str(one["description"] or "").replace("[", "(").replace("]", ")")
        yield f"![{alt}](tour/{path.name})\n"


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
