"""Scenarios: what people did, as data that can be kept in a file and played again.

A file has one step a line, in JSON, with uploaded files inside as base64. Steps are numbered from
1; one that concerns an earlier answer names it by the number of the step that it came of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from bot.playground.records import Upload


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that was given with a step."""

    name: str
    data: bytes

    @classmethod
    def of(cls, upload: Upload) -> File:
        """Takes an upload."""
        return cls(upload.filename, upload.data)

    def upload(self) -> Upload:
        """Returns it as an upload."""
        return Upload(self.name, self.data)


class Target(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A message: the `number`th of those that came of a `step`, or the latest that begins so.

    Or, where `person` is given, the persona of that key.
    """

    step: int = 0
    number: int = 0
    text: str = ""
    person: str = ""


class Deed(
    msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="do"
):
    """What every step has: who does it, and in which channel ("dm", or one by its name)."""

    persona: str = "member"
    channel: str = ""


class Invoke(Deed, tag="invoke"):
    """Uses a slash command."""

    command: str
    options: dict[str, Any] = {}
    files: dict[str, File] = {}


class Complete(Deed, tag="complete"):
    """Types into an option, to be offered choices."""

    command: str
    option: str
    text: str
    options: dict[str, Any] = {}


class Menu(Deed, tag="menu"):
    """Uses a command from the menu of a message or a person."""

    command: str
    on: Target


class Click(Deed, tag="click"):
    """Presses a button, named by its label or its custom id."""

    on: Target
    button: str


class Select(Deed, tag="select"):
    """Picks values, or labels, in a select: the only one, or the one with this custom id."""

    on: Target
    values: list[str]
    select: str | None = None


class Fill(Deed, tag="fill"):
    """Fills in the form that a step has opened, by labels or custom ids, and sends it."""

    on: Target
    values: dict[str, Any] = {}
    files: dict[str, list[File]] = {}


class Say(Deed, tag="say"):
    """Posts an ordinary message, or answers one, with a ping or without."""

    text: str = ""
    files: list[File] = []
    on: Target | None = None
    ping: bool = True


class React(Deed, tag="react"):
    """Adds or takes away a reaction."""

    on: Target
    emoji: str
    present: bool = True


class Edit(Deed, tag="edit"):
    """Changes the text of one's own message."""

    on: Target
    text: str = ""


class Delete(Deed, tag="delete"):
    """Removes a message."""

    on: Target


Step: TypeAlias = Invoke | Complete | Menu | Click | Select | Fill | Say | React | Edit | Delete

_decoder: msgspec.json.Decoder[Step] = msgspec.json.Decoder(Step)


class UnreadableScenario(ValueError):
    """A line of a scenario is no step; says which, and why."""


def written(steps: Iterable[Step]) -> str:
    """Returns the file of a scenario."""
    return "".join(f"{msgspec.json.encode(step).decode()}\n" for step in steps)


def read(text: str | bytes) -> list[Step]:
    """Reads the file of a scenario; raises UnreadableScenario."""
    steps: list[Step] = []
    lines = text.decode() if isinstance(text, bytes) else text
    for number, line in enumerate(lines.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            step = _decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise UnreadableScenario(f"Line {number} is no step: {error}") from None
        target = target_of(step)
        if target is not None and target.step > len(steps):
            raise UnreadableScenario(f"Line {number} is about step {target.step}, a later one.")
        steps.append(step)
    return steps


def target_of(step: Step) -> Target | None:
    """Returns what a step is about, if it is about something."""
    return getattr(step, "on", None)


def whole(steps: Mapping[int, Step], wanted: Iterable[int]) -> list[int]:
    """Returns the numbers of these steps and of all that they are about, in order.

    A step about one that is no longer there is left out, and so is what is about it.
    """
    numbers: set[int] = set()
    for number in wanted:
        line = list(_line_of(steps, number))
        if all(one in steps for one in line):
            numbers.update(line)
    return sorted(numbers)


def excerpt(steps: Mapping[int, Step], numbers: Sequence[int]) -> list[Step]:
    """Returns a scenario of its own of some steps, which are numbered anew from 1."""
    places = {number: place for place, number in enumerate(numbers, start=1)}
    return [_renumbered(steps[number], places) for number in numbers]


def _line_of(steps: Mapping[int, Step], number: int) -> Iterator[int]:
    """Yields the number of a step, of that which it is about, and so on."""
    while number:
        yield number
        target = target_of(steps[number]) if number in steps else None
        number = 0 if target is None else target.step


def _renumbered(step: Step, places: Mapping[int, int]) -> Step:
    target = target_of(step)
    if target is None or not target.step:
        return step
    moved = msgspec.structs.replace(target, step=places[target.step])
    return msgspec.structs.replace(step, on=moved)


def typed(step: Step) -> str:
    """Returns a step as a line for people; a command as it stands in the client's box."""
    match step:
        case Invoke():
            words = [f"/{step.command}", *_given(step.options)]
            return " ".join([*words, *(f"{k}:{f.name}" for k, f in step.files.items())])
        case Complete():
            return f"/{step.command} {step.option}:{step.text}…"
        case Menu():
            return f"{step.command} on {_about(step.on)}"
        case Click():
            return f"[{step.button}] on {_about(step.on)}"
        case Select():
            return f"picks {', '.join(step.values)} on {_about(step.on)}"
        case Fill():
            given = " ".join([*_given(step.values), *step.files])
            return f"fills in the form of {_about(step.on)} {given}".rstrip()
        case Say():
            return " ".join([step.text, *(file.name for file in step.files)])
        case React():
            return f"{step.emoji} {'on' if step.present else 'off'} {_about(step.on)}"
        case Edit():
            return f"edits {_about(step.on)}: {step.text}"
        case Delete():
            return f"deletes {_about(step.on)}"


def _given(values: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name}:{value}" for name, value in values.items())


def _about(target: Target) -> str:
    if target.person:
        return target.person
    return f"“{target.text}”" if target.text else f"the answer to {target.step}"
