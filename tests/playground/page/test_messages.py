"""Messages on the page: what they show, what can be done with them, who sees them."""

from __future__ import annotations

import asyncio

from playwright.async_api import FilePayload, Page, Route, expect

from bot.playground.drafts import Draft
from bot.playground.member import Member
from bot.playground.records import Upload
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.conftest import JoinsAs
from tests.playground.page.conftest import message, open_command
from tests.playground.zoo import Zoo


async def test_markdown_is_shown_and_nothing_breaks_out(page: Page, robin: Member) -> None:
    await robin.say(
        "**bold** __under__ ~~gone~~ `code` ||secret|| <@100000000000000012>\n"
        "<img src=x onerror=alert(1)> [bad](javascript:alert(1)) [good](https://example.com)\n"
        "> quoted\n- one\n- two\n```py\nprint('**')\n```\n-# small"
    )
    shown = message(page, "bold").locator(".text")
    for tag, words in (
        ("strong", "bold"), ("u", "under"), ("s", "gone"), ("blockquote", "quoted"),
        ("pre", "print('**')"), ("small", "small"), (".mention", "@Morgan"),
    ):  # fmt: skip
        await expect(shown.locator(tag)).to_have_text(words)
    await expect(shown.locator("li")).to_have_text(["one", "two"])
    await expect(shown).to_contain_text("<img src=x onerror=alert(1)> [bad](javascript:alert(1))")
    await expect(shown.locator("img")).to_have_count(0)
    await expect(shown.locator("a")).to_have_attribute("href", "https://example.com/")
    secret = shown.get_by_role("button", name="Spoiler")
    await secret.focus()
    await page.keyboard.press("Enter")
    await expect(secret).to_have_count(0)
    await expect(shown.get_by_text("secret")).to_be_visible()


async def test_buttons_selects_and_edits_arrive_live(page: Page, robin: Member) -> None:
    await (await robin.invoke("panel")).settled()
    await page.get_by_role("button", name="Again").click()
    await message(page, "again, for robin").wait_for()
    await expect(page.get_by_role("button", name="Again")).to_be_focused()
    await page.get_by_role("button", name="Make a selection").press("Enter")
    await page.keyboard.press("Enter")  # Apple
    await page.keyboard.press("c")  # goes to Cherry
    await page.keyboard.press(" ")
    await expect(page.get_by_role("option", name="Cherry")).to_have_attribute(
        "aria-selected", "true"
    )
    await page.get_by_role("button", name="Done").click()
    await message(page, "apple+cherry").wait_for()
    await page.get_by_role("button", name="Whisper").click()
    whispered = message(page, "psst")
    await expect(whispered).to_contain_text("Only you can see this")
    await whispered.get_by_role("button", name="Dismiss message").click()
    await expect(whispered).to_have_count(0)


async def test_a_form_with_a_file(page: Page) -> None:
    await open_command(page, "note")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="A note")
    await expect(form.get_by_label("Subject")).to_be_focused()
    await form.get_by_role("button", name="Submit").click()
    await expect(form.get_by_text("This is required.")).to_have_count(2)
    await form.get_by_label("Subject").fill("Hello")
    await form.get_by_label("Tone").select_option("bold")
    async with page.expect_file_chooser() as chooser:
        await form.get_by_role("button", name="Papers").click()
    papers = [FilePayload(name=f"{n}.txt", mimeType="text/plain", buffer=n.encode()) for n in "ab"]
    await (await chooser.value).set_files(papers)
    await form.get_by_label("large").check()
    await form.get_by_label("Urgent").check()
    await form.get_by_role("button", name="Submit").click()
    await message(page, "Hello bold ['a', 'b'] large True").wait_for()


