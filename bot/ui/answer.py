"""From a request to the edited message: defer, show the place and progress, cancel, answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import discord
import msgspec
import structlog

from bot.errors import BotError, BusyError, Sentence, UserError
from bot.locales import say, with_language
from bot.service import Answered, Cancelled, Expired, Interrupted, Outcome, Unanswered
from bot.tasks.caller import Caller
from bot.tasks.request import Request
from bot.ui import replies
from bot.ui.destination import Address, Live, Resumed
from bot.ui.refusals import UNREACHABLE
from bot.ui.views import CancelView, answer_view
from bot.ui.waiting import is_news, waiting

if TYPE_CHECKING:
    import datetime as dt

    from bot.client import Menagerie
    from bot.service import Promise, Service, Submitted
    from bot.tasks.progress import Progress
    from bot.tasks.registry import AnyRequest
    from bot.ui.destination import Destination

FIRST_EDIT_S = 0.4  # an answer that comes sooner than this replaces "thinking" directly
EDIT_EVERY_S = 1.0
LET_THROUGH_S = 3.0  # for an edit that is on its way when the answer is there
MOST_PICKED = 5
ASK_AGAIN = Sentence("The bot is restarting. Try again in a minute.")

log = structlog.get_logger("answer")


def caller_of(interaction: discord.Interaction) -> Caller:
    """Return who asked, as plain data."""
    return Caller(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        locale=interaction.locale.value,
        roles=tuple(role.id for role in getattr(interaction.user, "roles", ())),
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
        service.check(request, model, caller_of(interaction))
    noted(interaction.client.answering)
    structlog.contextvars.bind_contextvars(interaction=str(interaction.id))
    await interaction.response.defer(thinking=True)
    wanted = await request() if callable(request) else request
    submitted = await service.submit(wanted, caller_of(interaction), model_id=model, seed=seed)
    destination = Live(interaction)
    outcome = await _shown(submitted, destination, service, interaction.user.id)
    if isinstance(outcome, Interrupted):
        await _promise(service, submitted, destination, interaction.created_at)
    await _conclude(destination, service, submitted, outcome)


async def _promise(
    service: Service, submitted: Submitted, destination: Live, asked_at: dt.datetime
) -> None:
    """Have this answered after the restart, or say that it is not."""
    try:
        address = msgspec.msgpack.encode(await destination.address())
    except UNREACHABLE as error:
        log.warning("nothing promised", job=submitted.job.id, error=str(error))
        raise UserError(ASK_AGAIN) from None
    if not await service.promise(submitted, address, asked_at):
        raise UserError(ASK_AGAIN)


async def resume(client: Menagerie, service: Service) -> None:
    """Give the answers that were promised before a restart, those that can still be given."""
    noted(client.answering)
    keeping = [_keep(client, service, promise) for promise in await service.archive.promises()]
    for fault in await asyncio.gather(*keeping, return_exceptions=True):
        if isinstance(fault, Exception):  # the others are kept all the same
            log.error("promise not kept", exc_info=fault)


async def _keep(client: Menagerie, service: Service, promise: Promise) -> None:
    noted(client.answering)
    with_language(promise.caller.locale)
    destination = Resumed(client, msgspec.msgpack.decode(promise.address, type=Address))
    try:
        try:
            submitted = await service.submit(
                promise.request, promise.caller, model_id=promise.model_id, seed=promise.seed
            )
            outcome = await _shown(submitted, destination, service, promise.caller.user_id)
            if isinstance(outcome, Interrupted) and not await service.archive.promise(promise):
                raise UserError(ASK_AGAIN)
            await _conclude(destination, service, submitted, outcome)
        except BusyError:  # it is told to stop again already; the message still says so
            await service.archive.promise(promise)
        except BotError as error:
            await destination.refuse(replies.apology(error, ""))
    except UNREACHABLE as error:  # too late, or the message is gone
        log.warning("promise not kept", error=str(error))


async def _shown(
    submitted: Submitted, destination: Destination, service: Service, owner_id: int
) -> Outcome:
    """Show a job's progress until it ends; return how it ended."""
    cancel = partial(service.cancel, submitted.job.id)
    display = _Display(destination, CancelView(owner_id, cancel), cancel)
    painting = asyncio.create_task(display.paint())
    try:
        async for item in submitted.news:
            if isinstance(item, Outcome):
                return item
            display.show(item)
        raise RuntimeError(f"job {submitted.job.id} ended without an outcome")
    finally:
        display.end()
        await asyncio.wait({painting}, timeout=LET_THROUGH_S)
        painting.cancel()
        for fault in await asyncio.gather(painting, return_exceptions=True):
            if isinstance(fault, Exception):
                log.error("progress not shown", job=submitted.job.id, exc_info=fault)


