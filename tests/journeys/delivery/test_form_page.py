"""The form of a long text, filled in on the page of the playground with a file."""

from __future__ import annotations

import shutil

import pytest
from playwright.async_api import FilePayload, async_playwright, expect

from bot.playground.member import Member
from bot.tasks.text_to_text import Summarize
from tests.journeys.delivery.conftest import Evening, text

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STORY = "The ferry was late. Nobody minded."


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
async def test_a_file_is_chosen_in_the_form_and_read(evening: Evening, member: Member) -> None:
    async with evening.bot(member), async_playwright() as tools:
        browser = await tools.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page()
        page.set_default_timeout(10_000)
        await page.goto(evening.playground.address)
        await page.locator("#link[data-state]").wait_for()
        field = page.get_by_role("combobox", name="Message")
        await field.fill("/summarize")
        await page.locator("#composer [role=option][aria-selected=true]").wait_for()
        await field.press("Enter")
        await page.get_by_role("form", name="Command").wait_for()
        await page.keyboard.press("Enter")
        form = page.get_by_role("dialog", name="Summarize")
        await form.get_by_role("button", name="Submit").click()
        await expect(form).to_have_count(0)  # neither is required, so the bot is asked
        empty = page.get_by_text("The form is empty.")
        await empty.wait_for()
        await field.fill("/summarize")
        await page.locator("#composer [role=option][aria-selected=true]").wait_for()
        await field.press("Enter")
        await page.get_by_role("form", name="Command").wait_for()
        await page.keyboard.press("Enter")
        async with page.expect_file_chooser() as chooser:
            await form.get_by_role("button", name="Or a .txt or .md file").click()
        story = FilePayload(name="story.md", mimeType="text/markdown", buffer=STORY.encode())
        await (await chooser.value).set_files([story])
        await form.get_by_role("button", name="Submit").click()
        job = await evening.stage.job()
        assert job.request == Summarize(text=STORY)
        evening.stage.say(text("It was late."))
        await page.get_by_text("It was late.").first.wait_for()
        await browser.close()
