"""The inspector: calls, frames, clocks, jobs' lives, masks and bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.playground.entries import DETAIL_CHARACTERS, Entry, Ring, detail
from bot.playground.inspector import Inspector
from bot.playground.member import Member
from bot.playground.records import Upload
from bot.playground.server import Playground
from bot.playground.world import World
from tests.openapi import faults_of
from tests.playground.conftest import FakeClock, Raw


def entries(playground: Playground, kind: str) -> list[Entry]:
    return [entry for entry in playground.panel.inspector.entries if entry.kind == kind]


def titled(playground: Playground, kind: str, title: str) -> Entry:
    found = [entry for entry in entries(playground, kind) if title in entry.title]
    assert found, [entry.title for entry in entries(playground, kind)]
    return found[-1]


@asynccontextmanager
async def watching(playground: Playground) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session:
        url = f"{playground.address}/playground/panel/events"
        async with session.ws_connect(url) as socket:
            yield socket


async def test_what_goes_both_ways_is_kept(robin: Member, playground: Playground) -> None:
    asked = await robin.invoke("echo", text="hello", loud=True)
    await asked.settled()
    assert titled(playground, "to bot", "INTERACTION_CREATE /echo text:hello").details["frame"]
    assert titled(playground, "from bot", "IDENTIFY")
    assert titled(playground, "to bot", "READY")
    call = titled(playground, "rest", "POST /interactions/…/…/callback")
    assert (call.status, call.faults, call.interaction_id) == ("200", [], asked.id)
    assert json.loads(call.details["request"])["body"]["data"]["content"] == "HELLO"
    life = titled(playground, "interaction", "Robin: /echo text:hello loud:True")
    assert (life.status, life.faults) == ("message", [])
    assert [stage["what"] for stage in life.stages] == [
        "interaction created",
        "interaction acknowledged",
    ]


async def test_the_clocks_of_an_interaction(
    robin: Member, playground: Playground, clock: FakeClock
) -> None:
    began = clock()
    asked = await robin.invoke("wait")
    life = titled(playground, "interaction", "/wait")
    assert life.status == "waiting"
    assert life.clock == {
        "began": began,
        "answer_by": began + 3.0,
        "token_until": began + 900.0,
        "acknowledged": None,
        "failed": False,
    }
    clock.advance(3.1)
    playground.world.expire()
    assert life.status == "The application did not respond"
    assert life.clock is not None
    assert life.clock["failed"]
    assert asked.id == life.interaction_id


async def test_tokens_are_masked_everywhere(robin: Member, playground: Playground) -> None:
    await (await robin.invoke("twice")).settled()
    await (await robin.invoke("later", how="edit", private=False)).settled()
    everything = json.dumps([[e.title, e.details] for e in playground.panel.inspector.entries])
    assert "•••" in json.loads(everything)[0][1].get("frame", "•••")
    assert playground.token not in everything
    for interaction in playground.world.interactions.values():
        assert interaction.token not in everything


async def test_what_discord_refuses_is_named_fault_by_fault(
    raw: Raw, playground: Playground
) -> None:
    body = {"content": "x" * 2001, "embeds": [{"title": "y" * 300}]}
    await raw("POST", f"/channels/{next(iter(playground.world.channels))}/messages", json=body)
    assert titled(playground, "rest", "POST /channels/…/messages").faults == [
        "50035: Invalid Form Body",
        "content: Must be 2000 or fewer in length.",
        "embeds.0.title: Must be 256 or fewer in length.",
    ]
    await raw("GET", "/stickers/1")
    assert "does not know the route" in titled(playground, "rest", "/stickers/1").faults[0]


async def test_a_judge_adds_what_the_playground_does_not_check(
    raw: Raw, playground: Playground
) -> None:
    playground.panel.inspector.judges.append(faults_of)
    channel = next(iter(playground.world.channels))
    await raw("POST", f"/channels/{channel}/messages", json={"content": "hi", "tts": "loudly"})
    faults = titled(playground, "rest", "POST /channels/…/messages").faults
    assert any("tts" in fault for fault in faults)


def lived(*events: dict[str, Any]) -> tuple[Inspector, FakeClock]:
    clock = FakeClock()
    inspector = Inspector(World(clock))
    for event in events:
        inspector.hear(event)
        clock.advance(1.0)
    return inspector, clock


def test_a_jobs_life_is_one_entry() -> None:
    inspector, _ = lived(
        {"event": "job queued", "job": "ab", "task": "complete", "model": "gpt2", "interaction": 7},
        {"event": "job given out", "job": "ab", "worker": 2},
        {"event": "job started", "job": "ab"},
        {"event": "job ended", "job": "ab", "state": "done", "model": "gpt2", "batch": 4},
    )
    (life,) = inspector.entries
    assert (life.kind, life.title, life.status) == ("job", "job ab complete gpt2", "done")
    assert (life.interaction_id, life.took_s, life.faults) == ("7", 3.0, [])
    assert [stage["what"] for stage in life.stages] == ["queued", "given out", "started", "ended"]
    assert (life.stages[1]["worker"], life.stages[3]["batch"]) == (2, 4)


def test_a_job_that_goes_wrong_says_so() -> None:
    event = {"event": "job failed", "job": "cd", "level": "error", "error": "out of luck"}
    inspector, _ = lived(event | {"trace": "Traceback\n" * 40})
    (life,) = inspector.entries
    assert life.faults == ["job failed: out of luck"]
    assert life.details == {"trace": "Traceback\n" * 40}
    assert life.stages == [{"what": "failed", "at": life.at_s, "error": "out of luck"}]


def test_what_the_bot_logs_is_an_entry_with_file_line_and_message() -> None:
    inspector, _ = lived(
        {"event": "worker ready", "level": "info", "worker": 1, "pid": 77},
        {
            "event": "cog not reloaded", "level": "error", "cog": "x",
            "file": "cogs/x.py", "line": 3, "message": "invalid syntax",
        },
    )  # fmt: skip
    ready, broken = inspector.entries
    assert (ready.title, ready.faults) == ("worker ready worker=1 pid=77", [])
    assert broken.faults == ["cog not reloaded (cogs/x.py, line 3): invalid syntax"]


def test_the_ring_is_bounded_in_number_and_in_what_it_holds() -> None:
    ring = Ring(most=3, characters=100)
    for number in range(5):
        ring.add(Entry(0.0, "log", str(number), key=f"k{number}"))
    assert [entry.title for entry in ring] == ["2", "3", "4"]
    assert ring.find("k0") is None
    large = ring.add(Entry(0.0, "log", "5", details={"a": "x" * 90}))
    assert [entry.title for entry in ring] == ["3", "4", "5"]
    large.details["b"] = "y" * 5
    ring.weigh(large)
    assert len(ring) == 3
    ring.add(Entry(0.0, "log", "6", details={"a": "z" * 20}))
    assert [entry.title for entry in ring] == ["6"]
    ring.clear()
    assert len(ring) == 0


def test_a_detail_is_cut_short_and_masks_what_lies_deep() -> None:
    text = detail({"d": [{"token": "secret-1"}, "at playground-0123456789abcdefghijkl!"]})
    assert "secret-1" not in text
    assert "0123456789" not in text
    long = detail(["x" * (DETAIL_CHARACTERS + 500)])
    assert len(long) < DETAIL_CHARACTERS + 100
    assert "more characters" in long


async def test_a_panel_hears_of_each_change_once_a_batch(
    robin: Member, playground: Playground
) -> None:
    async with watching(playground) as socket:
        first = await socket.receive_json()
        assert {"now", "entries", "faults", "recording"} <= set(first)
        asked = await robin.invoke("stream", parts=9)
        await asked.settled(until=lambda message: message["content"].endswith("9"))
        rows: dict[int, dict[str, Any]] = {}
        told = 0
        async with asyncio.timeout(30):
            while not any("MESSAGE_UPDATE 1 2 3 4 5 6 7 8 9" in r["title"] for r in rows.values()):
                batch = await socket.receive_json()
                told += 1
                rows |= {row["number"]: row for row in batch.get("entries", ())}
        lives = [row for row in rows.values() if row["kind"] == "interaction"]
        assert [life["status"] for life in lives] == ["deferred"]
        assert len(rows) > told
        url = f"{playground.address}/playground/panel/entries/{lives[0]['number']}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            full = await response.json()
        assert 'await member.invoke("stream", parts=9)' in full["test"]
        assert full["stages"]


async def test_an_entry_that_is_gone_says_so(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        for number in ("999999", "nonsense"):
            url = f"{playground.address}/playground/panel/entries/{number}"
            async with session.get(url) as response:
                assert response.status == 404
                assert "no longer kept" in (await response.json())["error"]


@pytest.mark.parametrize("size", [10, 300_000])
async def test_files_are_told_by_name_and_size(
    robin: Member, playground: Playground, size: int
) -> None:
    asked = await robin.invoke("mirror", image=Upload("a.bin", b"\xff" * size))
    await asked.settled()
    request = json.loads(titled(playground, "rest", "callback").details["request"])
    assert request["files"]["files[0]"] == {"filename": "mirrored.bin", "bytes": size}


async def test_a_request_is_retold_as_a_test_that_passes(raw: Raw, playground: Playground) -> None:
    channel = next(iter(playground.world.channels))
    body = {"content": "x", "embeds": [{"title": "y" * 300}]}
    await raw("POST", f"/channels/{channel}/messages", json=body)
    await raw("GET", f"/channels/{channel}/messages", params={"limit": "2"})
    for title, status in (("POST /channels/…/messages", 400), ("GET /channels/…/messages", 200)):
        number = titled(playground, "rest", title).number
        url = f"{playground.address}/playground/panel/entries/{number}"
        async with raw.session.get(url) as response:
            code = (await response.json())["test"]
        assert f"assert status == {status}" in code
        assert ('answer["code"] == 50035' in code) == (status == 400)
        names: dict[str, Any] = {}
        exec(compile(code, "test_sent", "exec"), names)
        await names["test_sent"](raw)
        with pytest.raises(AssertionError):
            exec(code.replace(f"status == {status}", "status == 204"), names)
            await names["test_sent"](raw)
