"""Who may come in: on loopback its own page only; from elsewhere, whoever has the key."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})
OPEN = ("/api/", "/gateway/", "/avatars/", "/embed/avatars/")
"""What asks for no key: the bot's own routes, which have its token, and drawn faces."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access:
    """The door of a playground that listens at `host`.

    At a loopback address there is no key, and requests for other names (DNS rebinding) are
    refused. Elsewhere `key` is in the address that is announced, and is exchanged for a cookie.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.key = "" if host in LOOPBACK_NAMES else secrets.token_urlsafe(24)
        self.port = 0
        self.file_mark = self.key and secrets.token_urlsafe(12)

    @property
    def reached_at(self) -> str:
        """Returns the host by which the bot on this machine reaches the playground."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.host
        return f"[{host}]" if ":" in host else host

    @property
    def _cookie(self) -> str:
        return f"playground_{self.port}"

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses whoever may not come in; other sites' pages (CSRF) never may."""
        host = request.headers.get("Host", "")
        if not self.key and urlsplit(f"//{host}").hostname not in LOOPBACK_NAMES:
            return _refusal("This playground answers on loopback only.")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return _refusal("This playground takes requests from its own page only.")
        if self.key and not self._is_let_in(request):
            if not same(request.query.get("key", ""), self.key):
                return _refusal("This playground asks for its key: open the link that it printed.")
            return self._exchanged(request)
        response = await handler(request)
        if not response.prepared:
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def _is_let_in(self, request: web.Request) -> bool:
        """Tells whether a request has the cookie, or asks for what has a secret of its own."""
        if request.path.startswith(OPEN):
            return True
        marked = request.path.startswith("/attachments/") and same(
            request.query.get("hm", ""), self.file_mark
        )
        return marked or same(request.cookies.get(self._cookie, ""), self.key)

    def _exchanged(self, request: web.Request) -> web.StreamResponse:
        """Gives a cookie for the key, and an address without it."""
        response = web.Response(status=303, headers={"Location": request.path})
        response.headers["Referrer-Policy"] = "no-referrer"
        secure = request.headers.get("X-Forwarded-Proto") == "https"
        response.set_cookie(
            self._cookie, self.key, httponly=True, samesite="Strict", path="/", secure=secure
        )
        return response


def same(given: str, wanted: str) -> bool:
    """Compares in constant time; nothing is never right."""
    return bool(wanted) and hmac.compare_digest(_bytes(given), _bytes(wanted))


def _refusal(sentence: str) -> web.Response:
    """Makes the answer to whoever may not come in."""
    return web.json_response({"message": sentence, "code": 0}, status=403)


def _bytes(text: str) -> bytes:
    # What is sent may hold lone surrogates, which UTF-8 has no bytes for.
    return text.encode(errors="backslashreplace")
