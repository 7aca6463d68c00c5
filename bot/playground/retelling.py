"""Retells a scenario as a Python test in the style of tests/journeys. Pure: text out of steps."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.playground.scenario import (
    Click,
    Complete,
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
    target_of,
)

WIDTH = 100
INLINE_BYTES = 120  # a larger file is read out of the scenario that lies beside the test
SAID_CHARACTERS = 100
SMALL_PRINT = "-# "
PATIENCE_S = 60
CHANGES = ("update", "deferred_update")  # answers to a click that change its message

HEAD = '''"""Recorded in the playground: say here what is shown."""

from __future__ import annotations
'''
MARKS = 'pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]\n'


@dataclass(frozen=True, slots=True)
class Seen:
    """How an interaction was answered when it was recorded."""

    response: str | None
    error: str | None = None
    content: str = ""
    ephemeral: bool = False
    files: list[str] = field(default_factory=list)


def retold(steps: Sequence[Step], seen: Sequence[Seen | None], name: str = "recorded") -> str:
    """Returns a module with one test that does these steps and expects what was seen."""
    body = [*_members(steps)]
    for number, step in enumerate(steps, start=1):
        body += _Statement(steps, number, step).lines()
        body += _expected(steps, seen, number)
    text = "\n".join(f"{' ' * 8 if n else ' ' * 4}{line}" for n, line in enumerate(body))
    head = [HEAD, _imports("\n".join(body)), MARKS]
    if "STEPS[" in text:
        head.append('STEPS = read(Path(__file__).with_suffix(".jsonl").read_bytes())\n')
    signature = f"async def test_{name}(house: House) -> None:"
    return "\n".join([*head, "", signature, text, ""])


def retold_call(request: Mapping[str, Any], status: int, code: int | None) -> str:
    """Returns a module with one test that sends the bot's request again and expects its status."""
    path = str(request["path"]).removeprefix("/api/v10")
    given = [_quoted(request["method"]), _quoted(path)]
    given += [f"{_KEYS[key]}={request[key]!r}" for key in _KEYS if key in request]
    call = f"    status, answer = await raw({', '.join(given)})"
    if len(call) > WIDTH:
        inside = "".join(f"        {one},\n" for one in given)
        call = f"    status, answer = await raw(\n{inside}    )"
    lines = [
        HEAD,
        "from tests.playground.conftest import Raw\n\n",
        "async def test_sent(raw: Raw) -> None:",
        call,
        f"    assert status == {status}",
        *([] if code is None else [f'    assert answer["code"] == {code}']),
    ]
    return "\n".join([*lines, ""])


_KEYS = {"query": "params", "body": "json"}  # a request's parts, and how aiohttp calls them


def _imports(body: str) -> str:
    """Writes the imports that a body needs."""
    standard = ["from pathlib import Path\n"] if "STEPS[" in body else []
    ours = ["from bot.playground.member import Member"]
    ours += ["from bot.playground.records import Upload"] if "Upload(" in body else []
    ours += ["from bot.playground.replaying import shows"] if "shows(" in body else []
    ours += ["from bot.playground.scenario import read"] if standard else []
    lines = [*standard, "import pytest\n", *ours, "from tests.journeys.conftest import House"]
    return "\n".join([*lines, ""])


def _members(steps: Iterable[Step]) -> Iterator[str]:
    """Yields the line that lets everybody in."""
    keys = list(dict.fromkeys(who for step in steps for who in _people_of(step)))
    where = "house.playground.address"
    entered = [f"Member({where}, {_quoted(key)}) as {_name(key)}" for key in keys or ["member"]]
    line = f"async with {', '.join(entered)}:"
    if len(line) + 4 > WIDTH:
        inside = "".join(f"        {one},\n" for one in entered)
        line = f"async with (\n{inside}    ):"
    yield line


def _people_of(step: Step) -> Iterator[str]:
    yield step.persona
    target = target_of(step)
    if target is not None and target.person:
        yield target.person


