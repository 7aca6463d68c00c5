"""What a person does in their Discord client, checked as that client checks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.playground import places
from bot.playground.components import (
    ACTION_ROW,
    BUTTON,
    CHECKBOX,
    LABEL,
    LINK_STYLE,
    RADIO_GROUP,
    SELECTS,
    TEXT_INPUT,
    find,
)
from bot.playground.drafts import Draft
from bot.playground.errors import RefusedByClient
from bot.playground.limits import CONTENT, check_message
from bot.playground.mentions import EVERYTHING
from bot.playground.options import (
    ATTACHMENT,
    CHANNEL,
    MENTIONABLE,
    USER,
    check_modal_value,
    check_picked,
    fill,
    fill_typed,
    find_command,
    nest,
)
from bot.playground.payloads import Projection
from bot.playground.records import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    DM_CHANNEL,
    MODAL_SUBMIT,
    Channel,
    Interaction,
    Json,
    Message,
    Upload,
    User,
)

SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
ADMINISTRATOR = 1 << 3


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does something, where, and with what."""

    who: User
    where: Channel
    body: Json
    files: Mapping[str, Upload] = field(default_factory=dict)


def may_use(who: User, command: Json) -> bool:
    """Tells whether a persona has the permissions that a command asks for."""
    needed = command.get("default_member_permissions")
    if needed is None:
        return True
    if int(needed) == 0:
        return bool(who.permissions & ADMINISTRATOR)
    return who.permissions & int(needed) == int(needed)


def offered_in(where: Channel, command: Json) -> bool:
    """Tells whether a command is offered in a channel: contexts, and guild commands."""
    contexts = command.get("contexts")
    if where.kind != DM_CHANNEL:
        return contexts is None or 0 in contexts
    if command.get("guild_id"):
        return False
    return command.get("dm_permission") is not False if contexts is None else 1 in contexts


