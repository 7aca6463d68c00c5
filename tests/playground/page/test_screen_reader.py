"""What a screen reader makes of the page: landmarks, names, news, and where the focus goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.playground.drafts import Draft
from bot.playground.member import Member
from bot.playground.server import Playground
from bot.playground.world import TEXT_CHANNEL_ID
from tests.playground.conftest import JoinsAs
from tests.playground.page.conftest import message, open_command
from tests.playground.page.test_quality import furnish
from tests.playground.zoo import Zoo

NAMED = {
    "button", "link", "textbox", "combobox", "checkbox", "radio", "image", "dialog", "menu",
    "menuitem", "menuitemradio", "listbox", "option", "tab", "tabpanel", "navigation",
    "complementary", "region", "radiogroup", "heading",
}  # fmt: skip
LANDMARKS = ("navigation", "main", "complementary", "region", "form")
LISTEN = """() => {
  window.heard = [];
  new MutationObserver((news) => {
    const added = news.flatMap((one) => [...one.addedNodes]);
    window.heard.push(...added.map((one) => one.textContent));
  }).observe(document.querySelector("[role=log]"), { childList: true });
}"""


@dataclass(slots=True)
class Node:
    """One thing that the browser tells of to a screen reader."""

    role: str
    name: str
    about: dict[str, Any] = field(default_factory=dict)


async def tree(page: Page) -> list[Node]:
    """Reads all that is told of the page, in the order in which it is read."""
    session = await page.context.new_cdp_session(page)
    found = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    nodes = {one["nodeId"]: one for one in found}

    def walk(identity: str) -> list[Node]:
        one = nodes[identity]
        told = [] if one["ignored"] else [_node(one)]
        return told + [
            n for child in one.get("childIds", ()) if child in nodes for n in walk(child)
        ]

    return walk(found[0]["nodeId"])


def _node(one: dict[str, Any]) -> Node:
    about = {p["name"]: p["value"].get("value") for p in one.get("properties", ())}
    about["description"] = one.get("description", {}).get("value", "")
    return Node(one["role"]["value"], one.get("name", {}).get("value", "").strip(), about)


def nameless(nodes: list[Node]) -> list[Node]:
    return [one for one in nodes if one.role in NAMED and not one.name]


async def heard(page: Page) -> list[str]:
    """Returns what was said aloud since LISTEN."""
    said: list[str] = await page.evaluate("window.heard")
    return said


@pytest.fixture
async def listened(page: Page) -> AsyncIterator[Page]:
    """A page whose live region is listened to."""
    await page.evaluate(LISTEN)
    yield page


async def test_the_page_reads_well_in_the_first_minute(page: Page) -> None:
    nodes = await tree(page)
    assert await page.title() == "Menagerie playground"
    assert [(n.role, n.name) for n in nodes if n.role in LANDMARKS] == [
        ("navigation", "Channels and people"),
        ("main", ""),
        ("region", "Conversation"),
        ("region", "Write or use a command"),
        ("form", "Message"),
    ]
    headings = [(n.about["level"], n.name) for n in nodes if n.role == "heading"]
    assert headings == [
        (1, "Playground"), (2, "Channels"), (2, "Direct messages"), (2, "# playground"),
    ]  # fmt: skip
    buttons = [n.name for n in nodes if n.role == "button"]
    assert buttons == [
        "playground", "after-dark 18+", "Menagerie", "You are Robin, member · English",
        "Colours follow the system; press to change", "Inspector",
        "Add files", "Commands", "Send",
    ]  # fmt: skip
    assert nameless(nodes) == []
    assert [n.about["live"] for n in nodes if n.role == "status"] == ["polite", "polite"]
    (news,) = [n for n in nodes if n.role == "log"]
    assert (news.about["live"], news.name) == ("polite", "News")
    (text,) = [n for n in nodes if n.role == "combobox"]
    assert (text.name, text.about["expanded"]) == ("Message", False)
    words = " ".join(n.name for n in nodes if n.role == "StaticText")
    assert "Nothing here yet. Type" in words
    assert "Connected" in words


async def test_everything_in_messages_has_a_name(page: Page, robin: Member, joins: JoinsAs) -> None:
    await furnish(robin, joins)
    await message(page, "for me").wait_for()
    nodes = await tree(page)
    assert nameless(nodes) == []
    pictures = [n.name for n in nodes if n.role == "image"]
    assert pictures == ["one dot"]
    links = [n.name for n in nodes if n.role == "link"]
    assert "Look at the picture: one dot" in links
    entries = [n.name for n in nodes if n.role == "listitem" and ", " in n.name]
    assert len(entries) == await page.locator("#messages > li").count()
    assert entries[0].startswith("Sam, ")


async def test_an_answer_is_told_once_and_not_with_each_edit(
    listened: Page, robin: Member, playground: Playground
) -> None:
    page, world = listened, playground.world
    await (await robin.invoke("stream", parts=9)).settled()
    answer = message(page, "1 2 3 4 5 6 7 8 9")
    await answer.wait_for()
    whole = "Menagerie: 1 2 3 4 5 6 7 8 9"
    told = "window.heard.map((one) => one.replace('Menagerie:', '')).join('').trim()"
    await page.wait_for_function(f"() => {told} === '1 2 3 4 5 6 7 8 9'")  # in parts, if it stalls
    # what changes no words is not told, nor what one says oneself, nor small print
    shown = next(iter(robin.seen.values()))
    await robin.react(shown, "🎉")
    world.edit(world.messages[int(shown["id"])], Draft(content="1 2 3 4 5 6 7 8 9\n-# in 2 s"))
    await robin.say("thank you")
    await message(page, "in 2 s").wait_for()
    # the same answer once more is an answer again
    before = len(await heard(page))
    world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content="1 2 3 4 5 6 7 8 9"))
    await page.wait_for_function(f"() => window.heard.length > {before}")
    assert (await heard(page))[before:] == [whole]


async def test_of_an_answer_that_stalls_only_what_is_new_is_told(
    listened: Page, playground: Playground
) -> None:
    world = playground.world
    told = world.post(TEXT_CHANNEL_ID, world.bot.id, Draft(content="Once upon ▌"))
    await listened.wait_for_function("() => window.heard.length === 1")
    world.edit(told, Draft(content="Once upon a time ▌"))
    await listened.wait_for_function("() => window.heard.length === 2")
    world.edit(told, Draft(content="Once upon a time."))
    await listened.wait_for_function("() => window.heard.length === 3")
    world.edit(told, Draft(content="Never mind."))
    await listened.wait_for_function("() => window.heard.length === 4")
    words = ("Once upon ▌", "a time ▌", ".", "Never mind.")
    assert await heard(listened) == [f"Menagerie: {one}" for one in words]


async def test_pictures_and_components_are_told_by_their_words(
    listened: Page, robin: Member
) -> None:
    await (await robin.invoke("layout")).settled()
    await (await robin.invoke("card")).settled()
    await listened.wait_for_function("() => window.heard.length >= 2")
    assert sorted(await heard(listened)) == [
        "Menagerie: A card with a picture",
        "Menagerie: Look one dot",
    ]


async def test_suggestions_tell_how_many_they_are_and_which_is_marked(
    listened: Page, zoo: Zoo
) -> None:
    page, text = listened, listened.get_by_role("combobox", name="Message")
    await text.fill("/model")
    await page.wait_for_function("() => window.heard.includes('1 suggestion')")
    nodes = await tree(page)
    (field,) = [n for n in nodes if n.role == "combobox"]
    assert field.about["expanded"]
    (listbox,) = [n for n in nodes if n.role == "listbox"]
    assert listbox.name == "Commands"
    (option,) = [n for n in nodes if n.role == "option"]
    assert option.name.startswith("/model load")
    assert option.about["selected"]
    marked = await text.get_attribute("aria-activedescendant")
    assert marked == await page.get_by_role("option").get_attribute("id")
    await text.fill("/nothing of the kind")
    await page.wait_for_function("() => window.heard.includes('No command of this name.')")
    form = await open_command(page, "fruit")
    await page.keyboard.insert_text("ap")
    await page.wait_for_function("() => window.heard.includes('2 suggestions')")
    await page.keyboard.press("ArrowDown")
    (first, _) = [n for n in await tree(page) if n.role == "option"]
    assert (first.name, first.about["selected"]) == ("apple", True)
    await page.keyboard.press("Escape")  # the list
    await page.keyboard.press("Escape")  # the form
    await expect(form).to_be_hidden()
    await expect(text).to_be_focused()


async def test_the_fields_of_a_form_have_labels(page: Page) -> None:
    await open_command(page, "note")
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="A note")
    await form.wait_for()
    nodes = await tree(page)
    assert nameless(nodes) == []
    start = next(i for i, n in enumerate(nodes) if n.role == "dialog")
    fields = {n.name: n for n in nodes[start:] if n.role in ("textbox", "combobox", "checkbox")}
    assert list(fields) == ["Subject", "Tone", "Urgent"]
    assert fields["Subject"].about["required"]
    await expect(form.get_by_label("Tone")).to_have_attribute("required", "")
    assert [n.name for n in nodes[start:] if n.role in ("radiogroup", "radio")] == [
        "Size", "small", "large",
    ]  # fmt: skip
    await form.get_by_role("button", name="Submit").click()
    await expect(form.get_by_label("Subject")).to_be_focused()  # the first that is wrong
    (subject,) = [n for n in await tree(page) if n.name == "Subject" and n.role == "textbox"]
    assert subject.about["invalid"] == "true"
    assert "This is required." in subject.about["description"]
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await expect(page.locator("#text")).to_be_focused()


async def test_the_focus_returns_though_the_message_was_drawn_anew(
    page: Page, robin: Member, joins: JoinsAs, playground: Playground
) -> None:
    world = playground.world
    await (await robin.invoke("layout")).settled()
    await (await robin.invoke("invite")).settled()
    shown = message(page, "Look")

    async def change() -> None:
        for one in world.history(TEXT_CHANNEL_ID):
            world.react(one, emoji, world.bot.id)
        await expect(page.locator("#messages .reaction", has_text=emoji)).to_have_count(2)

    # a menu
    emoji = "👍"
    more = shown.get_by_role("button", name="Apps and more for this message")
    await more.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("menu", name="Message").wait_for()
    await change()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await expect(more).to_be_focused()
    # a list to pick from
    emoji = "🎉"
    picker = message(page, "whom?").get_by_role("button", name="Make a selection").first
    await picker.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("listbox").wait_for()
    await change()
    await page.keyboard.press("Escape")
    await expect(picker).to_be_focused()
    # a dialog
    emoji = "🦁"
    await shown.get_by_role("link", name="Look at the picture").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog", name="Picture").wait_for()
    await change()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(shown).to_be_focused()
