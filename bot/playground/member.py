"""A person at the keyboard, in Python: does over HTTP what the page does, and watches.

Works on a playground in this process or another one; tests and tours are written with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias

import aiohttp

from bot.playground.components import walk
from bot.playground.invocation import Invocation, NoAnswer
from bot.playground.records import Json, Upload

File: TypeAlias = "Path | Upload"
Reached: TypeAlias = "Json | Invocation"

__all__ = ["File", "Invocation", "Member", "NoAnswer", "Refused"]


class Refused(Exception):
    """The Discord client (here: the page's API) would not do it; says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Member:
    """One persona of a playground at `address`, to be entered with `async with`.

    `channel_id` is where things are done unless a call says otherwise: the guild's
    text channel, or the direct messages with the bot if `dm` is true. Beyond loopback
    `address` is the one with the key, as the playground prints it.
    """

    def __init__(self, address: str, persona: str = "member", *, dm: bool = False) -> None:
        asked, _, self._key = address.partition("?key=")
        self.address = asked.rstrip("/")
        self.persona = persona
        self.id = ""
        self.channel_id = ""
        self.dm_channel_id = ""
        self.seen: dict[str, Json] = {}  # messages by id, as they are now
        self.states: dict[str, list[Json]] = {}  # every state of each message, in order
        self.interactions: dict[str, Json] = {}
        self.bot_online = False  # connected to the gateway: it hears what is done from now on
        self._dm = dm
        self._news = asyncio.Condition()
        self._gone = False

    # -- coming and going ------------------------------------------------------------

    async def __aenter__(self) -> Self:
        jar = aiohttp.CookieJar(unsafe=True)  # also for a bare address
        self._session = aiohttp.ClientSession(cookie_jar=jar)
        try:
            await self._show_key()
            url = f"{self.address}/playground/events?as={self.persona}"
            self._socket = await self._session.ws_connect(url, max_msg_size=0)
            hello = await self._socket.receive_json()
            self.bot_online = hello["bot_online"]
            self.id, self.dm_channel_id = (hello["persona"][key] for key in ("id", "dm_channel_id"))
            channels = await self.channels()
            wanted = 1 if self._dm else 0
            self.channel_id = next(c["id"] for c in channels if c["type"] == wanted)
        except BaseException:
            await self._session.close()
            raise
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def _show_key(self) -> None:
        """Exchanges the key, if there is one, for the cookie that everything else asks for."""
        if self._key:
            async with self._session.get(self.address, params={"key": self._key}):
                pass

    async def __aexit__(self, *_: object) -> None:
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        await self._socket.close()
        await self._session.close()

    async def _watch(self) -> None:
        """Takes in every event until the playground goes away."""
        async for frame in self._socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            async with self._news:
                self._take_in(json.loads(frame.data))
                self._news.notify_all()
        async with self._news:
            self._gone = True
            self._news.notify_all()

    def _take_in(self, event: Json) -> None:
        self.bot_online = event.get("bot_online", self.bot_online)
        message = event.get("message")
        if message is not None and event["type"] == "message_deleted":
            self.seen.pop(message["id"], None)
            self.states.setdefault(message["id"], []).append({**message, "deleted": True})
        elif message is not None:
            self.seen[message["id"]] = message
            self.states.setdefault(message["id"], []).append(message)
        if "interaction" in event:
            self.interactions[event["interaction"]["id"]] = event["interaction"]

    async def until(self, happened: Callable[[], bool], timeout: float = 10.0) -> None:
        """Waits until something that this member can see has happened."""
        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: self._gone or happened())
        if not happened():
            raise ConnectionError("The playground has gone away.")

    # -- doing -----------------------------------------------------------------------

    async def invoke(
        self, command: str, /, *, channel_id: str | None = None, **options: Any
    ) -> Invocation:
        """Uses a slash command ("model load" for a subcommand); files are Path or Upload."""
        plain = {k: v for k, v in options.items() if v is not None and not _is_file(v)}
        files = [(k, v) for k, v in options.items() if _is_file(v)]
        body = {"command": command, "options": plain, "channel_id": channel_id or self.channel_id}
        return await self._start("invoke", body, files)

    async def autocomplete(
        self,
        command: str,
        option: str,
        text: str,
        /,
        *,
        channel_id: str | None = None,
        **others: Any,
    ) -> list[Json]:
        """Types into an option; returns the choices that the bot offers."""
        body = {"command": command, "options": {**others, option: text}, "focused": option}
        answer = await self._post("autocomplete", body | self._place(channel_id))
        choices: list[Json] = answer["choices"]
        return choices

    async def click(self, message: Reached, button: str) -> Invocation:
        """Presses a button, named by its label or its custom id."""
        return await self._use(message, button, {})

    async def select(
        self, message: Reached, values: Sequence[str] | str, select: str | None = None
    ) -> Invocation:
        """Picks values, or labels, in a select: the only one, or the one with this id."""
        shown = _message(message)
        found = _control(shown, select, kinds=(3, 5, 6, 7, 8))
        wanted = [values] if isinstance(values, str) else list(values)
        by_label = {option["label"]: option["value"] for option in found.get("options") or ()}
        picked = [by_label.get(value, value) for value in wanted]
        return await self._use(shown, found["custom_id"], {"values": picked})

    async def _use(self, message: Reached, control: str, more: Json) -> Invocation:
        shown = _message(message)
        custom_id = _control(shown, control)["custom_id"]
        body = {"message_id": shown["id"], "custom_id": custom_id, **more}
        return await self._start("component", body | {"channel_id": shown["channel_id"]})

    async def submit_modal(self, opened: Invocation, **values: Any) -> Invocation:
        """Fills in the modal that an invocation opened, by custom id or label, and sends it."""
        modal = opened.modal
        if modal is None:
            raise ValueError("This invocation opened no modal.")
        names = _modal_names(modal)
        plain: Json = {}
        files: list[tuple[str, Any]] = []
        for name, value in values.items():
            custom_id = names.get(name, name)
            several = value if isinstance(value, (list, tuple)) else [value]
            if several and all(_is_file(one) for one in several):
                files += [(f"{custom_id}/{n}", one) for n, one in enumerate(several)]
            else:
                plain[custom_id] = value
        return await self._start("modal", {"interaction_id": opened.id, "values": plain}, files)

    async def context_menu(
        self, name: str, target: Reached | str, *, channel_id: str | None = None
    ) -> Invocation:
        """Uses a command on a message, or on the user with this id."""
        identity = target if isinstance(target, str) else _message(target)["id"]
        body = {"command": name, "target_id": identity}
        return await self._start("context", body | self._place(channel_id))

    async def say(
        self,
        text: str = "",
        files: Sequence[File] = (),
        *,
        reply_to: Reached | None = None,
        ping: bool = True,
        channel_id: str | None = None,
    ) -> Json:
        """Posts an ordinary message, or a reply that pings its author or not; returns it."""
        body: Json = {"content": text} | self._place(channel_id)
        if reply_to is not None:
            body |= {"reply_to": _message(reply_to)["id"], "ping": ping}
        named = [(f"files[{number}]", file) for number, file in enumerate(files)]
        return await self._post("say", body, named)

    async def edit(self, message: Reached, text: str) -> Json:
        """Changes the text of a message of one's own; returns it."""
        body: Json = {"message_id": _message(message)["id"], "content": text}
        return await self._post("edit", body)

    async def delete(self, message: Reached) -> None:
        """Removes a message of one's own, or dismisses an ephemeral one."""
        await self._post("delete", {"message_id": _message(message)["id"]})

    async def react(self, message: Reached, emoji: str, *, present: bool = True) -> None:
        """Adds or takes away a reaction."""
        body = {"message_id": _message(message)["id"], "emoji": emoji, "present": present}
        await self._post("react", body)

    async def open_thread(self, name: str, on: Reached | None = None) -> Json:
        """Opens a thread on a message, or beside the messages; returns the channel that it is."""
        body: Json = {"name": name} | self._place(None)
        if on is not None:
            body["message_id"] = _message(on)["id"]
        return await self._post("thread", body)

    async def delete_thread(self, channel_id: str) -> None:
        """Deletes a thread and what was said in it."""
        await self._post("thread/delete", {"channel_id": channel_id})

    # -- looking ---------------------------------------------------------------------

    async def commands(self, *, channel_id: str | None = None) -> list[Json]:
        """Lists the commands that this persona may use in a channel."""
        where = channel_id or self.channel_id
        commands: list[Json] = await self._get("commands", channel_id=where)
        return commands

    async def channels(self) -> list[Json]:
        """Lists the channels that this persona sees."""
        channels: list[Json] = await self._get("channels")
        return channels

    async def messages(self, *, channel_id: str | None = None) -> list[Json]:
        """Lists the messages that this persona sees, oldest first."""
        where = channel_id or self.channel_id
        messages: list[Json] = await self._get(f"channels/{where}/messages")
        return messages

    async def download(self, attachment: Mapping[str, Any]) -> bytes:
        """Fetches an attachment's bytes."""
        async with self._session.get(attachment["url"]) as response:
            response.raise_for_status()
            return await response.read()

    # -- over HTTP -------------------------------------------------------------------

    def _place(self, channel_id: str | None) -> Json:
        return {"channel_id": channel_id or self.channel_id}

    async def _start(
        self, deed: str, body: Json, files: Sequence[tuple[str, File]] = ()
    ) -> Invocation:
        first = {identity: len(states) for identity, states in self.states.items()}
        answer = await self._post(deed, body, files)
        return Invocation(self, answer["interaction_id"], first)

    async def _get(self, path: str, **query: str) -> Any:
        url = f"{self.address}/playground/{path}"
        async with self._session.get(url, params={"as": self.persona, **query}) as response:
            return await _answer(response)

    async def _post(self, path: str, body: Json, files: Sequence[tuple[str, File]] = ()) -> Json:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", json.dumps({"persona": self.persona, **body}))
        for name, file in files:
            upload = await asyncio.to_thread(_read, file)
            form.add_field(name, upload.data, filename=upload.filename)
        data = form if files else aiohttp.JsonPayload({"persona": self.persona, **body})
        async with self._session.post(f"{self.address}/playground/{path}", data=data) as response:
            answer: Json = await _answer(response)
            return answer


