"""Files that come by clipboard and by mouse: into forms and into the composer."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.page.conftest import Opens, message, open_command
from tests.playground.zoo import Zoo

GIVE = """(element, [kind, name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  const how = { bubbles: true, cancelable: true };
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { ...how, clipboardData: data })
    : new DragEvent(kind, { ...how, dataTransfer: data });
  return !element.dispatchEvent(event);
}"""
COPY_A_PICTURE = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 12, height: 8 });
  canvas.getContext("2d").fillRect(0, 0, 6, 8);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}"""


async def give(to: Locator, kind: str, name: str, text: str) -> bool:
    """Pastes or drops a file; tells whether the page took it from the browser."""
    return bool(await to.evaluate(GIVE, [kind, name, text]))


@pytest.fixture
async def form(page: Page) -> Locator:
    """A form of the bot with a field that takes two files."""
    await open_command(page, "note")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="A note")
    await dialog.wait_for()
    return dialog


async def test_a_form_takes_files_that_are_dropped_and_pasted(page: Page, form: Locator) -> None:
    drop = form.locator(".drop")
    assert await give(drop, "dragover", "a.txt", "alpha")
    assert await give(drop, "drop", "a.txt", "alpha")
    assert await give(form.get_by_label("Subject"), "paste", "b.txt", "beta")
    assert await give(drop, "paste", "c.txt", "one too many")
    await expect(form.locator(".tray li")).to_have_count(2)
    await form.get_by_label("Subject").fill("Papers")
    await form.get_by_label("Tone").select_option(index=1)
    await form.get_by_role("button", name="Submit").click()
    await message(page, "['alpha', 'beta']").wait_for()


async def test_a_file_beside_the_field_is_lost_on_nobody(page: Page, form: Locator) -> None:
    for kind in ("dragover", "drop"):  # the browser would leave the page for the file
        assert await give(form.get_by_role("heading"), kind, "a.txt", "alpha")
    await expect(form.locator(".tray li")).to_have_count(0)


async def test_a_picture_of_the_clipboard_is_said(
    zoo: Zoo, opens: Opens, playground: Playground
) -> None:
    page = await opens(permissions=["clipboard-read", "clipboard-write"])
    await page.evaluate(COPY_A_PICTURE)
    await page.get_by_role("combobox", name="Message").focus()
    await page.keyboard.press("Control+V")
    tray = page.get_by_role("list", name="Files to be sent")
    await expect(tray.get_by_role("listitem")).to_have_count(1)
    await page.keyboard.press("Enter")
    await page.locator("#messages figure img").wait_for()
    (said,) = playground.world.history(TEXT_CHANNEL_ID)
    assert (said.attachments[0].width, said.attachments[0].height) == (12, 8)
