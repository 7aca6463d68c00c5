"""Commands from the page: the palette, pills, suggestions, files, and doing it again."""

from __future__ import annotations

from discord import Locale, app_commands
from playwright.async_api import FilePayload, Page, expect

from tests.playground.page.conftest import Opens, message, open_command
from tests.playground.zoo import Zoo, echo

TEXT = FilePayload(name="a.txt", mimeType="text/plain", buffer=b"abc")
DROP = """([target, name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  for (const type of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(
      new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
PASTE = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  document.activeElement.dispatchEvent(
    new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
}"""


class German(app_commands.Translator):
    """Knows three words."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        words = {"shout": "rufen", "Says it loud": "Ruft es", "text": "worte"}
        return words.get(string.message) if locale is Locale.german else None


async def test_from_the_palette_to_the_answer(page: Page) -> None:
    text = page.get_by_role("combobox", name="Message")
    await text.fill("/mdl")
    options = page.get_by_role("listbox", name="Commands").get_by_role("option")
    await expect(options.first).to_contain_text("/model load")
    await text.fill("/ec")
    await expect(options.first).to_contain_text("/echo")
    await expect(text).to_have_attribute("aria-activedescendant", "suggestions-1-0")
    await text.press("Tab")
    form = page.get_by_role("form", name="Command")
    await expect(form.get_by_label("text")).to_be_focused()
    await page.keyboard.type("good evening")
    await form.get_by_role("button", name="+ loud").click()
    await page.keyboard.type("tr")
    await page.keyboard.press("Enter")  # takes the suggestion
    await expect(form.get_by_label("loud", exact=True)).to_have_value("True")
    await page.keyboard.press("Enter")  # sends
    await message(page, "GOOD EVENING").wait_for()
    await expect(form).to_be_hidden()
    await expect(text).to_be_focused()
    # the arrow brings it back as it was
    await text.press("ArrowUp")
    await expect(form.get_by_label("text")).to_have_value("good evening")
    await page.keyboard.press("Enter")
    await expect(message(page, "GOOD EVENING")).to_have_count(2)


async def test_a_command_that_is_pasted_whole_is_taken_apart(page: Page) -> None:
    await page.locator("#text").fill("/model load name:tiny share:0.25 ")
    form = page.get_by_role("form", name="Command")
    await expect(form.get_by_label("name")).to_have_value("tiny")
    await expect(form.get_by_label("share", exact=True)).to_have_value("0.25")
    await form.get_by_role("button", name="Run").click()
    await message(page, "loaded tiny 0.25").wait_for()


async def test_a_whole_command_needs_one_key_more(page: Page) -> None:
    await page.locator("#text").fill("/echo text:hurry loud:True ")
    form = page.get_by_role("form", name="Command")
    await expect(form.get_by_label("loud", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")  # there is nothing to choose from any more
    await message(page, "HURRY").wait_for()


async def test_what_is_wrong_is_said_before_anything_is_sent(page: Page, zoo: Zoo) -> None:
    form = await open_command(page, "stream")
    await form.get_by_role("button", name="+ parts").click()
    for wrong, words in (("12", "This must be 1 to 9."), ("1.5", "This must be a whole number.")):
        await form.get_by_label("parts", exact=True).fill(wrong)
        await page.keyboard.press("Enter")
        await expect(form.get_by_role("status")).to_contain_text(words)
        await expect(form.get_by_label("parts", exact=True)).to_have_attribute(
            "aria-invalid", "true"
        )
    await form.get_by_label("parts", exact=True).fill("2")
    await page.keyboard.press("Enter")
    await message(page, "1 2").wait_for()
    form = await open_command(page, "echo")
    await form.get_by_role("button", name="Run").click()
    await expect(form.get_by_role("status")).to_contain_text("This option is required.")
    await page.keyboard.press("Escape")
    await expect(form).to_be_hidden()
    await expect(page.locator("#messages > li")).to_have_count(1)


async def test_the_bot_suggests_while_one_types(page: Page) -> None:
    form = await open_command(page, "fruit")
    await page.keyboard.insert_text("ap")  # at once: each letter would be asked for
    options = form.get_by_role("listbox", name="Suggestions").get_by_role("option")
    await expect(options).to_have_text(["apple", "apricot"])
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        await page.keyboard.press(key)
    await expect(form.get_by_label("name")).to_have_value("apricot")
    await page.keyboard.press("Enter")
    await message(page, "apricot").wait_for()


async def test_people_are_chosen_by_their_names(page: Page) -> None:
    form = await open_command(page, "mention")
    await page.keyboard.type("mor")
    await page.keyboard.press("Enter")
    await page.keyboard.type("f")
    await page.keyboard.press("Enter")
    await expect(form.get_by_label("really")).to_have_value("False")
    await page.keyboard.press("Enter")
    await message(page, "@Morgan @everyone").wait_for()


async def test_files_are_dropped_pasted_or_chosen(page: Page) -> None:
    form = await open_command(page, "mirror")
    main = await page.locator("main").element_handle()
    await page.evaluate(DROP, [main, "dropped.txt", "abc"])
    await expect(form.locator(".pill")).to_contain_text("dropped.txt")
    await form.get_by_role("button", name="Run").click()
    await message(page, "dropped.txt 3 text/plain").wait_for()
    form = await open_command(page, "mirror")
    await page.evaluate(PASTE, ["pasted.txt", "abcd"])
    await form.get_by_role("button", name="Run").click()
    await message(page, "pasted.txt 4 text/plain").wait_for()
    form = await open_command(page, "mirror")
    async with page.expect_file_chooser() as chooser:
        await form.get_by_role("button", name="image").click()
    await (await chooser.value).set_files(TEXT)
    await form.get_by_role("button", name="Run").click()
    answer = message(page, "a.txt 3 text/plain")
    await answer.get_by_role("link", name="mirrored.bin").wait_for()


async def test_commands_are_named_in_the_language_of_the_persona(page: Page, zoo: Zoo) -> None:
    await zoo.tree.set_translator(German())
    zoo.tree.add_command(
        app_commands.Command(name="shout", description="Says it loud", callback=echo.callback)
    )
    await zoo.tree.sync()
    await page.get_by_role("button", name="You are Robin").click()
    await page.get_by_role("menuitem", name="Let somebody new in").click()
    await page.get_by_label("Name").fill("Greta")
    await page.get_by_label("Language").select_option("de")
    await page.get_by_role("button", name="Let in").click()
    await page.get_by_role("button", name="You are Greta, member · Deutsch").wait_for()
    await page.locator("#text").fill("/ruf")
    option = page.get_by_role("option").filter(has_text="/rufen")
    await expect(option).to_contain_text("Ruft es")
    await option.click()
    await expect(page.get_by_label("worte")).to_be_focused()
    await page.keyboard.type("hallo")
    await page.keyboard.press("Enter")
    await message(page, "hallo").wait_for()
    await message(page, "Greta used /shout").wait_for()


async def test_a_new_command_is_in_the_palette_at_once(page: Page, zoo: Zoo) -> None:
    zoo.tree.add_command(
        app_commands.Command(name="brandnew", description="New", callback=echo.callback)
    )
    await zoo.tree.sync()
    await page.locator("#text").fill("/brandn")
    await page.get_by_role("option").filter(has_text="/brandnew").wait_for()


async def test_two_browsers_at_once(opens: Opens, zoo: Zoo) -> None:
    one, two = await opens(), await opens()
    await two.get_by_role("button", name="You are").click()
    await two.get_by_role("menuitemradio", name="Sam").click()
    await two.get_by_role("button", name="You are Sam").wait_for()
    await one.locator("#text").fill("hello from Robin")
    await one.locator("#text").press("Enter")
    await message(two, "hello from Robin").wait_for()
    # a form opens in the browser that asked for it, not in another one of the same person
    same = await opens()
    await open_command(one, "note")
    await one.keyboard.press("Enter")
    await one.get_by_role("dialog").get_by_text("A note").wait_for()
    await expect(same.get_by_role("dialog")).to_have_count(0)
    await expect(two.get_by_role("dialog")).to_have_count(0)
