"""How the bot answers an interaction: the first callback, then @original and follow-ups."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from bot.playground import errors, forms, intake
from bot.playground.drafts import Draft
from bot.playground.limits import check_message
from bot.playground.payloads import Projection
from bot.playground.records import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    MODAL_SUBMIT,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Interaction,
    Json,
    Message,
)

ANSWER_FLAGS = EPHEMERAL | SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
TYPES_FOR = {
    COMMAND: {4, 5, 9},
    COMPONENT: {4, 5, 6, 7, 9},
    AUTOCOMPLETE: {8},
    MODAL_SUBMIT: {4, 5, 6, 7},
}
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL = f"{WEBHOOK}/messages/@original"
FOLLOW_UP = f"{WEBHOOK}/messages/{{message_id}}"


class Answers:
    """Handles the routes that need no bot token: the interaction's token is enough."""

    def __init__(self, projection: Projection) -> None:
        self._world = projection.world
        self._projection = projection

    def routes(self) -> list[web.RouteDef]:
        """Lists the routes, without their common prefix."""
        return [
            web.post(CALLBACK, self.callback),
            web.post(WEBHOOK, self.follow),
            web.get(ORIGINAL, self.read),
            web.patch(ORIGINAL, self.edit),
            web.delete(ORIGINAL, self.delete),
            web.get(FOLLOW_UP, self.read),
            web.patch(FOLLOW_UP, self.edit),
            web.delete(FOLLOW_UP, self.delete),
        ]

    # -- the first answer ------------------------------------------------------------

    async def callback(self, request: web.Request) -> web.Response:
        """Takes the first answer to an interaction."""
        form = await self._read(request)
        interaction = self._world.to_answer(
            _number(request, "interaction_id"), request.match_info["interaction_token"]
        )
        body = form.body if isinstance(form.body, dict) else {}
        kind, data = body.get("type"), body.get("data") or {}
        if kind not in TYPES_FOR[interaction.kind]:
            allowed = ", ".join(map(str, sorted(TYPES_FOR[interaction.kind])))
            fault = f"Value must be one of {{{allowed}}}."
            raise errors.invalid_form(("type",), "BASE_TYPE_CHOICES", fault)
        message = self._first_answer(interaction, kind, data, form)
        if request.query.get("with_response", "").lower() not in ("1", "true"):
            return web.Response(status=204)
        return web.json_response(self._receipt(interaction, kind, message))

    def _first_answer(
        self, interaction: Interaction, kind: int, data: Json, form: intake.Intake
    ) -> Message | None:
        """Does what one type of callback does; returns the message it made or changed."""
        if kind in (4, 7):
            check_message(
                data, form.numbered_files(), self._world.attachment_limit_bytes, ("data",)
            )
        handlers: dict[int, Callable[[Interaction, Json, intake.Intake], Message | None]] = {
            4: self._answer_now,
            5: self._defer,
            6: self._defer_update,
            7: self._update,
            8: self._offer_choices,
            9: self._open_modal,
        }
        message = handlers[kind](interaction, data, form)
        if kind in (4, 5, 6, 7):
            self._world.tell("interaction_acknowledged", interaction=interaction)
        return message

    def _answer_now(self, interaction: Interaction, data: Json, form: intake.Intake) -> Message:
        """Type 4: a message, at once."""
        draft = Draft.of(data, form.numbered_files())
        if _is_empty(draft):
            raise errors.empty_message()
        self._world.acknowledge(interaction, "message")
        return self._original(interaction, draft.with_flags(draft.flags & ANSWER_FLAGS))

    def _defer(self, interaction: Interaction, data: Json, form: intake.Intake) -> Message:
        """Type 5: 'thinking'; of the flags only EPHEMERAL counts."""
        self._world.acknowledge(interaction, "deferred")
        flags = int(data.get("flags") or 0) & EPHEMERAL
        return self._original(interaction, Draft(flags=flags | LOADING))

    def _original(self, interaction: Interaction, draft: Draft) -> Message:
        """Posts the first answer, whose type says what it answers."""
        kind = 0
        if interaction.kind == COMMAND:
            kind = 20 if interaction.data.get("type", 1) == 1 else 23
        message = self._world.answer(interaction, self._hushed(interaction, draft), kind=kind)
        interaction.response_message_id = message.id
        return message

    def _hushed(self, interaction: Interaction, draft: Draft) -> Draft:
        """Hides an answer from others where the one who asks may not use the bot in public."""
        channel = self._world.channels[interaction.channel_id]
        who = self._world.users[interaction.user_id]
        hushed = self._world.standing.hushes(channel, who.permissions)
        return draft.with_flags(draft.flags | EPHEMERAL) if hushed else draft

    def _source(self, interaction: Interaction) -> Message:
        """Finds the message whose component was used, for an answer that changes it."""
        message = self._world.messages.get(interaction.message_id or 0)
        if message is None:
            raise errors.unknown_message()
        return message

    def _defer_update(self, interaction: Interaction, data: Json, form: intake.Intake) -> Message:
        """Type 6: the source message will change later."""
        source = self._source(interaction)
        self._world.acknowledge(interaction, "deferred_update")
        interaction.response_message_id = source.id
        return source

    def _update(self, interaction: Interaction, data: Json, form: intake.Intake) -> Message:
        """Type 7: the source message changes at once."""
        source = self._source(interaction)
        draft = Draft.of(data, form.numbered_files())
        self._world.acknowledge(interaction, "update")
        interaction.response_message_id = source.id
        return self._world.edit(source, draft.with_flags(draft.flags & ~EPHEMERAL & ANSWER_FLAGS))

    def _offer_choices(self, interaction: Interaction, data: Json, form: intake.Intake) -> None:
        """Type 8: what a person may choose from while they type."""
        forms.check_choices(data.get("choices"), ("data",))
        self._world.acknowledge(interaction, "choices")
        interaction.choices = data["choices"]
        self._world.tell("choices_offered", interaction=interaction)

    def _open_modal(self, interaction: Interaction, data: Json, form: intake.Intake) -> None:
        """Type 9: a form for the person to fill in."""
        forms.check_modal(data, ("data",))
        self._world.acknowledge(interaction, "modal")
        interaction.modal = data
        self._world.tell("modal_opened", interaction=interaction)

    def _receipt(self, interaction: Interaction, kind: int, message: Message | None) -> Json:
        """Describes the answer given, for with_response."""
        about: Json = {"id": str(interaction.id), "type": interaction.kind}
        receipt: Json = {"interaction": about}
        if message is not None and kind in (4, 5, 7):
            about["response_message_id"] = str(message.id)
            about["response_message_loading"] = message.thinking
            about["response_message_ephemeral"] = message.ephemeral
        if message is not None and kind in (4, 7):
            receipt["resource"] = {"type": kind, "message": self._projection.message(message)}
        return receipt

    # -- afterwards ------------------------------------------------------------------

    async def follow(self, request: web.Request) -> web.Response:
        """Takes a follow-up message."""
        form = await self._read(request)
        interaction = self._followed(request)
        draft = self._draft(form)
        if _is_empty(draft):
            raise errors.empty_message()
        draft = draft.with_flags(draft.flags & ANSWER_FLAGS)
        channel = self._world.channels[interaction.channel_id]
        self._world.standing.check_follow_up(channel, interaction.follow_ups)
        interaction.follow_ups += 1
        message = self._world.follow_up(interaction, self._hushed(interaction, draft))
        if request.query.get("wait", "true").lower() in ("0", "false"):
            return web.Response(status=204)
        return web.json_response(self._projection.message(message))

    async def read(self, request: web.Request) -> web.Response:
        """Gives back @original or one follow-up."""
        message = self._named(request, self._followed(request))
        return web.json_response(self._projection.message(message))

    async def edit(self, request: web.Request) -> web.Response:
        """Changes @original or one follow-up."""
        form = await self._read(request)
        message = self._named(request, self._followed(request))
        draft = self._draft(form)
        if would_be_empty(message, draft):
            raise errors.empty_message()
        self._world.edit(message, draft.with_flags(draft.flags & ANSWER_FLAGS))
        return web.json_response(self._projection.message(message))

    async def delete(self, request: web.Request) -> web.Response:
        """Removes @original or one follow-up."""
        interaction = self._followed(request)
        message = self._named(request, interaction)
        if message.id == interaction.response_message_id:
            interaction.original_deleted = True
        self._world.delete(message)
        return web.Response(status=204)

    def _followed(self, request: web.Request) -> Interaction:
        """Finds the interaction that a webhook route names, or raises."""
        return self._world.to_follow(
            _number(request, "webhook_id"), request.match_info["webhook_token"]
        )

    def _named(self, request: web.Request, interaction: Interaction) -> Message:
        """Finds the message that a route names among the interaction's own."""
        if "message_id" not in request.match_info:
            return self._world.original(interaction)
        identity = _number(request, "message_id")
        message = self._world.messages.get(identity)
        own = identity == interaction.response_message_id
        if message is None or not (own or message.interaction_id == interaction.id):
            raise errors.unknown_message()
        return message

    def _draft(self, form: intake.Intake) -> Draft:
        """Checks a message's form and reads it."""
        files, body = form.numbered_files(), {} if form.body is None else form.body
        check_message(body, files, self._world.attachment_limit_bytes)
        return Draft.of(body, files)

    async def _read(self, request: web.Request) -> intake.Intake:
        return await intake.read(request, keep_bytes=self._world.attachment_limit_bytes)


def _is_empty(draft: Draft) -> bool:
    """Tells whether a new message would have nothing in it."""
    return not (draft.content or draft.embeds or draft.components or draft.files)


def would_be_empty(message: Message, draft: Draft) -> bool:
    """Tells whether an edit would leave a message with nothing in it."""
    content = message.content if draft.content is None else draft.content
    embeds = message.embeds if draft.embeds is None else draft.embeds
    components = message.components if draft.components is None else draft.components
    return not (content or embeds or components or draft.files or draft.kept(message.attachments))


def _number(request: web.Request, name: str) -> int:
    """Reads a snowflake from the path, or raises 50035."""
    text = request.match_info[name]
    if not text.isdecimal():
        message = f'Value "{text}" is not snowflake.'
        raise errors.invalid_form((name,), "NUMBER_TYPE_COERCE", message)
    return int(text)


number_in_path = _number
