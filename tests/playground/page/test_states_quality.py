"""What axe says of the page in the middle of things: editing, picking, recording, long answers."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.async_api import Page

from bot.playground.drafts import Draft
from bot.playground.member import Member
from bot.playground.records import Upload
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.conftest import JoinsAs
from tests.playground.page.conftest import Opens, message, open_command
from tests.playground.page.test_quality import faults, furnish

LOOKS = [("light", 1200), ("dark", 390)]
LONG = (
    "# A long answer\n" + "**Many** words of it, and `code`. " * 40 + "\n```py\nprint('all')\n```"
)
PAGES = [
    {
        "type": 1,
        "components": [
            {"type": 2, "style": 2, "custom_id": "back", "label": "◀", "disabled": True},
            {"type": 2, "style": 2, "custom_id": "at", "label": "Page 1 of 3"},
            {"type": 2, "style": 1, "custom_id": "on", "label": "▶"},
            {"type": 2, "style": 4, "custom_id": "gone", "label": "Delete"},
        ],
    }
]


@pytest.fixture
def axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
async def looked_at(
    request: pytest.FixtureRequest,
    opens: Opens,
    robin: Member,
    joins: JoinsAs,
    playground: Playground,
) -> Page:
    """A page with a little of everything and a long answer; axe is not of the page."""
    scheme, width = request.param
    page = await opens(width=width, color_scheme=scheme, bypass_csp=True)
    await furnish(robin, joins)
    world = playground.world
    world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content=LONG, components=PAGES))
    await message(page, "A long answer").wait_for()
    return page


async def test_axe_finds_no_serious_fault_while_one_writes_and_picks(
    looked_at: Page, robin: Member, axe: str
) -> None:
    page, found = looked_at, {"a long answer": await faults(looked_at, axe)}
    await page.locator("#text").fill("Hello @")
    await page.get_by_role("listbox", name="People").wait_for()
    found["people"] = await faults(page, axe)
    await page.locator("#text").fill("")
    mine = await robin.say("to be edited")
    await message(page, "to be edited").wait_for()
    await page.locator("#text").press("ArrowUp")
    editor = page.get_by_role("combobox", name="Edit your message")
    await editor.fill("edited, @")
    await page.get_by_role("listbox", name="People").wait_for()
    found["editing"] = await faults(page, axe)
    await editor.fill(" ")
    await editor.press("Enter")
    await page.locator(".editing .error", has_text="Write something").wait_for()
    found["a refused edit"] = await faults(page, axe)
    await editor.press("Escape")
    await robin.edit(mine, "changed")
    await message(page, "changed").locator(".edited").wait_for()
    await page.get_by_role("button", name="Make a selection").first.click()
    await page.get_by_role("listbox").wait_for()
    found["picker"] = await faults(page, axe)
    await page.keyboard.press("Escape")
    await open_command(page, "fruit")
    await page.keyboard.insert_text("ap")
    await page.get_by_role("option", name="apricot").wait_for()
    found["autocomplete"] = await faults(page, axe)
    assert {where: what for where, what in found.items() if what} == {}


async def test_axe_finds_no_serious_fault_in_menus_and_dialogs(looked_at: Page, axe: str) -> None:
    page, found = looked_at, {}
    narrow = (page.viewport_size or {"width": 0})["width"] < 720
    last = message(page, "A long answer")
    await last.hover()
    if not narrow:
        await last.get_by_role("button", name="Add a reaction").click()
        await page.get_by_role("menu", name="Reactions").wait_for()
        found["reactions"] = await faults(page, axe)
        await page.keyboard.press("Escape")
    await last.get_by_role("button", name="Menagerie").click()
    await page.get_by_role("menu").wait_for()
    found["a person's menu"] = await faults(page, axe)
    await page.keyboard.press("Escape")
    await message(page, "Look").get_by_role("link", name="Look at the picture").press("Enter")
    await page.get_by_role("dialog", name="Picture").wait_for()
    found["picture"] = await faults(page, axe)
    await page.keyboard.press("Escape")
    if narrow:
        await page.get_by_role("button", name="Channels and people").click()
    await page.get_by_role("button", name="You are").click()
    await page.get_by_role("menu", name="You are").wait_for()
    found["personas"] = await faults(page, axe)
    await page.get_by_role("menuitem", name="Let somebody new in").click()
    await page.get_by_role("dialog", name="Let somebody in").wait_for()
    found["a new persona"] = await faults(page, axe)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.locator("#text").fill("/no such command")
    await page.locator("#text").press("Enter")
    await page.get_by_role("alert").filter(has_text="There is no such command").wait_for()
    found["a complaint"] = await faults(page, axe)
    assert {where: what for where, what in found.items() if what} == {}


async def test_axe_finds_no_serious_fault_during_a_recording(
    looked_at: Page, robin: Member, axe: str
) -> None:
    page, found = looked_at, {}
    await page.get_by_role("button", name="Inspector", exact=True).click()
    await page.get_by_role("tab", name="Recording").click()
    await page.get_by_role("button", name="Record", exact=True).click()
    await page.get_by_role("button", name="Stop").wait_for()
    said = await robin.say("recorded", [Upload("a.txt", b"a")])
    await robin.edit(said, "recorded anew")
    steps = page.get_by_role("list", name="Steps").get_by_role("listitem")
    await steps.filter(has_text="edits the answer to 1: recorded anew").wait_for()
    found["recording"] = await faults(page, axe)
    await page.get_by_role("button", name="Stop").click()
    await page.get_by_role("button", name="Play again").click()
    await page.get_by_text("All 2 steps were answered.").wait_for()
    found["replayed"] = await faults(page, axe)
    assert {where: what for where, what in found.items() if what} == {}
