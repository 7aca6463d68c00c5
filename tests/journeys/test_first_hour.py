"""A newcomer's first hour: every task of the starters, every mistake one makes at first."""

from __future__ import annotations

import io
import os
import re
import signal
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from bot.playground.member import Invocation, Member
from bot.playground.records import Upload
from tests.journeys.conftest import House

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
Finished = Callable[[Invocation], Awaitable[dict[str, Any]]]


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def page(*lines: str) -> bytes:
    picture = Image.new("RGB", (640, 30 + 70 * len(lines)), "white")
    font = ImageFont.load_default(size=44)
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((20, 20 + 70 * number), line, font=font, fill="black")
    return png(picture)


def photo() -> Image.Image:
    picture = Image.linear_gradient("L").resize((400, 300)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 30, 140, 130), fill="gold")
    draw.polygon([(0, 300), (170, 120), (260, 220), (400, 90), (400, 300)], fill="seagreen")
    return picture


def bomb(width: int = 8000, height: int = 5000) -> bytes:
    """A small file that says it is a picture of 40 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
        )

    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * (1 + 3 * width) * height, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


LONG = {
    "prompt": "Once upon a time there was",
    "max_tokens": 500,
    "seed": 2,
}  # it does go on for so long
HUGE = Upload("huge.txt", b"x" * 100_000)


async def test_complete_streams_its_text(member: Member, finished: Finished) -> None:
    prompt = "The old lighthouse keeper"
    asked = await member.invoke("complete", prompt=prompt, max_tokens=250, seed=1)
    assert await asked.acknowledged() < 1.0
    message = await finished(asked)
    final = message["content"].partition("\n-# ")[0]
    assert final.startswith(prompt)
    shown = [u["content"] for u in asked.updates if u["content"].endswith(" ▌")]
    assert shown, "the text was not seen growing"
    assert all(final.startswith(text.removesuffix(" ▌")) for text in shown)
    assert "SmolLM2" in message["content"]
    assert "starter model" in message["content"]


async def test_the_same_seed_gives_the_same_text(member: Member, finished: Finished) -> None:
    texts = []
    for _ in range(2):
        asked = await member.invoke("complete", prompt="Once upon a time", max_tokens=20, seed=5)
        texts.append((await finished(asked))["content"].partition("\n-# ")[0])
    assert texts[0] == texts[1]


async def test_ask_answers(member: Member, finished: Finished) -> None:
    asked = await member.invoke("ask", question="What is the capital of France?", seed=1)
    assert await asked.acknowledged() < 1.0
    assert "Paris" in (await finished(asked))["content"]


async def test_ask_reads_an_attached_text(member: Member, finished: Finished) -> None:
    file = Upload("bees.txt", b"The report on bees was written by Maria Lopez in 2019.")
    asked = await member.invoke("ask", question="Who wrote the report?", file=file, seed=1)
    assert "Maria Lopez" in (await finished(asked))["content"]


async def test_ocr_returns_the_words(member: Member, finished: Finished) -> None:
    image = Upload("page.png", page("Hello brave world", "Second line 42"))
    asked = await member.invoke("ocr", image=image)
    assert await asked.acknowledged() < 1.0
    assert "Hello brave world\nSecond line 42" in (await finished(asked))["content"]


async def test_ocr_sends_the_picture_back_with_its_lines_numbered(
    member: Member, finished: Finished
) -> None:
    image = Upload("page.png", page("Hello brave world", "Second line 42"))
    message = await finished(await member.invoke("ocr", image=image, overlay=True))
    assert "1 Hello brave world\n2 Second line 42" in message["content"]
    (attachment,) = message["attachments"]
    numbered = Image.open(io.BytesIO(await member.download(attachment)))
    assert numbered.format == "PNG"
    assert attachment["description"].endswith("framed and numbered from 1 to 2.")
    assert (attachment["width"], attachment["height"]) == numbered.size


async def test_sentiment_draws_its_sentences(member: Member, finished: Finished) -> None:
    text = "The soup was wonderful and I loved it. The train was late, awful and horrible."
    message = await finished(await member.invoke("sentiment", text=text, chart=True))
    (attachment,) = message["attachments"]
    first, second = attachment["description"].splitlines()[1:]
    assert re.fullmatch(r"1\. Positive, .*%: The soup was wonderful and I loved it\.", first)
    assert re.fullmatch(r"2\. Negative, .*%: The train was late, awful and horrible\.", second)
    drawn = Image.open(io.BytesIO(await member.download(attachment)))
    assert (drawn.format, drawn.size) == ("PNG", (attachment["width"], attachment["height"]))
    assert "▰" in message["content"]
    plain = await finished(await member.invoke("sentiment", text=text))
    assert plain["attachments"] == []


@pytest.mark.parametrize("options", [{}, {"style": "starry blue"}, {"style_image": True}])
async def test_restyle_returns_a_picture_of_the_same_size(
    member: Member, finished: Finished, options: dict[str, Any]
) -> None:
    before = photo()
    if options.get("style_image"):
        options = {"style_image": Upload("style.png", png(Image.effect_noise((200, 150), 90)))}
    asked = await member.invoke("restyle", image=Upload("photo.png", png(before)), **options)
    assert await asked.acknowledged() < 1.0
    (attachment,) = (await finished(asked))["attachments"]
    after = Image.open(io.BytesIO(await member.download(attachment)))
    assert after.format == "PNG"
    assert after.size == before.size
    assert ImageChops.difference(before, after.convert("RGB")).getbbox() is not None
    assert "repainted" in attachment["description"]


async def test_a_killed_worker_costs_nobody_the_answer(
    house: House, member: Member, finished: Finished
) -> None:
    asked = await member.invoke("complete", **{**LONG, "max_tokens": 80})
    await member.until(lambda: any(u["content"].endswith(" ▌") for u in asked.updates), timeout=60)
    sessions = house.playground.gateway.identified.is_set(), house.playground.gateway.resumes
    for pid in house.application.executor.pids.values():
        os.kill(pid, signal.SIGKILL)
    message = await finished(asked)
    final = message["content"].partition("\n-# ")[0]
    shown = [u["content"] for u in asked.updates if u["content"].endswith(" ▌")]
    assert all(final.startswith(text.removesuffix(" ▌")) for text in shown)
    assert len(final) > len(LONG["prompt"]) + 80
    assert not house.client.is_closed()
    assert sessions == (True, house.playground.gateway.resumes)


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("ocr", {"image": Upload("bomb.png", bomb())}, "40.0 megapixels; the limit is 24"),
        ("restyle", {"image": Upload("bomb.png", bomb())}, "40.0 megapixels; the limit is 24"),
        ("ocr", {"image": Upload("notes.png", b"just a text")}, "not a picture that I can read"),
        ("ocr", {"image": Upload("notes.txt", b"just a text")}, "does not look like a picture"),
        ("ocr", {"image": Upload("empty.png", b"")}, "empty file"),
        ("complete", {"prompt": "   "}, "The prompt is empty"),
        ("ask", {"question": "?", "file": HUGE}, "100,000 characters; SmolLM2 135M Instruct takes"),
        ("complete", {"prompt": "x", "model": "gtp2"}, "Did you mean 'gpt2'"),
        ("complete", {"prompt": "x", "model": "gpt2"}, "python -m bot models fetch gpt2"),
        ("complete", {"prompt": "x", "model": "ppocr"}, "cannot do /complete"),
        ("restyle", {"image": Upload("p.png", png(photo())), "style": "stary blu"}, "starry blue"),
        ("ask", {"question": "?", "file": Upload("a.txt", b"\xff\xfe\xfd")}, "not UTF-8"),
        ("describe", {"image": Upload("p.png", png(photo()))}, "models fetch blip-captions"),
        ("describe", {"image": Upload("notes.txt", b"a text")}, "does not look like a picture"),
        ("translate", {"text": "a", "to": "de", "model": "mt5-base"}, "it was only pre-trained"),
        ("complete", {"prompt": "x", "model": "opt-125m"}, "opt-125m --accept-licence"),
        ("complete", {"prompt": "x", "model": "opt-66b"}, "OPT 66B is too big"),
        ("translate", {"text": "hello", "to": "de"}, "m2m100"),
        ("fill", {"text": "a [MASK]", "model": "bert-base-uncased"}, "fetch bert-base-uncased"),
        ("sentiment", {"text": "fine", "model": "distilbert-sst2"}, "fetch distilbert-sst2"),
        ("summarize", {"text": "long", "model": "bart-large-cnn"}, "fetch bart-large-cnn"),
        ("imagine", {"prompt": "a cat", "model": "dalle-mini"}, "fetch dalle-mini"),
        ("conjure", {"what": "goldfish"}, "of the 191 things that I can draw"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
async def test_a_mistake_gets_a_sentence_that_nobody_else_sees(
    house: House, member: Member, command: str, options: dict[str, Any], sentence: str
) -> None:
    asked = await member.invoke(command, **options)
    await asked.settled(30, until=lambda message: message["ephemeral"] and message["content"])
    assert sentence in asked.content
    assert asked.ephemeral
    assert not house.client.is_closed()


async def test_cancel_stops_a_running_job(member: Member) -> None:
    asked = await member.invoke("complete", **LONG)
    await member.until(lambda: any(u["content"].endswith(" ▌") for u in asked.updates), timeout=60)
    await member.click(asked, "Cancel")
    message = await asked.settled(20, until=lambda message: message["content"] == "Cancelled.")
    assert not message["components"]


async def test_a_stranger_cannot_cancel(house: House, member: Member) -> None:
    asked = await member.invoke("complete", **LONG)
    await member.until(lambda: any(u["content"].endswith(" ▌") for u in asked.updates), timeout=60)
    async with Member(house.playground.address, persona="stranger") as stranger:
        await stranger.until(lambda: asked.message["id"] in stranger.seen)
        clicked = await stranger.click(stranger.seen[asked.message["id"]], "Cancel")
        await clicked.settled(10)
        assert clicked.ephemeral
        assert "Only the person who asked" in clicked.content
    await member.click(asked, "Cancel")
    await asked.settled(20, until=lambda message: message["content"] == "Cancelled.")


async def test_models_and_styles_are_offered(member: Member) -> None:
    models = await member.autocomplete("complete", "model", "smol")
    assert [choice["value"] for choice in models] == ["smollm2-135m-instruct"]
    styles = await member.autocomplete("restyle", "style", "blue")
    assert "starry blue" in [choice["value"] for choice in styles]


async def test_it_works_in_direct_messages(house: House, finished: Finished) -> None:
    async with Member(house.playground.address, dm=True) as member:
        asked = await member.invoke("ocr", image=Upload("p.png", page("Private page")))
        assert "Private page" in (await finished(asked))["content"]


async def test_a_mention_in_a_text_pings_nobody(member: Member, finished: Finished) -> None:
    asked = await member.invoke("complete", prompt="@everyone <@&1> hello", max_tokens=5, seed=1)
    message = await finished(asked)
    assert "@everyone" in message["content"]
    assert not any(message["pings"].values())


async def test_help_names_the_commands_to_be_clicked_and_tells_of_one(member: Member) -> None:
    overview = await (await member.invoke("help")).settled()
    assert overview["only_for"] == member.id
    assert re.search(r"</imagine:\d+>.*</conjure:\d+>", overview["content"])
    (offered, *_) = await member.autocomplete("help", "command", "summ")
    page = await (await member.invoke("help", command=offered["value"])).settled()
    assert "`text`" in page["content"]
    assert "/summarize file:minutes.txt" in page["content"]
