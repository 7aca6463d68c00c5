"""The page's own API: what people do and see. The page and tests use nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from bot.playground import intake, places, threads
from bot.playground.actions import Actions, Deed, may_use, offered_in
from bot.playground.errors import DiscordError, RefusedByClient
from bot.playground.payloads import Projection
from bot.playground.people import LOCALES, MOST_NAME
from bot.playground.records import Change, Channel, Interaction, Json, User
from bot.playground.world import ANSWER_WITHIN_S

UPLOAD_LIMIT_BYTES = 25 * 1024 * 1024  # what a person may send
LOADING_FAILED = "Loading options failed"
FAREWELL_S = 2.0  # for the last events to be taken, when the playground closes

_FOR_EVERYBODY = {
    "commands_changed": "commands",
    "people_changed": "people",
    "thread_opened": "channels",
    "thread_deleted": "channels",
}
Work = Callable[[Deed], Awaitable[web.Response]]


class Api:
    """Handles the routes under /playground/."""

    def __init__(self, projection: Projection) -> None:
        self._world = projection.world
        self._projection = projection
        self._actions = Actions(projection)
        self._watchers: dict[web.WebSocketResponse, tuple[User, asyncio.Queue[Json | None]]] = {}
        self._writers: set[asyncio.Task[None]] = set()
        self._bot_online = False

    def routes(self) -> list[web.RouteDef]:
        """Lists the routes."""
        deeds = {
            "invoke": self._actions.invoke,
            "context": self._actions.context_menu,
            "component": self._actions.use_component,
            "modal": self._actions.submit_modal,
        }
        return [
            web.get("/playground/personas", self.personas),
            web.post("/playground/personas", self._doing(self.welcome)),
            web.get("/playground/channels", self.channels),
            web.get("/playground/channels/{channel_id}/messages", self.messages),
            web.get("/playground/commands", self.commands),
            web.get("/playground/interactions/{interaction_id}", self.interaction),
            web.get("/playground/events", self.events),
            web.post("/playground/autocomplete", self._doing(self.autocomplete)),
            web.post("/playground/say", self._doing(self.say)),
            web.post("/playground/thread", self._doing(self.open_thread)),
            web.post("/playground/thread/delete", self._doing(self.delete_thread)),
            web.post("/playground/react", self._doing(self.react)),
            web.post("/playground/edit", self._doing(self.edit)),
            web.post("/playground/delete", self._doing(self.delete)),
            *(
                web.post(f"/playground/{name}", self._doing(self._starting(start)))
                for name, start in deeds.items()
            ),
        ]

    # -- looking ---------------------------------------------------------------------

    async def personas(self, request: web.Request) -> web.Response:
        """Lists who one can be, and who the bot is."""
        people = [self._person(one) for one in self._world.personas.values()]
        bot = places.user(self._world.bot) | {"online": self._bot_online}
        return web.json_response({"personas": people, "bot": bot})

    def _person(self, who: User) -> Json:
        direct = self._world.dm_of(who.id)
        return {
            **places.user(who),
            "key": who.key,
            "locale": who.locale,
            "manages_guild": bool(who.permissions & 1 << 5),
            "dm_channel_id": None if direct is None else str(direct.id),
        }

    async def channels(self, request: web.Request) -> web.Response:
        """Lists the channels that a persona sees."""
        who = self._viewer(request)
        seen = [c for c in self._world.channels.values() if self._world.can_see(who, c)]
        return web.json_response([places.channel(c, self._world) for c in seen])

    async def messages(self, request: web.Request) -> web.Response:
        """Lists the messages of a channel that a persona sees, oldest first.

        ``limit`` asks for the newest of them only, ``before`` for those older than a message.
        """
        who, channel = self._viewer(request), self._channel(request.match_info["channel_id"])
        if not self._world.can_see(who, channel):
            return refusal("You cannot see this channel.", 403)
        before, limit = (_number(request.query.get(key)) for key in ("before", "limit"))
        seen = [m for m in self._world.history(channel.id, before) if self._world.sees(who, m)]
        seen = seen if limit is None else seen[max(0, len(seen) - limit) :]
        return web.json_response([self._projection.shown(m) for m in seen])

    async def commands(self, request: web.Request) -> web.Response:
        """Lists the commands that a persona may use, everywhere or in one channel."""
        who = self._viewer(request)
        commands = [c for c in self._world.commands.values() if may_use(who, c)]
        if "channel_id" in request.query:
            where = self._channel(request.query["channel_id"])
            commands = [c for c in commands if offered_in(where, c)]
        return web.json_response(commands)

    async def interaction(self, request: web.Request) -> web.Response:
        """Tells how an interaction stands."""
        self._world.expire()
        found = self._interaction(request.match_info["interaction_id"])
        if found is None:
            return refusal("There is no such interaction.", 404)
        return web.json_response(self._projection.state(found))

    # -- doing -----------------------------------------------------------------------

    def _doing(self, work: Work) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Wraps a deed: reads the form, finds the persona, words a refusal as 400."""

        async def handle(request: web.Request) -> web.Response:
            try:
                form = await intake.read(request, keep_bytes=UPLOAD_LIMIT_BYTES)
                return await work(self._deed(form))
            except RefusedByClient as refused:
                return refusal(str(refused), 400)
            except DiscordError as refused:
                return refusal(refused.message, refused.status)

        return handle

    def _deed(self, form: intake.Intake) -> Deed:
        """Reads who does something, where, and with what."""
        body = form.body if isinstance(form.body, dict) else {}
        if any(len(upload.data) > UPLOAD_LIMIT_BYTES for upload in form.files.values()):
            raise RefusedByClient("This file is too large; the limit is 25 MB.")
        who = self._world.persona(str(body.get("persona", "member")))
        if who is None:
            raise RefusedByClient("There is no such persona.")
        channel = self._channel(str(body["channel_id"])) if body.get("channel_id") else None
        channel = channel or next(iter(self._world.channels.values()))
        if not self._world.can_see(who, channel):
            raise RefusedByClient("You cannot see this channel.")
        return Deed(who, channel, body, form.files)

    def _starting(self, start: Callable[[Deed], Interaction]) -> Work:
        """Makes a deed of one that starts an interaction; answers with its id."""

        async def work(deed: Deed) -> web.Response:
            return web.json_response({"interaction_id": str(start(deed).id)})

        return work

    async def autocomplete(self, deed: Deed) -> web.Response:
        """Asks the bot for choices and waits for them, three seconds at most."""
        answered = asyncio.Event()
        interaction: Interaction | None = None

        def on_change(change: Change) -> None:
            over = change.kind in ("choices_offered", "interaction_failed")
            if over and change.interaction is interaction:
                answered.set()

        with self._world.listening(on_change):
            interaction = self._actions.autocomplete(deed)
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S + 0.5):
                    await answered.wait()
            except TimeoutError:
                return refusal(LOADING_FAILED, 504)
        if interaction.choices is None:
            return refusal(interaction.error or LOADING_FAILED, 504)
        return web.json_response({"choices": interaction.choices})

    async def welcome(self, deed: Deed) -> web.Response:
        """Lets a new persona in, with a name, a language, and the server to manage or not."""
        name, locale = str(deed.body.get("name") or "").strip(), str(deed.body.get("locale"))
        if not 1 <= len(name) <= MOST_NAME:
            raise RefusedByClient(f"A name has between 1 and {MOST_NAME} characters.")
        if locale not in LOCALES:
            raise RefusedByClient(f"Discord's client does not speak “{locale}”.")
        who = self._world.welcome(name, locale, manages=bool(deed.body.get("manages_guild")))
        return web.json_response(self._person(who))

    async def say(self, deed: Deed) -> web.Response:
        """Posts an ordinary message."""
        return web.json_response(self._projection.shown(self._actions.say(deed)))

    async def open_thread(self, deed: Deed) -> web.Response:
        """Opens a thread, on a message or beside them."""
        thread = threads.open_thread(self._world, deed)
        return web.json_response(places.channel(thread, self._world))

    async def delete_thread(self, deed: Deed) -> web.Response:
        """Deletes a thread and what was said in it."""
        threads.delete_thread(self._world, deed)
        return web.json_response({})

    async def react(self, deed: Deed) -> web.Response:
        """Adds or takes away a reaction."""
        present = bool(deed.body.get("present", True))
        message = self._actions.message(deed)
        self._world.react(message, str(deed.body["emoji"]), deed.who.id, present=present)
        return web.json_response(self._projection.shown(message))

    async def edit(self, deed: Deed) -> web.Response:
        """Changes the text of a message of one's own."""
        return web.json_response(self._projection.shown(self._actions.edit(deed)))

    async def delete(self, deed: Deed) -> web.Response:
        """Removes a message of one's own, or dismisses an ephemeral one."""
        self._actions.delete(deed)
        return web.json_response({})

    # -- watching --------------------------------------------------------------------

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        """Pushes what a persona may see of every change, until the socket closes."""
        who = self._viewer(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        outbox: asyncio.Queue[Json | None] = asyncio.Queue()
        self._watchers[socket] = who, outbox
        hello = {"type": "hello", "persona": self._person(who), "bot_online": self._bot_online}
        outbox.put_nowait(hello)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(_write(socket, outbox))
                self._writers.add(writer)
                writer.add_done_callback(self._writers.discard)
                async for frame in socket:
                    if frame.type is WSMsgType.ERROR:
                        break
                writer.cancel()
        finally:
            self._watchers.pop(socket, None)
        return socket

    async def close(self) -> None:
        """Ends every events socket, once what has happened until now has been sent."""
        for _, outbox in self._watchers.values():
            outbox.put_nowait(None)  # behind the last event
        if self._writers:
            await asyncio.wait(self._writers, timeout=FAREWELL_S)
        closing = [socket.close(code=1001) for socket in self._watchers]
        await asyncio.gather(*closing, return_exceptions=True)

    def on_change(self, change: Change) -> None:
        """Queues a change for every watcher that may see it."""
        event: Json | None = None
        for who, outbox in self._watchers.values():
            if self._may_know(who, change):
                event = event or self._event(change)
                outbox.put_nowait(event)

    def on_presence(self, online: bool) -> None:
        """Tells every watcher that the bot has come online or gone."""
        if online == self._bot_online:
            return
        self._bot_online = online
        for _, outbox in self._watchers.values():
            outbox.put_nowait({"type": "bot_presence", "bot_online": online})

    def _may_know(self, who: User, change: Change) -> bool:
        """Tells whether a change concerns a persona."""
        if change.kind in _FOR_EVERYBODY:
            return True
        if change.message is not None:
            return self._world.sees(who, change.message)
        if change.interaction is not None:
            return change.interaction.user_id == who.id
        channel = self._world.channels.get(change.channel_id or 0)
        return channel is not None and self._world.can_see(who, channel)

    def _event(self, change: Change) -> Json:
        event: Json = {"type": change.kind}
        if change.kind.startswith("reaction"):
            event["type"] = "message_updated"
        if change.kind in _FOR_EVERYBODY:  # what everybody is to ask for again
            event["type"] = _FOR_EVERYBODY[change.kind]
        if change.message is not None:
            event["message"] = self._projection.shown(change.message)
        if change.interaction is not None:
            event["interaction"] = self._projection.state(change.interaction)
        if change.kind == "typing_started":
            event["channel_id"] = str(change.channel_id)
        return event

    # -- finding ---------------------------------------------------------------------

    def _viewer(self, request: web.Request) -> User:
        who = self._world.persona(request.query.get("as", "member"))
        if who is None:
            raise _not_found("There is no such persona.")
        return who

    def _channel(self, text: str) -> Channel:
        channel = self._world.channels.get(int(text)) if text.isdecimal() else None
        if channel is None:
            raise _not_found("There is no such channel.")
        return channel

    def _interaction(self, text: str) -> Interaction | None:
        return self._world.interactions.get(int(text)) if text.isdecimal() else None


async def _write(socket: web.WebSocketResponse, outbox: asyncio.Queue[Json | None]) -> None:
    """Sends what is queued until the socket is gone, or None says that nothing more comes."""
    while not socket.closed and (event := await outbox.get()) is not None:
        try:
            await socket.send_json(event)
        except ConnectionError:
            return


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def refusal(sentence: str, status: int) -> web.Response:
    """Makes an answer that says why not, in one sentence."""
    return web.json_response({"error": sentence}, status=status)


def _not_found(sentence: str) -> web.HTTPNotFound:
    """Makes a 404 that says what is not there."""
    text = json.dumps({"error": sentence})
    return web.HTTPNotFound(text=text, content_type="application/json")
