"""Who reads the end of a channel stays there, and who reads above it is left there."""

from __future__ import annotations

from playwright.async_api import Page, expect

from bot.playground.drafts import Draft
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.page.conftest import message

# What a picture does that comes late: the list is longer when the event of the last jump arrives.
GROW = """() => {
  document.querySelector('#messages > li:last-child').style.minHeight = '400px';
  document.getElementById('scroll').dispatchEvent(new Event('scroll'));
}"""


def post(playground: Playground, first: int, last: int) -> None:
    world = playground.world
    for number in range(first, last + 1):
        world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content=f"number {number}\nand more"))


async def test_what_grows_at_the_end_is_followed(page: Page, playground: Playground) -> None:
    post(playground, 1, 30)
    await expect(message(page, "number 30")).to_be_in_viewport()
    await page.evaluate(GROW)
    post(playground, 31, 31)
    await expect(message(page, "number 31")).to_be_in_viewport()
    await expect(page.locator("#present")).to_be_hidden()


async def test_who_reads_above_is_left_there(page: Page, playground: Playground) -> None:
    post(playground, 1, 30)
    await expect(message(page, "number 30")).to_be_in_viewport()
    await page.mouse.move(600, 300)
    await page.mouse.wheel(0, -400)
    await expect(message(page, "number 30")).not_to_be_in_viewport()
    post(playground, 31, 31)
    await expect(page.locator("#present")).to_be_visible()
    await expect(message(page, "number 31")).not_to_be_in_viewport()
    await page.locator("#present").click()
    await expect(message(page, "number 31")).to_be_in_viewport()
