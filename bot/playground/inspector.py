"""The inspector: what goes between the bot and its Discord, and what the bot tells of itself.

It is an observer. REST calls, frames of the gateway and changes of the world come to it from the
playground; whoever runs the bot may also let it hear the bot's log (`hear`), of which it knows no
more than that an event is a mapping, and that `job` and `interaction` in it name whose life it
belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bot.playground.entries import (
    DETAIL_CHARACTERS,
    MOST_ENTRIES,
    Entry,
    Kind,
    Ring,
    detail,
    masked_text,
)
from bot.playground.records import (
    AUTOCOMPLETE,
    COMPONENT,
    MODAL_SUBMIT,
    Change,
    Interaction,
    Json,
)
from bot.playground.world import ANSWER_WITHIN_S, TOKEN_LASTS_S, World

if TYPE_CHECKING:
    from bot.playground.server import Call

OPCODES = {
    0: "DISPATCH", 1: "HEARTBEAT", 2: "IDENTIFY", 3: "PRESENCE_UPDATE", 4: "VOICE_STATE_UPDATE",
    6: "RESUME", 7: "RECONNECT", 8: "REQUEST_GUILD_MEMBERS", 9: "INVALID_SESSION", 10: "HELLO",
    11: "HEARTBEAT_ACK",
}  # fmt: skip
PLUMBING = frozenset({"level", "logger", "timestamp", "event", "job", "interaction"})
MOST_STAGES = 100
LONG = 200  # characters; a longer part of an event, such as a traceback, is shown as a detail
LOUD = ("warning", "error", "critical")

Judge = Callable[["Call"], Iterable[str]]
Watch = Callable[[Entry], None]


class Inspector:
    """Keeps the newest entries and tells `watch` of each that is new or has changed.

    `judges` name the faults of a call beyond those for which it was refused.
    """

    def __init__(self, world: World, watch: Watch = lambda _: None) -> None:
        self.entries = Ring()
        self.judges: list[Judge] = []
        self._interactions: dict[str, str] = {}  # token -> id, of the newest ones
        self._world = world
        self._watch = watch

    # -- what comes in ---------------------------------------------------------------

    def on_call(self, call: Call) -> None:
        """Notes a REST call of the bot's, and what is wrong with it."""
        faults = [*_refused(call), *(str(f) for judge in self.judges for f in judge(call))]
        details = {"request": detail(_request(call))}
        if call.answer is not None:
            details["answer"] = detail(call.answer)
        self._add(
            Entry(
                self._world.clock() - call.duration_s, "rest",
                f"{call.method} {_short(call)}", str(call.status), call.duration_s, faults,
                interaction_id=self._interaction_of(call.path), details=details,
            )
        )  # fmt: skip

    def on_frame(self, direction: Kind, frame: Json) -> None:
        """Notes a frame of the gateway, on its way "to bot" or "from bot"."""
        data = frame.get("d")
        name = frame.get("t") or OPCODES.get(frame.get("op", -1), f"op {frame.get('op')}")
        interaction = data.get("id") if name == "INTERACTION_CREATE" and data else None
        about = _told_of(name, data) if isinstance(data, dict) else ""
        self._add(
            Entry(
                self._world.clock(), direction, f"{name} {about}".strip(),
                interaction_id=interaction, details={"frame": detail(frame)},
            )
        )  # fmt: skip

    def on_change(self, change: Change) -> None:
        """Follows the life of each interaction."""
        if change.interaction is None:
            return
        what = change.interaction
        key = f"interaction {what.id}"
        entry = self.entries.find(key)
        if entry is None:
            entry = self._begun(what, key)
        entry.status = what.error or what.response or "waiting"
        entry.took_s = what.acknowledged_after_s
        entry.faults = [what.error] if what.error else []
        entry.clock = _clock(what)
        what_now = change.kind.replace("_", " ")
        entry.stages.append({"what": what_now, "at": self._world.clock()})
        self._watch(entry)

    def _begun(self, what: Interaction, key: str) -> Entry:
        """Makes the entry of an interaction; its token is remembered, to know its calls by."""
        self._interactions[what.token] = str(what.id)
        while len(self._interactions) > MOST_ENTRIES:
            del self._interactions[next(iter(self._interactions))]
        entry = Entry(what.created_s, "interaction", self._wording(what), key=key)
        entry.interaction_id = str(what.id)
        entry.details["data"] = detail(what.data)
        return self.entries.add(entry)

    def hear(self, event: Mapping[str, Any]) -> None:
        """Notes an event that the bot tells of itself; those of a job become its life."""
        if "job" in event:
            self._live(str(event["job"]), event)
            return
        level = str(event.get("level", "info"))
        words = str(event.get("event", ""))
        faults = [_summary(words, event)] if level in LOUD[1:] else []
        entry = Entry(self._world.clock(), "log", masked_text(_titled(words, event)), level)
        entry.faults, entry.details = faults, {"event": detail(dict(event))}
        entry.interaction_id = _named(event, "interaction")
        self._add(entry)

    def _live(self, job_id: str, event: Mapping[str, Any]) -> None:
        """Adds a stage to a job's life."""
        key, now = f"job {job_id}", self._world.clock()
        entry = self.entries.find(key)
        if entry is None:
            entry = self.entries.add(Entry(now, "job", f"job {job_id}", job_id=job_id, key=key))
        words = str(event.get("event", "")).removeprefix("job ")
        told = {k: v for k, v in event.items() if k not in PLUMBING}
        for name in [k for k, v in told.items() if isinstance(v, str) and len(v) > LONG]:
            entry.details[name] = masked_text(told.pop(name))[:DETAIL_CHARACTERS]
        if len(entry.stages) < MOST_STAGES:
            entry.stages.append({"what": words, "at": now, **told})
        entry.status = str(event.get("state", words))
        entry.took_s = now - entry.at_s
        entry.interaction_id = _named(event, "interaction") or entry.interaction_id
        if named := [str(event[k]) for k in ("task", "model") if event.get(k)]:
            entry.title = f"job {job_id} {' '.join(named)}" if "task" in event else entry.title
        if str(event.get("level", "info")) in LOUD:
            entry.faults.append(masked_text(_summary(str(event.get("event")), event)))
        self.entries.weigh(entry)
        self._watch(entry)

    def _add(self, entry: Entry) -> None:
        self._watch(self.entries.add(entry))

    # -- words -----------------------------------------------------------------------

    def _wording(self, what: Interaction) -> str:
        """Says what somebody did, in a line."""
        who = self._world.users[what.user_id].display_name
        if what.kind == COMPONENT:
            return f"{who}: {what.data.get('custom_id')} {' '.join(what.data.get('values', ()))}"
        if what.kind == MODAL_SUBMIT:
            return f"{who}: sends the form {what.data.get('custom_id')}"
        words = f"{_slash(what.data)}{' …' if what.kind == AUTOCOMPLETE else ''}"
        return f"{who}: {words}"

    def _interaction_of(self, path: str) -> str | None:
        """Finds the interaction whose token stands in a path."""
        steps = path.split("/")
        return next((self._interactions[s] for s in steps if s in self._interactions), None)


