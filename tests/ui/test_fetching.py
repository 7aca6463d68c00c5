"""A fetch on the screen: edits that are not too many, an end in every case, strangers refused."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.catalogue.download import Fetching
from bot.catalogue.fetches import End, Fetch, Fetched, NotFetched, Order, Stopped
from bot.catalogue.model import Model
from bot.errors import UserError
from bot.ui import fetching
from bot.ui.fetching import require_operator, show

MODEL = Model(id="tiny", name="Tiny", task=("complete", "ask"), family="toy", repo="zoo/tiny")


class FakeInteraction:
    """An interaction whose message is a list of its contents; every edit may fail."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.user = SimpleNamespace(id=7)
        self.client = SimpleNamespace(answering=set(), is_operator=self.is_operator)
        self.response = self
        self.fault = fault
        self.contents: list[str] = []
        self.buttons: list[bool] = []
        self.deferred: dict[str, bool] = {}
        self.operators = {7}

    async def is_operator(self, user: Any) -> bool:
        return user.id in self.operators

    async def defer(self, **how: bool) -> None:
        self.deferred = how

    async def edit_original_response(self, *, content: str, view: object) -> None:
        if self.fault is not None:
            raise self.fault
        self.contents.append(content)
        self.buttons.append(view is not None)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "EDIT_EVERY_S", 0.02)


def begun(*, end: End | Exception | None) -> tuple[Fetch, asyncio.Event]:
    """Return a fetch that ends so once the event is set."""
    gate = asyncio.Event()

    async def run(one: Fetch) -> End:
        await gate.wait()
        if isinstance(end, Exception):
            raise end
        assert end is not None
        return end

    fetch = Fetch(Order(MODEL), run)
    fetch.then(lambda _: None)
    return fetch, gate


async def watched(fetch: Fetch, interaction: FakeInteraction) -> None:
    await show(cast("Any", interaction), fetch)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (Fetched(), "**Tiny** is here, every file as it should be. It can do /complete, /ask now."),
        (Stopped(), "The fetch of **Tiny** was stopped. What had come is kept: "),
        (NotFetched("The hub is on fire."), "The hub is on fire."),
        (KeyError("x"), "The fetch failed ('x'). The log has all of it."),
    ],
)
async def test_every_end_is_told(end: Any, said: str) -> None:
    interaction = FakeInteraction()
    fetch, gate = begun(end=end)
    watching = asyncio.create_task(watched(fetch, interaction))
    await asyncio.sleep(0.05)
    assert interaction.deferred == {"thinking": True, "ephemeral": True}
    assert interaction.contents == ["**Tiny**: waiting for its turn…"]
    gate.set()
    await watching
    assert interaction.contents[-1].startswith(said)
    assert interaction.buttons == [True, False]
    assert not interaction.client.answering or watching in interaction.client.answering


async def test_only_news_is_shown_and_not_too_often() -> None:
    interaction = FakeInteraction()
    fetch, gate = begun(end=Fetched())
    watching = asyncio.create_task(watched(fetch, interaction))
    for done in range(0, 100, 2):
        fetch.newest = Fetching("tiny", "downloading", done, 100)
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.1)
    gate.set()
    await watching
    shown = interaction.contents[:-1]
    assert len(shown) == len(set(shown))
    assert 2 <= len(shown) <= 20
    assert "98% of 0 MB" in shown[-1]


async def test_a_fetch_goes_on_when_its_message_cannot_be_changed_any_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "SHOWN_S", 0.05)
    interaction = FakeInteraction()
    fetch, gate = begun(end=Fetched())
    await watched(fetch, interaction)
    assert "is still being fetched" in interaction.contents[-1]
    assert "`/model info model:tiny` tells how far it is" in interaction.contents[-1]
    assert interaction.buttons[-1] is False
    gate.set()
    assert await fetch.wait(1) == Fetched()


@pytest.mark.parametrize("status", [404, 503])
async def test_a_message_that_cannot_be_edited_stops_nothing(status: int) -> None:
    response = SimpleNamespace(status=status, reason="told so")
    kind = discord.NotFound if status == 404 else discord.HTTPException
    interaction = FakeInteraction(kind(cast("Any", response), {"code": 0, "message": "gone"}))
    fetch, gate = begun(end=Fetched())
    watching = asyncio.create_task(watched(fetch, interaction))
    await asyncio.sleep(0.05)
    gate.set()
    await watching
    assert fetch.end == Fetched()


async def test_those_who_do_not_run_the_bot_are_told_who_may() -> None:
    interaction = FakeInteraction()
    await require_operator(cast("Any", interaction))
    interaction.operators = set()
    with pytest.raises(UserError, match=r"Only those who run this bot .* \[discord\] operators"):
        await require_operator(cast("Any", interaction))
