"""From a request to the edited message: defer, show the place and progress, cancel, answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import discord
import msgspec
import structlog

from bot.errors import BotError, BusyError, Sentence, UserError
from bot.locales import say, with_language
from bot.service import Answered, Cancelled, Expired, Interrupted, Outcome, Unanswered
from bot.tasks.caller import Caller
from bot.tasks.recommend import FilmsResult
from bot.tasks.request import Request
from bot.ui import replies
from bot.ui.asking import Typed, Wish, wished
from bot.ui.callers import caller_of
from bot.ui.destination import Address, Live, Posted, found_again
from bot.ui.display import Display
from bot.ui.handling import noted
from bot.ui.refusals import UNREACHABLE, explained
from bot.ui.sharing import whispers
from bot.ui.views import CancelView, answer_view

if TYPE_CHECKING:
    import datetime as dt

    from bot.client import Menagerie
    from bot.service import Promise, Service, Submitted
    from bot.tasks.registry import AnyRequest, Result
    from bot.ui.destination import Destination

AGAIN_AFTER_S = 1.0  # an answer that could not be delivered
LET_THROUGH_S = 3.0  # for an edit that is on its way when the answer is there
MOST_PICKED = 9
ASK_AGAIN = Sentence("The bot is restarting. Try again in a minute.")

log = structlog.get_logger("answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A request that is made of the answer to another one.

    Args:
        first: What is asked first.
        heading: What that is, told above its progress.
        then: Makes the request of the answer, or what comes next on the way to it; raises
            :class:`UserError` where that cannot be.
    """

    first: AnyRequest
    heading: str
    then: Callable[[Answered], AnyRequest | Staged]


async def answer(
    interaction: discord.Interaction[Menagerie],
    service: Service,
    request: AnyRequest | Callable[[], Awaitable[AnyRequest | Staged]],
    *,
    model: str | None = None,
    seed: int | None = None,
    preset: str | None = None,
    as_it_was: bool = False,
    private: bool | None = None,
) -> None:
    """Answer an interaction with what a model makes of a request.

    A request that is there is checked before the interaction is deferred, so that a refusal is seen
    by the one who asked alone; one that must be fetched first (an upload) comes as a callable.

    Args:
        interaction: To be answered.
        service: Whom to ask.
        request: What is asked.
        model: The one that was named.
        seed: The one that was named.
        preset: The name of one; without it, those that are usual here count.
        as_it_was: Whether it was asked before, so that no preset counts.
        private: Whether they alone are to see the answer, where a form hides what they typed.

    Raises:
        BotError: The request is refused or fails; the command tree shows it.
    """
    caller, typed = caller_of(interaction), Typed(model, seed, preset, as_it_was=as_it_was)
    named = {name for name, _ in interaction.namespace}
    if isinstance(request, Request):
        wish = wished(named, service.rules, caller, request, typed)
        service.check(wish.request, wish.model, caller)
    noted(interaction.client.answering)
    structlog.contextvars.bind_contextvars(interaction=str(interaction.id))
    ephemeral = whispers(interaction, service, private)
    destination = await Live.deferred(interaction, ephemeral=ephemeral)
    try:
        if callable(request):
            made = await _made(await request(), destination, service, caller)
            if made is None:
                return
            wish = wished(named, service.rules, caller, made, typed)
        await pursue(destination, service, caller, wish, interaction.created_at)
    except Exception as error:  # the tree's border, for those whom it cannot reach any more
        if not destination.closed():
            raise
        await delivered(destination, replies.Reply(content=explained(error)), None, "")


async def pursue(
    destination: Live | Posted, service: Service, caller: Caller, wish: Wish, asked_at: dt.datetime
) -> None:
    """Ask for what is wanted, show how far it is, and deliver or promise the answer.

    Raises:
        BotError: The request is refused or fails.
    """
    wanted = await service.archive.told(wish.request, caller)
    submitted = await service.submit(wanted, caller, model_id=wish.model, seed=wish.seed)
    outcome = await _shown(submitted, destination, service, caller.user_id)
    if isinstance(outcome, Interrupted):
        await _promise(service, submitted, destination, asked_at)
    await _conclude(destination, service, submitted, outcome)


async def _made(
    staged: AnyRequest | Staged, destination: Live, service: Service, caller: Caller
) -> AnyRequest | None:
    """Return the request that the stages before it lead to; ``None`` where one was cancelled."""
    while isinstance(staged, Staged):
        submitted = await service.submit(staged.first, caller)
        outcome = await _shown(submitted, destination, service, caller.user_id, staged.heading)
        match outcome:
            case Answered():
                staged = staged.then(outcome)
            case Interrupted():
                raise UserError(ASK_AGAIN)
            case _:
                await _conclude(destination, service, submitted, outcome)
                return None
    return staged


