"""Judges the bot's REST calls by Discord's own OpenAPI document.

A `Judge` is an observer of the playground: it notes every fault, and `verdict` raises
if there was one. The document is read on first use and each schema compiled once.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bot.playground.server import Call

DOCUMENT = Path(__file__).parent / "data" / "discord-openapi.json.gz"
NAME = "urn:discord"

# Where the document is wrong or behind what Discord does: (method, route) -> reason.
# The call is then not judged.
ALLOWED: dict[tuple[str, str], str] = {}

# Schemas that say less than Discord takes: name -> (what it takes, reason).
WIDER: dict[str, tuple[dict[str, Any], str]] = {
    "SnowflakeType": (
        {"type": ["string", "integer"], "pattern": "^(0|[1-9][0-9]*)$", "minimum": 0},
        "Discord's own examples of uploads number attachments with integers, as discord.py does",
    ),
}

# Answers that the document describes wrongly: (method, route) -> reason.
ALLOWED_ANSWERS: dict[tuple[str, str], str] = {}

# Query parameters that Discord takes and the document does not list.
ALLOWED_QUERY: dict[tuple[str, str], str] = {}


class Judge:
    """Checks each call that it observes and keeps what is wrong."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.judged = 0

    def __call__(self, call: Call) -> None:
        """Judges one call; one that was refused as an invalid form has been judged already."""
        if call.error_code == 50035:
            return
        self.judged += 1
        name = f"{call.method} {call.route or call.path}"
        self.faults += [f"{name}: {fault}" for fault in faults_of(call)]

    def forgive(self) -> list[str]:
        """Forgets the faults so far and returns them: for tests that mean to err."""
        faults, self.faults = self.faults, []
        return faults

    def verdict(self) -> None:
        """Raises AssertionError if any call was not as Discord documents it."""
        assert not self.faults, "\n".join(["Discord's document disagrees:", *self.faults])


def faults_of(call: Call) -> Iterator[str]:
    """Yields what is wrong with a call, by the document."""
    if call.route is None:
        yield "the playground knows no such route"
        return
    if (call.method, call.route) in ALLOWED:
        return
    path = _paths().get(_shape(call.route))
    operation = {} if path is None else document()["paths"][path].get(call.method.lower())
    if path is None or not operation:
        yield "Discord documents no such route"
        return
    yield from _path_faults(call, path, operation)
    yield from _query_faults(call, path, operation)
    yield from _body_faults(call, path, operation)
    yield from _answer_faults(call, path, operation)


def _path_faults(call: Call, path: str, operation: dict[str, Any]) -> Iterator[str]:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
    found = re.search(pattern + "$", call.path)
    for pointer, parameter in _parameters(path, operation, "path"):
        value = None if found is None else found[parameter["name"]]
        yield from _faults(f"{pointer}/schema", value, f"path {parameter['name']}")


def _query_faults(call: Call, path: str, operation: dict[str, Any]) -> Iterator[str]:
    known = {p["name"]: pointer for pointer, p in _parameters(path, operation, "query")}
    for name, text in call.query.items():
        if (call.route, name) in ALLOWED_QUERY:
            continue
        if name not in known:
            yield f"query {name}: not documented"
            continue
        pointer = f"{known[name]}/schema"
        readings = [text, *_readings(text)]
        if not any(_is_valid(pointer, reading) for reading in readings):
            yield f"query {name}: {text!r} does not fit its schema"


def _readings(text: str) -> Iterator[Any]:
    """Yields what a query's text may stand for besides itself."""
    if text.isdecimal():
        yield int(text)
    if text.lower() in ("true", "1"):
        yield True
    if text.lower() in ("false", "0"):
        yield False


def _body_faults(call: Call, path: str, operation: dict[str, Any]) -> Iterator[str]:
    request = operation.get("requestBody")
    if request is None:
        if call.body is not None:
            yield "body: none is documented"
        return
    if call.body is None:
        if request.get("required"):
            yield "body: required, and there is none"
        return
    kinds = request["content"]
    if call.files and "multipart/form-data" not in kinds:
        yield "body: no multipart form is documented"
        return
    kind = "multipart/form-data" if call.files else "application/json"
    if kind not in kinds:
        yield f"body: {kind} is not documented"
        return
    where = ["paths", path, call.method.lower(), "requestBody", "content", kind, "schema"]
    yield from _faults(_pointer(where), call.body, "body")
    for name in call.files:
        if re.fullmatch(r"files\[[0-9]\]", name) is None:
            yield f"file field {name}: not documented"


def _answer_faults(call: Call, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """Judges the playground itself: what it answered with success."""
    if call.status >= 300 or (call.method, call.route) in ALLOWED_ANSWERS:
        return
    documented = operation["responses"].get(str(call.status))
    if documented is None:
        yield f"answer: status {call.status} is not documented"
    elif "application/json" in documented.get("content", {}):
        steps = ["paths", path, call.method.lower(), "responses", str(call.status)]
        pointer = _pointer([*steps, "content", "application/json", "schema"])
        yield from _faults(pointer, call.answer, "answer")


def _parameters(
    path: str, operation: dict[str, Any], place: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the parameters of a route in one place, each with a pointer to it."""
    item = document()["paths"][path]
    method = next(key for key, value in item.items() if value is operation)
    for where, listed in (([method], operation), ([], item)):
        for number, parameter in enumerate(listed.get("parameters", ())):
            if parameter["in"] == place:
                steps = ["paths", path, *where, "parameters", str(number)]
                yield _pointer(steps), parameter


def _faults(pointer: str, value: Any, what: str) -> Iterator[str]:
    for error in _validator(pointer).iter_errors(value):
        leaf = _most_telling(error)
        yield f"{what}{leaf.json_path.removeprefix('$')}: {leaf.message[:300]}"


def _most_telling(error: ValidationError) -> ValidationError:
    """Follows a union to the alternative that was meant: the right type, and closest."""
    if not error.context:
        return error
    alternatives: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        alternatives.setdefault(inner.schema_path[0], []).append(inner)

    def distance(faults: list[ValidationError]) -> tuple[bool, bool, int]:
        other_kind = any(f.validator == "enum" and f.json_path.endswith(".type") for f in faults)
        other_type = any(f.validator == "type" and f.path == error.path for f in faults)
        return other_kind, other_type, len(faults)

    return _most_telling(min(alternatives.values(), key=distance)[0])


def _is_valid(pointer: str, value: Any) -> bool:
    return bool(_validator(pointer).is_valid(value))


@functools.cache
def document() -> dict[str, Any]:
    """Reads Discord's document."""
    with gzip.open(DOCUMENT) as file:
        read: dict[str, Any] = json.load(file)
    read["components"]["schemas"] |= {name: schema for name, (schema, _) in WIDER.items()}
    return read


@functools.cache
def _paths() -> dict[str, str]:
    """Maps the shape of each documented path to the path."""
    return {_shape(path): path for path in document()["paths"]}


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def _pointer(steps: list[str]) -> str:
    escaped = (step.replace("~", "~0").replace("/", "~1") for step in steps)
    return "/" + "/".join(escaped)


@functools.cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(NAME, resource)
    return registry


@functools.cache
def _validator(pointer: str) -> Draft202012Validator:
    fragment = pointer.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return Draft202012Validator({"$ref": f"{NAME}#{fragment}"}, registry=_registry())
