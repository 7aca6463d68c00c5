"""The page in a real browser, if the machine has one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import FilePayload, Page, async_playwright, expect

from bot.playground.member import Member
from bot.playground.records import Upload
from bot.playground.server import Playground
from tests.playground.conftest import JoinsAs

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


@pytest.fixture
async def page(robin: Member, playground: Playground) -> AsyncIterator[Page]:
    """The page, connected; it may not complain, nor ask anybody else for anything."""
    complaints: list[str] = []
    async with async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = await browser.new_page()
        opened.set_default_timeout(10_000)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text))
        opened.on("request", lambda request: asked.add(request.url.split("/")[2]))
        asked: set[str] = set()
        await opened.goto(playground.address)
        await opened.get_by_text("Connected").wait_for()
        yield opened
        await browser.close()
    assert complaints == []
    assert asked == {playground.address.removeprefix("http://")}


async def test_a_person_can_do_everything_from_the_page(
    page: Page, robin: Member, joins: JoinsAs
) -> None:
    # a command with live suggestions, from the keyboard
    await page.fill("#text", "/fruit")
    await page.press("#text", "Enter")
    await page.locator("#command input").fill("ap")
    await expect(page.locator(".suggestions li")).to_have_count(2)
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        await page.keyboard.press(key)
    await page.get_by_role("button", name="Run").click()
    await page.locator("#messages").get_by_text("apricot", exact=True).wait_for()
    # a file
    await expect(page.locator("#command")).to_be_hidden()
    await page.fill("#text", "/mirror")
    await page.press("#text", "Enter")
    file = FilePayload(name="a.txt", mimeType="text/plain", buffer=b"abc")
    await page.set_input_files("#command input[type=file]", file)
    await page.get_by_role("button", name="Run").click()
    await page.get_by_role("link", name="mirrored.bin").wait_for()
    # a button and a message menu
    await (await robin.invoke("panel")).settled()
    await page.get_by_role("button", name="Again").click()
    await page.get_by_text("again, for robin").wait_for()
    sam = await joins("stranger")
    await sam.say("<b>read me</b>", [Upload("b.txt", b"beta")])
    await page.get_by_text("<b>read me</b>").click(button="right")
    await page.get_by_role("menuitem", name="Read text").click()
    await page.get_by_text("['beta']").wait_for()
    # a modal
    await page.fill("#text", "/note")
    await expect(page.get_by_role("option").filter(has_text="/note")).to_be_visible()
    await page.press("#text", "Enter")
    await page.get_by_role("button", name="Run").click()
    await page.get_by_label("Subject").fill("Hello")
    await page.get_by_label("Tone").select_option("bold")
    await page.get_by_role("button", name="Submit").click()
    await page.get_by_text("Hello bold []").wait_for()
    # what is private stays with the one who asked
    await page.get_by_label("You are").select_option("stranger")
    await page.get_by_text("Hello bold []").wait_for(state="detached")
    await page.get_by_text("again, for robin").wait_for()
