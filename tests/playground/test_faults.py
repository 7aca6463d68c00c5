"""Faults on purpose: each is brought about, and the real client answers all the same."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from bot.playground.errors import RefusedByClient
from bot.playground.faults import Faults
from bot.playground.invocation import NoAnswer
from bot.playground.member import Member
from bot.playground.server import Playground
from tests.playground.conftest import FakeClock
from tests.playground.zoo import Zoo


async def bring(playground: Playground, **wanted: Any) -> tuple[int, dict[str, Any]]:
    """Bring a fault about as the page does."""
    url = f"{playground.address}/playground/panel/faults"
    async with aiohttp.ClientSession() as session, session.post(url, json=wanted) as response:
        return response.status, await response.json()


async def echoes(robin: Member, text: str) -> None:
    asked = await robin.invoke("echo", text=text)
    assert (await asked.settled())["content"] == text


def statuses(playground: Playground) -> list[str]:
    return [e.status for e in playground.panel.inspector.entries if e.kind == "rest"]


async def test_a_dropped_gateway_is_resumed(
    robin: Member, zoo: Zoo, playground: Playground
) -> None:
    assert (await bring(playground, fault="drop_gateway"))[0] == 200
    await asyncio.wait_for(zoo.resumed.wait(), 30)
    assert playground.gateway.resumes == 1
    await echoes(robin, "back")
    told = playground.panel.faults.state()["done"][0]["what"]
    assert told == "Cut 1 connection to the gateway; the session may resume."


async def test_a_forgotten_session_is_begun_anew(
    robin: Member, zoo: Zoo, playground: Playground
) -> None:
    playground.gateway.identified.clear()
    await bring(playground, fault="drop_gateway", forget=True)
    await asyncio.wait_for(playground.gateway.identified.wait(), 30)
    assert playground.gateway.resumes == 0
    await echoes(robin, "anew")


async def test_a_gateway_that_is_away_is_found_again(
    robin: Member, zoo: Zoo, playground: Playground, clock: FakeClock
) -> None:
    await bring(playground, fault="gateway_away", seconds=30)
    url = f"{playground.address}/gateway/"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 503
    assert playground.panel.faults.state()["away_until"] == clock() + 30
    assert not zoo.resumed.is_set()
    clock.advance(31)
    await asyncio.wait_for(zoo.resumed.wait(), 30)
    await echoes(robin, "found")


async def test_requests_that_wait_are_answered_later(robin: Member, playground: Playground) -> None:
    await bring(playground, fault="delay", seconds=0.3)
    began = time.monotonic()
    await echoes(robin, "slowly")
    assert time.monotonic() - began >= 0.3
    call = [e for e in playground.panel.inspector.entries if e.kind == "rest"][-1]
    assert (call.took_s or 0) >= 0.3


async def test_a_delay_past_the_three_seconds_fails_until_it_is_reset(
    robin: Member, playground: Playground, clock: FakeClock
) -> None:
    await bring(playground, fault="delay", seconds=1)
    asked = await robin.invoke("echo", text="late")
    clock.advance(4)  # as long as the request waits
    playground.world.expire()
    with pytest.raises(NoAnswer, match="did not respond"):
        await asked.settled()
    await bring(playground, fault="reset")
    await echoes(robin, "in time")


async def test_a_bot_that_is_rate_limited_asks_again(robin: Member, playground: Playground) -> None:
    wanted = {"fault": "refuse", "status": 429, "requests": 2, "retry_after": 0.2}
    assert (await bring(playground, **wanted))[0] == 200
    assert playground.panel.faults.state()["refusing"]["left"] == 2
    await echoes(robin, "after two refusals")
    assert statuses(playground)[-3:] == ["429", "429", "200"]
    assert playground.panel.faults.state()["refusing"] is None
    refused = next(e for e in playground.panel.inspector.entries if e.status == "429")
    assert refused.faults == ["0: You are being rate limited."]
    assert "after two refusals" in refused.details["request"]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_bot_whose_discord_fails_asks_again(
    robin: Member, playground: Playground, status: int
) -> None:
    await bring(playground, fault="refuse", status=status, requests=1)
    await echoes(robin, "after a failure")
    assert statuses(playground)[-2:] == [str(status), "200"]


async def test_a_refusal_for_a_time_ends_with_it(
    robin: Member, playground: Playground, clock: FakeClock
) -> None:
    await bring(playground, fault="refuse", status=429, seconds=1, retry_after=0.1)
    asked = await robin.invoke("echo", text="patient")
    async with asyncio.timeout(30):
        while statuses(playground)[-2:] != ["429", "429"]:
            await asyncio.sleep(0.01)
    clock.advance(1.0)
    assert (await asked.settled())["content"] == "patient"


async def test_what_only_the_runner_can_do_is_offered(playground: Playground) -> None:
    done: list[str] = []

    def kill() -> str:
        done.append("killed")
        return "Worker 1 was killed."

    playground.panel.faults.offer("Kill a worker", kill)
    assert playground.panel.faults.state()["deeds"] == ["Kill a worker"]
    assert (await bring(playground, fault="deed", name="Kill a worker"))[0] == 200
    assert done == ["killed"]
    assert playground.panel.faults.state()["done"][-1]["what"] == "Worker 1 was killed."
    status, answer = await bring(playground, fault="deed", name="Kill the bot")
    assert (status, answer["error"]) == (400, "Whoever runs this bot has not offered that.")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"fault": "earthquake"}, "There is no fault “earthquake”."),
        ({"fault": "delay", "seconds": 3600}, "“seconds” must be a number between 0 and 60."),
        ({"fault": "delay", "seconds": "x"}, "“seconds” must be a number between 0 and 60."),
        ({"fault": "refuse", "status": 418}, "The status must be one of 429, 500, 502, 503."),
        ({"fault": "refuse", "requests": 0}, "“requests” must be a number between 1 and 10000."),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: dict[str, Any], why: str) -> None:
    faults = Faults(time.time, lambda forget: 0)
    with pytest.raises(RefusedByClient, match="^" + why.replace(".", r"\.")):
        faults.bring(wanted)
    assert faults.state()["done"] == []


async def test_the_page_and_other_members_are_spared(robin: Member, playground: Playground) -> None:
    await bring(playground, fault="refuse", status=500, requests=100)
    assert await robin.say("still here")
    async with aiohttp.ClientSession() as session, session.get(playground.address) as response:
        assert response.status == 200
    assert playground.panel.faults.state()["refusing"]["left"] == 100
