"""Plays the steps of a scenario in a playground, as members would, each after the one before.

A step is over when the bot has answered it: with a message that is no longer "thinking" and, where
`until` asks for more, satisfies that. A button that a later step presses is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from bot.playground.components import walk
from bot.playground.invocation import Invocation, NoAnswer, Predicate
from bot.playground.member import Member, Refused
from bot.playground.records import Json
from bot.playground.scenario import (
    Click,
    Complete,
    Delete,
    Edit,
    Fill,
    Invoke,
    Menu,
    React,
    Say,
    Select,
    Step,
    Target,
    typed,
)

PATIENCE_S = 60.0
ANSWERED_WITH_A_MESSAGE = ("message", "deferred")


class NotReplayed(Exception):
    """A step could not be played, or was not answered; says which, and why."""


@dataclass(slots=True)
class Played:
    """What came of a step: an invocation, or the message that was posted, or choices."""

    step: Step
    invocation: Invocation | None = None
    said: Json | None = None
    choices: list[Json] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def message(self) -> Json:
        """Returns the answer, or what was said, as it is now."""
        found = self.said if self.invocation is None else self.invocation.message
        if found is None:
            raise NotReplayed(f"Nothing was answered to: {typed(self.step)}")
        return found


class Replay:
    """Plays steps at `address`, to be entered with `async with`; one member for each persona."""

    def __init__(
        self, address: str, *, patience_s: float = PATIENCE_S, until: Predicate | None = None
    ) -> None:
        self._address = address
        self._patience_s = patience_s
        self._until = until
        self._members: dict[str, Member] = {}
        self._stack = AsyncExitStack()
        self.played: list[Played] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def play_all(self, steps: Sequence[Step]) -> list[Played]:
        """Plays a whole scenario; raises NotReplayed at the first step that fails."""
        for step in steps:
            await self.play(step)
        return self.played

    async def play(self, step: Step) -> Played:
        """Plays one step and waits until it is over; raises NotReplayed."""
        number = len(self.played) + 1
        try:
            member = await self.member(step.persona)
            began = time.monotonic()
            played = await self._done(member, step)
            if played.invocation is not None:
                await self._answered(played.invocation)
        except aiohttp.WSServerHandshakeError as refused:
            if refused.status == 403:
                why = "the playground asks for its key: give the address with ?key= that it printed"
                raise NotReplayed(f"Step {number}: {why}.") from None
            raise NotReplayed(f"Step {number}: there is no persona “{step.persona}”.") from None
        except (NoAnswer, Refused, LookupError, ValueError) as error:
            raise NotReplayed(f"Step {number}, {typed(step)}: {error}") from error
        except TimeoutError:
            why = f"nothing came within {self._patience_s:g} s"
            raise NotReplayed(f"Step {number}, {typed(step)}: {why}") from None
        played.took_s = time.monotonic() - began
        self.played.append(played)
        return played

    async def member(self, persona: str) -> Member:
        """Returns the member that plays a persona."""
        if persona not in self._members:
            member = await self._stack.enter_async_context(Member(self._address, persona))
            self._members[persona] = member
        return self._members[persona]

    # -- each kind of step -----------------------------------------------------------

    async def _done(self, member: Member, step: Step) -> Played:
        """Does what a step says."""
        where = await _channel_id(member, step.channel)
        match step:
            case Invoke():
                files = {name: file.upload() for name, file in step.files.items()}
                given = {**step.options, **files}
                invoked = await member.invoke(step.command, channel_id=where, **given)
                return Played(step, invoked)
            case Complete():
                offered = await member.autocomplete(
                    step.command, step.option, step.text, channel_id=where, **step.options
                )
                return Played(step, choices=offered)
            case Say():
                reply_to = None if step.on is None else await self._message(member, step.on)
                uploads = [file.upload() for file in step.files]
                said = await member.say(
                    step.text, uploads, reply_to=reply_to, ping=step.ping, channel_id=where
                )
                return Played(step, said=said)
            case Fill():
                return Played(step, await self._filled(member, step))
            case Menu():
                on = await self._on(member, step.on)
                used = await member.context_menu(step.command, on, channel_id=where)
                return Played(step, used)
        return await self._done_to_message(member, step)

    async def _done_to_message(self, member: Member, step: Step) -> Played:
        """Does what a step says to a message."""
        match step:
            case Click():
                message = await self._with_control(member, step.on, step.button)
                return Played(step, await member.click(message, step.button))
            case Select():
                message = await self._with_control(member, step.on, step.select)
                return Played(step, await member.select(message, step.values, step.select))
            case React():
                message = await self._message(member, step.on)
                await member.react(message, step.emoji, present=step.present)
            case Edit():
                await member.edit(await self._message(member, step.on), step.text)
            case Delete():
                await member.delete(await self._message(member, step.on))
        return Played(step)

    async def _filled(self, member: Member, step: Fill) -> Invocation:
        opened = self.played[step.on.step - 1].invocation
        if opened is None:
            raise LookupError("that step opened no form")
        files = {name: [file.upload() for file in given] for name, given in step.files.items()}
        return await member.submit_modal(opened, **{**step.values, **files})

    async def _answered(self, invocation: Invocation) -> None:
        """Waits until an answer is there, if there is one: a click may change nothing."""
        await invocation.acknowledged(self._patience_s)
        if invocation.response in ANSWERED_WITH_A_MESSAGE:
            await invocation.settled(self._patience_s, until=self._until)

    # -- finding ---------------------------------------------------------------------

    async def _on(self, member: Member, target: Target) -> Json | str:
        """Finds the message, or the id of the person, that a menu is used on."""
        if not target.person:
            return await self._message(member, target)
        person = await self.member(target.person)
        return person.id

    async def _message(self, member: Member, target: Target) -> Json:
        """Finds the message that a step is about."""
        if not target.step:
            history = await member.messages()
            found = [one for one in history if one["content"].startswith(target.text)]
            if not found:
                raise LookupError(f"no message begins with “{target.text}”")
            return found[-1]
        played = self.played[target.step - 1]
        if target.number and played.invocation is not None:
            return played.invocation.messages[target.number]
        return played.message

    async def _with_control(self, member: Member, target: Target, name: str | None) -> Json:
        """Finds a message once it has a button or select: answers come in several parts."""
        message = await self._message(member, target)
        if target.step and name is not None:
            invocation = self.played[target.step - 1].invocation
            if invocation is not None:
                owner = invocation.member
                identity = message["id"]
                there = shows(name)
                await owner.until(
                    lambda: there(owner.seen.get(identity, message)), self._patience_s
                )
                return owner.seen.get(identity, message)
        return message


async def _channel_id(member: Member, name: str) -> str:
    """Finds a channel by the name that a scenario gives it."""
    if not name:
        return member.channel_id
    if name == "dm":
        return member.dm_channel_id
    named = [str(c["id"]) for c in await member.channels() if c.get("name") == name]
    if not named:
        raise LookupError(f"there is no channel “{name}”")
    return named[0]


def shows(control: str) -> Predicate:
    """Tells of a message whether a control of this label or custom id is on it."""
    return lambda message: any(
        control in (c.get("custom_id"), c.get("label")) for c in walk(message["components"])
    )