class Actions:
    """Turns deeds into interactions and messages; raises RefusedByClient."""

    def __init__(self, projection: Projection) -> None:
        self._world = projection.world
        self._projection = projection

    # -- commands --------------------------------------------------------------------

    def invoke(self, deed: Deed) -> Interaction:
        """Sends a slash command; files are given under the names of their options."""
        command, steps = self._command(deed, SLASH)
        specs = (steps[-1] if steps else command).get("options") or []
        given = dict(deed.body.get("options") or {})
        kinds = {spec["name"]: spec["type"] for spec in specs}
        for name, upload in deed.files.items():
            if kinds.get(name) == ATTACHMENT:
                given[name] = self._world.keep(upload, deed.where.id, ephemeral=True).id
            else:
                raise RefusedByClient(f"The option “{name}” takes no file.")
        filled = fill(specs, given, self._found)
        data = _command_data(command) | {"options": nest(steps, filled.options)}
        if filled.resolved:
            data["resolved"] = filled.resolved
        return self._world.interact(COMMAND, deed.who, deed.where, data)

    def autocomplete(self, deed: Deed) -> Interaction:
        """Asks for choices for the option that is being typed."""
        command, steps = self._command(deed, SLASH)
        specs = (steps[-1] if steps else command).get("options") or []
        given = deed.body.get("options") or {}
        typed = fill_typed(specs, given, str(deed.body.get("focused")))
        data = _command_data(command) | {"options": nest(steps, typed)}
        return self._world.interact(AUTOCOMPLETE, deed.who, deed.where, data)

    def context_menu(self, deed: Deed) -> Interaction:
        """Uses a command from the menu of a message or a user."""
        target = str(deed.body.get("target_id"))
        on_user = target.isdecimal() and int(target) in self._world.users
        command, _ = self._command(deed, USER_MENU if on_user else MESSAGE_MENU)
        data = _command_data(command) | {"target_id": target}
        if on_user:
            user = self._world.users[int(target)]
            people: Json = {"users": {target: places.user(user)}}
            if deed.where.kind != DM_CHANNEL:
                people["members"] = {target: _resolved_member(user)}
            data["resolved"] = people
        else:
            message = self._visible(deed.who, target)
            data["resolved"] = {"messages": {target: self._projection.for_bot_on_command(message)}}
        return self._world.interact(COMMAND, deed.who, deed.where, data)

    def _command(self, deed: Deed, kind: int) -> tuple[Json, list[Json]]:
        """Finds the command that a deed names, as this persona sees it in this channel."""
        offered = [c for c in self._world.commands.values() if offered_in(deed.where, c)]
        command, steps = find_command(offered, str(deed.body.get("command", "")), kind)
        if not may_use(deed.who, command):
            raise RefusedByClient("You do not have permission to use this command.")
        return command, steps

    def _found(self, kind: int, identity: str) -> Json | None:
        """Finds what an option refers to; a member comes with the user."""
        number = int(identity) if identity.isdecimal() else 0
        if kind == ATTACHMENT:
            attachment = self._world.attachments.get(number)
            return None if attachment is None else self._projection.attachment(attachment)
        if kind in (USER, MENTIONABLE):
            user = self._world.users.get(number)
            if user is None:
                return None
            return {**places.user(user), "member": _resolved_member(user)}
        channel = self._world.channels.get(number) if kind == CHANNEL else None
        if channel is None or channel.kind == DM_CHANNEL:
            return None
        return places.channel(channel, self._world) | {"permissions": "0"}

    # -- components and modals -------------------------------------------------------

    def use_component(self, deed: Deed) -> Interaction:
        """Presses a button, or picks values in a select."""
        message = self._visible(deed.who, str(deed.body.get("message_id")))
        component = find(message.components, str(deed.body.get("custom_id")))
        if component is None:
            raise RefusedByClient("There is no such button or select on this message.")
        if component.get("disabled"):
            raise RefusedByClient("This is disabled.")
        if component["type"] == BUTTON and component.get("style") == LINK_STYLE:
            raise RefusedByClient("This button is a link.")
        data: Json = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component["id"],
        }
        if component["type"] in SELECTS:
            values = [str(value) for value in deed.body.get("values") or ()]
            check_picked(component, values)
            data["values"] = values
            resolved = self._resolved_picks(component["type"], values)
            data |= {"resolved": resolved} if resolved else {}
        where = self._world.channels[message.channel_id]
        return self._world.interact(COMPONENT, deed.who, where, data, message_id=message.id)

    def _resolved_picks(self, kind: int, values: list[str]) -> Json:
        """Resolves what was picked in a select of users or channels."""
        wanted = {5: USER, 7: USER, 8: CHANNEL}.get(kind)
        if wanted is None:
            return {}
        resolved: Json = {}
        for value in values:
            payload = self._found(wanted, value)
            if payload is None:
                raise RefusedByClient("That is not one of the options.")
            member = payload.pop("member", None)
            resolved.setdefault("channels" if wanted == CHANNEL else "users", {})[value] = payload
            if member is not None:
                resolved.setdefault("members", {})[value] = member
        return resolved

    def submit_modal(self, deed: Deed) -> Interaction:
        """Sends a filled-in modal; files are given under the custom ids of their controls."""
        identity = str(deed.body.get("interaction_id"))
        opener = self._world.interactions.get(int(identity)) if identity.isdecimal() else None
        if opener is None or opener.modal is None or opener.user_id != deed.who.id:
            raise RefusedByClient("There is no such form open.")
        given = dict(deed.body.get("values") or {})
        resolved: Json = {}
        for name, upload in sorted(deed.files.items()):
            kept = self._world.keep(upload, opener.channel_id, ephemeral=True)
            given.setdefault(name.partition("/")[0], []).append(str(kept.id))
            files = resolved.setdefault("attachments", {})
            files[str(kept.id)] = self._projection.attachment(kept)
        data: Json = {
            "custom_id": opener.modal["custom_id"],
            "components": [_submitted(part, given) for part in opener.modal["components"]],
            **({"resolved": resolved} if resolved else {}),
        }
        where = self._world.channels[opener.channel_id]
        return self._world.interact(
            MODAL_SUBMIT, deed.who, where, data,
            message_id=opener.message_id, opener_id=opener.id,
        )  # fmt: skip

    # -- messages --------------------------------------------------------------------

    def say(self, deed: Deed) -> Message:
        """Posts an ordinary message with files."""
        body: Json = {
            "content": _text(deed),
            "attachments": [
                {"id": str(number), "description": text}
                for number, text in enumerate(deed.body.get("descriptions") or ())
                if text
            ],
        }
        if deed.body.get("reply_to"):
            answered = self._visible(deed.who, str(deed.body["reply_to"]))
            if answered.ephemeral:
                raise RefusedByClient("Only you see this message; nobody can reply to it.")
            body["message_reference"] = {"message_id": str(answered.id)}
            if deed.body.get("ping") is False:
                body["allowed_mentions"] = EVERYTHING | {"replied_user": False}
        files = dict(enumerate(deed.files.values()))
        check_message(body, files, limit_bytes=1 << 62)
        if not (body["content"] or files):
            raise RefusedByClient("Write something or add a file.")
        draft = Draft.of(body, files)
        kind = 0 if draft.reference_id is None else 19
        return self._world.post(deed.where.id, deed.who.id, draft, kind=kind)

    def edit(self, deed: Deed) -> Message:
        """Changes the text of one's own message; its files stay. The same text is no edit."""
        message = self.message(deed)
        if deed.who.id != message.author_id:
            raise RefusedByClient("This is not yours to edit.")
        content = _text(deed)
        if not (content.strip() or message.attachments):
            raise RefusedByClient("Write something, or delete the message.")
        if content == message.content:
            return message
        return self._world.edit(message, Draft(content=content))

    def delete(self, deed: Deed) -> None:
        """Removes one's own message, or dismisses an ephemeral one."""
        message = self.message(deed)
        if deed.who.id not in (message.author_id, message.only_for):
            raise RefusedByClient("This is not yours to delete.")
        self._world.delete(message)

    def message(self, deed: Deed) -> Message:
        """Finds the message that a deed is about."""
        return self._visible(deed.who, str(deed.body.get("message_id")))

    def _visible(self, who: User, identity: str) -> Message:
        """Finds a message that somebody sees."""
        message = self._world.messages.get(int(identity)) if identity.isdecimal() else None
        if message is None or not self._world.sees(who, message):
            raise RefusedByClient("There is no such message.")
        return message


