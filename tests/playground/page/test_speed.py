"""How fast the page is: there at once, smooth with many messages, calm in a storm of edits."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest
from playwright.async_api import Page, expect

from bot.playground.drafts import Draft
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.page.conftest import message

pytestmark = pytest.mark.slow  # ten thousand messages take half a minute, and want a quiet machine

LONGEST_FRAME = """(seconds) => new Promise((resolve) => {
  const begun = performance.now();
  let [last, longest, count] = [begun, 0, 0];
  const step = (now) => {
    longest = Math.max(longest, now - last);
    [last, count] = [now, count + 1];
    if (now - begun < seconds * 1000) requestAnimationFrame(step);
    else resolve({ longest, count });
  };
  requestAnimationFrame(step);
})"""


async def test_the_page_is_there_in_half_a_second(page: Page) -> None:
    begun = time.perf_counter()
    await page.reload()
    await expect(page.locator("#link")).to_have_text("Connected")
    took = await page.evaluate("performance.getEntriesByType('navigation')[0].domInteractive")
    sys.stdout.write(f"interactive: {took:.0f} ms; all: {time.perf_counter() - begun:.2f} s\n")
    assert took < 500


async def test_ten_thousand_messages_scroll(page: Page, playground: Playground) -> None:
    world = playground.world
    author = world.personas["stranger"].id
    for number in range(10_000):
        world.clock.advance(30)  # type: ignore[attr-defined]
        text = f"number {number} **of** many\n" + "and another line\n" * (number % 4)
        world.post(TEXT_CHANNEL_ID, author, Draft(content=text))
    await page.reload()
    await message(page, "number 9999").wait_for()
    scroll = page.locator("#scroll")
    measured = asyncio.create_task(page.evaluate(LONGEST_FRAME, 5))
    for _ in range(90):
        await scroll.evaluate("(e) => e.scrollBy(0, -1500)")
        await asyncio.sleep(0.03)
    frames = await measured
    shown = await page.locator("#messages > li").count()
    sys.stdout.write(
        f"longest frame {frames['longest']:.0f} ms of {frames['count']}, {shown} entries\n"
    )
    assert shown < 200
    assert frames["longest"] < 400
    for _ in range(200):  # all the way up, as older ones come
        await scroll.evaluate("(e) => e.scrollTo(0, 0)")
        if await page.get_by_text("number 0 of many").count():
            break
        await asyncio.sleep(0.03)
    await expect(page.get_by_text("number 0 of many")).to_be_visible()
    await page.evaluate("document.getElementById('scroll').scrollTo(0, 1e9)")
    await message(page, "number 9999").wait_for()


async def test_a_storm_of_edits_does_not_stall_it(page: Page, playground: Playground) -> None:
    world = playground.world
    told = [world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content="…")) for _ in range(20)]
    await expect(page.locator("#messages > li")).to_have_count(20)
    measured = asyncio.create_task(page.evaluate(LONGEST_FRAME, 3))
    begun = time.perf_counter()
    edits = 0
    while edits < 150:
        if edits < (time.perf_counter() - begun) * 50:  # a second
            text = f"**edit** {edits} " + "word " * (edits % 60)
            world.edit(told[edits % 20], Draft(content=text))
            edits += 1
        await asyncio.sleep(0.002)
    frames = await measured
    sys.stdout.write(
        f"longest frame {frames['longest']:.0f} ms of {frames['count']}, {edits} edits\n"
    )
    assert frames["longest"] < 250
    await message(page, f"edit {edits - 1} ").wait_for()
