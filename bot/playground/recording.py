"""Recording: what people do in the playground becomes the steps of a scenario.

Every deed of the page's API is noted, whoever asks; what is "recorded" are those between a start
and a stop. So the inspector can retell any interaction of late, with what led to it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from bot.playground.components import BUTTON, SELECTS, find, walk
from bot.playground.errors import DiscordError
from bot.playground.intake import INTAKE, Intake, read
from bot.playground.records import DM_CHANNEL, Json, Message, Upload
from bot.playground.retelling import Seen
from bot.playground.scenario import (
    Click,
    Delete,
    Edit,
    File,
    Fill,
    Invoke,
    Menu,
    React,
    Say,
    Select,
    Step,
    Target,
    excerpt,
    whole,
)
from bot.playground.world import World

MOST_STEPS = 500
MOST_FILE_BYTES = 64 << 20
DEEDS = "/playground/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Files = Mapping[str, Upload]


class Recorder:
    """Notes the newest steps, within bounds; a middleware of the server.

    `changed` is told whenever a step was recorded, or recording has begun or ended.
    """

    def __init__(self, world: World, changed: Callable[[], None] = lambda: None) -> None:
        self._world = world
        self._changed = changed
        self._steps: dict[int, Step] = {}
        self._files: dict[int, int] = {}  # step -> bytes of its files
        self._origins: dict[int, int] = {}  # interaction, or message that was said -> step
        self._recorded: list[int] = []
        self._last = 0
        self.on = False

    def start(self) -> None:
        """Begins a recording; the one before is forgotten."""
        self.on, self._recorded = True, []
        self._changed()

    def stop(self) -> None:
        """Ends the recording; its steps stay until the next."""
        self.on = False
        self._changed()

    def recorded(self) -> tuple[list[Step], list[Seen | None]]:
        """Returns the steps of the recording, with those that they are about, and what came."""
        return self._told(self._recorded)

    def leading_to(self, interaction_id: int) -> tuple[list[Step], list[Seen | None]]:
        """Returns the step that an interaction came of, and what led to it."""
        number = self._origins.get(interaction_id)
        return self._told([] if number is None else [number])

    def _told(self, wanted: list[int]) -> tuple[list[Step], list[Seen | None]]:
        numbers = whole(self._steps, wanted)
        ends = {number: what for what, number in self._origins.items()}
        return excerpt(self._steps, numbers), [self._seen(ends.get(n, 0)) for n in numbers]

    def _seen(self, identity: int) -> Seen | None:
        """Looks up what a member sees now of an answer."""
        interaction = self._world.interactions.get(identity)
        if interaction is None:
            return None
        message = self._world.messages.get(interaction.response_message_id or 0)
        if message is None:
            return Seen(interaction.response, interaction.error)
        files = [one.filename for one in message.attachments]
        return Seen(
            interaction.response, interaction.error, message.content, message.ephemeral, files
        )

    # -- on the way ------------------------------------------------------------------

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Notes what a person did, once it was done."""
        name = request.path.removeprefix(DEEDS)
        if request.method != "POST" or not request.path.startswith(DEEDS) or name not in _MADE:
            return await handler(request)
        step = await self._foreseen(request, name)
        response = await handler(request)
        if response.status == 200 and isinstance(response, web.Response):
            step = step or self._step(name, request.get(INTAKE, Intake()))
            if step is not None:
                self._note(step, response)
        return response

    async def _foreseen(self, request: web.Request, name: str) -> Step | None:
        """Makes the step of a deed without files before it is done: a message may go by it."""
        if request.content_type.startswith("multipart/"):
            return None  # a form can be read only once
        try:
            return self._step(name, await read(request, keep_bytes=0))
        except DiscordError:
            return None

    def _step(self, name: str, form: Intake) -> Step | None:
        """Makes the step of a deed; None for one that makes no sense and will be refused."""
        if not isinstance(form.body, dict):
            return None
        try:
            json.dumps(form.body, ensure_ascii=False).encode()  # half a character fits no file
            step = _MADE[name](self, form.body, form.files)
        except (LookupError, TypeError, ValueError):
            return None
        step.persona = str(form.body.get("persona", "member"))
        step.channel = self._channel(form.body)
        return step

    def _note(self, step: Step, response: web.Response) -> None:
        """Keeps a step, and by what its answer will be known; the oldest give way."""
        self._last += 1
        self._steps[self._last] = step
        self._files[self._last] = sum(len(file.data) for file in _files_of(step))
        answer = _identity(step, response)
        if answer is not None:
            self._origins[answer] = self._last
        if self.on:
            self._recorded.append(self._last)
        while len(self._steps) > MOST_STEPS or sum(self._files.values()) > MOST_FILE_BYTES:
            oldest = next(iter(self._steps))
            del self._steps[oldest], self._files[oldest]
        self._origins = {what: n for what, n in self._origins.items() if n in self._steps}
        self._recorded = [number for number in self._recorded if number in self._steps]
        if self.on:
            self._changed()

    # -- deeds into steps ------------------------------------------------------------

    def _invoke(self, body: Json, files: Files) -> Step:
        given = {name: File.of(upload) for name, upload in files.items()}
        plain = {k: v for k, v in (body.get("options") or {}).items() if v is not None}
        return Invoke(command=body["command"].removeprefix("/"), options=plain, files=given)

    def _menu(self, body: Json, files: Files) -> Step:
        identity = int(body["target_id"])
        user = self._world.users.get(identity)
        on = Target(person=user.key) if user is not None else self._target(identity)
        return Menu(command=body["command"], on=on)

    def _use(self, body: Json, files: Files) -> Step:
        message = self._world.messages[int(body["message_id"])]
        control = find(message.components, body["custom_id"]) or {}
        on = self._target(message.id)
        if control["type"] == BUTTON:
            return Click(on=on, button=_named(message, control))
        selects = [c for c in walk(message.components) if c["type"] in SELECTS]
        labels = {o["value"]: o["label"] for o in control.get("options") or ()}
        values = [labels.get(value, str(value)) for value in body.get("values") or ()]
        name = None if len(selects) == 1 else control["custom_id"]
        return Select(on=on, values=values, select=name)

    def _fill(self, body: Json, files: Files) -> Step:
        opener = self._world.interactions[int(body["interaction_id"])]
        names = _labels_of(opener.modal or {})
        values = {
            names.get(custom_id, custom_id): value
            for custom_id, value in (body.get("values") or {}).items()
            if value not in (None, "", [])
        }
        given: dict[str, list[File]] = {}
        for field, upload in sorted(files.items()):
            custom_id = field.partition("/")[0]
            given.setdefault(names.get(custom_id, custom_id), []).append(File.of(upload))
        return Fill(on=Target(step=self._origins.get(opener.id, 0)), values=values, files=given)

    def _say(self, body: Json, files: Files) -> Step:
        on = self._target(int(body["reply_to"])) if body.get("reply_to") else None
        given = [File.of(upload) for upload in files.values()]
        ping = body.get("ping") is not False
        return Say(text=str(body.get("content") or ""), files=given, on=on, ping=ping)

    def _react(self, body: Json, files: Files) -> Step:
        on = self._target(int(body["message_id"]))
        return React(on=on, emoji=str(body["emoji"]), present=bool(body.get("present", True)))

    def _edit(self, body: Json, files: Files) -> Step:
        on = self._target(int(body["message_id"]))
        return Edit(on=on, text=str(body.get("content") or ""))

    def _delete(self, body: Json, files: Files) -> Step:
        return Delete(on=self._target(int(body["message_id"])))

    # -- where and what --------------------------------------------------------------

    def _channel(self, body: Json) -> str:
        """Names a channel: the first one needs no name."""
        channel = self._world.channels.get(int(body.get("channel_id") or 0))
        if channel is None or channel is next(iter(self._world.channels.values())):
            return ""
        return "dm" if channel.kind == DM_CHANNEL else channel.name

    def _target(self, message_id: int) -> Target:
        """Names a message by the step that it came of, or else by how it begins."""
        message = self._world.messages[message_id]
        number = self._origins.get(message.interaction_id or message.id)
        if number is None:
            return Target(text=message.content[:80])
        if message.interaction_id is None:
            return Target(step=number)
        siblings = [
            one.id
            for one in self._world.history(message.channel_id)
            if one.interaction_id == message.interaction_id
        ]
        return Target(step=number, number=siblings.index(message.id))


