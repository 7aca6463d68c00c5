"""Faults at a click: what Discord and the network do to a bot on a bad day, done on purpose.

They hold for every request of the bot's until they are used up, their time is over or they are
reset. What only the one who runs the bot can do (to kill a worker) is handed in with `offer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.playground import intake
from bot.playground.errors import DiscordError, RefusedByClient
from bot.playground.records import Json

LONGEST_S = 600.0
MOST_REQUESTS = 10_000
TOO_MANY = 429
STATUSES = {
    TOO_MANY: "You are being rate limited.",
    500: "500: Internal Server Error",
    502: "502: Bad Gateway",
    503: "503: Service Unavailable",
}
REMEMBERED = 20
SPARED_BYTES = 1 << 20  # of the files of a request that is refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Deed = Callable[[], str]


@dataclass(slots=True)
class Refusing:
    """Requests are answered with a status: the next `left` of them, until `until_s`."""

    status: int
    left: float = math.inf
    until_s: float = math.inf
    retry_after_s: float = 1.0

    def response(self) -> web.Response:
        """Makes the answer, in the form that Discord gives it."""
        body: Json = {"message": STATUSES[self.status], "code": 0}
        if self.status != TOO_MANY:
            return web.json_response(body, status=self.status)
        body |= {"retry_after": self.retry_after_s, "global": False}
        headers = {
            "Via": "1.1 playground",  # clients take a 429 without it for a ban
            "Retry-After": str(math.ceil(self.retry_after_s)),
            "X-RateLimit-Scope": "user",
        }
        return web.json_response(body, status=self.status, headers=headers)


class Faults:
    """Which faults are on; a middleware of the server that brings them about.

    `clock` returns seconds; `drop` cuts the gateway, forgetting its sessions or not;
    `changed` is told whenever the state has changed.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        drop: Callable[[bool], int],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._drop = drop
        self._changed = changed
        self._deeds: dict[str, Deed] = {}
        self._delay_s = 0.0
        self._refusing: Refusing | None = None
        self._away_until_s = -math.inf
        self._done: deque[Json] = deque(maxlen=REMEMBERED)

    # -- by whoever runs the bot -----------------------------------------------------

    def offer(self, name: str, deed: Deed) -> None:
        """Adds a fault that only the bot's process can bring about; it says what it has done."""
        self._deeds[name] = deed
        self._changed()

    # -- at a click ------------------------------------------------------------------

    def bring(self, wanted: Mapping[str, Any]) -> None:
        """Does what the panel asks, by its `fault`; raises RefusedByClient for what makes no sense.

        drop_gateway (forget), gateway_away (seconds), delay (seconds), refuse (status, requests,
        seconds, retry_after), deed (name), reset.
        """
        faults: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "drop_gateway": self._drop_gateway,
            "gateway_away": self._send_away,
            "delay": self._delay,
            "refuse": self._refuse,
            "deed": self._do,
            "reset": self._reset,
        }
        bring = faults.get(str(wanted.get("fault")))
        if bring is None:
            raise RefusedByClient(f"There is no fault “{wanted.get('fault')}”.")
        self._done.append({"at": self._clock(), "what": bring(wanted)})
        self._changed()

    def _drop_gateway(self, wanted: Mapping[str, Any]) -> str:
        forget = bool(wanted.get("forget"))
        cut = self._drop(forget)
        many = f"{cut} connection{'' if cut == 1 else 's'}"
        return f"Cut {many} to the gateway; the session {'is lost' if forget else 'may resume'}."

    def _send_away(self, wanted: Mapping[str, Any]) -> str:
        seconds = _number(wanted, "seconds", 0.0, LONGEST_S, 5.0)
        self._away_until_s = self._clock() + seconds
        self._drop(False)
        return f"The gateway is away for {seconds:g} s."

    def _delay(self, wanted: Mapping[str, Any]) -> str:
        self._delay_s = _number(wanted, "seconds", 0.0, 60.0, 1.0)
        return f"Every request waits for {self._delay_s:g} s."

    def _refuse(self, wanted: Mapping[str, Any]) -> str:
        status = int(_number(wanted, "status", 0, 999, TOO_MANY))
        if status not in STATUSES:
            raise RefusedByClient(f"The status must be one of {', '.join(map(str, STATUSES))}.")
        refusing = Refusing(status)
        refusing.retry_after_s = _number(wanted, "retry_after", 0.0, 60.0, 1.0)
        if wanted.get("seconds") is not None:
            seconds = _number(wanted, "seconds", 0.0, LONGEST_S, 0.0)
            refusing.until_s = self._clock() + seconds
            until = f"for {seconds:g} s"
        else:
            refusing.left = int(_number(wanted, "requests", 1, MOST_REQUESTS, 1))
            until = f"for the next {refusing.left}"
        self._refusing = refusing
        return f"Requests are answered with {status} {until}."

    def _do(self, wanted: Mapping[str, Any]) -> str:
        deed = self._deeds.get(str(wanted.get("name")))
        if deed is None:
            raise RefusedByClient("Whoever runs this bot has not offered that.")
        return deed()

    def _reset(self, wanted: Mapping[str, Any]) -> str:
        self._delay_s, self._refusing, self._away_until_s = 0.0, None, -math.inf
        return "All faults are off."

    # -- the state -------------------------------------------------------------------

    def state(self) -> Json:
        """Returns what is on, what can be done and what was done, for the panel."""
        refusing = self._current()
        away_s = self._away_until_s - self._clock()
        return {
            "delay": self._delay_s,
            "refusing": None if refusing is None else {
                "status": refusing.status,
                "left": None if math.isinf(refusing.left) else refusing.left,
                "until": None if math.isinf(refusing.until_s) else refusing.until_s,
                "retry_after": refusing.retry_after_s,
            },
            "away_until": self._away_until_s if away_s > 0 else None,
            "deeds": list(self._deeds),
            "done": list(self._done),
        }  # fmt: skip

    def _current(self) -> Refusing | None:
        """Returns how requests are refused now, if they are."""
        refusing = self._refusing
        if refusing is not None and (refusing.left < 1 or self._clock() >= refusing.until_s):
            self._refusing = None
        return self._refusing

    # -- on the way ------------------------------------------------------------------

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Delays, refuses or turns away what the bot sends; the page's own requests pass."""
        if request.path == "/gateway/" and self._clock() < self._away_until_s:
            raise web.HTTPServiceUnavailable
        if not request.path.startswith("/api/"):
            return await handler(request)
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        refusing = self._current()
        if refusing is None:
            return await handler(request)
        refusing.left -= 1
        self._changed()
        with contextlib.suppress(DiscordError):  # it is read all the same, for the inspector
            await intake.read(request, keep_bytes=SPARED_BYTES)
        return refusing.response()


def _number(wanted: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    """Reads a number from what the panel sent, or raises RefusedByClient."""
    value = wanted.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RefusedByClient(f"“{name}” must be a number between {low:g} and {high:g}.")
    return float(value)
