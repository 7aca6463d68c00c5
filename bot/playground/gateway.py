"""Discord's gateway v10 over WebSocket: identify, dispatch, resume with replay."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from aiohttp import WSMsgType, web

from bot.playground import places, threads
from bot.playground.access import same
from bot.playground.payloads import Projection
from bot.playground.records import DM_CHANNEL, Change, Json, Message
from bot.playground.wires import WIRES, Wire
from bot.playground.world import GUILD_ID, World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
HEARTBEAT_INTERVAL_MS = 41_250
ACK_AFTER_S = 0.1  # at once, it would overtake the thread that notes when the heartbeat was sent
REPLAYED = 1000  # events kept for a session that comes back

NOT_AUTHENTICATED, WRONG_TOKEN, ALREADY_AUTHENTICATED, BAD_JSON = 4003, 4004, 4005, 4002
GUILDS, GUILD_MESSAGES, GUILD_REACTIONS, GUILD_TYPING = 1 << 0, 1 << 9, 1 << 10, 1 << 11
DIRECT_MESSAGES, DIRECT_REACTIONS, DIRECT_TYPING = 1 << 12, 1 << 13, 1 << 14
MESSAGE_CONTENT = 1 << 15

_MESSAGE_EVENTS = {
    "message_created": "MESSAGE_CREATE",
    "message_updated": "MESSAGE_UPDATE",
    "message_deleted": "MESSAGE_DELETE",
}
_REACTION_EVENTS = {
    "reaction_added": "MESSAGE_REACTION_ADD",
    "reaction_removed": "MESSAGE_REACTION_REMOVE",
}


Direction: TypeAlias = Literal["to bot", "from bot"]


@dataclass(slots=True)
class Session:
    """What Discord remembers of a client between its connections."""

    id: str
    intents: int
    sequence: int = 0
    sent: deque[Json] = field(default_factory=lambda: deque(maxlen=REPLAYED))
    outbox: asyncio.Queue[Json] | None = None  # None while nobody is connected

    def dispatch(self, event: str, data: Json) -> None:
        """Sends an event, or keeps it for the client's return."""
        self.sequence += 1
        frame: Json = {"op": DISPATCH, "t": event, "s": self.sequence, "d": data}
        self.sent.append(frame)
        if self.outbox is not None:
            self.outbox.put_nowait(frame)

    def missed_after(self, sequence: int) -> list[Json] | None:
        """Returns the events after `sequence`; None if some are no longer kept."""
        missed = [frame for frame in self.sent if frame["s"] > sequence]
        complete = sequence <= self.sequence and len(missed) == self.sequence - sequence
        return missed if complete else None


