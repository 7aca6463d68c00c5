"""Presets: options of a command under a name, read from what was typed, and put into a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, inspect

from bot.errors import Sentence, UserError, did_you_mean, joined
from bot.tasks.languages import find, languages, nearest
from bot.tasks.registry import REQUESTS
from bot.tasks.request import Request
from bot.tasks.styles import style_number
from bot.tasks.text_to_image import check_walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.rules import Options

    Asked = TypeVar("Asked", bound=Request)

MOST = 25
"""Presets that one may have of a command: as many as Discord offers at once."""

RENAMED = {"source": "from", "turns": "follows"}
"""Fields that are called otherwise where they are typed."""

NAME = re.compile(r"[^\W_][\w -]{0,31}")
FLORES = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")  # a code that only a checkpoint may know
TYPED = re.compile(r"(?:^|\s)([a-z_]+):\s*")
SEED = Annotated[int, Meta(ge=0, le=2**32 - 1)]


def kinds(task: str) -> dict[str, Any]:
    """Return the options of a command that a preset may keep: the name as typed -> the type.

    Those that carry the words and files themselves are not among them, nor what was said before.
    """
    request = REQUESTS[task]
    content = {*request.text_fields, *request.file_fields, "turns", "near"}
    found: dict[str, Any] = {
        RENAMED.get(field.name, field.name): field.type
        for field in msgspec.structs.fields(request)
        if field.name not in content and not field.required
    }
    found["model"] = str
    if request.uses_seed:
        found["seed"] = SEED
    return found


def named(typed: str) -> str:
    """Return the name of a preset as it is kept.

    Raises:
        UserError: It is none.
    """
    name = " ".join(typed.split()).casefold()
    if NAME.fullmatch(name) is None:
        raise UserError(
            "{name!r} is no name for a preset. Take up to 32 letters, digits, spaces, hyphens and "
            "underscores.",
            name=typed[:40],
        )
    return name


def parsed(task: str, typed: str) -> Options:
    """Return the options in ``temperature:1.2 max_tokens:80``; the words themselves are left out.

    So one may paste a whole command, as *Info* shows it below an answer.

    Raises:
        UserError: There is no such option, or it cannot be that.
    """
    able = kinds(task)
    fields = msgspec.structs.fields(REQUESTS[task])
    known = {*able, *(RENAMED.get(field.name, field.name) for field in fields)}
    typed = re.sub(rf"^\s*/{task}\b", "", typed)
    marks = [mark for mark in TYPED.finditer(typed) if mark[1] in known]
    before = typed[: marks[0].start()] if marks else typed
    if before.strip() or not marks:
        raise UserError(_strange(task, before.partition(":")[0].strip(), able))
    ends = [mark.start() for mark in marks[1:]] + [len(typed)]
    texts = {
        mark[1]: typed[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)
    }
    options = {name: _value(name, text, able[name]) for name, text in texts.items() if name in able}
    if not options:
        raise UserError(_strange(task, "", able))
    if task == "conjure":
        check_walk(walk=options.get("walk", False), count=options.get("count", 1))
    return options


def applied(request: Asked, presets: Iterable[Options], named: Collection[str]) -> Asked:
    """Return a request with the options of presets in it, the most wanted first.

    Args:
        request: What was asked.
        presets: What is wanted beside; what does not fit any more is left out.
        named: The options that were typed: these stay as they are.
    """
    merged = first(presets)
    changes = {}
    for field in msgspec.structs.fields(request):
        name = RENAMED.get(field.name, field.name)
        if name not in merged or name in named or name not in kinds(request.task()):
            continue
        if getattr(request, field.name) != field.default:  # chosen in a menu or a form
            continue
        try:
            changes[field.name] = msgspec.convert(merged[name], field.type)
        except msgspec.ValidationError:  # another version of the bot took it
            continue
    return msgspec.structs.replace(request, **changes)


def first(presets: Iterable[Options]) -> Options:
    """Return the options of several presets together; those that come first win."""
    merged: dict[str, Any] = {}
    for preset in presets:
        merged = {**preset, **merged}
    return merged


def found(presets: Mapping[str, Options], task: str, typed: str) -> Options:
    """Return a preset by its name.

    Raises:
        UserError: There is none of that name.
    """
    name = " ".join(typed.split()).casefold()
    if name not in presets:
        fact = Sentence("There is no preset {name!r} of /{task}.", {"name": name, "task": task})
        advice = Sentence("`/preset show` lists them.")
        raise UserError(joined(fact, did_you_mean(name, presets), advice))
    return presets[name]


def as_typed(options: Options) -> str:
    """Return options as one would type them."""
    return " ".join(f"{name}:{value}" for name, value in options.items())


def _value(name: str, text: str, kind: Any) -> Any:
    try:
        value = msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        value = None
    if value is None or value != value:  # "null" and "nan" are no choices
        raise UserError(_unfit(name, text, inspect.type_info(kind)))
    if name in CHECKS:
        CHECKS[name](value)
    return value


def _check_language(typed: str) -> None:
    """Refuse what no model would take for a language.

    Raises:
        UserError: There is none of that name.
    """
    if find(typed) is None and FLORES.fullmatch(typed) is None:
        known = {language.code for language in languages()}
        close = nearest(typed, known)
        fact = Sentence("There is no language {typed!r} here.", {"typed": typed[:40]})
        hint = Sentence("Did you mean {word!r}?", {"word": close.name}) if close else ""
        raise UserError(joined(fact, hint))


CHECKS: dict[str, Callable[[str], object]] = {"style": style_number, "from": _check_language}
"""What is to be said of texts that not every text may be; the command itself checks them so."""


def _unfit(name: str, text: str, kind: inspect.Type) -> Sentence:
    """Return why an option cannot be that."""
    values: dict[str, Any] = {"option": name, "value": text[:40]}
    for one in kind.types if isinstance(kind, inspect.UnionType) else (kind,):
        if isinstance(one, inspect.IntType | inspect.FloatType) and one.le is not None:
            bounds = {"low": _plain(one.ge or 0), "high": _plain(one.le)}
            return Sentence(
                "`{option}` is a number from {low} to {high}, not {value!r}.", {**values, **bounds}
            )
    return Sentence("`{option}` cannot be {value!r}.", values)


def _plain(number: float) -> int | float:
    """Return a number without a fraction that is none."""
    return int(number) if number == int(number) else number


def _strange(task: str, name: str, able: Iterable[str]) -> Sentence:
    names = ", ".join(f"`{each}`" for each in able)
    listed = Sentence(
        "A preset of /{task} keeps these options: {names}. Write them as `{example}:…`, with "
        "spaces between.",
        {"task": task, "names": names, "example": next(iter(able))},
    )
    if not name:
        return listed
    values = {"name": name[:40], "task": task}
    return joined(Sentence("/{task} has no option {name!r}.", values), listed)
