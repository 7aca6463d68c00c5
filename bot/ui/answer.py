"""From a request to the edited message: defer, show the place and progress, cancel, answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import discord
import structlog

from bot.service import Answered, Cancelled, Expired, Outcome, Unanswered
from bot.tasks.caller import Caller
from bot.tasks.request import Request
from bot.ui import replies
from bot.ui.views import CancelView

if TYPE_CHECKING:
    from bot.client import Menagerie
    from bot.service import Service, Submitted
    from bot.tasks.progress import Progress
    from bot.tasks.registry import AnyRequest

FIRST_EDIT_S = 0.4  # an answer that comes sooner than this replaces "thinking" directly
EDIT_EVERY_S = 1.0

log = structlog.get_logger("answer")


def caller_of(interaction: discord.Interaction) -> Caller:
    """Return who asked, as plain data."""
    return Caller(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        locale=interaction.locale.value,
    )


async def answer(
    interaction: discord.Interaction[Menagerie],
    service: Service,
    request: AnyRequest | Callable[[], Awaitable[AnyRequest]],
    *,
    model: str | None = None,
    seed: int | None = None,
) -> None:
    """Answer an interaction with what a model makes of a request.

    A request that is there is checked before the interaction is deferred, so that a refusal is seen
    by the one who asked alone; one that must be fetched first (an upload) comes as a callable.

    Raises:
        BotError: The request is refused or fails; the command tree shows it.
    """
    if isinstance(request, Request):
        service.check(request, model)
    _note(interaction.client.answering)
    await interaction.response.defer(thinking=True)
    wanted = await request() if callable(request) else request
    submitted = await service.submit(wanted, caller_of(interaction), model_id=model, seed=seed)
    view = CancelView(interaction.user.id, lambda: service.cancel(submitted.job.id))
    display = _Display(interaction, view, lambda: service.cancel(submitted.job.id))
    painting = asyncio.create_task(display.paint())
    try:
        outcome = await _follow(submitted, display)
    finally:
        view.stop()
        painting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await painting
    await _conclude(interaction, submitted, outcome)


def _note(answering: set[asyncio.Task[Any]]) -> None:
    """Let the client know of this answer, so that it is not cut off when the bot closes."""
    task = asyncio.current_task()
    assert task is not None
    answering.add(task)
    task.add_done_callback(answering.discard)


async def _follow(submitted: Submitted, display: _Display) -> Outcome:
    async for item in submitted.news:
        if isinstance(item, Outcome):
            return item
        display.show(item)
    raise RuntimeError(f"job {submitted.job.id} ended without an outcome")


async def _conclude(
    interaction: discord.Interaction, submitted: Submitted, outcome: Outcome
) -> None:
    match outcome:
        case Answered():
            reply = replies.finished(submitted, outcome)
        case Cancelled():
            reply = replies.Reply(content="Cancelled.")
        case Expired():
            raise replies.late(submitted, outcome)
        case Unanswered(error=error):
            raise error
    with contextlib.suppress(discord.NotFound):  # somebody deleted the message
        await interaction.edit_original_response(**reply.as_edit(), view=None)


class _Display:
    """Shows the newest progress, at most one edit a second.

    Args:
        gone: Called when the message is no longer there to be edited.
    """

    def __init__(
        self, interaction: discord.Interaction, view: CancelView, gone: Callable[[], None]
    ) -> None:
        self._interaction = interaction
        self._view = view
        self._gone = gone
        self._newest: Progress | None = None
        self._news = asyncio.Event()

    def show(self, progress: Progress) -> None:
        """Have this shown when the next edit is due."""
        self._newest = progress
        self._news.set()

    async def paint(self) -> None:
        """Edit the message whenever there is news and time for it, until cancelled."""
        await asyncio.sleep(FIRST_EDIT_S)
        while True:
            await self._news.wait()
            self._news.clear()
            assert self._newest is not None
            edit = replies.waiting(self._newest).as_edit()
            try:
                await self._interaction.edit_original_response(**edit, view=self._view)
            except discord.NotFound:
                self._gone()
                return
            except discord.HTTPException as error:
                log.warning("progress not shown", status=error.status, code=error.code)
            await asyncio.sleep(EDIT_EVERY_S)