def _slash(data: Json) -> str:
    """Writes a command as it stands in the client's box."""
    if data.get("type", 1) != 1:
        return f"{data['name']} on {data.get('target_id')}"
    words, options = [f"/{data['name']}"], data.get("options") or []
    while options and options[0]["type"] <= 2:
        words.append(options[0]["name"])
        options = options[0].get("options") or []
    words += [f"{one['name']}:{one.get('value')}" for one in options]
    text = " ".join(words)
    return text if len(text) <= 160 else f"{text[:160]}…"


def _clock(what: Interaction) -> Json:
    """Tells until when an interaction may be answered, and its token used."""
    return {
        "began": what.created_s,
        "answer_by": what.created_s + ANSWER_WITHIN_S,
        "token_until": what.created_s + TOKEN_LASTS_S,
        "acknowledged": what.acknowledged_s,
        "failed": what.error is not None,
    }


def _told_of(name: str, data: Json) -> str:
    """Says in a few words what a frame is about."""
    if name.startswith("MESSAGE_"):
        text = str(data.get("content") or "").replace("\n", " ")
        return text if len(text) <= 80 else f"{text[:80]}…"
    if name == "INTERACTION_CREATE":
        inside = data.get("data") or {}
        return _slash(inside) if "name" in inside else str(inside.get("custom_id", ""))
    return ""


def _request(call: Call) -> Json:
    """Gathers what a call brought: its path, query, body and files by name and size."""
    request: Json = {"method": call.method, "path": masked_text(call.path)}
    if call.query:
        request["query"] = call.query
    if call.body is not None:
        request["body"] = call.body
    if call.files:
        request["files"] = {
            field: {"filename": upload.filename, "bytes": len(upload.data)}
            for field, upload in call.files.items()
        }
    return request


def _short(call: Call) -> str:
    """Returns a call's route with its numbers left out."""
    return re.sub(r"\{\w+\}", "…", call.route) if call.route else masked_text(call.path)


def _refused(call: Call) -> Iterator[str]:
    """Yields for what a call was refused, fault by fault."""
    if call.status < 400:
        return
    answer = call.answer if isinstance(call.answer, dict) else {}
    yield f"{answer.get('code', call.status)}: {answer.get('message', 'refused')}"
    yield from _form_faults(answer.get("errors") or {})


def _form_faults(tree: Json, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields the leaves of Discord's tree of faults."""
    for key, inside in tree.items():
        if key == "_errors":
            yield from (f"{'.'.join(path)}: {one['message']}" for one in inside)
        elif isinstance(inside, dict):
            yield from _form_faults(inside, (*path, key))


def _named(event: Mapping[str, Any], key: str) -> str | None:
    """Returns what an event names, as text."""
    return None if event.get(key) is None else str(event[key])


def _titled(words: str, event: Mapping[str, Any]) -> str:
    """Puts an event and what belongs to it on one line."""
    told = " ".join(
        f"{key}={value}"
        for key, value in event.items()
        if key not in PLUMBING and isinstance(value, str | int | float) and len(str(value)) <= 60
    )
    return f"{words} {told}".strip()


def _summary(words: str, event: Mapping[str, Any]) -> str:
    """Says what went wrong: with its file and line, where an event names them."""
    where = f" ({event['file']}, line {event.get('line')})" if event.get("file") else ""
    why = event.get("message") or event.get("error") or ""
    return f"{words}{where}{': ' if why else ''}{why}"
