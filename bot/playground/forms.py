"""Discord's limits on commands, autocomplete choices and modals. Pure; raises its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.playground.components import ACTION_ROW, LABEL, SELECTS, TEXT_INPUT
from bot.playground.errors import FormErrors, Path
from bot.playground.limits import check_custom_id, check_options
from bot.playground.records import Json

CHOICES = 25
CHOICE_TEXT = 100
COMMAND_NAME = 32
DESCRIPTION = 100
COMMAND_OPTIONS = 25
COMMAND_TOTAL = 8000
SLASH_COMMANDS = 100
CONTEXT_MENUS = 15  # of users, and as many of messages
MODAL_TITLE = 45
MODAL_COMPONENTS = 5
LABEL_TEXT = 45
INPUT_TEXT = 4000
INPUT_PLACEHOLDER = 100


def check_choices(choices: Any, prefix: Path = ()) -> None:
    """Raises 50035 if autocomplete choices are too many or too long."""
    found = FormErrors()
    if not isinstance(choices, list):
        found.required(("choices",))
    else:
        _check_choices(found, choices, ("choices",))
    found.raise_if_any(prefix)


def _check_choices(found: FormErrors, choices: Sequence[Json], at: Path) -> None:
    if len(choices) > CHOICES:
        found.bad_length(at, 0, CHOICES)
    for number, choice in enumerate(choices):
        if not 1 <= len(choice.get("name") or "") <= CHOICE_TEXT:
            found.bad_length((*at, number, "name"), 1, CHOICE_TEXT)
        value = choice.get("value")
        if isinstance(value, str) and not 1 <= len(value) <= CHOICE_TEXT:
            found.bad_length((*at, number, "value"), 1, CHOICE_TEXT)


def check_modal(modal: Any, prefix: Path = ()) -> None:
    """Raises 50035 if a modal has too many parts or too long texts."""
    found = FormErrors()
    if not 1 <= len(modal.get("title") or "") <= MODAL_TITLE:
        found.bad_length(("title",), 1, MODAL_TITLE)
    check_custom_id(found, modal, (), set())
    parts = modal.get("components") or []
    if not 1 <= len(parts) <= MODAL_COMPONENTS:
        found.bad_length(("components",), 1, MODAL_COMPONENTS)
    seen: set[str] = set()
    for number, part in enumerate(parts):
        _check_part(found, part, ("components", number), seen)
    found.raise_if_any(prefix)


def _check_part(found: FormErrors, part: Json, at: Path, seen: set[str]) -> None:
    """Checks one line of a modal: a label with its control, or an old action row."""
    if part.get("type") == LABEL:
        if not 1 <= len(part.get("label") or "") <= LABEL_TEXT:
            found.bad_length((*at, "label"), 1, LABEL_TEXT)
        if len(part.get("description") or "") > DESCRIPTION:
            found.too_long((*at, "description"), DESCRIPTION)
        _check_control(found, part.get("component") or {}, (*at, "component"), seen)
    elif part.get("type") == ACTION_ROW:
        for number, control in enumerate(part.get("components") or ()):
            here = (*at, "components", number)
            if control.get("type") == TEXT_INPUT and not control.get("label"):
                found.required((*here, "label"))
            _check_control(found, control, here, seen)


def _check_control(found: FormErrors, control: Json, at: Path, seen: set[str]) -> None:
    check_custom_id(found, control, at, seen)
    if control.get("type") == TEXT_INPUT:
        limits = {"label": LABEL_TEXT, "value": INPUT_TEXT, "placeholder": INPUT_PLACEHOLDER}
        for key, limit in limits.items():
            if len(control.get(key) or "") > limit:
                found.too_long((*at, key), limit)
        for key in ("min_length", "max_length"):
            if (control.get(key) or 0) > INPUT_TEXT:
                message = f"int value should be less than or equal to {INPUT_TEXT}."
                found.add((*at, key), "NUMBER_TYPE_MAX", message)
    elif control.get("type") in SELECTS and control.get("type") == 3:
        check_options(found, control.get("options") or [], at)


def check_commands(commands: Any) -> None:
    """Raises 50035 if a whole set of commands is not one that Discord takes."""
    found = FormErrors()
    seen: set[tuple[int, str]] = set()
    for number, command in enumerate(commands):
        _check_command(found, command, (number,))
        key = (command.get("type") or 1, str(command.get("name")))
        if key in seen:
            message = "Application command names must be unique"
            found.add((number,), "APPLICATION_COMMANDS_DUPLICATE_NAME", message)
        seen.add(key)
    for kind, most in ((1, SLASH_COMMANDS), (2, CONTEXT_MENUS), (3, CONTEXT_MENUS)):
        if sum(one == kind for one, _ in seen) > most:
            found.bad_length((), 0, most)
    found.raise_if_any()


def check_command(command: Any) -> None:
    """Raises 50035 if one command's form is wrong."""
    found = FormErrors()
    _check_command(found, command, ())
    found.raise_if_any()


def _check_command(found: FormErrors, command: Json, at: Path) -> None:
    slash = (command.get("type") or 1) == 1
    _check_name(found, command.get("name"), at, slash=slash)
    description = command.get("description") or ""
    if slash and not 1 <= len(description) <= DESCRIPTION:
        found.bad_length((*at, "description"), 1, DESCRIPTION)
    _check_options(found, command.get("options") or [], at)
    if command_length(command) > COMMAND_TOTAL:
        message = f"Command exceeds maximum size of {COMMAND_TOTAL}"
        found.add(at, "APPLICATION_COMMAND_TOO_LARGE", message)


def _check_name(found: FormErrors, name: Any, at: Path, *, slash: bool) -> None:
    """Checks a name: short, and for what is typed, small letters, digits, - and _."""
    if not isinstance(name, str) or not 1 <= len(name) <= COMMAND_NAME:
        found.bad_length((*at, "name"), 1, COMMAND_NAME)
    elif slash and (name != name.lower() or not all(c.isalnum() or c in "-_'" for c in name)):
        message = "Command name is invalid"
        found.add((*at, "name"), "APPLICATION_COMMAND_INVALID_NAME", message)


def _check_options(found: FormErrors, options: Sequence[Json], at: Path) -> None:
    if len(options) > COMMAND_OPTIONS:
        found.bad_length((*at, "options"), 0, COMMAND_OPTIONS)
    optional_seen = False
    for number, option in enumerate(options):
        here = (*at, "options", number)
        _check_name(found, option.get("name"), here, slash=True)
        if not 1 <= len(option.get("description") or "") <= DESCRIPTION:
            found.bad_length((*here, "description"), 1, DESCRIPTION)
        _check_choices(found, option.get("choices") or [], (*here, "choices"))
        if option.get("required") and optional_seen:
            message = "Required options must be placed before non-required options"
            found.add(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
        optional_seen = optional_seen or not option.get("required")
        _check_options(found, option.get("options") or [], here)


def command_length(command: Json) -> int:
    """Counts the characters that count towards 8000 in a command, longest language first."""
    total = sum(_longest(command, key) for key in ("name", "description"))
    for option in command.get("options") or ():
        total += command_length(option)
        for choice in option.get("choices") or ():
            total += _longest(choice, "name") + len(str(choice.get("value", "")))
    return total


def _longest(thing: Json, key: str) -> int:
    """Returns the length of a text in its longest language."""
    texts = [thing.get(key) or "", *(thing.get(f"{key}_localizations") or {}).values()]
    return max(len(text) for text in texts)