def _name(key: str) -> str:
    """Makes a variable's name of a persona's key."""
    made = "".join(one if one.isascii() and one.isalnum() else "_" for one in key)
    return made if made.isidentifier() and not keyword.iskeyword(made) else f"who_{made}"


class _Statement:
    """The statement that does one step."""

    def __init__(self, steps: Sequence[Step], number: int, step: Step) -> None:
        self._steps, self._number, self._step = steps, number, step
        self._who = _name(step.persona)

    def lines(self) -> list[str]:
        """Returns its lines."""
        step, n = self._step, self._number
        match step:
            case Invoke():
                files = {k: self._file(f, f"files[{_quoted(k)}]") for k, f in step.files.items()}
                options = {k: _literal(v) for k, v in step.options.items()}
                given = [_literal(step.command), *_keywords({**options, **files}), *self._where()]
                return self._call(f"answer_{n} = ", "invoke", given)
            case Complete():
                given = [_literal(v) for v in (step.command, step.option, step.text)]
                others = {k: _literal(v) for k, v in step.options.items()}
                given += [*_keywords(others), *self._where()]
                return self._call(f"choices_{n} = ", "autocomplete", given)
            case Menu():
                on = f"{_name(step.on.person)}.id" if step.on.person else self._target(step.on)
                given = [_literal(step.command), on, *self._where()]
                return self._call(f"answer_{n} = ", "context_menu", given)
            case Fill():
                return self._fill(step)
            case Say():
                return self._say(step)
        return self._to_message()

    def _to_message(self) -> list[str]:
        """Returns the lines of a step that is done to a message."""
        step, n = self._step, self._number
        match step:
            case Click():
                given = [self._target(step.on), _literal(step.button)]
                return self._call(f"answer_{n} = ", "click", given)
            case Select():
                given = [self._target(step.on), repr(step.values)]
                given += [_literal(step.select)] if step.select else []
                return self._call(f"answer_{n} = ", "select", given)
            case React():
                given = [self._target(step.on), _literal(step.emoji)]
                given += [] if step.present else ["present=False"]
                return self._call("", "react", given)
            case Edit():
                return self._call("", "edit", [self._target(step.on), _literal(step.text)])
            case Delete():
                return self._call("", "delete", [self._target(step.on)])
        return []

    def _fill(self, step: Fill) -> list[str]:
        values = {k: _literal(v) for k, v in step.values.items()}
        for name, files in step.files.items():
            each = [self._file(f, f"files[{_quoted(name)}][{i}]") for i, f in enumerate(files)]
            values[name] = f"[{', '.join(each)}]"
        given = [f"answer_{step.on.step}", *_keywords(values)]
        return self._call(f"answer_{self._number} = ", "submit_modal", given)

    def _say(self, step: Say) -> list[str]:
        files = [self._file(file, f"files[{n}]") for n, file in enumerate(step.files)]
        given = [_literal(step.text), *([f"[{', '.join(files)}]"] if files else [])]
        given += [] if step.on is None else [f"reply_to={self._target(step.on)}"]
        given += [] if step.ping else ["ping=False"]
        return self._call(f"said_{self._number} = ", "say", [*given, *self._where()])

    def _call(self, assigned: str, verb: str, given: Sequence[str]) -> list[str]:
        """Writes a call on one line, or on one for each argument."""
        line = f"{assigned}await {self._who}.{verb}({', '.join(given)})"
        if len(line) + 8 <= WIDTH and "\n" not in line:
            return [line]
        inside = [f"    {part}" for one in given for part in f"{one},".split("\n")]
        return [f"{assigned}await {self._who}.{verb}(", *inside, ")"]

    def _where(self) -> list[str]:
        """Names the channel, unless it is the first."""
        channel = self._step.channel
        if channel == "dm":
            return [f"channel_id={self._who}.dm_channel_id"]
        if not channel:
            return []
        wanted = f'c["id"] for c in await {self._who}.channels() if c["name"] == {channel!r}'
        return [f"channel_id=[{wanted}][0]"]

    def _target(self, target: Target) -> str:
        """Writes the message that a step is about."""
        if not target.step:
            chosen = f'm["content"].startswith({target.text!r})'
            return f"[m for m in await {self._who}.messages() if {chosen}][-1]"
        if isinstance(self._steps[target.step - 1], Say):
            return f"said_{target.step}"
        answer = f"answer_{target.step}"
        return f"{answer}.messages[{target.number}]" if target.number else answer

    def _file(self, file: File, place: str) -> str:
        """Writes a small file as it is, and says where in the scenario a larger one is."""
        if len(file.data) <= INLINE_BYTES:
            return f"Upload({file.name!r}, {file.data!r})"
        return f"STEPS[{self._number - 1}].{place}.upload()"