async def _promise(
    service: Service, submitted: Submitted, destination: Live | Posted, asked_at: dt.datetime
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
    destination = found_again(client, msgspec.msgpack.decode(promise.address, type=Address))
    try:
        try:
            request = await service.archive.told(promise.request, promise.caller)
            submitted = await service.submit(
                request, promise.caller, model_id=promise.model_id, seed=promise.seed
            )
            outcome = await _shown(submitted, destination, service, promise.caller.user_id)
            if isinstance(outcome, Interrupted) and not await service.archive.promise(promise):
                raise UserError(ASK_AGAIN)
            await _conclude(destination, service, submitted, outcome)
        except BusyError:  # it is told to stop again already; the message still says so
            await service.archive.promise(promise)
        except BotError as error:
            text = replies.apology(error, "")
            if destination.closed():
                await destination.deliver(replies.Reply(content=text), None, "")
            else:
                await destination.refuse(text)
    except UNREACHABLE as error:  # too late, or the message is gone
        log.warning("promise not kept", error=str(error))


async def _shown(
    submitted: Submitted,
    destination: Destination,
    service: Service,
    owner_id: int,
    heading: str = "",
) -> Outcome:
    """Show a job's progress until it ends; return how it ended."""
    cancel = partial(service.cancel, submitted.job.id)
    job_id = submitted.job.id
    hidden = service.rules.of_guild(submitted.job.caller.guild_id).spoilers
    view = CancelView(owner_id, cancel)
    display = Display(destination, view, cancel, job_id, heading, hidden=hidden)
    painting = asyncio.create_task(display.paint())
    try:
        async for item in submitted.news:
            if isinstance(item, Outcome):
                return item
            display.show(item)
        raise RuntimeError(f"job {job_id} ended without an outcome")
    finally:
        display.end()
        await asyncio.wait({painting}, timeout=LET_THROUGH_S)
        painting.cancel()
        for fault in await asyncio.gather(painting, return_exceptions=True):
            if isinstance(fault, Exception):
                log.error("progress not shown", job=job_id, exc_info=fault)


async def _conclude(
    destination: Destination, service: Service, submitted: Submitted, outcome: Outcome
) -> None:
    view = None
    match outcome:
        case Answered():
            kept = service.archive.keeps(submitted.job)
            in_sight = isinstance(destination, Posted)
            reply = replies.finished(submitted, outcome, kept=kept, in_sight=in_sight)
            if service.rules.of_guild(submitted.job.caller.guild_id).spoilers:
                reply = reply.hidden()
            if kept:
                view = answer_view(
                    submitted.job,
                    _pictures(reply),
                    reply.pages,
                    _films(outcome.result),
                    private=destination.private,
                    varies=replies.varies(submitted.job, outcome.result),
                )
            if reply.said is not None:
                to_all = not (destination.private or destination.closed())
                await service.archive.say(submitted.job, reply.said, to_all=to_all)
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
    message = await delivered(destination, reply, view, submitted.job.id)
    if message is not None and service.archive.keeps(submitted.job):
        caller = submitted.job.caller
        alone = message.flags.ephemeral or destination.private
        seen_there = not alone and message.channel.id == caller.channel_id
        is_turn = seen_there and reply.said is not None and reply.said.text
        thread_id = caller.thread_id if is_turn else None
        await service.archive.posted(submitted.job.id, message.id, message.channel.id, thread_id)


def _pictures(reply: replies.Reply) -> int:
    """Return how many pictures there are to pick one from; a message has room for nine numbers."""
    count = sum(not name.endswith(".txt") for name, _, _ in reply.files or ())
    return count if count <= MOST_PICKED else 0


def _films(result: Result) -> list[str]:
    """Return the titles of films from which somebody may leave some out."""
    return [film.title for film in result.films] if isinstance(result, FilmsResult) else []


async def delivered(
    destination: Destination, reply: replies.Reply, view: discord.ui.View | None, job_id: str
) -> discord.Message | None:
    """Put the answer in its place, once more if the connection fails: it took work to make.

    Return the message, where it is there.
    """
    try:
        return await destination.deliver(reply, view, job_id)
    except discord.NotFound:
        log.info("answer not wanted any more")  # somebody deleted the message
    except UNREACHABLE as error:
        log.warning("answer not delivered", error=str(error), hint="it is tried once more")
        await asyncio.sleep(AGAIN_AFTER_S)
        with contextlib.suppress(discord.NotFound):
            return await destination.deliver(reply, view, job_id)
    return None
