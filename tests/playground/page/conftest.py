"""Pages in real browsers. They may not complain, nor ask anybody else for anything."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from bot.playground.server import Playground
from tests.playground.zoo import Zoo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

PATIENCE_MS = 30_000  # on a machine that is busy with other things

Opens = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser; without one on this machine these tests are skipped."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as tools:
        made = await tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        await made.close()


@pytest.fixture
async def opens(browser: Browser, playground: Playground) -> AsyncIterator[Opens]:
    """Opens pages of the playground, each in a context of its own, as another browser would."""
    complaints: list[str] = []
    asked: set[str] = set()

    async def open_one(width: int = 1200, height: int = 800, **how: object) -> Page:
        context = await stack.enter_async_context(
            await browser.new_context(viewport={"width": width, "height": height}, **how)  # type: ignore[arg-type]
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        await page.goto(playground.address)
        await page.locator("#link[data-state]").wait_for()
        return page

    async with AsyncExitStack() as stack:
        yield open_one
    # what the playground refuses is shown on the page; the browser notes it as well
    refused = ("status of 400", "status of 504", "net::ERR_CONNECTION_REFUSED")
    assert [one for one in complaints if not any(words in one for words in refused)] == []
    assert asked <= {playground.address.removeprefix("http://"), ""}


@pytest.fixture
async def page(zoo: Zoo, opens: Opens) -> Page:
    """The page of a member, connected to a playground with a bot."""
    return await opens()


async def open_command(page: Page, typed: str) -> Locator:
    """Types the beginning of a command and takes what the palette marks; returns its form."""
    text = page.get_by_role("combobox", name="Message")
    await text.fill(f"/{typed}")
    await page.locator("#composer [role=option][aria-selected=true]").wait_for()
    await text.press("Enter")
    form = page.get_by_role("form", name="Command")
    await form.wait_for()
    return form


def message(page: Page, text: str) -> Locator:
    """Finds the messages with a text."""
    return page.locator("#messages > li").filter(has_text=text)