def noted(answering: set[asyncio.Task[Any]]) -> None:
    """Let the client know of this answer, so that it is not cut off when the bot closes."""
    task = asyncio.current_task()
    assert task is not None
    answering.add(task)
    task.add_done_callback(answering.discard)


async def _conclude(
    destination: Destination, service: Service, submitted: Submitted, outcome: Outcome
) -> None:
    view = None
    match outcome:
        case Answered():
            reply = replies.finished(submitted, outcome)
            if service.rules.of_guild(submitted.job.caller.guild_id).spoilers:
                reply = reply.hidden()
            if service.archive.keeps(submitted.job):
                view = answer_view(submitted.job, _pictures(reply))
        case Cancelled():
            reply = replies.Reply(content=say("Cancelled."))
        case Interrupted():
            reply = replies.Reply(
                content=say("The bot is restarting; the answer comes when it is back.")
            )
        case Expired():
            raise replies.late(submitted, outcome)
        case Unanswered(error=error):
            raise error
    await delivered(destination, reply, view)


def _pictures(reply: replies.Reply) -> int:
    """Return how many pictures there are to pick one from; a message has room for five buttons."""
    count = sum(not name.endswith(".txt") for name, _, _ in reply.files or ())
    return count if count <= MOST_PICKED else 0


async def delivered(
    destination: Destination, reply: replies.Reply, view: discord.ui.View | None
) -> None:
    """Put the answer in its place, once more if the connection fails: it took work to make."""
    try:
        await destination.edit(reply, view)
    except discord.NotFound:
        log.info("answer not wanted any more")  # somebody deleted the message
    except UNREACHABLE as error:
        log.warning("answer not delivered", error=str(error), hint="it is tried once more")
        await asyncio.sleep(EDIT_EVERY_S)
        with contextlib.suppress(discord.NotFound):
            await destination.edit(reply, view)


class _Display:
    """Shows the newest progress, at most one edit a second.

    Args:
        gone: Called when the message is no longer there to be edited.
    """

    def __init__(
        self, destination: Destination, view: CancelView, gone: Callable[[], None]
    ) -> None:
        self._destination = destination
        self._view = view
        self._gone = gone
        self._newest: Progress | None = None
        self._told_at = 0.0
        self._news = asyncio.Event()
        self._ended = asyncio.Event()

    def show(self, progress: Progress) -> None:
        """Have this shown when the next edit is due, if it is news."""
        now = asyncio.get_running_loop().time()
        if is_news(self._newest, progress, now - self._told_at):
            self._newest, self._told_at = progress, now
            self._news.set()

    def end(self) -> None:
        """Show nothing more; an edit that is on its way is let through."""
        self._ended.set()
        self._news.set()
        self._view.stop()

    async def paint(self) -> None:
        """Edit the message whenever there is news and time for it, until the end."""
        await self._pause(FIRST_EDIT_S)
        while not self._ended.is_set():
            await self._news.wait()
            self._news.clear()
            if self._newest is None or self._ended.is_set():
                continue
            try:
                await self._destination.edit(waiting(self._newest), self._view)
            except discord.NotFound:
                self._gone()
                return
            except UNREACHABLE as error:
                log.warning("progress not shown", error=str(error))
            await self._pause(EDIT_EVERY_S)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
