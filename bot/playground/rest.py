"""Discord's REST API v10, as much of it as a bot like ours uses; the rest answers 501."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from bot.playground import errors, forms, intake, places
from bot.playground.answers import Answers, number_in_path, would_be_empty
from bot.playground.drafts import Draft
from bot.playground.limits import check_message
from bot.playground.payloads import Projection
from bot.playground.records import (
    COMPONENTS_V2,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    Channel,
    Message,
)
from bot.playground.world import GUILD_ID

PREFIX = "/api/v10"
MESSAGE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
OPEN_ROUTES = (f"{PREFIX}/interactions/", f"{PREFIX}/webhooks/")
_COMMANDS = "/applications/{application_id}/commands"
_GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
_MESSAGES = "/channels/{channel_id}/messages"
_REACTIONS = f"{_MESSAGES}/{{message_id}}/reactions/{{emoji_name}}"


class Rest:
    """Handles the routes of Discord's REST API over one world."""

    def __init__(self, projection: Projection, gateway_url: Callable[[], str]) -> None:
        self._world = projection.world
        self._projection = projection
        self._gateway_url = gateway_url
        self._answers = Answers(projection)

    def routes(self) -> list[web.RouteDef]:
        """Lists every route under its full path, the loud gap last."""
        known = [
            *self._plain_routes(),
            *self._command_routes(_COMMANDS),
            *self._command_routes(_GUILD_COMMANDS),
            *self._message_routes(),
            *self._answers.routes(),
        ]
        under = [web.RouteDef(r.method, PREFIX + r.path, r.handler, r.kwargs) for r in known]
        return [*under, web.route("*", "/api/{tail:.*}", not_here)]

    def _plain_routes(self) -> list[web.RouteDef]:
        return [
            web.get("/users/@me", self.me),
            web.get("/users/{user_id}", self.user),
            web.post("/users/@me/channels", self.open_dm),
            web.get("/oauth2/applications/@me", self.application),
            web.get("/applications/@me", self.application),
            web.get("/gateway", self.gateway),
            web.get("/gateway/bot", self.gateway_bot),
            web.get("/guilds/{guild_id}", self.guild),
            web.get("/guilds/{guild_id}/channels", self.guild_channels),
            web.get("/guilds/{guild_id}/members/{user_id}", self.member),
            web.get("/channels/{channel_id}", self.channel),
            web.post("/channels/{channel_id}/typing", self.typing),
        ]

    def _command_routes(self, base: str) -> list[web.RouteDef]:
        return [
            web.get(base, self.commands),
            web.put(base, self.replace_commands),
            web.post(base, self.create_command),
            web.get(f"{base}/{{command_id}}", self.command),
            web.patch(f"{base}/{{command_id}}", self.edit_command),
            web.delete(f"{base}/{{command_id}}", self.delete_command),
        ]

    def _message_routes(self) -> list[web.RouteDef]:
        one = f"{_MESSAGES}/{{message_id}}"
        return [
            web.get(_MESSAGES, self.messages),
            web.post(_MESSAGES, self.post_message),
            web.get(one, self.message),
            web.patch(one, self.edit_message),
            web.delete(one, self.delete_message),
            web.put(f"{_REACTIONS}/@me", self.react),
            web.delete(f"{_REACTIONS}/@me", self.unreact),
        ]

    # -- who and where ---------------------------------------------------------------

    async def me(self, request: web.Request) -> web.Response:
        """Gives the bot's own user."""
        extra = {
            "verified": True,
            "mfa_enabled": True,
            "locale": "en-GB",
            "flags": 0,
            "email": None,
        }
        return web.json_response({**places.user(self._world.bot), **extra})

    async def user(self, request: web.Request) -> web.Response:
        """Gives any user."""
        user = self._world.users.get(number_in_path(request, "user_id"))
        if user is None:
            raise errors.unknown_user()
        return web.json_response(places.user(user))

    async def open_dm(self, request: web.Request) -> web.Response:
        """Opens the direct messages with somebody; they are always there."""
        body = (await self._read(request)).body or {}
        channel = self._world.dm_of(int(body.get("recipient_id") or 0))
        if channel is None:
            raise errors.DiscordError(400, 50033, "Invalid Recipient(s)")
        return web.json_response(places.channel(channel, self._world))

    async def application(self, request: web.Request) -> web.Response:
        """Gives the bot's application."""
        return web.json_response(places.application(self._world))

    async def gateway(self, request: web.Request) -> web.Response:
        """Says where the gateway is."""
        return web.json_response({"url": self._gateway_url()})

    async def gateway_bot(self, request: web.Request) -> web.Response:
        """Says where the gateway is and how many sessions may start."""
        limit = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
        answer = {"url": self._gateway_url(), "shards": 1, "session_start_limit": limit}
        return web.json_response(answer)

    async def guild(self, request: web.Request) -> web.Response:
        """Gives the guild."""
        self._check_guild(request)
        return web.json_response(places.guild(self._world))

    async def guild_channels(self, request: web.Request) -> web.Response:
        """Lists the guild's channels."""
        self._check_guild(request)
        return web.json_response(places.guild(self._world)["channels"])

    async def member(self, request: web.Request) -> web.Response:
        """Gives one member of the guild."""
        self._check_guild(request)
        user = self._world.users.get(number_in_path(request, "user_id"))
        if user is None:
            raise errors.DiscordError(404, 10007, "Unknown Member")
        return web.json_response(places.member(user))

    async def channel(self, request: web.Request) -> web.Response:
        """Gives one channel."""
        return web.json_response(places.channel(self._channel(request), self._world))

    async def typing(self, request: web.Request) -> web.Response:
        """Shows that the bot is typing."""
        channel = self._channel(request)
        self._world.tell("typing_started", channel_id=channel.id, user_id=self._world.bot.id)
        return web.Response(status=204)

    # -- commands --------------------------------------------------------------------

    async def commands(self, request: web.Request) -> web.Response:
        """Lists the commands of a scope."""
        return web.json_response(self._world.commands_for(self._scope(request)))

    async def replace_commands(self, request: web.Request) -> web.Response:
        """Makes a scope's commands exactly these."""
        scope = self._scope(request)
        bodies = (await self._read(request)).body or []
        forms.check_commands(bodies)
        made = [self._world.put_command(body, scope) for body in bodies]
        keep = {command["id"] for command in made}
        for command in self._world.commands_for(scope):
            if command["id"] not in keep:
                del self._world.commands[int(command["id"])]
        self._world.tell("commands_changed")
        return web.json_response(made)

    async def create_command(self, request: web.Request) -> web.Response:
        """Makes one command; 201, or 200 when it replaced another of the same name."""
        scope = self._scope(request)
        body = (await self._read(request)).body or {}
        forms.check_command(body)
        before = len(self._world.commands)
        command = self._world.put_command(body, scope)
        status = 201 if len(self._world.commands) > before else 200
        self._world.tell("commands_changed")
        return web.json_response(command, status=status)

    async def command(self, request: web.Request) -> web.Response:
        """Gives one command."""
        return web.json_response(self._command(request))

    async def edit_command(self, request: web.Request) -> web.Response:
        """Changes one command."""
        command = self._command(request)
        body = (await self._read(request)).body or {}
        forms.check_command({**command, **body})
        command |= body | {"version": str(self._world.snowflake())}
        self._world.tell("commands_changed")
        return web.json_response(command)

    async def delete_command(self, request: web.Request) -> web.Response:
        """Removes one command."""
        del self._world.commands[int(self._command(request)["id"])]
        self._world.tell("commands_changed")
        return web.Response(status=204)

    def _scope(self, request: web.Request) -> int | None:
        """Reads which application and guild a route is about; None is everywhere."""
        if number_in_path(request, "application_id") != self._world.bot.id:
            raise errors.DiscordError(403, 20012, "You are not authorized to perform this action")
        if "guild_id" not in request.match_info:
            return None
        self._check_guild(request)
        return GUILD_ID

    def _command(self, request: web.Request) -> dict[str, Any]:
        """Finds the command that a route names in its scope, or raises 10063."""
        wanted = str(number_in_path(request, "command_id"))
        commands = self._world.commands_for(self._scope(request))
        found = next((c for c in commands if c["id"] == wanted), None)
        if found is None:
            raise errors.unknown_command()
        return found

    # -- messages --------------------------------------------------------------------

    async def messages(self, request: web.Request) -> web.Response:
        """Lists a channel's messages, newest first, as `before`, `after`, `around` ask."""
        channel = self._channel(request)
        shown = [m for m in self._world.history(channel.id) if m.only_for is None]
        limit = int(request.query.get("limit", 50))
        if not 1 <= limit <= 100:
            message = "Value should be between 1 and 100."
            raise errors.invalid_form(("limit",), "NUMBER_TYPE_MAX", message)
        if "before" in request.query:
            shown = [m for m in shown if m.id < int(request.query["before"])]
        if "around" in request.query:
            middle = int(request.query["around"])
            shown = sorted(shown, key=lambda m: abs(m.id - middle))[:limit]
            shown.sort(key=lambda m: m.id)
        if "after" in request.query:
            shown = [m for m in shown if m.id > int(request.query["after"])][:limit]
        page = reversed(shown[-limit:])
        return web.json_response([self._projection.for_bot(m) for m in page])

    async def post_message(self, request: web.Request) -> web.Response:
        """Posts an ordinary message of the bot's."""
        channel = self._channel(request)
        draft = await self._draft(request)
        self._world.standing.check_post(channel)
        if not (draft.content or draft.embeds or draft.components or draft.files):
            raise errors.empty_message()
        answered = self._world.messages.get(draft.reference_id or 0)
        if answered is not None and answered.only_for is not None:
            answered = None
        if draft.reference_id is not None and answered is None and draft.needs_reference:
            code = "REPLIES_UNKNOWN_MESSAGE"
            raise errors.invalid_form(("message_reference",), code, "Unknown message")
        if answered is None:
            draft = draft.alone()
        kind = 0 if answered is None else 19
        message = self._world.post(channel.id, self._world.bot.id, draft, kind=kind)
        return web.json_response(self._projection.message(message))

    async def message(self, request: web.Request) -> web.Response:
        """Gives one message."""
        return web.json_response(self._projection.for_bot(self._message(request)))

    async def edit_message(self, request: web.Request) -> web.Response:
        """Changes one of the bot's own messages."""
        draft = await self._draft(request)
        message = self._message(request)
        self._world.standing.check_view(self._world.channels[message.channel_id])
        if message.author_id != self._world.bot.id:
            raise errors.not_the_author()
        if would_be_empty(message, draft):
            raise errors.empty_message()
        self._world.edit(message, draft)
        return web.json_response(self._projection.message(message))

    async def delete_message(self, request: web.Request) -> web.Response:
        """Removes one of the bot's own messages."""
        message = self._message(request)
        if message.author_id != self._world.bot.id:
            raise errors.DiscordError(403, 50013, "Missing Permissions")
        self._world.delete(message)
        return web.Response(status=204)

    async def react(self, request: web.Request) -> web.Response:
        """Adds the bot's reaction."""
        emoji = unquote(request.match_info["emoji_name"])
        self._world.react(self._message(request), emoji, self._world.bot.id)
        return web.Response(status=204)

    async def unreact(self, request: web.Request) -> web.Response:
        """Takes the bot's reaction away."""
        emoji = unquote(request.match_info["emoji_name"])
        self._world.react(self._message(request), emoji, self._world.bot.id, present=False)
        return web.Response(status=204)

    # -- finding and reading ---------------------------------------------------------

    def _check_guild(self, request: web.Request) -> None:
        if number_in_path(request, "guild_id") != GUILD_ID:
            raise errors.unknown_guild()

    def _channel(self, request: web.Request) -> Channel:
        channel = self._world.channels.get(number_in_path(request, "channel_id"))
        if channel is None:
            raise errors.unknown_channel()
        return channel

    def _message(self, request: web.Request) -> Message:
        """Finds a message that everybody in the channel sees, or raises 10008."""
        channel = self._channel(request)
        message = self._world.messages.get(number_in_path(request, "message_id"))
        if message is None or message.channel_id != channel.id or message.only_for is not None:
            raise errors.unknown_message()
        return message

    async def _draft(self, request: web.Request) -> Draft:
        """Reads and checks a message's form."""
        form = await self._read(request)
        files, body = form.numbered_files(), {} if form.body is None else form.body
        check_message(body, files, self._world.attachment_limit_bytes)
        draft = Draft.of(body, files)
        return draft.with_flags(draft.flags & MESSAGE_FLAGS)

    async def _read(self, request: web.Request) -> intake.Intake:
        return await intake.read(request, keep_bytes=self._world.attachment_limit_bytes)


async def not_here(request: web.Request) -> web.Response:
    """Says that the playground has no such route: a gap is never a fake success."""
    route = f"{request.method} {request.path}"
    message = f"The playground does not know the route {route}. Add it to bot/playground/rest.py."
    return web.json_response({"message": message, "code": 0, "route": route}, status=501)