Make = Callable[[Recorder, Json, Files], Step]
_MADE: dict[str, Make] = {
    "invoke": Recorder._invoke,
    "context": Recorder._menu,
    "component": Recorder._use,
    "modal": Recorder._fill,
    "say": Recorder._say,
    "react": Recorder._react,
    "edit": Recorder._edit,
    "delete": Recorder._delete,
}


def _named(message: Message, control: Json) -> str:
    """Names a button by its label, which may be said aloud, unless another has the same."""
    label = control.get("label")
    labels = [one.get("label") for one in walk(message.components)]
    return label if label and labels.count(label) == 1 else str(control["custom_id"])


def _labels_of(modal: Json) -> dict[str, str]:
    """Maps the custom ids of a form's controls to their labels, where these are different."""
    labels: dict[str, str] = {}
    for part in modal.get("components") or ():
        for control in walk([part]):
            if "custom_id" in control:
                label = control.get("label") or part.get("label")
                labels[control["custom_id"]] = label or control["custom_id"]
    several = [label for label in labels.values() if list(labels.values()).count(label) > 1]
    return {custom_id: label for custom_id, label in labels.items() if label not in several}


def _files_of(step: Step) -> list[File]:
    """Lists every file that was given with a step."""
    match step:
        case Invoke(files=given):
            return list(given.values())
        case Fill(files=several):
            return [file for files in several.values() for file in files]
        case Say(files=files):
            return files
    return []


def _identity(step: Step, response: web.Response) -> int | None:
    """Reads what a deed has made: the id of its interaction, or of the message that was said."""
    answer: Any = json.loads(response.text or "{}")
    made = answer.get("id" if isinstance(step, Say) else "interaction_id")
    return int(made) if made else None