async def _answer(response: aiohttp.ClientResponse) -> Any:
    """Reads an answer; a refusal is raised with its sentence."""
    text = await response.text()
    if response.content_type != "application/json":
        raise Refused(response.status, text)
    answer = json.loads(text)
    if response.status >= 400:
        raise Refused(response.status, answer.get("error") or answer.get("message"))
    return answer


def _is_file(value: object) -> bool:
    return isinstance(value, (Path, Upload))


def _read(file: File) -> Upload:
    return file if isinstance(file, Upload) else Upload(file.name, file.read_bytes())


def _message(of: Reached) -> Json:
    """Takes a message, or the one that an invocation was answered with."""
    message = of.message if isinstance(of, Invocation) else of
    if message is None:
        raise ValueError("This invocation has no message.")
    return message


def _control(message: Json, name: str | None, kinds: Sequence[int] = (2, 3, 5, 6, 7, 8)) -> Json:
    """Finds a button or select by custom id or label; None is the only one."""
    controls = [c for c in walk(message["components"]) if c["type"] in kinds]
    for key in ("custom_id", "label"):
        for control in controls:
            if name is None or control.get(key) == name:
                return control
    there = [c.get("label") or c.get("custom_id") for c in controls]
    raise LookupError(f"There is no “{name}” on this message, only {there}.")


def _modal_names(modal: Json) -> dict[str, str]:
    """Maps the labels of a modal's controls to their custom ids."""
    names = {}
    for part in modal["components"]:
        for control in walk([part]):
            if "custom_id" in control:
                names[control.get("label") or part.get("label")] = control["custom_id"]
    return names