def _pressed_later(steps: Sequence[Step], number: int) -> str | None:
    """Returns the control of this answer that a later step uses: it must be there by then."""
    for step in steps[number:]:
        if isinstance(step, Click) and step.on.step == number:
            return step.button
        if isinstance(step, Select) and step.on.step == number and step.select:
            return step.select
    return None


def _changed_later(
    steps: Sequence[Step], seen: Sequence[Seen | None], number: int, root: int
) -> bool:
    """Tells whether a later step has changed the message that this one was answered with."""
    return any(
        isinstance(step, Click | Select)
        and step.on.step == root
        and was is not None
        and was.response in CHANGES
        for step, was in zip(steps[number:], seen[number:], strict=True)
    )


def _expected(steps: Sequence[Step], seen: Sequence[Seen | None], number: int) -> Iterator[str]:
    """Yields the lines that wait for an answer and say what it is."""
    step, was, answer = steps[number - 1], seen[number - 1], f"answer_{number}"
    if isinstance(step, Say | React | Edit | Delete | Complete):
        return
    if was is None or was.response not in ("message", "deferred", "update"):
        yield f"await {answer}.acknowledged({PATIENCE_S})"
        if was is not None and was.response == "modal":
            yield f"assert {answer}.modal is not None"
        return
    control = _pressed_later(steps, number)
    until = "" if control is None else f", until=shows({_quoted(control)})"
    yield f"await {answer}.settled({PATIENCE_S}{until})"
    yield f"assert {'' if was.ephemeral else 'not '}{answer}.ephemeral"
    target = target_of(step)
    root = target.step if was.response in CHANGES and target is not None else number
    if not _changed_later(steps, seen, number, root):
        yield from _content(answer, was)


def _content(answer: str, was: Seen) -> Iterator[str]:
    """Yields what an answer must hold: a short text, and the names of its files."""
    said = [line for line in was.content.splitlines() if not line.startswith(SMALL_PRINT)]
    if len(said) == 1 and 0 < len(said[0]) <= SAID_CHARACTERS:
        text = _literal(said[0])
        yield from f"assert {text} in {answer}.content".split("\n")
    if was.files:
        names = ", ".join(map(_quoted, was.files))
        yield f'assert [f["filename"] for f in {answer}.message["attachments"]] == [{names}]'


def _literal(value: Any) -> str:
    """Writes a value; a long text in several lines."""
    text = _quoted(value) if isinstance(value, str) else repr(value)
    if not isinstance(value, str) or len(text) <= 70:
        return text
    parts = [value[at : at + 60] for at in range(0, len(value), 60)]
    return "\n".join(["(", *(f"    {_quoted(part)}" for part in parts), ")"])


def _quoted(text: str) -> str:
    """Writes a text with double quotes where that takes no escapes."""
    written = repr(text)
    if written[0] == "'" and '"' not in written:
        return f'"{written[1:-1]}"'
    return written


def _keywords(values: Mapping[str, str]) -> Iterator[str]:
    """Writes arguments by name; names that are none in Python go into a dictionary."""
    odd = {k: v for k, v in values.items() if not k.isidentifier() or keyword.iskeyword(k)}
    yield from (f"{key}={value}" for key, value in values.items() if key not in odd)
    if odd:
        yield f"**{{{', '.join(f'{_quoted(key)}: {value}' for key, value in odd.items())}}}"
