"""The panel on a bare page of its own, in a real browser, under a strict policy."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Route, TimeoutError, async_playwright, expect

from bot.playground.member import Member
from bot.playground.server import Playground

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    "--disable-features=LocalNetworkAccessChecks",  # the bare page itself comes from no address
]
PATIENCE_MS = 30_000  # on a machine that is busy with other things
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Panel</title>
<link rel="icon" href="/embed/avatars/0.png">
<link rel="stylesheet" href="/bare.css"><script type="module" src="/bare.js"></script></head>
<body><aside id="panel" aria-label="Inspector"></aside></body></html>"""
STYLE = """:root { color-scheme: light dark }
body { margin: 0; background: Canvas; color: CanvasText }
#panel { height: 100vh }
#panel[hidden] { display: none }"""
SCRIPT = """import { mount } from "/page/inspector.js";
const client = { request: (path, init) => fetch(path, init), on() {}, persona: "member" };
mount(document.getElementById("panel"), client);"""
PIECES = {
    "/bare.html": ("text/html", PAGE),
    "/bare.css": ("text/css", STYLE),
    "/bare.js": ("text/javascript", SCRIPT),
}


async def serve(route: Route) -> None:
    """Answer for the bare page's own files."""
    path = "/" + route.request.url.split("/", 3)[3]
    kind, body = PIECES[path]
    headers = {"Content-Type": kind, "Content-Security-Policy": POLICY}
    await route.fulfill(body=body, headers=headers)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser without a page."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as tools:
        launched = await tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        await launched.close()


@pytest.fixture
async def page(browser: Browser, robin: Member, playground: Playground) -> AsyncIterator[Page]:
    """The panel, connected; the browser may not complain of anything."""
    complaints: list[str] = []
    context = await browser.new_context(viewport={"width": 420, "height": 900})
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = await context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text))
    await opened.route("**/bare.*", serve)
    await opened.goto(f"{playground.address}/bare.html")
    try:
        await opened.locator(".panel-row").first.wait_for()
    except TimeoutError as error:
        raise AssertionError(complaints) from error
    yield opened
    await context.close()
    # what the playground has refused is shown on the page; the browser notes it as well
    assert [one for one in complaints if "status of 400" not in one] == []