async def test_menus_of_messages_and_people(page: Page, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    await sam.say("<b>read me</b>", [Upload("b.txt", b"beta")])
    said = page.get_by_role("listitem", name="Sam,")
    await said.get_by_text("<b>read me</b>").click(button="right")
    await page.get_by_role("menuitem", name="Read text").click()
    await message(page, "['beta']").wait_for()
    # from the keyboard: the menu key on the message, and back again
    await said.focus()
    await page.keyboard.press("Shift+F10")
    await expect(page.get_by_role("menuitem", name="Read text")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await expect(said).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Reply").click()
    await page.keyboard.type("I have")
    await page.keyboard.press("Enter")
    await expect(message(page, "I have").locator(".origin")).to_contain_text("Sam <b>read me</b>")
    await said.get_by_role("button", name="Sam").click()
    await page.get_by_role("menuitem", name="Wave").click()
    await message(page, "Hello Sam, PNG").wait_for()


async def test_what_only_one_sees_takes_no_reaction_and_stands_by_itself(
    page: Page, robin: Member
) -> None:
    for text in ("one secret", "another"):
        await (await robin.invoke("echo", text=text, private=True)).settled()
    panel = await robin.invoke("panel")
    await panel.settled()
    for _ in range(2):
        await (await robin.click(panel, "Whisper")).settled()
    whispers = message(page, "psst")
    await expect(whispers).to_have_count(2)
    for one in (message(page, "one secret"), whispers.last):
        await expect(one.get_by_role("button", name="Menagerie")).to_have_count(1)  # its own head
        await one.click(button="right")
        await page.get_by_role("menuitem", name="Dismiss message").wait_for()
        await expect(page.get_by_role("menuitem", name="Reply")).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(one.get_by_role("button", name="Add a reaction")).to_have_count(0)
        await expect(one.get_by_role("button", name="Reply")).to_have_count(0)
    await robin.say("for all")
    await message(page, "for all").get_by_role("button", name="Add a reaction").wait_for()


async def test_reactions(page: Page, robin: Member, joins: JoinsAs) -> None:
    sam = await joins("stranger")
    said = await sam.say("like this")
    await sam.react(said, "🎉")
    mark = message(page, "like this").locator(".reaction")
    await expect(mark).to_have_attribute("aria-pressed", "false")
    await mark.click()
    await expect(mark).to_have_attribute("aria-pressed", "true")
    await expect(mark).to_have_text("🎉 2")
    await mark.click()
    await expect(mark).to_have_text("🎉 1")
    await message(page, "like this").hover()
    await message(page, "like this").get_by_role("button", name="Add a reaction").click()
    await page.get_by_role("menuitem", name="👍").press("ArrowRight")
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp", "End"):  # of two rows of six
        await page.keyboard.press(key)
    await expect(page.get_by_role("menuitem", name="🦁")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("menuitem", name="😢")).to_be_focused()
    await page.get_by_role("menuitem", name="🦁").click()
    await expect(mark).to_have_count(2)


async def test_what_is_private_stays_with_its_persona(page: Page, robin: Member) -> None:
    await (await robin.invoke("echo", text="a secret", private=True)).settled()
    await robin.say("for all")
    await message(page, "a secret").wait_for()
    await page.get_by_role("button", name="You are Robin").click()
    await page.get_by_role("menuitemradio", name="Sam").click()
    await page.get_by_role("button", name="You are Sam").wait_for()
    await message(page, "for all").wait_for()
    await expect(message(page, "a secret")).to_have_count(0)
    await page.locator("#text").fill("/manag")
    await page.get_by_text("No command of this name.").wait_for()
    await page.get_by_role("button", name="You are Sam").click()
    await page.get_by_role("menuitemradio", name="Morgan").click()
    await page.get_by_role("button", name="You are Morgan").wait_for()
    await open_command(page, "manag")


async def test_pictures_galleries_and_direct_messages(page: Page, robin: Member) -> None:
    dot = Upload("SPOILER_dot.png", _picture())
    await robin.say("one dot", [dot], channel_id=robin.dm_channel_id)
    await page.get_by_role("navigation").get_by_text("unread").wait_for()
    await page.get_by_role("button", name="Menagerie unread").click()
    await message(page, "one dot").get_by_role("button", name="Spoiler").click()
    await message(page, "one dot").get_by_role("link", name="Look at the picture").click()
    picture = page.get_by_role("dialog", name="Picture")
    await picture.get_by_role("link", name="Open the original").wait_for()
    await picture.get_by_role("button", name="Close").click()
    await page.get_by_role("button", name="playground").click()
    await (await robin.invoke("layout")).settled()
    shown = message(page, "Look")
    await shown.get_by_role("button", name="Alternative text").click()
    await expect(shown.locator("figcaption")).to_have_text("one dot")


async def test_what_is_said_while_a_channel_is_being_fetched_is_not_lost(
    page: Page, playground: Playground
) -> None:
    world, told = playground.world, asyncio.Event()

    def listen(frame: str | bytes) -> None:
        if "just now" in str(frame):
            told.set()

    async def dawdle(route: Route) -> None:
        answer = await route.fetch()
        world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content="just now"))
        await told.wait()
        await route.fulfill(response=answer)

    page.on("websocket", lambda socket: socket.on("framereceived", listen))
    await page.reload()
    await page.get_by_role("navigation").get_by_role("button", name="Menagerie").click()
    await expect(page.locator("#place")).to_have_text("@ Menagerie")
    await page.get_by_text("Nothing here yet.").wait_for()
    await page.route("**/messages?*", dawdle)
    await page.get_by_role("navigation").get_by_role("button", name="playground").click()
    await message(page, "just now").wait_for()
    await expect(page.locator("#messages > li")).to_have_count(1)


