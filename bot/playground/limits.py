"""Discord's limits on messages: text, embeds, components, files. Pure; raises its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.playground import errors
from bot.playground.components import (
    ACTION_ROW,
    BUTTON,
    LINK_STYLE,
    PREMIUM_STYLE,
    SELECTS,
    STRING_SELECT,
    TEXT_DISPLAY,
    walk,
)
from bot.playground.errors import FormErrors, Path
from bot.playground.records import COMPONENTS_V2, Json, Upload

CONTENT = 2000
EMBEDS = 10
EMBED_TOTAL = 6000
EMBED_TEXTS = {"title": 256, "description": 4096}
FIELDS = 25
FILES = 10
ALT_TEXT = 1024
ROWS = 5
CUSTOM_ID = 100
BUTTON_LABEL = 80
OPTIONS = 25
OPTION_TEXT = 100
PLACEHOLDER = 150
V2_COMPONENTS = 40
V2_TEXT = 4000


def check_message(
    body: Any, files: Mapping[int, Upload], limit_bytes: int, prefix: Path = ()
) -> None:
    """Raises 50035 (or 40005 for a file above `limit_bytes`) if a message's form is wrong."""
    if any(len(upload.data) > limit_bytes for upload in files.values()):
        raise errors.too_large()
    found = FormErrors()
    if not isinstance(body, dict):
        found.add((), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        found.raise_if_any(prefix)
    _check_text(found, body)
    _check_embeds(found, body.get("embeds") or [])
    _check_files(found, body, files)
    _check_mentions(found, body.get("allowed_mentions") or {})
    v2 = bool(int(body.get("flags") or 0) & COMPONENTS_V2)
    check_components(found, body.get("components") or [], v2=v2)
    if v2:
        _check_v2(found, body)
    found.raise_if_any(prefix)


def _check_text(found: FormErrors, body: Json) -> None:
    content = body.get("content")
    if content is None:
        return
    if not isinstance(content, str):
        found.add(("content",), "BASE_TYPE_STRING", "Must be a string.")
    elif len(content) > CONTENT:
        found.too_long(("content",), CONTENT)


def _check_mentions(found: FormErrors, allowed: Json) -> None:
    """Refuses to parse a kind of mention and list it too, as Discord does."""
    for kind in ("users", "roles"):
        if kind in (allowed.get("parse") or ()) and allowed.get(kind):
            message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            found.add(("allowed_mentions",), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)


def _check_files(found: FormErrors, body: Json, files: Mapping[int, Upload]) -> None:
    listed = body.get("attachments") or []
    for number, entry in enumerate(listed):
        if len(entry.get("description") or "") > ALT_TEXT:
            found.too_long(("attachments", number, "description"), ALT_TEXT)
    if max(len(listed), len(files)) > FILES:
        found.bad_length(("attachments",), 0, FILES)


def _check_embeds(found: FormErrors, embeds: Sequence[Json]) -> None:
    if len(embeds) > EMBEDS:
        found.bad_length(("embeds",), 0, EMBEDS)
    for number, embed in enumerate(embeds):
        _check_embed(found, embed, ("embeds", number))
    if sum(embed_length(embed) for embed in embeds) > EMBED_TOTAL:
        message = f"Embed size exceeds maximum size of {EMBED_TOTAL}"
        found.add(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", message)


def _check_embed(found: FormErrors, embed: Json, at: Path) -> None:
    for key, limit in EMBED_TEXTS.items():
        if len(embed.get(key) or "") > limit:
            found.too_long((*at, key), limit)
    for key, part, limit in (("footer", "text", 2048), ("author", "name", 256)):
        if len((embed.get(key) or {}).get(part) or "") > limit:
            found.too_long((*at, key, part), limit)
    fields = embed.get("fields") or []
    if len(fields) > FIELDS:
        found.bad_length((*at, "fields"), 0, FIELDS)
    for number, one in enumerate(fields):
        for part, limit in (("name", 256), ("value", 1024)):
            _check_needed(found, one.get(part), (*at, "fields", number, part), limit)
    if not any(
        embed.get(k) for k in (*EMBED_TEXTS, "fields", "footer", "author", "image", "thumbnail")
    ):
        found.required((*at, "description"))


def _check_needed(found: FormErrors, text: Any, at: Path, limit: int) -> None:
    """Checks a text that must be there and be neither empty nor too long."""
    if not text:
        found.required(at)
    elif len(str(text)) > limit:
        found.too_long(at, limit)


def embed_length(embed: Json) -> int:
    """Counts the characters of an embed that count towards 6000 in a message."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for one in embed.get("fields") or ():
        texts += [one.get("name"), one.get("value")]
    return sum(len(text or "") for text in texts)


def check_components(found: FormErrors, components: Sequence[Json], *, v2: bool) -> None:
    """Notes what is wrong with a message's components."""
    if not v2:
        _check_rows(found, components)
    seen: set[str] = set()
    for at, component in _placed(components, ("components",)):
        if component.get("type") == ACTION_ROW:
            _check_row(found, component, at)
        else:
            _check_one(found, component, at, seen)


def _placed(components: Sequence[Json], at: Path) -> list[tuple[Path, Json]]:
    """Pairs every component, nested ones too, with its path in the form."""
    placed = []
    for number, component in enumerate(components):
        here = (*at, number)
        placed.append((here, component))
        placed += _placed(component.get("components") or (), (*here, "components"))
        if isinstance(component.get("accessory"), dict):
            placed.append(((*here, "accessory"), component["accessory"]))
    return placed


def _check_rows(found: FormErrors, components: Sequence[Json]) -> None:
    if len(components) > ROWS:
        found.bad_length(("components",), 0, ROWS)
    for number, component in enumerate(components):
        if component.get("type") != ACTION_ROW:
            message = f'Value of field "type" must be one of ({ACTION_ROW},).'
            found.add(("components", number), "UNION_TYPE_CHOICES", message)


def _check_row(found: FormErrors, row: Json, at: Path) -> None:
    inside = row.get("components") or []
    full = 1 if any(c.get("type") in SELECTS for c in inside) else 5
    if not 1 <= len(inside) <= full:
        found.bad_length((*at, "components"), 1, full)


def _check_one(found: FormErrors, component: Json, at: Path, seen: set[str]) -> None:
    """Checks a button or a select; other kinds have no limits of their own here."""
    kind = component.get("type")
    if kind == BUTTON:
        _check_button(found, component, at)
    elif kind in SELECTS:
        _check_select(found, component, at)
    if kind in SELECTS or (
        kind == BUTTON and component.get("style") not in (LINK_STYLE, PREMIUM_STYLE)
    ):
        check_custom_id(found, component, at, seen)


def check_custom_id(found: FormErrors, component: Json, at: Path, seen: set[str]) -> None:
    """Notes a custom id that is missing, too long or already used."""
    custom_id = component.get("custom_id")
    _check_needed(found, custom_id, (*at, "custom_id"), CUSTOM_ID)
    if custom_id in seen:
        message = "Component custom id cannot be duplicated"
        found.add((*at, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message)
    seen.add(str(custom_id))


def _check_button(found: FormErrors, button: Json, at: Path) -> None:
    if len(button.get("label") or "") > BUTTON_LABEL:
        found.too_long((*at, "label"), BUTTON_LABEL)
    if button.get("style") == LINK_STYLE and not button.get("url"):
        found.required((*at, "url"))
    if not (button.get("label") or button.get("emoji") or button.get("style") == PREMIUM_STYLE):
        message = "A button must have a label or emoji"
        found.add(at, "BUTTON_COMPONENT_INVALID", message)


def _check_select(found: FormErrors, select: Json, at: Path) -> None:
    if len(select.get("placeholder") or "") > PLACEHOLDER:
        found.too_long((*at, "placeholder"), PLACEHOLDER)
    if select["type"] == STRING_SELECT:
        check_options(found, select.get("options") or [], at)


def check_options(found: FormErrors, options: Sequence[Json], at: Path) -> None:
    """Notes what is wrong with a select's options."""
    if not 1 <= len(options) <= OPTIONS:
        found.bad_length((*at, "options"), 1, OPTIONS)
    seen: set[str] = set()
    for number, option in enumerate(options):
        here = (*at, "options", number)
        for part in ("label", "value"):
            _check_needed(found, option.get(part), (*here, part), OPTION_TEXT)
        if len(option.get("description") or "") > OPTION_TEXT:
            found.too_long((*here, "description"), OPTION_TEXT)
        if option.get("value") in seen:
            message = "The specified option value is already used"
            found.add((*here, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
        seen.add(str(option.get("value")))


def _check_v2(found: FormErrors, body: Json) -> None:
    """Checks the limits of a message made of components only."""
    for key in ("content", "embeds"):
        if body.get(key):
            message = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            found.add((key,), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message)
    every = list(walk(body.get("components") or ()))
    if len(every) > V2_COMPONENTS:
        message = f"Must be {V2_COMPONENTS} or fewer components in total."
        found.add(("components",), "BASE_TYPE_MAX_LENGTH", message)
    if sum(len(c.get("content") or "") for c in every if c.get("type") == TEXT_DISPLAY) > V2_TEXT:
        message = f"The total text of all components must be {V2_TEXT} or fewer in length."
        found.add(("components",), "COMPONENT_MAX_TOTAL_TEXT_SIZE_EXCEEDED", message)
