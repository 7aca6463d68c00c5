"""Turns TOML tables into structs, and says in plain words what is wrong with them.

msgspec finds the fault and its path; the words come from the struct's own fields: what a key
wants, and which known key is nearest to an unknown one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from bot.errors import OperatorError, nearest

T = TypeVar("T")

FAULT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
UNKNOWN = re.compile(r"unknown field `(.*)`")
MISSING = re.compile(r"missing required field `(.*)`")
GOT = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}

Keys = list[str | int]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises :class:`OperatorError` that names the file and the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OperatorError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise OperatorError(f"{path}: it cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path}: it is not UTF-8 text. Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(f"{path}: this is not TOML: {_plain_toml(str(error))}.") from error


def to_struct(table: Mapping[str, Any], kind: type[T], where: str, entry: str = "") -> T:
    """Convert ``table`` to the struct ``kind``.

    Raises :class:`OperatorError` naming ``where`` (the file), the table, the key, what the key
    wants and the nearest known key. ``entry`` names the table itself where it is one of many.
    """
    try:
        return msgspec.convert(table, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise OperatorError(_explain(str(error), table, kind, where, entry)) from None


def described(field: inspect.Field) -> str:
    """Return the one line that a struct's field says of itself, or an empty string."""
    return str(_schema(field.type).get("description", ""))


def wanted(kind: inspect.Type) -> str:
    """Return in plain words what a field of this type wants."""
    if title := _schema(kind).get("title"):
        return str(title)
    match kind:
        case inspect.Metadata(type=inner):
            return wanted(inner)
        case inspect.UnionType(types=types):
            parts = [wanted(one) for one in types if not isinstance(one, inspect.NoneType)]
            return " or ".join(parts)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(f'"{value}"' for value in values)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return f"a list, each item {wanted(item)}"
        case inspect.IntType() | inspect.FloatType():
            name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            return name + _bounds(kind)
        case inspect.BoolType():
            return "true or false"
        case inspect.StructType() | inspect.DictType():
            return "a table"
    return "a text"


def fields_of(kind: inspect.Type) -> tuple[inspect.Field, ...]:
    """Return the fields of a struct type, or none where it is something else."""
    match kind:
        case inspect.Metadata(type=inner):
            return fields_of(inner)
        case inspect.VarTupleType(item_type=item):
            return fields_of(item)
        case inspect.StructType(fields=fields):
            return fields
    return ()


def _decode(kind: type, value: object) -> object:
    """Make the types that msgspec does not know from the text that stands for them."""
    if not isinstance(value, str):
        raise TypeError("Expected `str`")
    return kind(value)


def _explain(message: str, table: Mapping[str, Any], kind: Any, where: str, entry: str) -> str:
    found = FAULT.match(message)
    assert found is not None  # the pattern matches any text
    keys = _split(found["path"] or "")
    if unknown := UNKNOWN.search(found["what"]):
        known = [field.encode_name for field in fields_of(_type_at(kind, keys))]
        place = _place([*keys, unknown[1]], where, entry)
        return f"{place}: there is no such key.{nearest(unknown[1], known)}"
    if missing := MISSING.search(found["what"]):
        wants = wanted(_type_at(kind, [*keys, missing[1]]))
        return f"{_place([*keys, missing[1]], where, entry)}: this key is needed: {wants}."
    wants = wanted(_type_at(kind, keys))
    got = _got(_value_at(table, keys), _type_at(kind, keys))
    return f"{_place(keys, where, entry)}: it must be {wants}, not {got}"


def _place(keys: Keys, where: str, entry: str) -> str:
    """Return ``config.toml, [inference] port`` for the path of a fault."""
    names = [key if isinstance(key, str) else f"item {key + 1}" for key in keys]
    steps = [key for key in keys if isinstance(key, str)]
    if not entry and len(steps) > 1:
        entry = f"[{steps[0]}]"
        names = names[1:]
    path = ".".join(names).replace(".item", ", item")
    return ", ".join(filter(None, (where, f"{entry} {path}".strip())))


def _split(path: str) -> Keys:
    """Split ``models[2].limits.stop[0]`` into its keys and (0-based) indices."""
    return [
        int(index) if index else key for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
    ]


def _type_at(kind: Any, keys: Keys) -> inspect.Type:
    """Return the type at a path inside a struct, as far as the path is known."""
    current = inspect.type_info(kind)
    for key in keys:
        if isinstance(key, int):
            current = _item(current)
            continue
        for field in fields_of(current):
            if field.encode_name == key:
                current = field.type
    return current


def _item(kind: inspect.Type) -> inspect.Type:
    match kind:
        case inspect.Metadata(type=inner):
            return _item(inner)
        case inspect.UnionType(types=types):
            return next((_item(one) for one in types if _item(one) is not one), kind)
        case inspect.VarTupleType(item_type=item):
            return item
    return kind


def _value_at(table: Any, keys: Keys) -> object:
    for key in keys:
        table = table[key]
    return table


def _got(value: object, kind: inspect.Type) -> str:
    """Say what was found, without showing what might be a secret."""
    close = ""
    if isinstance(value, str) and not _is_custom(kind):
        close = nearest(value, _choices(kind))
        return f"{value!r}.{close}"
    if isinstance(value, bool):
        return f"{str(value).lower()}."
    if isinstance(value, int | float) and not _is_custom(kind):
        return f"{value}."
    return f"{GOT.get(type(value), _container(value))}."


def _container(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


def _is_custom(kind: inspect.Type) -> bool:
    inner = kind.type if isinstance(kind, inspect.Metadata) else kind
    return isinstance(inner, inspect.CustomType)


def _choices(kind: inspect.Type) -> list[str]:
    match kind:
        case inspect.Metadata(type=inner):
            return _choices(inner)
        case inspect.UnionType(types=types):
            return [choice for one in types for choice in _choices(one)]
        case inspect.LiteralType(values=values):
            return [str(value) for value in values]
    return []


def _schema(kind: inspect.Type) -> dict[str, Any]:
    """Return title and description of a field, also where it may be left out (``X | None``)."""
    match kind:
        case inspect.Metadata(extra_json_schema=schema, type=inner):
            return {**_schema(inner), **(schema or {})}
        case inspect.UnionType(types=types):
            return {key: text for one in types for key, text in _schema(one).items()}
    return {}


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    low, high = kind.ge, kind.le
    if kind.gt is not None:
        return f" above {kind.gt:g}" + ("" if high is None else f" and up to {high:g}")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    return "" if low is None else f", {low:g} or more"


def _plain_toml(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