async def test_the_gateway_drops_and_comes_back(
    page: Page, robin: Member, zoo: Zoo, playground: Playground
) -> None:
    await page.evaluate("""() => {
      const link = document.getElementById("link");
      const seen = [];
      new MutationObserver(() => {
        seen.push(link.dataset.state);
        document.body.dataset.seen = seen.join();
      }).observe(link, { attributes: true });
    }""")
    playground.drop_gateway()
    await expect(page.locator("body")).to_have_attribute("data-seen", "away,good")
    await expect(page.locator("#link")).to_have_text("Connected")
    await open_command(page, "echo")
    await page.keyboard.type("back again")
    await page.keyboard.press("Enter")
    await message(page, "back again").wait_for()


async def test_a_playground_that_does_not_answer_is_told_of_and_nothing_is_lost(page: Page) -> None:
    await page.route("**/playground/say*", lambda route: route.abort("connectionrefused"))
    await page.locator("#text").fill("are you there?")
    await page.locator("#text").press("Enter")
    alert = page.get_by_role("alert").filter(has_text="The playground does not answer.")
    await expect(alert).to_contain_text("Is it still running?")
    await expect(page.locator("#text")).to_have_value("are you there?")
    await page.unroute("**/playground/say*")
    await page.locator("#text").press("Enter")
    await message(page, "are you there?").wait_for()
    await expect(alert).to_be_hidden()


async def test_a_bot_that_stays_silent_is_told_of(page: Page, playground: Playground) -> None:
    await open_command(page, "wait")
    await page.keyboard.press("Enter")
    await expect(page.locator(".typing")).to_have_text("Sending…")
    clock = playground.world.clock
    clock.advance(4)  # type: ignore[attr-defined]
    playground.world.expire()
    await expect(page.get_by_role("alert")).to_contain_text("The application did not respond")
    await expect(page.locator(".typing")).to_have_text("")


def _picture() -> bytes:
    from bot.playground.pictures import portrait

    return portrait(1)


async def test_an_opened_spoiler_stays_open_while_its_message_is_edited(
    page: Page, playground: Playground
) -> None:
    world = playground.world
    told = world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content="||the butler|| ||the cook||"))
    spoilers = page.locator("#messages .spoiler")
    await spoilers.first.click()
    await expect(spoilers.first).to_have_class("spoiler shown")
    world.edit(told, Draft(content="It was ||the butler, of course|| ||the cook||"))
    await message(page, "of course").wait_for()
    await expect(spoilers.nth(0)).to_have_class("spoiler shown")
    await expect(spoilers.nth(1)).to_have_class("spoiler")  # nobody has opened this one
    world.edit(told, Draft(content="||the gardener|| ||the cook||"))
    await message(page, "the gardener").wait_for()
    await expect(spoilers.nth(0)).to_have_class("spoiler")  # another secret
