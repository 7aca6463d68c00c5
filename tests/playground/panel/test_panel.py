"""The panel in a real browser: list, entry, clocks, faults, recording."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from bot.playground.member import Member
from bot.playground.scenario import read
from bot.playground.server import Playground
from tests.playground.conftest import FakeClock


async def clipboard(page: Page) -> str:
    return str(await page.evaluate("navigator.clipboard.readText()"))


async def test_what_happens_is_listed_filtered_and_opened(page: Page, robin: Member) -> None:
    rows = page.locator(".panel-row")
    await expect(rows.filter(has_text="IDENTIFY")).to_have_count(1)
    asked = await robin.invoke("echo", text="good evening")
    await asked.settled()
    await expect(rows.filter(has_text="Robin: /echo text:good evening")).to_contain_text("message")
    # one kind is left out and brought back
    await page.get_by_role("button", name="From the bot", exact=True).click()
    await expect(rows.filter(has_text="IDENTIFY")).to_have_count(0)
    await page.get_by_role("button", name="From the bot", exact=True).click()
    await expect(rows.filter(has_text="IDENTIFY")).to_have_count(1)
    # everything of one interaction, and nothing else
    await page.get_by_label("Filter").fill(asked.id)
    await expect(rows).to_have_count(3)
    await expect(page.locator(".panel-count")).to_contain_text("3 of")
    await rows.filter(has_text="callback").click()
    entry = page.get_by_role("region", name="Entry")
    await expect(entry.locator("pre").first).to_contain_text('"content": "good evening"')
    await expect(entry.locator("pre").first).to_contain_text("•••")
    await entry.get_by_role("button", name="Copy as test").click()
    await expect(entry.get_by_role("button", name="Copied")).to_be_visible()
    assert 'answer_1 = await member.invoke("echo", text="good evening")' in await clipboard(page)
    # the keyboard goes through the rows
    await rows.first.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    await entry.get_by_role("button", name="Close the entry").click()
    await expect(entry).to_be_hidden()


async def test_a_fault_is_seen_in_the_list_and_named_in_the_entry(
    page: Page, robin: Member, playground: Playground
) -> None:
    await (await robin.invoke("write", length=2000)).settled()
    await robin.invoke("write", length=2001)
    row = page.locator(".panel-faulty")
    await expect(row).to_contain_text("✗ 2")
    await row.click()
    await expect(page.locator(".panel-faults")).to_contain_text(
        "data.content: Must be 2000 or fewer in length."
    )


async def test_the_clocks_run_down(page: Page, robin: Member, clock: FakeClock) -> None:
    await robin.invoke("wait")
    row = page.locator(".panel-row").filter(has_text="Robin: /wait")
    await expect(row).to_contain_text("s left to answer")
    clock.advance(1.0)
    asked = await robin.invoke("echo", text="answered")
    await asked.settled()
    answered = page.locator(".panel-row").filter(has_text="Robin: /echo text:answered")
    await expect(answered).to_contain_text("message, 14:5")
    clock.advance(2.5)
    robin_waits = page.locator(".panel-row").filter(has_text="Robin: /wait")
    asked = await robin.invoke("echo", text="again")
    await asked.settled()
    await expect(robin_waits).to_contain_text("The application did not respond")
    clock.advance(900)
    await (await robin.invoke("echo", text="much later")).settled()
    await expect(answered).to_contain_text("message, token over")


async def test_faults_at_a_click(page: Page, robin: Member, playground: Playground) -> None:
    playground.panel.faults.offer("Kill a worker", lambda: "Worker 3 was killed.")
    await page.get_by_role("tab", name="Faults").click()
    on = page.get_by_role("list", name="Faults that are on")
    await expect(on).to_have_text("None is on.")
    await page.get_by_label("Answer with").select_option("429")
    await page.get_by_label("retry after").fill("0.1")
    await page.get_by_role("button", name="Refuse").click()
    await expect(on).to_contain_text("answered with 429 (retry after 0.1 s) for the next 3.")
    assert (await (await robin.invoke("echo", text="all the same")).settled())["content"]
    await expect(on).to_have_text("None is on.")
    await page.get_by_label("Each waits for").fill("0.2")
    await page.get_by_role("button", name="Delay").click()
    await expect(on).to_contain_text("Each request waits for 0.2 s.")
    await page.get_by_role("button", name="Reset").click()
    await expect(on).to_have_text("None is on.")
    await page.get_by_role("button", name="Drop", exact=True).click()
    await page.get_by_role("button", name="Kill a worker").click()
    done = page.get_by_role("list", name="What was done").get_by_role("listitem")
    await expect(done.first).to_contain_text("Worker 3 was killed.")
    await expect(done).to_have_count(5)
    async with asyncio.timeout(30):
        while not playground.gateway.resumes:
            await asyncio.sleep(0.02)
    assert (await (await robin.invoke("echo", text="back")).settled())["content"] == "back"


async def test_a_recording_is_made_saved_and_played_again(
    page: Page, robin: Member, playground: Playground, tmp_path: Path
) -> None:
    await page.get_by_role("tab", name="Recording").click()
    await page.get_by_role("button", name="Record").click()
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    panel = await robin.invoke("panel")
    await panel.settled()
    await (await robin.click(panel, "Again")).settled()
    await page.get_by_role("button", name="Stop").click()
    steps = page.get_by_role("list", name="Steps").get_by_role("listitem")
    await expect(steps).to_have_text(["member /panel", "member [Again] on the answer to 1"])
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Save scenario").click()
    saved = tmp_path / "evening.jsonl"
    await (await saving.value).save_as(saved)
    assert len(read(saved.read_bytes())) == 2
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Save test").click()
    assert (await saving.value).suggested_filename == "test_recorded.py"
    await page.get_by_role("button", name="Play again").click()
    told = page.get_by_text("All 2 steps were answered.")
    await expect(told).to_be_visible()
    assert len(await robin.messages()) == 2
    await page.get_by_label("Play a file").set_input_files(saved)
    await expect(told).to_be_visible()
    async with asyncio.timeout(30):
        while len(await robin.messages()) < 3:
            await asyncio.sleep(0.02)
    await expect(told).to_be_visible()
    await expect(page.get_by_label("Play a file")).to_be_enabled()
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}")
    await page.get_by_label("Play a file").set_input_files(broken)
    await expect(page.get_by_role("alert").filter(has_text="Line 1 is no step")).to_be_visible()


async def test_a_storm_is_drawn_in_few_frames_and_few_rows(
    page: Page, robin: Member, playground: Playground
) -> None:
    await page.evaluate(
        """() => {
          window.tasks = [];
          const note = (list) => window.tasks.push(...list.getEntries().map((one) => one.duration));
          new PerformanceObserver(note).observe({ type: "longtask" });
        }"""
    )
    began = time.monotonic()
    for number in range(4000):
        event = {"event": f"news {number}", "level": "info", "number": number}
        playground.panel.inspector.hear(event)
        if number % 20 == 0:
            await asyncio.sleep(0.005)
    await expect(page.locator(".panel-row").filter(has_text="news 3999")).to_be_visible()
    took = time.monotonic() - began
    tasks = await page.evaluate("window.tasks")
    longest = max(tasks, default=0)
    print(f"4000 entries in {took:.1f} s; long tasks, in ms: {tasks}")  # noqa: T201
    assert await page.locator(".panel-row").count() <= 300
    await expect(page.locator(".panel-count")).to_have_text("300 of 2000")
    assert len(playground.panel.inspector.entries) == 2000
    assert longest < 2000  # a fifth of that on a machine with nothing else to do


async def test_the_feed_comes_back_when_it_was_lost(
    page: Page, robin: Member, playground: Playground
) -> None:
    for watcher in list(playground.panel._watchers):
        await watcher.socket.close()
    await expect(page.get_by_text("Not connected")).to_be_visible()
    await expect(page.get_by_text("Not connected")).to_be_hidden()
    await (await robin.invoke("echo", text="after all")).settled()
    await expect(page.locator(".panel-row").filter(has_text="Robin: /echo")).to_have_count(1)


async def test_the_tabs_are_steered_by_keys(page: Page) -> None:
    await page.get_by_role("tab", name="Inspector").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Recording")).to_be_focused()
    await expect(page.get_by_role("tabpanel")).to_have_count(1)
    await expect(page.get_by_role("tabpanel", name="Recording")).to_be_visible()


async def test_a_folded_panel_draws_nothing_and_is_up_to_date_when_it_unfolds(
    page: Page, robin: Member
) -> None:
    await page.evaluate("document.getElementById('panel').hidden = true")
    for number in range(40):
        await (await robin.invoke("echo", text=f"word {number}")).settled()
    await page.wait_for_timeout(200)
    assert await page.locator("#panel .panel-row", has_text="word").count() == 0
    await page.evaluate("document.getElementById('panel').hidden = false")
    newest = page.locator(".panel-row").filter(has_text="MESSAGE_CREATE word 39")
    await expect(newest).to_be_in_viewport()


async def test_on_the_page_itself_it_is_folded_until_it_is_wanted(
    browser: Browser, robin: Member, playground: Playground
) -> None:
    opened = await browser.new_page()
    await opened.goto(playground.address)
    panel = opened.get_by_role("complementary", name="Inspector")
    await expect(opened.get_by_text("Connected", exact=True)).to_be_visible()
    await expect(panel).to_be_hidden()
    await opened.get_by_role("button", name="Inspector").click()
    await expect(panel.locator(".panel-row").filter(has_text="IDENTIFY")).to_be_visible()
    await panel.get_by_role("tab", name="Recording").click()
    await panel.get_by_role("button", name="Record").click()
    await expect(panel.get_by_role("button", name="Stop")).to_be_visible()
    box = opened.locator("#composer textarea")
    await box.fill("good evening")
    await box.press("Enter")
    steps = panel.get_by_role("list", name="Steps").get_by_role("listitem")
    await expect(steps).to_have_text(["member good evening"])
