"""What stands beside the chat: inspector, faults and recording, and the routes of the three.

A panel that is open hears of changes over a socket of its own, in batches: what happens many times
in a twentieth of a second is told once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

from bot.playground.entries import Entry
from bot.playground.errors import RefusedByClient
from bot.playground.faults import Faults
from bot.playground.gateway import Gateway
from bot.playground.inspector import Inspector
from bot.playground.recording import Recorder
from bot.playground.records import Json
from bot.playground.replaying import NotReplayed, Replay
from bot.playground.retelling import retold, retold_call
from bot.playground.scenario import Step, UnreadableScenario, read, typed, written
from bot.playground.world import World

BATCH_S = 0.05
SHOWN_AT_FIRST = 500
MOST_SCENARIO_BYTES = 64 << 20

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Panel:
    """Inspector, faults and recorder of one playground.

    `address` says where replays find the playground.
    """

    def __init__(self, world: World, gateway: Gateway, address: Callable[[], str]) -> None:
        self.inspector = Inspector(world, self._on_entry)
        gateway.observer = self.inspector.on_frame
        self.faults = Faults(
            world.clock, lambda forget: gateway.drop(forget=forget), lambda: self._on_news("faults")
        )
        self.recorder = Recorder(world, lambda: self._on_news("recording"))
        self._world = world
        self._address = address
        self._watchers: set[_Watcher] = set()
        self._replaying: asyncio.Task[None] | None = None
        self._replay: Json = {"running": False, "said": ""}

    def routes(self) -> list[web.RouteDef]:
        """Lists the panel's routes."""
        return [
            web.get("/playground/panel/events", self.events),
            web.get("/playground/panel/entries/{number}", self.entry),
            web.post("/playground/panel/clear", self._doing(self.clear)),
            web.post("/playground/panel/faults", self._doing(self.bring)),
            web.post("/playground/panel/recording", self._doing(self.record)),
            web.get("/playground/panel/recorded.jsonl", self.scenario),
            web.get("/playground/panel/recorded.py", self.test),
            web.post("/playground/panel/replay", self._doing(self.replay)),
        ]

    async def close(self) -> None:
        """Ends every socket, and a replay under way."""
        if self._replaying is not None:
            self._replaying.cancel()
            await asyncio.gather(self._replaying, return_exceptions=True)
        for watcher in list(self._watchers):
            await watcher.socket.close(code=1001)

    # -- news ------------------------------------------------------------------------

    def _on_entry(self, entry: Entry) -> None:
        for watcher in self._watchers:
            watcher.entries[entry.number] = None
            watcher.stir()

    def _on_news(self, what: str) -> None:
        for watcher in self._watchers:
            watcher.news[what] = None
            watcher.stir()

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        """Pushes entries and states until the socket closes."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        watcher = _Watcher(socket)
        self._watchers.add(watcher)
        newest = [entry.number for entry in self.inspector.entries][-SHOWN_AT_FIRST:]
        watcher.entries = dict.fromkeys(newest)
        watcher.news = dict.fromkeys(("faults", "recording"))
        watcher.stir()
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(watcher))
                async for frame in socket:
                    if frame.type is WSMsgType.ERROR:
                        break
                writer.cancel()
        finally:
            self._watchers.discard(watcher)
        return socket

    async def _write(self, watcher: _Watcher) -> None:
        """Sends what is new, batch by batch, until the socket is gone."""
        while not watcher.socket.closed:
            await watcher.stirred.wait()
            await asyncio.sleep(BATCH_S)
            watcher.stirred.clear()
            numbers, watcher.entries = watcher.entries, {}
            news, watcher.news = watcher.news, {}
            found = (self.inspector.entries.get(number) for number in numbers)
            batch: Json = {"now": self._world.clock()}
            if rows := [entry.row() for entry in found if entry is not None]:
                batch["entries"] = rows
            if "faults" in news:
                batch["faults"] = self.faults.state()
            if "recording" in news:
                batch["recording"] = self.state()
            with contextlib.suppress(ConnectionError):
                await watcher.socket.send_json(batch)

    def state(self) -> Json:
        """Returns how it stands with the recording, for the panel."""
        steps, _ = self.recorder.recorded()
        lines = [{"persona": step.persona, "what": typed(step)} for step in steps]
        return {"on": self.recorder.on, "steps": lines, "replay": self._replay}

    # -- looking ---------------------------------------------------------------------

    async def entry(self, request: web.Request) -> web.Response:
        """Gives all of one entry, and the test that it can be told as."""
        text = request.match_info["number"]
        found = self.inspector.entries.get(int(text)) if text.isdecimal() else None
        if found is None:
            return _refusal("This entry is no longer kept.", 404)
        told = {"details": found.details, "stages": found.stages, "test": self._test_of(found)}
        return web.json_response(found.row() | told)

    def _test_of(self, entry: Entry) -> str | None:
        """Retells what an entry came of, or the request that it is, as a test; else None."""
        if entry.interaction_id is not None:
            steps, seen = self.recorder.leading_to(int(entry.interaction_id))
            return retold(steps, seen) if steps else None
        if entry.kind != "rest":
            return None
        try:
            request = json.loads(entry.details["request"])
            answer = json.loads(entry.details.get("answer", "null"))
        except ValueError:  # cut short
            return None
        failed = int(entry.status) >= 400 and isinstance(answer, dict)
        return retold_call(request, int(entry.status), answer.get("code") if failed else None)

    async def scenario(self, request: web.Request) -> web.Response:
        """Gives the recording as a file to be played again."""
        steps, _ = self.recorder.recorded()
        return _download(written(steps), "recorded.jsonl", "application/jsonl")

    async def test(self, request: web.Request) -> web.Response:
        """Gives the recording as a Python test."""
        return _download(retold(*self.recorder.recorded()), "test_recorded.py", "text/x-python")

    # -- doing -----------------------------------------------------------------------

    def _doing(self, work: Callable[[Any], Awaitable[None]]) -> Route:
        """Wraps a deed: hands it the JSON of the request, words a refusal as 400."""

        async def handle(request: web.Request) -> web.Response:
            try:
                await work(await request.json())
            except (RefusedByClient, UnreadableScenario) as refused:
                return _refusal(str(refused), 400)
            except (AttributeError, TypeError, ValueError):
                return _refusal("The panel sent what makes no sense.", 400)
            return web.json_response({})

        return handle

    async def clear(self, wanted: Json) -> None:
        """Forgets every entry."""
        self.inspector.entries.clear()

    async def bring(self, wanted: Json) -> None:
        """Brings a fault about."""
        self.faults.bring(wanted)

    async def record(self, wanted: Json) -> None:
        """Begins or ends a recording."""
        if wanted["on"]:
            self.recorder.start()
        else:
            self.recorder.stop()

    async def replay(self, wanted: Json) -> None:
        """Begins to play a scenario: the one that is sent, or the recorded one."""
        if self._replay["running"]:
            raise RefusedByClient("A scenario is being played already.")
        text = str(wanted.get("scenario") or "")
        steps = read(text) if text else self.recorder.recorded()[0]
        if not steps:
            raise RefusedByClient("There is no step to play. Record something first.")
        self._tell_replay(f"{len(steps)} steps are played.")
        self._replaying = asyncio.create_task(self._play(steps))

    async def _play(self, steps: list[Step]) -> None:
        """Plays a scenario and tells how far it is; a recording does not record itself."""
        self.recorder.stop()
        try:
            async with Replay(self._address()) as replay:
                for number, step in enumerate(steps, start=1):
                    self._tell_replay(f"Step {number} of {len(steps)}: {typed(step)}")
                    await replay.play(step)
        except (NotReplayed, OSError) as failed:
            self._tell_replay(str(failed), running=False)
        else:
            self._tell_replay(f"All {len(steps)} steps were answered.", running=False)

    def _tell_replay(self, said: str, *, running: bool = True) -> None:
        self._replay = {"running": running, "said": said}
        self._on_news("recording")


class _Watcher:
    """One open panel, and what it has not heard yet; each thing once, however often it changed."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.entries: dict[int, None] = {}
        self.news: dict[str, None] = {}
        self.stirred = asyncio.Event()

    def stir(self) -> None:
        """Notes that there is something to be told."""
        self.stirred.set()


def _refusal(sentence: str, status: int) -> web.Response:
    """Makes an answer that says why not, in one sentence."""
    return web.json_response({"error": sentence}, status=status)


def _download(text: str, name: str, content_type: str) -> web.Response:
    """Makes an answer that a browser keeps as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=text, content_type=content_type, headers=headers)
