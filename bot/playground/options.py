"""What a Discord client checks before it sends a command: options, limits, choices. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.playground.errors import RefusedByClient
from bot.playground.records import Json

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN = 1, 2, 3, 4, 5
USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = 6, 7, 8, 9, 10, 11
REFERENCES = frozenset({USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT})
SAFE_INTEGER = 2**53
STRING_LIMIT = 6000

Finder = Callable[[int, str], Json | None]


@dataclass(slots=True)
class Filled:
    """Options as an interaction carries them, and what they refer to."""

    options: list[Json]
    resolved: dict[str, dict[str, Json]] = field(default_factory=dict)


def find_command(commands: Iterable[Json], words: str, kind: int) -> tuple[Json, list[Json]]:
    """Finds a command by its words ("model load"); returns it and the subcommands on the way.

    The name of a context menu may itself hold spaces, so it is taken whole.
    """
    name, *rest = words.removeprefix("/").split() if kind == 1 else [words]
    command = next((c for c in commands if c["name"] == name and c["type"] == kind), None)
    if command is None:
        raise RefusedByClient(f"There is no command “{words}” here.")
    steps: list[Json] = []
    here = command
    for word in rest:
        options = here.get("options") or []
        found = next((o for o in options if o["name"] == word and o["type"] <= GROUP), None)
        if found is None:
            raise RefusedByClient(f"“{here['name']}” has no subcommand “{word}”.")
        steps.append(found)
        here = found
    if any(option["type"] <= GROUP for option in here.get("options") or ()):
        raise RefusedByClient(f"“{words}” needs a subcommand.")
    return command, steps


def fill(specs: Sequence[Json], given: Mapping[str, Any], find: Finder) -> Filled:
    """Checks the values given for a command's options and makes what is sent.

    `find` turns the id given for a user, channel, role or attachment into its payload.
    """
    unknown = set(given) - {spec["name"] for spec in specs}
    if unknown:
        raise RefusedByClient(f"There is no option “{sorted(unknown)[0]}”.")
    filled = Filled([])
    for spec in specs:
        value = given.get(spec["name"])
        if value is None:
            if spec.get("required"):
                raise RefusedByClient(f"The option “{spec['name']}” is required.")
            continue
        value = _checked(spec, value)
        if spec["type"] in REFERENCES:
            _resolve(spec, value, find, filled)
        filled.options.append({"name": spec["name"], "type": spec["type"], "value": value})
    return filled


def fill_typed(specs: Sequence[Json], given: Mapping[str, Any], focused: str) -> list[Json]:
    """Makes the options of an autocomplete request: unchecked, one of them being typed."""
    spec = next((spec for spec in specs if spec["name"] == focused), None)
    if spec is None or not spec.get("autocomplete"):
        raise RefusedByClient(f"The option “{focused}” does not suggest anything.")
    options = []
    for spec in specs:
        name = spec["name"]
        if spec["type"] == ATTACHMENT or (given.get(name) is None and name != focused):
            continue
        option: Json = {"name": name, "type": spec["type"], "value": given.get(name, "")}
        if name == focused:
            option |= {"value": str(given.get(name, "")), "focused": True}
        options.append(option)
    return options


def nest(steps: Sequence[Json], options: list[Json]) -> list[Json]:
    """Wraps options in the subcommands that lead to them."""
    for step in reversed(steps):
        options = [{"name": step["name"], "type": step["type"], "options": options}]
    return options


def _checked(spec: Json, value: Any) -> Any:
    """Checks one value as the client does; returns it as it is sent."""
    name, kind = spec["name"], spec["type"]
    if kind == STRING:
        return _checked_text(spec, value)
    if kind in (INTEGER, NUMBER):
        return _checked_number(spec, value)
    if kind == BOOLEAN:
        if not isinstance(value, bool):
            raise RefusedByClient(f"“{name}” must be true or false.")
        return value
    return str(value)


def _checked_text(spec: Json, value: Any) -> str:
    name = spec["name"]
    if not isinstance(value, str):
        raise RefusedByClient(f"“{name}” must be text.")
    low, high = spec.get("min_length") or 0, spec.get("max_length") or STRING_LIMIT
    if not low <= len(value) <= high:
        raise RefusedByClient(
            f"“{name}” must have between {low} and {high} characters; this has {len(value)}."
        )
    _check_choice(spec, value)
    return value


def _checked_number(spec: Json, value: Any) -> int | float:
    name, whole = spec["name"], spec["type"] == INTEGER
    accepted = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise RefusedByClient(f"“{name}” must be a {'whole ' if whole else ''}number.")
    low, high = spec.get("min_value"), spec.get("max_value")
    if (low is not None and value < low) or (high is not None and value > high):
        raise RefusedByClient(f"“{name}” must be {_range(low, high)}.")
    if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        raise RefusedByClient(f"“{name}” is too large a number.")
    _check_choice(spec, value)
    number: int | float = value
    return number


def _range(low: Any, high: Any) -> str:
    """Words a range that may be open at one end."""
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"between {low} and {high}"


def _check_choice(spec: Json, value: Any) -> None:
    choices = spec.get("choices") or []
    if choices and value not in [choice["value"] for choice in choices]:
        names = ", ".join(choice["name"] for choice in choices)
        raise RefusedByClient(f"“{spec['name']}” must be one of: {names}.")


_RESOLVED_UNDER = {
    USER: "users",
    CHANNEL: "channels",
    ROLE: "roles",
    MENTIONABLE: "users",
    ATTACHMENT: "attachments",
}


def _resolve(spec: Json, value: str, find: Finder, filled: Filled) -> None:
    """Adds what an option refers to, as Discord does beside the options."""
    payload = find(spec["type"], value)
    if payload is None:
        what = "file" if spec["type"] == ATTACHMENT else "user, channel or role"
        raise RefusedByClient(f"“{spec['name']}” must be a {what}.")
    member = payload.pop("member", None)
    filled.resolved.setdefault(_RESOLVED_UNDER[spec["type"]], {})[value] = payload
    if member is not None:
        filled.resolved.setdefault("members", {})[value] = member


def check_modal_value(control: Json, value: Any) -> None:
    """Checks what was typed or picked in one control of a modal."""
    name = control.get("label") or control.get("custom_id")
    required = control.get("required", True)
    if value in (None, "", []):
        if required and control["type"] not in (23,):
            raise RefusedByClient(f"“{name}” is required.")
        return
    if control["type"] == 4:
        low, high = control.get("min_length") or 0, control.get("max_length") or 4000
        if not isinstance(value, str) or not low <= len(value) <= high:
            raise RefusedByClient(f"“{name}” must have between {low} and {high} characters.")
    elif isinstance(value, list):
        check_picked(control, value)


def check_picked(control: Json, values: Sequence[str]) -> None:
    """Checks the values picked in a select: how many, and that they are options of it."""
    low, high = (_or_one(control.get(key)) for key in ("min_values", "max_values"))
    if not low <= len(values) <= high:
        raise RefusedByClient(f"Pick between {low} and {high}; this is {len(values)}.")
    known = [option["value"] for option in control.get("options") or ()]
    if known and not set(values) <= set(known):
        raise RefusedByClient("That is not one of the options.")


def _or_one(number: int | None) -> int:
    """Reads how many may be picked; Discord's default is one."""
    return 1 if number is None else number
