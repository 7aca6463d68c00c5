"""The playground's server: REST, gateway, files, the page and its API on one loopback port."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from bot.playground import errors, rest
from bot.playground.access import Access, same
from bot.playground.api import Api
from bot.playground.errors import DiscordError
from bot.playground.gateway import Gateway
from bot.playground.intake import INTAKE, Intake
from bot.playground.panel import Panel
from bot.playground.payloads import Projection
from bot.playground.pictures import portrait
from bot.playground.records import Change, Upload
from bot.playground.rest import OPEN_ROUTES, PREFIX, Rest
from bot.playground.world import ANSWER_WITHIN_S, APPLICATION_ID, Clock, World

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
PAGE_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call that the bot made, as an observer gets it."""

    method: str
    route: str | None  # such as /channels/{channel_id}/messages; None for an unknown one
    path: str
    query: dict[str, str]
    body: Any  # parsed JSON, of a form its payload_json
    files: dict[str, Upload]
    status: int
    duration_s: float
    answer: Any = None  # the parsed JSON of the answer

    @property
    def error_code(self) -> int | None:
        """Returns Discord's code of an answer other than success."""
        return self.answer.get("code") if self.status >= 400 else None


Observer = Callable[[Call], None]


def playground_token(secret: str = "") -> str:
    """Builds the bot token that the playground takes: of valid shape, and on loopback no secret."""
    first = base64.urlsafe_b64encode(str(APPLICATION_ID).encode()).decode().rstrip("=")
    return ".".join((first, "PLAYGR", secret or "loopback-only-and-no-secret"))


