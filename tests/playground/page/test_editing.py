"""Editing one's own messages where they stand, with the keyboard and with the mouse."""

from __future__ import annotations

from playwright.async_api import Page, expect

from bot.playground.drafts import Draft
from bot.playground.member import Member
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.conftest import JoinsAs
from tests.playground.page.conftest import message, open_command
from tests.playground.zoo import Zoo


async def test_the_arrow_edits_the_last_message(page: Page, robin: Member, zoo: Zoo) -> None:
    await robin.say("the first")
    last = await robin.say("the last, says <@100000000000000013>")
    await message(page, "the last").wait_for()
    text, editor = page.locator("#text"), page.get_by_role("combobox", name="Edit your message")
    await text.press("ArrowUp")
    await expect(editor).to_be_focused()
    await expect(editor).to_have_value("the last, says @Sam")
    await page.keyboard.insert_text(" and @mor")
    await page.keyboard.press("Enter")  # chooses
    await expect(editor).to_have_value("the last, says @Sam and @Morgan ")
    await page.keyboard.press("Enter")  # saves
    await expect(editor).to_have_count(0)
    await expect(text).to_be_focused()
    shown = message(page, "the last, says @Sam and @Morgan")
    await expect(shown.locator(".edited")).to_have_text("(edited)")
    event = await zoo.edited.get()
    assert event.message_id == int(last["id"])
    await expect(message(page, "the first").locator(".edited")).to_have_count(0)


async def test_escape_leaves_the_message_as_it_was(page: Page, robin: Member) -> None:
    await robin.say("as it was")
    await message(page, "as it was").wait_for()
    editor = page.get_by_role("combobox", name="Edit your message")
    await page.locator("#text").press("ArrowUp")
    await page.keyboard.insert_text(" not @")
    await page.get_by_role("listbox", name="People").wait_for()
    await page.keyboard.press("Escape")  # the list only
    await expect(editor).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(editor).to_have_count(0)
    await expect(page.locator("#text")).to_be_focused()
    assert [one["content"] for one in await robin.messages()] == ["as it was"]
    # and Enter without a change is no edit
    await page.locator("#text").press("ArrowUp")
    await expect(editor).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(editor).to_have_count(0)
    assert (await robin.messages())[0]["edited_timestamp"] is None


async def test_the_newest_message_is_in_view_again_after_an_edit(
    page: Page, robin: Member, playground: Playground
) -> None:
    world = playground.world
    await robin.say("far above")
    editor = page.get_by_role("combobox", name="Edit your message")
    for count in (30, 150):  # so many that what is far above is no element any more
        for number in range(count):
            text = f"number {number} of {count}\n" + "and more\n" * (number % 4)
            world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content=text))
        last = message(page, f"number {count - 1} of {count}")
        await expect(last).to_be_in_viewport()
        await page.locator("#text").press("ArrowUp")
        await expect(editor).to_be_focused()
        await expect(editor).to_be_in_viewport()
        await expect(last).not_to_be_in_viewport()
        await page.keyboard.press("Escape")
        await expect(last).to_be_in_viewport()
        await expect(page.locator("#text")).to_be_focused()


async def test_the_arrow_takes_up_what_one_did_last(page: Page) -> None:
    text = page.locator("#text")
    await text.fill("said first")
    await text.press("Enter")
    await message(page, "said first").wait_for()
    form = await open_command(page, "echo")
    await page.keyboard.insert_text("then asked")
    await page.keyboard.press("Enter")
    await message(page, "then asked").wait_for()
    await text.press("ArrowUp")
    await expect(form.get_by_label("text")).to_have_value("then asked")
    await page.keyboard.press("Escape")
    await text.fill("said last")
    await text.press("Enter")
    await message(page, "said last").wait_for()
    await text.press("ArrowUp")
    await expect(page.get_by_role("combobox", name="Edit your message")).to_have_value("said last")


async def test_by_menu_and_mouse_while_the_message_changes(
    page: Page, robin: Member, joins: JoinsAs
) -> None:
    mine = await robin.say("teh typo")
    sam = await joins("stranger")
    await sam.say("not mine")
    shown = message(page, "teh typo")
    await message(page, "not mine").click(button="right")
    await page.get_by_role("menuitem", name="Copy text").wait_for()
    await expect(page.get_by_role("menuitem", name="Edit message")).to_have_count(0)
    await page.keyboard.press("Escape")
    await shown.click(button="right")
    await page.get_by_role("menuitem", name="Edit message").click()
    editor = page.get_by_role("combobox", name="Edit your message")
    await expect(editor).to_be_focused()
    await page.keyboard.press("Home")
    await page.keyboard.insert_text("1")
    await sam.react(mine, "🎉")  # the entry is drawn anew around the field
    await page.locator("#messages .reaction").wait_for()
    await expect(editor).to_be_focused()
    await page.keyboard.insert_text("2")
    await expect(editor).to_have_value("12teh typo")
    await editor.fill("the typo")
    await page.get_by_role("button", name="save").click()
    edited = message(page, "the typo")
    await expect(edited.locator(".edited")).to_have_text("(edited)")
    await expect(edited).to_be_focused()
    # the pencil, and what is refused
    await edited.hover()
    await edited.get_by_role("button", name="Edit", exact=True).click()
    await editor.fill(" ")
    await editor.press("Enter")
    alert = page.locator(".editing").get_by_role("alert")
    await expect(alert).to_have_text("Write something, or delete the message.")
    await robin.delete(mine)
    await expect(editor).to_have_count(0)
    await expect(page.locator("#messages > li")).to_have_count(1)


async def test_a_message_is_edited_in_its_channel_only(
    page: Page, robin: Member, playground: Playground
) -> None:
    await robin.say("in the channel")
    await message(page, "in the channel").wait_for()
    await page.locator("#text").press("ArrowUp")
    await page.get_by_role("combobox", name="Edit your message").wait_for()
    await page.get_by_role("navigation").get_by_role("button", name="Menagerie").click()
    await expect(page.locator("#place")).to_have_text("@ Menagerie")
    await page.get_by_text("Nothing here yet.").wait_for()
    await page.locator("#text").press("ArrowUp")
    await page.get_by_role("navigation").get_by_role("button", name="playground").click()
    await expect(message(page, "in the channel").locator(".text")).to_have_text("in the channel")
    await expect(page.locator(".editing")).to_have_count(0)
