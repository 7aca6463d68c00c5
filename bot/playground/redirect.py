"""Points the unmodified discord.py at another Discord.

The only module that touches discord.py's internals: three class attributes that hold
Discord's addresses. `verify` names exactly what a new discord.py changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import yarl
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import INTERNAL_API_VERSION, Route


class RedirectBroken(RuntimeError):
    """The installed discord.py no longer keeps its addresses where we set them."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Puts discord.py's addresses back as they were."""

    api: str
    gateway: yarl.URL
    cdn: str

    def __call__(self) -> None:
        """Restores the addresses."""
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE = self.api, self.gateway, self.cdn


def redirect(address: str) -> Undo:
    """Makes every discord.py client of this process talk to `address`; returns the undo."""
    verify()
    undo = Undo(Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE)
    Route.BASE = f"{address}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address).with_scheme("ws") / "gateway/"
    Asset.BASE = address  # avatars
    return undo


@contextmanager
def redirected(address: str) -> Iterator[None]:
    """Redirects discord.py inside the block only."""
    undo = redirect(address)
    try:
        yield
    finally:
        undo()


def verify() -> None:
    """Raises RedirectBroken with what changed, if discord.py is not as we know it."""
    from discord import __version__

    for fault in _faults():
        raise RedirectBroken(f"discord.py {__version__}: {fault}. See bot/playground/redirect.py.")


def _faults() -> Iterator[str]:
    """Yields what is not where discord.py 2.7 keeps it."""
    if INTERNAL_API_VERSION != 10:
        yield f"INTERNAL_API_VERSION is {INTERNAL_API_VERSION}, not 10"
    if not isinstance(getattr(Route, "BASE", None), str):
        yield "discord.http.Route.BASE is no longer a text"
    elif Route("GET", "/probe").url != f"{Route.BASE}/probe":
        yield "discord.http.Route.url is no longer Route.BASE and the path"
    if not isinstance(getattr(DiscordWebSocket, "DEFAULT_GATEWAY", None), yarl.URL):
        yield "discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY is no longer a yarl.URL"
    if not isinstance(getattr(Asset, "BASE", None), str):
        yield "discord.asset.Asset.BASE is no longer a text"