class Gateway:
    """Projects the world's changes into gateway events for every session."""

    def __init__(
        self,
        projection: Projection,
        token: str,
        url: Callable[[], str],
        on_presence: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._on_presence = on_presence  # told whenever the bot comes online or goes
        self._projection = projection
        self._world: World = projection.world
        self._token = token
        self._url = url
        self._sessions: dict[str, Session] = {}
        self._connections: set[_Connection] = set()
        self.identified = asyncio.Event()
        self.resumes = 0
        self.observer: Callable[[Direction, Json], None] = lambda _, __: None

    # -- connections -----------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Tells whether a bot is connected and hears what happens."""
        return any(session.outbox is not None for session in self._sessions.values())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serves one connection until either side ends it."""
        try:
            wire = WIRES[request.query.get("compress", "")]()
        except (KeyError, ImportError):
            return web.json_response({"message": "Unknown compression"}, status=400)
        if request.query.get("encoding", "json") != "json":
            return web.json_response({"message": "Unknown encoding"}, status=400)
        socket = web.WebSocketResponse(max_msg_size=1 << 16)
        await socket.prepare(request)
        connection = _Connection(self, request, socket, wire)
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)
            self._on_presence(self.online)
        return socket

    def drop(self, *, forget: bool = False) -> int:
        """Cuts every connection without a word; returns how many there were.

        With `forget` the sessions are lost too, so that a RESUME is refused.
        """
        cut = list(self._connections)
        if forget:
            self._sessions.clear()
        for connection in cut:
            connection.cut()
        return len(cut)

    async def close(self) -> None:
        """Ends every connection politely, as Discord does when it restarts."""
        for connection in list(self._connections):
            await connection.socket.close(code=1001, message=b"The playground is closing")

    def ask_to_reconnect(self) -> None:
        """Sends RECONNECT to every client, as Discord does now and then."""
        for connection in self._connections:
            connection.outbox.put_nowait({"op": RECONNECT, "d": None})

    # -- sessions --------------------------------------------------------------------

    def identify(self, data: Json, outbox: asyncio.Queue[Json]) -> Session:
        """Starts a session: READY, then GUILD_CREATE if the intents include guilds."""
        session = Session(secrets.token_hex(16), int(data.get("intents") or 0), outbox=outbox)
        self._sessions[session.id] = session
        self._world.reads_content = bool(session.intents & MESSAGE_CONTENT)
        session.dispatch("READY", self._ready(session, data))
        if session.intents & GUILDS:
            session.dispatch("GUILD_CREATE", places.guild(self._world))
        self.identified.set()
        self._on_presence(True)
        return session

    def _ready(self, session: Session, data: Json) -> Json:
        return {
            "v": 10,
            "user": places.user(self._world.bot) | {"verified": True, "flags": 0},
            "guilds": [{"id": str(GUILD_ID), "unavailable": True}],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._url(),
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "shard": data.get("shard") or [0, 1],
            "application": {"id": str(self._world.bot.id), "flags": 1 << 15 | 1 << 19},
        }

    def resume(self, data: Json, outbox: asyncio.Queue[Json]) -> Session | None:
        """Takes a session up again and replays what it missed; None if that cannot be."""
        session = self._sessions.get(str(data.get("session_id")))
        missed = None if session is None else session.missed_after(int(data.get("seq") or 0))
        if session is None or missed is None:
            return None
        session.outbox = outbox
        for frame in missed:
            outbox.put_nowait(frame)
        session.dispatch("RESUMED", {"_trace": []})
        self.resumes += 1
        self._on_presence(True)
        return session

    def is_token(self, token: object) -> bool:
        """Tells whether this is the token that the playground takes."""
        return isinstance(token, str) and same(token, self._token)

    # -- events ----------------------------------------------------------------------

    def on_change(self, change: Change) -> None:
        """Sends a change to every session that may know of it."""
        for session in self._sessions.values():
            for event, data in self._events(change, session.intents):
                session.dispatch(event, data)

    def _events(self, change: Change, intents: int) -> Iterator[tuple[str, Json]]:
        """Yields what one session with these intents hears of a change."""
        if change.kind == "interaction_created" and change.interaction is not None:
            yield "INTERACTION_CREATE", self._projection.interaction(change.interaction)
        elif change.kind in _MESSAGE_EVENTS and change.message is not None:
            if intents & self._wants(change.message, GUILD_MESSAGES, DIRECT_MESSAGES):
                yield _MESSAGE_EVENTS[change.kind], self._message_event(change)
        elif change.kind in _REACTION_EVENTS and change.message is not None:
            if intents & self._wants(change.message, GUILD_REACTIONS, DIRECT_REACTIONS):
                yield _REACTION_EVENTS[change.kind], self._reaction_event(change)
        elif change.kind in threads.EVENTS:
            yield threads.EVENTS[change.kind], threads.event(self._world, change)
        elif change.kind == "typing_started":
            channel = self._world.channels[change.channel_id or 0]
            if intents & (GUILD_TYPING if channel.kind != DM_CHANNEL else DIRECT_TYPING):
                yield "TYPING_START", self._typing_event(change)

    def _wants(self, message: Message, in_guild: int, directly: int) -> int:
        """Picks the intent that a message's events need; ephemeral ones travel directly."""
        return in_guild if self._is_public(message) else directly

    def _is_public(self, message: Message) -> bool:
        return self._world.channels[message.channel_id].kind != DM_CHANNEL and not message.ephemeral

    def _message_event(self, change: Change) -> Json:
        message = change.message
        if message is None:
            return {}
        public = self._is_public(message)
        place: Json = {"guild_id": str(GUILD_ID)} if public else {}
        if change.kind == "message_deleted":
            return place | {"id": str(message.id), "channel_id": str(message.channel_id)}
        data = self._projection.for_bot(message) | place
        if public:
            data["member"] = places.bare_member(self._world.users[message.author_id])
        return data

    def _reaction_event(self, change: Change) -> Json:
        message = change.message
        if message is None:
            return {}
        name, _, identity = (change.emoji or "").partition(":")
        place: Json = {"guild_id": str(GUILD_ID)} if self._is_public(message) else {}
        return place | {
            "user_id": str(change.user_id),
            "channel_id": str(message.channel_id),
            "message_id": str(message.id),
            "message_author_id": str(message.author_id),
            "emoji": {"id": identity or None, "name": name},
            "burst": False,
            "type": 0,
        }

    def _typing_event(self, change: Change) -> Json:
        channel = self._world.channels[change.channel_id or 0]
        place: Json = {"guild_id": str(GUILD_ID)} if channel.kind != DM_CHANNEL else {}
        return place | {
            "channel_id": str(channel.id),
            "user_id": str(change.user_id),
            "timestamp": int(self._world.clock()),
        }


class _Connection:
    """One WebSocket: a reader that obeys opcodes and a writer that empties the outbox."""

    def __init__(
        self, gateway: Gateway, request: web.Request, socket: web.WebSocketResponse, wire: Wire
    ) -> None:
        self._gateway = gateway
        self._request = request
        self._wire = wire
        self._session: Session | None = None
        self.socket = socket
        self.outbox: asyncio.Queue[Json] = asyncio.Queue()

    async def serve(self) -> None:
        """Says HELLO and serves until the socket closes."""
        self.outbox.put_nowait({"op": HELLO, "d": {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}})
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write())
            try:
                await self._read()
            finally:
                if self._session is not None and self._session.outbox is self.outbox:
                    self._session.outbox = None
                writer.cancel()

    def cut(self) -> None:
        """Breaks the connection without a closing handshake."""
        if self._session is not None:
            self._session.outbox = None
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _write(self) -> None:
        while True:
            frame = await self.outbox.get()
            self._gateway.observer("to bot", frame)
            packed = self._wire.pack(json.dumps(frame))
            try:
                if isinstance(packed, str):
                    await self.socket.send_str(packed)
                else:
                    await self.socket.send_bytes(packed)
            except ConnectionError:
                return  # the reader sees the end of the socket too

    async def _read(self) -> None:
        async for frame in self.socket:
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            code = self._obey(frame.data)
            if code is not None:
                await self.socket.close(code=code)

    def _obey(self, text: str | bytes) -> int | None:
        """Does what a frame asks; returns a close code if the client may not stay."""
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError):
            return BAD_JSON
        self._gateway.observer("from bot", frame)
        if op == HEARTBEAT:
            ack: Json = {"op": HEARTBEAT_ACK, "d": None}
            asyncio.get_running_loop().call_later(ACK_AFTER_S, self.outbox.put_nowait, ack)
        elif op in (IDENTIFY, RESUME):
            return self._begin(op, data)
        elif self._session is None:
            return NOT_AUTHENTICATED
        elif op == REQUEST_MEMBERS:
            self._session.dispatch("GUILD_MEMBERS_CHUNK", self._members(data))
        return None

    def _begin(self, op: int, data: Json) -> int | None:
        """Identifies or resumes, once."""
        if self._session is not None:
            return ALREADY_AUTHENTICATED
        if not self._gateway.is_token(data.get("token")):
            return WRONG_TOKEN
        if op == IDENTIFY:
            self._session = self._gateway.identify(data, self.outbox)
            return None
        self._session = self._gateway.resume(data, self.outbox)
        if self._session is None:
            self.outbox.put_nowait({"op": INVALID_SESSION, "d": False})
        return None

    def _members(self, data: Json) -> Json:
        people = places.guild(self._gateway._world)["members"]
        return {
            "guild_id": str(GUILD_ID),
            "members": people,
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
            "nonce": data.get("nonce"),
        }
