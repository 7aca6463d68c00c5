"""What axe says of the panel, the palette and forms, wide and at 375 px, in light and dark."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.async_api import Page

from bot.playground.member import Member
from tests.playground.conftest import JoinsAs
from tests.playground.page.conftest import Opens, message, open_command
from tests.playground.page.test_quality import faults, furnish

LOOKS = [("light", 1200), ("dark", 1200), ("light", 375), ("dark", 375)]


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
async def furnished(
    request: pytest.FixtureRequest, opens: Opens, robin: Member, joins: JoinsAs
) -> Page:
    """A page with a little of everything; axe is not of the page, so its policy is off."""
    scheme, width = request.param
    page = await opens(width=width, color_scheme=scheme, bypass_csp=True)
    await furnish(robin, joins)
    await robin.invoke("write", length=2001)  # refused: an entry with faults
    await message(page, "for me").wait_for()
    return page


async def test_axe_finds_no_serious_fault_in_the_panel(furnished: Page) -> None:
    page, axe = furnished, (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    found = {}
    await page.get_by_role("button", name="Inspector", exact=True).click()
    await page.locator(".panel-faulty").first.click()
    await page.get_by_role("region", name="Entry").wait_for()
    found["entry"] = await faults(page, axe)
    for tab in ("Faults", "Recording"):
        await page.get_by_role("tab", name=tab).click()
        found[tab] = await faults(page, axe)
    assert {where: what for where, what in found.items() if what} == {}


async def test_axe_finds_no_serious_fault_where_one_writes(furnished: Page) -> None:
    page, axe = furnished, (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    found = {}
    await page.locator("#text").fill("/")
    found["palette"] = await faults(page, axe)
    await page.locator("#text").fill("/no such")
    found["empty palette"] = await faults(page, axe)
    await page.locator("#text").fill("")
    await message(page, "for me").focus()
    await page.keyboard.press("Shift+F10")
    await page.get_by_role("menu").wait_for()
    found["menu"] = await faults(page, axe)
    await page.keyboard.press("Escape")
    await open_command(page, "note")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="A note")
    papers = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"alpha"}
    await form.locator("input[type=file]").set_input_files([papers])  # type: ignore[list-item]
    await form.get_by_role("button", name="Submit").click()  # says what is missing
    found["form with a file"] = await faults(page, axe)
    assert {where: what for where, what in found.items() if what} == {}
