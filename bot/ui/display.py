"""Shows how far a job is in the message that waits for its answer."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import discord
import structlog

from bot.locales import say
from bot.ui.limits import CONTENT
from bot.ui.refusals import UNREACHABLE
from bot.ui.replies import Reply
from bot.ui.waiting import is_news, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.tasks.progress import Progress
    from bot.ui.destination import Destination
    from bot.ui.views import CancelView

FIRST_EDIT_S = 0.4  # an answer that comes sooner than this replaces "thinking" directly
EDIT_EVERY_S = 1.0

log = structlog.get_logger("answer")


class Display:
    """Shows the newest progress, at most one edit a second.

    Args:
        destination: Where it is shown.
        view: The buttons below.
        gone: Called when the message is no longer there to be edited.
        job_id: Whose progress it is.
        heading: What stands above it, in small print.
        hidden: Whether pictures are hidden until somebody clicks on them.
    """

    def __init__(
        self,
        destination: Destination,
        view: CancelView,
        gone: Callable[[], None],
        job_id: str,
        heading: str = "",
        *,
        hidden: bool = False,
    ) -> None:
        self._destination = destination
        self._hidden = hidden
        self._view = view
        self._gone = gone
        self._job_id = job_id
        self._heading = f"-# {heading}\n" if heading else ""
        self._noticed = False  # where the answer will come, if the message can't take it
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
            await self._for_news()
            if self._ended.is_set() or self._destination.closed():
                return
            try:
                await self._destination.edit(self._shown(), self._view)
            except discord.NotFound:
                self._gone()
                return
            except UNREACHABLE as error:
                log.warning("progress not shown", error=str(error))
            await self._pause(EDIT_EVERY_S)

    async def _for_news(self) -> None:
        """Wait for something new to show; the time at which the message closes is news too."""
        notice_in_s = None if self._noticed else self._destination.notice_in_s()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), notice_in_s)
        self._news.clear()

    def _shown(self) -> Reply:
        """Return what the message says now."""
        reply = Reply(content=say("At work…"))
        if self._newest is not None:
            reply = waiting(self._newest)
        if self._hidden and reply.files:
            reply = reply.hidden()
        if self._heading:
            room = CONTENT - len(self._heading)
            reply = replace(reply, content=f"{self._heading}{reply.content[-room:]}")
        notice = self._destination.notice(self._job_id)
        self._noticed = bool(notice)
        return with_notice(reply, notice)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)


def with_notice(reply: Reply, notice: str) -> Reply:
    """Return the same with a notice in small print below; of a long text the end is kept."""
    if not notice:
        return reply
    room = CONTENT - len(notice) - len("-# \n")
    return replace(reply, content=f"{reply.content[-room:]}\n-# {notice}")
