"""Discord's limits on messages, choices, modals and commands, each with its own error."""

from __future__ import annotations

from typing import Any

import pytest

from bot.playground.server import Playground
from bot.playground.world import APPLICATION_ID, TEXT_CHANNEL_ID
from tests.playground.conftest import Raw


def row(*controls: dict[str, Any]) -> dict[str, Any]:
    return {"components": [{"type": 1, "components": list(controls)}]}


def button(**how: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "a", "custom_id": "a", **how}


def select(*options: dict[str, Any], **how: Any) -> dict[str, Any]:
    return {"type": 3, "custom_id": "a", "options": list(options), **how}


OPTION = {"label": "a", "value": "a"}

BAD_MESSAGES: list[tuple[dict[str, Any], str, str]] = [
    ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
    ({"content": 3}, "content", "BASE_TYPE_STRING"),
    ({"embeds": [{"title": "a"}] * 11}, "embeds", "BASE_TYPE_BAD_LENGTH"),
    ({"embeds": [{"title": "x" * 257}]}, "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
    ({"embeds": [{"description": "x" * 4097}]}, "embeds.0.description", "BASE_TYPE_MAX_LENGTH"),
    ({"embeds": [{"description": "x" * 4000}] * 2}, "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
    ({"embeds": [{}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
    (
        {"embeds": [{"fields": [{"name": "a", "value": "x" * 1025}]}]},
        "embeds.0.fields.0.value",
        "BASE_TYPE_MAX_LENGTH",
    ),
    (
        {"embeds": [{"title": "a", "footer": {"text": "x" * 2049}}]},
        "embeds.0.footer.text",
        "BASE_TYPE_MAX_LENGTH",
    ),
    (
        {"content": "a", "attachments": [{"id": "0", "description": "x" * 1025}]},
        "attachments.0.description",
        "BASE_TYPE_MAX_LENGTH",
    ),
    (
        row(button(custom_id="x" * 101)),
        "components.0.components.0.custom_id",
        "BASE_TYPE_MAX_LENGTH",
    ),
    (row(button(label="x" * 81)), "components.0.components.0.label", "BASE_TYPE_MAX_LENGTH"),
    (
        row(*[button(custom_id=c) for c in "abcdef"]),
        "components.0.components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    (
        row(button(), button()),
        "components.0.components.1.custom_id",
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    (row(select()), "components.0.components.0.options", "BASE_TYPE_BAD_LENGTH"),
    (
        row(select(*[{"label": str(n), "value": str(n)} for n in range(26)])),
        "components.0.components.0.options",
        "BASE_TYPE_BAD_LENGTH",
    ),
    (
        row(select(OPTION | {"label": "x" * 101})),
        "components.0.components.0.options.0.label",
        "BASE_TYPE_MAX_LENGTH",
    ),
    (
        row(select(OPTION, OPTION)),
        "components.0.components.0.options.1.value",
        "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
    ),
    ({"components": [button()]}, "components.0", "UNION_TYPE_CHOICES"),
    (
        {"content": "a", "flags": 1 << 15},
        "content",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    (
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 2001}] * 2},
        "components",
        "COMPONENT_MAX_TOTAL_TEXT_SIZE_EXCEEDED",
    ),
    (
        {"content": "a", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "allowed_mentions",
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
    ),
]


@pytest.mark.parametrize(("body", "path", "code"), BAD_MESSAGES)
async def test_each_limit_of_a_message_has_its_own_error(
    raw: Raw, body: dict[str, Any], path: str, code: str
) -> None:
    status, error = await raw("POST", f"/channels/{TEXT_CHANNEL_ID}/messages", json=body)
    assert (status, error["code"]) == (400, 50035)
    assert code in [fault["code"] for fault in at(error["errors"], path)]


def at(tree: dict[str, Any], path: str) -> list[dict[str, str]]:
    """Finds the faults at a path in Discord's nested errors."""
    for step in path.split("."):
        assert step in tree, tree
        tree = tree[step]
    faults: list[dict[str, str]] = tree["_errors"]
    return faults


CHOICE = {"name": "a", "value": "a"}
INPUT = {"type": 4, "custom_id": "a", "style": 1, "label": "a"}
LABEL = {"type": 18, "label": "a", "component": {"type": 4, "custom_id": "a", "style": 1}}
BAD_ANSWERS: list[tuple[str, dict[str, Any], str]] = [
    ("autocomplete", {"choices": [CHOICE] * 26}, "data.choices"),
    ("autocomplete", {"choices": [CHOICE | {"name": "x" * 101}]}, "data.choices.0.name"),
    ("autocomplete", {"choices": [CHOICE | {"value": ""}]}, "data.choices.0.value"),
    ("modal", {"title": "x" * 46, "custom_id": "a", "components": [LABEL]}, "data.title"),
    ("modal", {"title": "a", "custom_id": "x" * 101, "components": [LABEL]}, "data.custom_id"),
    ("modal", {"title": "a", "custom_id": "a", "components": []}, "data.components"),
    (
        "modal",
        {"title": "a", "custom_id": "a", "components": [LABEL | {"label": "x" * 46}]},
        "data.components.0.label",
    ),
    (
        "modal",
        {"title": "a", "custom_id": "a", **row(INPUT | {"placeholder": "x" * 101})},
        "data.components.0.components.0.placeholder",
    ),
]


@pytest.mark.parametrize(("what", "data", "path"), BAD_ANSWERS)
async def test_each_limit_of_choices_and_modals_has_its_own_error(
    playground: Playground, raw: Raw, what: str, data: dict[str, Any], path: str
) -> None:
    world = playground.world
    kind, callback = (4, 8) if what == "autocomplete" else (2, 9)
    somewhere = world.channels[TEXT_CHANNEL_ID]
    asked = world.interact(kind, world.personas["member"], somewhere, {"name": "a"})
    where = f"/interactions/{asked.id}/{asked.token}/callback"
    status, error = await raw("POST", where, json={"type": callback, "data": data})
    assert (status, error["code"]) == (400, 50035)
    assert at(error["errors"], path)
    assert asked.acknowledged_s is None


BAD_COMMANDS: list[tuple[dict[str, Any], str]] = [
    ({"name": "Upper", "description": "a"}, "name"),
    ({"name": "x" * 33, "description": "a"}, "name"),
    ({"name": "a", "description": "x" * 101}, "description"),
    ({"name": "a", "description": ""}, "description"),
    (
        {"name": "a", "description": "a", "options": [{"name": "b", "description": "b"}] * 26},
        "options",
    ),
]


@pytest.mark.parametrize(("command", "path"), BAD_COMMANDS)
async def test_each_limit_of_a_command_has_its_own_error(
    raw: Raw, command: dict[str, Any], path: str
) -> None:
    where = f"/applications/{APPLICATION_ID}/commands"
    status, error = await raw("POST", where, json=command)
    assert (status, error["code"]) == (400, 50035)
    assert at(error["errors"], path)
    status, error = await raw("PUT", where, json=[command])
    assert at(error["errors"], f"0.{path}")