def _text(deed: Deed) -> str:
    """Reads the text of a message, which may not be longer than Discord takes."""
    text = str(deed.body.get("content") or "")
    if len(text) > CONTENT:
        most = f"at most {CONTENT} characters"
        raise RefusedByClient(f"A message has {most}; this one has {len(text)}.")
    return text


def _command_data(command: Json) -> Json:
    """Makes the part of an interaction that names its command."""
    data = {"id": command["id"], "name": command["name"], "type": command["type"]}
    return data | ({"guild_id": command["guild_id"]} if command.get("guild_id") else {})


def _resolved_member(user: User) -> Json:
    """Projects a membership as `resolved` carries it."""
    return places.bare_member(user) | {"permissions": str(user.permissions)}


def _submitted(part: Json, given: Mapping[str, Any]) -> Json:
    """Makes what one line of a modal sends back."""
    if part.get("type") == LABEL:
        control = part["component"] | {"label": part["label"]}
        return {"type": LABEL, "id": part.get("id", 0), "component": _control(control, given)}
    if part.get("type") == ACTION_ROW:
        inside = [_control(control, given) for control in part["components"]]
        return {"type": ACTION_ROW, "id": part.get("id", 0), "components": inside}
    return {"type": part["type"], "id": part.get("id", 0)}


def _control(control: Json, given: Mapping[str, Any]) -> Json:
    """Makes what one control of a modal sends back, checked."""
    kind, value = control["type"], given.get(control["custom_id"])
    if value is None and kind == TEXT_INPUT:
        value = control.get("value")
    check_modal_value(control, value)
    sent: Json = {"type": kind, "custom_id": control["custom_id"], "id": control.get("id", 0)}
    if kind == TEXT_INPUT:
        return sent | {"value": value or ""}
    if kind == RADIO_GROUP:
        return sent | {"value": value}
    if kind == CHECKBOX:
        return sent | {"value": bool(value)}
    return sent | {"values": [str(one) for one in value or ()]}
