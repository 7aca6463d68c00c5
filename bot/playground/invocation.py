"""One thing that a member did, and how the bot answered it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bot.playground.records import Json

if TYPE_CHECKING:
    from bot.playground.member import Member

Predicate = Callable[[Json], bool]


class NoAnswer(Exception):
    """The bot did not answer in time: what the person's Discord client shows."""


class Invocation:
    """A command, click, selection or form that a member sent.

    `first` is how many states of each message the member had seen before it.
    """

    def __init__(self, member: Member, identity: str, first: Mapping[str, int]) -> None:
        self.member = member
        self.id = identity
        self._first = first

    # -- how it stands ---------------------------------------------------------------

    @property
    def state(self) -> Json:
        """Returns the interaction as the playground last described it."""
        return self.member.interactions.get(self.id, {})

    @property
    def acknowledged_after_s(self) -> float | None:
        """Returns how long the first answer took; None while there is none."""
        after: float | None = self.state.get("acknowledged_after_s")
        return after

    @property
    def response(self) -> str | None:
        """Returns the kind of the first answer: message, deferred, update, modal..."""
        kind: str | None = self.state.get("response")
        return kind

    @property
    def error(self) -> str | None:
        """Returns what the client shows when no answer came."""
        error: str | None = self.state.get("error")
        return error

    @property
    def modal(self) -> Json | None:
        """Returns the modal that was opened, if the answer was one."""
        modal: Json | None = self.state.get("modal")
        return modal

    @property
    def message(self) -> Json | None:
        """Returns the answer as it is now; if it was deleted, the last follow-up."""
        answered = self.member.seen.get(self.state.get("response_message_id") or "")
        own = self.messages
        return answered or (own[-1] if own else None)

    @property
    def messages(self) -> list[Json]:
        """Returns every message of the answer, follow-ups too, oldest first."""
        own = [m for m in self.member.seen.values() if m.get("interaction_id") == self.id]
        return sorted(own, key=lambda message: int(message["id"]))

    @property
    def updates(self) -> list[Json]:
        """Returns every state of the answer's message since this was sent, in order."""
        identity = self.state.get("response_message_id") or ""
        return self.member.states.get(identity, [])[self._first.get(identity, 0) :]

    @property
    def ephemeral(self) -> bool:
        """Tells whether only this member sees the answer."""
        return bool(self.message and self.message["ephemeral"])

    @property
    def content(self) -> str:
        """Returns the text of the answer as it is now."""
        return "" if self.message is None else str(self.message["content"])

    # -- waiting ---------------------------------------------------------------------

    async def acknowledged(self, timeout: float = 10.0) -> float:
        """Waits for the first answer; returns how long it took, or raises NoAnswer."""
        await self._until(lambda: self.acknowledged_after_s is not None, timeout)
        return self.acknowledged_after_s or 0.0

    async def settled(self, timeout: float = 10.0, *, until: Predicate | None = None) -> Json:
        """Waits for the answer and returns its message, or for a modal and returns that.

        The message is there, no longer 'thinking', and satisfies `until`; the answer
        to a click that defers an update counts once the message has changed. Raises
        NoAnswer if the interaction fails, TimeoutError after `timeout` seconds.
        """
        await self._until(lambda: self._is_settled(until), timeout)
        return self.modal or self.message or {}

    async def _until(self, happened: Callable[[], bool], timeout: float) -> None:
        await self.member.until(lambda: self.error is not None or happened(), timeout)
        if self.error is not None:
            raise NoAnswer(self.error)

    def _is_settled(self, until: Predicate | None) -> bool:
        if self.modal is not None:
            return True
        message = self.message
        if self.acknowledged_after_s is None or message is None or message["thinking"]:
            return False
        if self.response == "deferred_update" and not (self.updates or self.messages):
            return False
        return until is None or until(message)
