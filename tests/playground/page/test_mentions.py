"""People and channels in what one writes: suggested, chosen, sent as Discord spells them."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from bot.playground.member import Member
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID, World
from tests.playground.page.conftest import message
from tests.playground.zoo import Zoo

MORGAN, SAM = "<@100000000000000012>", "<@100000000000000013>"


def said(world: World) -> list[str]:
    """Returns what has been said in the channel, in the words that were sent."""
    return [one.content for one in world.history(TEXT_CHANNEL_ID)]


async def test_people_are_suggested_and_chosen_by_keys(page: Page, playground: Playground) -> None:
    text = page.get_by_role("combobox", name="Message")
    await text.focus()
    await page.keyboard.insert_text("Good evening, @")
    options = page.get_by_role("listbox", name="People").get_by_role("option")
    await expect(options).to_have_count(6)
    for number, words in enumerate(("Menagerie", "Robin", "Morgan", "Sam", "everyone", "here")):
        await expect(options.nth(number)).to_contain_text(f"@{words}")
    await page.keyboard.insert_text("mrg")
    await expect(options).to_have_count(1)
    await expect(text).to_have_attribute("aria-expanded", "true")
    marked = await options.first.get_attribute("id")
    await expect(text).to_have_attribute("aria-activedescendant", str(marked))
    await page.keyboard.press("Enter")  # chooses, and does not send
    await expect(text).to_have_value("Good evening, @Morgan ")
    await expect(text).to_have_attribute("aria-expanded", "false")
    await page.keyboard.insert_text("and @")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Tab"):
        await page.keyboard.press(key)
    await expect(text).to_have_value("Good evening, @Morgan and @Sam ")
    await page.keyboard.press("Enter")
    await message(page, "Good evening, @Morgan and @Sam").wait_for()
    assert said(playground.world) == [f"Good evening, {MORGAN} and {SAM}"]
    (sent,) = playground.world.history(TEXT_CHANNEL_ID)
    assert sent.pings.users == (100_000_000_000_000_012, 100_000_000_000_000_013)


async def test_channels_are_suggested_and_chosen_by_mouse(
    page: Page, robin: Member, playground: Playground
) -> None:
    await robin.open_thread("late shift")
    text = page.get_by_role("combobox", name="Message")
    await text.focus()
    await page.get_by_role("navigation").get_by_text("late shift").wait_for()
    await page.keyboard.insert_text("See #")
    options = page.get_by_role("listbox", name="Channels").get_by_role("option")
    await expect(options).to_have_text(
        ["#playgroundchannel", "#after-darkchannel", "#late shiftthread"]
    )
    await options.nth(2).click()
    await expect(text).to_be_focused()
    await expect(text).to_have_value("See #late shift ")
    await page.keyboard.press("Enter")
    await message(page, "See #late shift").wait_for()
    (sent,) = said(playground.world)
    assert sent.startswith("See <#")


async def test_of_two_of_one_name_the_chosen_one_is_meant(
    page: Page, playground: Playground
) -> None:
    other = playground.world.welcome("Sam", "en-GB", manages=False)
    text = page.get_by_role("combobox", name="Message")
    await text.fill("@Sam")
    options = page.get_by_role("listbox", name="People").get_by_role("option")
    await expect(options).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await message(page, "@Sam").wait_for()
    assert said(playground.world) == [f"<@{other.id}>"]
    # and is still meant when the text is edited
    await text.press("ArrowUp")
    editor = page.get_by_role("combobox", name="Edit your message")
    await expect(editor).to_have_value("@Sam")
    await page.keyboard.insert_text(" there?")
    await page.keyboard.press("Enter")
    await message(page, "there?").locator(".edited").wait_for()
    assert said(playground.world) == [f"<@{other.id}> there?"]


@pytest.mark.parametrize("typed", ["a@", "`@", "@everyone else", "# "])
async def test_nothing_is_suggested_where_nobody_is_meant(page: Page, typed: str) -> None:
    await page.locator("#text").focus()
    await page.keyboard.insert_text("@")
    listbox = page.get_by_role("listbox", name="People")
    await listbox.wait_for()
    await page.keyboard.press("Escape")
    await expect(listbox).to_be_hidden()
    await page.locator("#text").fill(typed)
    await expect(page.locator("#text")).to_have_attribute("aria-expanded", "false")


async def test_names_are_spelt_for_discord_but_not_in_code(
    page: Page, playground: Playground
) -> None:
    await page.locator("#text").fill("@Sam, `@Sam` me@Sam @Samson #playground @everyone")
    await page.locator("#text").press("Enter")
    await message(page, "@Samson").wait_for()
    channel = f"<#{TEXT_CHANNEL_ID}>"
    assert said(playground.world) == [f"{SAM}, `@Sam` me@Sam @Samson {channel} @everyone"]


async def test_in_direct_messages_only_the_two_are_there(page: Page, zoo: Zoo) -> None:
    await page.get_by_role("navigation").get_by_role("button", name="Menagerie").click()
    await expect(page.locator("#place")).to_have_text("@ Menagerie")
    await page.locator("#text").fill("@")
    options = page.get_by_role("listbox", name="People").get_by_role("option")
    await expect(options).to_have_text(["@Menageriethe bot", "@Robinrobin"])