class Playground:
    """A Discord of one's own, to be entered with `async with`.

    At a `host` that is not loopback the page asks for a key, which stands in `page_url`.
    `port` 0 picks a free one, and so does a port that is taken. `clock` returns
    seconds; `observers` are called with every REST call the bot makes.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = HOST,
        clock: Clock = time.time,
        bot_name: str = "Menagerie",
        attachment_limit_bytes: int = 10 * 1024 * 1024,
        observers: tuple[Observer, ...] | list[Observer] = (),
    ) -> None:
        self.world = World(clock, bot_name=bot_name, attachment_limit_bytes=attachment_limit_bytes)
        self.access = Access(host)
        self.token = playground_token(self.access.key)
        self.address = ""
        self.observers: list[Observer] = list(observers)
        self._wanted_port = port
        self._projection = Projection(self.world, file_mark=self.access.file_mark)
        self._api = Api(self._projection)
        self.gateway = Gateway(
            self._projection, self.token, lambda: self.gateway_url, self._api.on_presence
        )
        self._rest = Rest(self._projection, lambda: self.gateway_url)
        self.panel = Panel(self.world, self.gateway, lambda: self.page_url)
        self._runner: web.AppRunner | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def gateway_url(self) -> str:
        """Returns where clients find the gateway."""
        return f"ws{self.address.removeprefix('http')}/gateway/"

    @property
    def page_url(self) -> str:
        """Returns the address to open in a browser, with the key if there is one."""
        return f"{self.address}/?key={self.access.key}" if self.access.key else self.address

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Binds the port and begins to serve."""
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        port = await self._bind(self._runner)
        self.access.port = port
        self.address = self._projection.address = f"http://{self.access.reached_at}:{port}"
        self._stops = [
            self.world.listen(change)
            for change in (
                self.panel.inspector.on_change,
                self.gateway.on_change,
                self._api.on_change,
                self._set_timer,
            )
        ]

    async def _bind(self, runner: web.AppRunner) -> int:
        """Binds the wanted port, or a free one if it is taken."""
        try:
            await web.TCPSite(runner, self.access.host, self._wanted_port).start()
        except OSError:
            log.warning("port_taken port=%d", self._wanted_port)
            await web.TCPSite(runner, self.access.host, 0).start()
        return int(runner.addresses[0][1])

    async def close(self) -> None:
        """Ends every connection and frees the port."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._runner is None:
            return
        for stop in self._stops:
            stop()
        await self.panel.close()
        await self.gateway.close()
        await self._api.close()
        await self._runner.cleanup()
        self._runner = None

    def drop_gateway(self, *, forget: bool = False) -> int:
        """Cuts every gateway connection; with `forget`, their sessions cannot resume."""
        return self.gateway.drop(forget=forget)

    def _set_timer(self, change: Change) -> None:
        """Looks again when an interaction's three seconds are over."""
        if change.kind != "interaction_created":
            return
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def look() -> None:
            self._timers.discard(timer)
            self.world.expire()

        timer = loop.call_later(ANSWER_WITHIN_S + 0.05, look)
        self._timers.add(timer)

    # -- routes ----------------------------------------------------------------------

    def _application(self) -> web.Application:
        panel = self.panel
        middlewares = [
            self.access.guard, panel.recorder.middleware, self._observe, panel.faults.middleware,
        ]  # fmt: skip
        app = web.Application(middlewares=middlewares, client_max_size=64 * 1024 * 1024)
        app.add_routes(self._rest.routes())
        app.add_routes(self._api.routes())
        app.add_routes(self.panel.routes())
        app.add_routes(
            [
                web.get("/gateway/", self.gateway.handle),
                web.get("/attachments/{channel_id}/{attachment_id}/{filename}", self._file),
                web.get("/avatars/{user_id}/{name}", self._avatar),
                web.get("/embed/avatars/{name}", self._avatar),
                web.get("/", self._page),
                web.get("/page/{name}", self._page),
            ]
        )
        return app

    @web.middleware
    async def _observe(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks the bot's token, words its errors and tells the observers."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        started = time.perf_counter()
        try:
            if not request.path.startswith(OPEN_ROUTES):
                self._authorise(request)
            response = await handler(request)
        except DiscordError as refused:
            response = web.json_response(refused.body(), status=refused.status)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            log.exception("unreadable_request method=%s path=%s", request.method, request.path)
            message = f"The playground cannot make sense of this request: {fault!r}"
            response = web.json_response({"message": message, "code": 0}, status=400)
        if response.content_type == "application/json":
            response.headers["Content-Type"] = "application/json"  # Discord names no charset
        self._tell_observers(request, response, time.perf_counter() - started)
        return response

    def _authorise(self, request: web.Request) -> None:
        if not same(request.headers.get("Authorization", ""), f"Bot {self.token}"):
            raise errors.unauthorised()

    def _tell_observers(
        self, request: web.Request, response: web.StreamResponse, duration_s: float
    ) -> None:
        resource = request.match_info.route.resource
        known = resource is not None and request.match_info.handler is not rest.not_here
        route = resource.canonical.removeprefix(PREFIX) if known and resource else None
        intake = request.get(INTAKE, Intake())
        call = Call(
            request.method, route, request.path, dict(request.query), intake.body,
            intake.files, response.status, duration_s, _said(response),
        )  # fmt: skip
        for observer in (self.panel.inspector.on_call, *self.observers):
            observer(call)

    # -- files and the page ----------------------------------------------------------

    async def _file(self, request: web.Request) -> web.Response:
        """Serves an attachment; what is no plain picture is never run as a page."""
        identity = request.match_info["attachment_id"]
        found = self.world.attachments.get(int(identity)) if identity.isdecimal() else None
        if found is None or str(found.channel_id) != request.match_info["channel_id"]:
            raise web.HTTPNotFound
        content_type = found.content_type or "application/octet-stream"
        headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
        headers["Content-Type"] = content_type
        if not content_type.startswith((*SHOWN_INLINE, "text/plain")):
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=found.data, headers=headers)

    async def _avatar(self, request: web.Request) -> web.Response:
        """Serves a drawn portrait; the digit in its name picks the tint."""
        digits = "".join(filter(str.isdecimal, request.match_info["name"])) or "0"
        return web.Response(body=_drawn(int(digits) % 5), content_type="image/png")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """Serves the page's own files and nothing else."""
        name = request.match_info.get("name", "index.html")
        if name not in _page_files():
            raise web.HTTPNotFound
        response = web.Response(
            body=(PAGE / name).read_bytes(),
            content_type=PAGE_TYPES[Path(name).suffix],
            charset="utf-8",
        )
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _said(response: web.StreamResponse) -> Any:
    """Parses the JSON of an answer, if it is that."""
    if not isinstance(response, web.Response) or response.content_type != "application/json":
        return None
    return json.loads(response.text or "null")


@functools.cache
def _drawn(number: int) -> bytes:
    """Draws each portrait once."""
    return portrait(number)


@functools.cache
def _page_files() -> frozenset[str]:
    """Lists the page's own files."""
    return frozenset(path.name for path in PAGE.iterdir() if path.suffix in PAGE_TYPES)
