"""Writes config.example.toml out of the configuration's structs, and configurations as TOML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import NODEFAULT, inspect

from bot.catalogue.model import Model
from bot.config import Config, masked
from bot.tables import described, fields_of

HEAD = """\
# The configuration of Menagerie. Copy it to config.toml and change what you like: every key stands
# here with its default, and all of them may be left out.
"""

MODEL_HEAD = """\
# Models of your own: one table each. With the id of a model of the catalogue, the table changes
# only the keys that it gives. `repo` names a hub repository, `checkpoint` a folder of yours.
#
# [[model]]
# id = "my-model"
# task = "complete"
# family = "causal_lm"
# checkpoint = "/path/to/my-model"
#
# Every key of a model, with its default:
"""


def example_toml() -> str:
    """Return the text of config.example.toml."""
    return f"{HEAD}\n{config_toml(Config())}\n{MODEL_HEAD}{''.join(_model_lines())}"


def config_toml(config: Config) -> str:
    """Return a configuration as commented TOML, the token hidden, without its models."""
    values = masked(config)
    tables = fields_of(inspect.type_info(Config))
    return "\n".join(_table(table, values[table.name]) for table in tables if table.name != "model")


def _table(table: inspect.Field, values: Mapping[str, Any]) -> str:
    lines = [f"[{table.name}]  # {described(table).rstrip('.')}\n"]
    for field in fields_of(table.type):
        lines += [f"# {described(field)}\n", f"{field.name} = {_toml(values[field.name])}\n"]
    return "".join(lines)


def _model_lines() -> Iterator[str]:
    """Yield the explanation of every key of a model, as comments."""
    inner = []
    for field in fields_of(inspect.type_info(Model)):
        if fields_of(field.type) and field.name != "parts":
            inner.append(field)
        else:
            yield f"#   {_line(field, field.name)}\n"
    for table in inner:
        yield f"#\n# [model.{table.name}]  # {described(table).rstrip('.')}\n"
        for field in fields_of(table.type):
            yield f"#   {_line(field, field.name)}\n"


def _line(field: inspect.Field, name: str) -> str:
    value = field.default
    if field.default_factory is not NODEFAULT:  # of a table
        value = field.default_factory()
    needed = value is NODEFAULT
    default = "" if needed or value is None else f" = {_toml(value)}"
    return f"{name}{default}  # {described(field)}{' Needed.' if needed else ''}"


def _toml(value: Any) -> str:
    """Return a plain value as TOML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
