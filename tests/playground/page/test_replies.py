"""Replies on the page: whether they ping is chosen, as in Discord's client."""

from __future__ import annotations

from playwright.async_api import Page, expect

from bot.playground.member import Member
from tests.playground.page.conftest import message
from tests.playground.zoo import Zoo


async def test_a_reply_pings_unless_that_is_switched_off(
    page: Page, robin: Member, zoo: Zoo
) -> None:
    await (await robin.invoke("panel")).settled()
    await zoo.heard.get()  # its own
    for pings in (True, False, True):
        shown = message(page, "Again").first
        await shown.hover()
        await shown.get_by_role("button", name="Reply").click()
        pinger = page.get_by_role("button", name="@ Ping")
        await expect(pinger).to_have_attribute("aria-pressed", "true")
        if not pings:
            await pinger.click()
            await expect(pinger).to_have_attribute("aria-pressed", "false")
        await page.get_by_role("combobox", name="Message").fill("hello")
        await page.keyboard.press("Enter")
        heard = await zoo.heard.get()
        assert heard.reference is not None
        assert heard.content == ("hello" if pings else "")


async def test_what_is_answered_is_quoted_in_plain_words_and_keeps_its_spoilers(
    page: Page, robin: Member
) -> None:
    said = await robin.say("It **was** ||the butler||.")
    await robin.say("No!", reply_to=said)
    quote = message(page, "No!").locator(".origin")
    await expect(quote).to_contain_text("It was (spoiler).")
    await expect(quote).not_to_contain_text("butler")
