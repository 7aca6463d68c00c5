"""What everybody should be able to use, on any screen: axe, narrow, the panel, pictures."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.playground.drafts import Draft
from bot.playground.member import Member
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.conftest import JoinsAs
from tests.playground.page.conftest import Opens, message, open_command
from tests.playground.zoo import Zoo

SHOTS = os.environ.get("PLAYGROUND_SHOTS")


async def furnish(robin: Member, joins: JoinsAs) -> None:
    """Says a little of everything."""
    sam = await joins("stranger")
    said = await sam.say(
        "Good **evening**, ||everybody||.\n> quoted\n- `code`\n-# <t:1700000000:R>"
    )
    await robin.say("And to you.", reply_to=said)
    await robin.react(said, "🎉")
    for command in ("card", "layout", "panel", "gallery", "invite"):
        await (await robin.invoke(command)).settled()
    await (await robin.invoke("echo", text="for me", private=True)).settled()


async def faults(page: Page, axe: str) -> list[str]:
    """Asks axe-core for what is serious or critical."""
    await page.evaluate("async (source) => { (0, eval)(source); }", axe)
    found: Any = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_serious_fault(
    scheme: str, opens: Opens, robin: Member, joins: JoinsAs
) -> None:
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page = await opens(color_scheme=scheme, bypass_csp=True)  # for axe, which is not of the page
    await furnish(robin, joins)
    await message(page, "for me").wait_for()
    assert await faults(page, axe) == []
    await page.locator("#text").fill("/m")
    assert await faults(page, axe) == []
    await open_command(page, "mention")
    assert await faults(page, axe) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await message(page, "for me").focus()
    await page.keyboard.press("Shift+F10")
    assert await faults(page, axe) == []
    await page.keyboard.press("Escape")
    await open_command(page, "note")
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog", name="A note").wait_for()
    assert await faults(page, axe) == []


async def test_it_can_be_used_on_a_narrow_screen(
    opens: Opens, robin: Member, joins: JoinsAs
) -> None:
    page = await opens(width=375, height=720)
    await furnish(robin, joins)
    await message(page, "for me").wait_for()
    field = await page.locator("#text").bounding_box()
    assert field is not None
    assert field["height"] < 45  # one line: what it is for is cut, not wrapped
    wide = "document.documentElement.scrollWidth"
    assert await page.evaluate(wide) == 375
    await expect(page.get_by_role("navigation")).to_be_hidden()
    await page.get_by_role("button", name="Channels and people").click()
    await page.get_by_role("navigation").get_by_role("button", name="Menagerie").click()
    await expect(page.locator("#place")).to_have_text("@ Menagerie")
    await expect(page.get_by_role("navigation")).to_be_hidden()
    await open_command(page, "echo")
    await page.keyboard.type("narrow")
    await page.keyboard.press("Enter")
    await message(page, "narrow").wait_for()
    assert await page.evaluate(wide) == 375


async def test_a_long_name_of_a_thread_is_cut(opens: Opens, robin: Member) -> None:
    name = "w" * 100
    await robin.open_thread(name)
    page = await opens(width=375, height=720)
    await page.get_by_role("button", name="Channels and people").click()
    entry = page.get_by_role("navigation").get_by_role("button", name=name)
    box = await entry.bounding_box()
    assert box is not None
    assert box["height"] < 45  # one line
    assert await entry.get_attribute("title") == name
    await entry.click()
    await expect(page.locator("#place")).to_have_text(f"# {name}")
    await expect(page.locator("#place")).to_have_attribute("title", name)
    for width in (375, 1200):
        await page.set_viewport_size({"width": width, "height": 720})
        over = "document.querySelector('header').scrollWidth - innerWidth"
        assert await page.evaluate(over) <= 0


async def test_a_long_name_of_a_person_breaks(opens: Opens, playground: Playground) -> None:
    who = playground.world.welcome("W" * 32, "en-GB", manages=False)
    playground.world.post(TEXT_CHANNEL_ID, who.id, Draft(content="me"))
    page = await opens(width=375, height=720)
    await message(page, "me").wait_for()
    over = "(e) => e.scrollWidth - e.clientWidth"
    assert await page.locator("#scroll").evaluate(over) <= 0


async def test_nothing_moves_for_who_asks_for_that(opens: Opens, playground: Playground) -> None:
    page = await opens(width=375, reduced_motion="reduce")
    moves = """() => {
      const dots = Object.assign(document.createElement("span"), { className: "dots" });
      dots.append(document.createElement("i"));
      document.body.append(dots);
      const side = getComputedStyle(document.getElementById("side"));
      const scroll = getComputedStyle(document.getElementById("scroll"));
      const dot = getComputedStyle(dots.firstChild);
      return [dot.animationName, side.transitionDuration, scroll.scrollBehavior];
    }"""
    assert await page.evaluate(moves) == ["none", "0s", "auto"]
    await page.emulate_media(reduced_motion="no-preference")
    assert (await page.evaluate(moves))[0] == "think"


async def test_the_panel_folds(page: Page) -> None:
    panel = page.get_by_role("complementary", name="Inspector")
    await expect(panel).to_be_hidden()
    await page.get_by_role("button", name="Inspector", exact=True).click()
    await expect(panel).to_be_visible()
    await expect(panel.get_by_role("tab", name="Faults")).to_be_visible()
    await page.get_by_role("button", name="Inspector", exact=True).click()
    await expect(panel).to_be_hidden()


@pytest.mark.skipif(SHOTS is None, reason="PLAYGROUND_SHOTS names no folder for the pictures")
@pytest.mark.parametrize("look", ["dark", "light", "narrow"])
async def test_pictures_of_it(
    look: str, opens: Opens, zoo: Zoo, robin: Member, joins: JoinsAs
) -> None:
    width, scheme = (375, "dark") if look == "narrow" else (1200, look)
    page = await opens(width=width, color_scheme=scheme)
    await furnish(robin, joins)
    await message(page, "for me").wait_for()
    await page.locator("#text").fill("/m")
    await page.screenshot(path=Path(str(SHOTS)) / f"{look}.png")
