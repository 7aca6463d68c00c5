"""The same request to several models, or with several seeds, side by side in one message."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import discord

from bot.errors import UserError
from bot.locales import say, told
from bot.service import Answered, Cancelled, Expired, Outcome, Unanswered
from bot.tasks.text_to_image import ConjurePicture, ImaginePicture
from bot.tasks.text_to_text import AnswerQuestion, CompleteText
from bot.ui import replies
from bot.ui.answer import ASK_AGAIN, delivered
from bot.ui.callers import caller_of
from bot.ui.destination import Live
from bot.ui.display import with_notice
from bot.ui.handling import noted
from bot.ui.limits import CONTENT, clip
from bot.ui.nameless import nameless, unnamed
from bot.ui.refusals import UNREACHABLE
from bot.ui.replies import Reply
from bot.ui.sharing import whispers
from bot.ui.views import CancelView, deleting_view
from bot.ui.waiting import CURSOR, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.client import Menagerie
    from bot.service import Service, Submitted
    from bot.tasks.registry import AnyRequest

EDIT_EVERY_S = 1.0
MOST = 4
MOST_FILES = 10  # that Discord takes in one message


@dataclass(frozen=True, slots=True)
class Entrant:
    """One of those that are compared: a model, and a seed where one is set."""

    model_id: str
    seed: int | None = None


async def compare(
    interaction: discord.Interaction[Menagerie],
    service: Service,
    request: AnyRequest,
    entrants: Sequence[Entrant],
    *,
    titles: Sequence[str] = (),
    view: discord.ui.View | None = None,
) -> None:
    """Ask all entrants the same at once, and show each answer under its name when it is there.

    Args:
        interaction: To be answered.
        service: Whom to ask.
        request: What all are asked.
        entrants: Who is asked.
        titles: What stands in the place of their names, where these are not to be told.
        view: The buttons below, when all is there; by default one to delete it.

    Raises:
        UserError: One of them cannot be asked.
    """
    for entrant in entrants:
        service.check(request, entrant.model_id, caller_of(interaction))
    noted(interaction.client.answering)
    destination = await Live.deferred(
        interaction, ephemeral=not titles and whispers(interaction, service)
    )
    submitted = await _submitted(interaction, service, request, entrants)
    models = [each.job.model for each in submitted]
    names = [name for model in models for name in (model.title, model.id)] if titles else []
    board = Board(titles or [_titled(each) for each in submitted], names)
    cancel = CancelView(interaction.user.id, partial(_cancel_all, service, submitted))
    spoilers = service.rules.of_guild(interaction.guild_id).spoilers
    jobs = [
        asyncio.create_task(_follow(each, board, place, spoilers=spoilers))
        for place, each in enumerate(submitted)
    ]
    try:
        while not all(job.done() for job in jobs):
            await asyncio.wait(jobs, timeout=EDIT_EVERY_S, return_when=asyncio.ALL_COMPLETED)
            over = destination.closed() or all(job.done() for job in jobs)
            if not over and board.changed():
                with contextlib.suppress(*UNREACHABLE):
                    notice = destination.notice(submitted[0].job.id)
                    await destination.edit(with_notice(board.shown(), notice), cancel)
        for job in jobs:
            job.result()
    finally:
        cancel.stop()
        for job, each in zip(jobs, submitted, strict=True):
            if not job.done():
                service.cancel(each.job.id)
                job.cancel()
        await asyncio.wait(jobs)  # they write to the store
    if view is None and service.archive.keeps(submitted[0].job):
        view = deleting_view(submitted[0].job.id, private=destination.private)
    message = await delivered(destination, board.shown(whole=True), view, submitted[0].job.id)
    await _note(service, submitted, message)


async def _note(
    service: Service, submitted: Sequence[Submitted], message: discord.Message | None
) -> None:
    """Note where the answers stand, so that they go with their message."""
    if message is not None:
        for each in submitted:
            await service.archive.posted(each.job.id, message.id, message.channel.id, None)


def _cancel_all(service: Service, submitted: Sequence[Submitted]) -> None:
    for each in submitted:
        service.cancel(each.job.id)


async def _submitted(
    interaction: discord.Interaction[Menagerie],
    service: Service,
    request: AnyRequest,
    entrants: Sequence[Entrant],
) -> list[Submitted]:
    """Ask all entrants, or none: nobody would watch those that went before a refusal."""
    begun: list[Submitted] = []
    caller = caller_of(interaction)
    try:
        for entrant in entrants:
            model, seed = entrant.model_id, entrant.seed
            job = await service.submit(request, caller, model_id=model, seed=seed)
            begun.append(job)
    except BaseException:
        for submitted in begun:
            service.cancel(submitted.job.id)
            async for _ in submitted.news:
                pass
        raise
    return begun


async def _follow(submitted: Submitted, board: Board, place: int, *, spoilers: bool) -> None:
    async for item in submitted.news:
        if not isinstance(item, Outcome):
            board.put_progress(place, waiting(item).content.removesuffix(CURSOR))
            continue
        match item:
            case Answered():
                reply = replies.finished(submitted, item)
                board.put_answer(place, reply.hidden() if spoilers else reply)
            case Unanswered(error=error):
                board.put_error(place, replies.apology(error, submitted.job.id))
            case Expired():
                board.put_error(place, told(replies.late(submitted, item).sentence))
            case Cancelled():
                board.put(place, say("Cancelled."))
            case _:
                board.put(place, told(ASK_AGAIN))


def _titled(submitted: Submitted) -> str:
    job = submitted.job
    if not job.request.uses_seed:
        return job.model.title
    return say("{model}, seed {seed}", model=job.model.title, seed=job.seed)


class Board:
    """What stands in the message: a part for each entrant, of the same room.

    Args:
        titles: What stands above each part.
        names: What nothing may tell, where it is kept secret who the entrants are: no progress,
            small print or error, and no picture's description, name or file.
    """

    def __init__(self, titles: Sequence[str], names: Sequence[str] = ()) -> None:
        self._names = names
        self._titles = titles
        self._parts = [say("Waiting…")] * len(titles)
        self._answers: list[Reply] = [Reply(content="")] * len(titles)
        self._changed = True
        self._fresh = False  # whether there are files that the message has not

    def put(self, place: int, text: str) -> None:
        """Show this under the title of the entrant at ``place``."""
        self._parts[place] = text
        self._changed = True

    def put_progress(self, place: int, text: str) -> None:
        """Show how far an entrant is."""
        self.put(place, say("At work…") if self._names else text)

    def put_error(self, place: int, text: str) -> None:
        """Show why an entrant has no answer."""
        self.put(place, unnamed(text, self._names, self._titles[place]))

    def put_answer(self, place: int, reply: Reply) -> None:
        """Show an answer, with its pictures."""
        if self._names:
            reply = nameless(reply, self._names, self._titles[place])
        self._answers[place] = reply
        self._fresh = True
        self.put(place, reply.content)

    def changed(self) -> bool:
        """Say whether there is news since the last time this was asked."""
        changed, self._changed = self._changed, False
        return changed

    def shown(self, *, whole: bool = False) -> Reply:
        """Return all parts; each is cut where they would not fit into one message.

        Args:
            whole: With all files, also those that were sent before; else with them only where one
                has come since the last time.
        """
        room = CONTENT // len(self._parts) - max(map(len, self._titles)) - len("**** \n\n\n")
        parts = [
            f"**{title}**\n{_shortened(text, room)}"
            for title, text in zip(self._titles, self._parts, strict=True)
        ]
        fresh, self._fresh = self._fresh, False
        files = [file for reply in self._answers for file in reply.files or ()]
        files += self._cut_texts(room)
        return Reply(
            content="\n\n".join(parts), files=tuple(files[:MOST_FILES]) if whole or fresh else None
        )

    def _cut_texts(self, room: int) -> list[tuple[str, bytes, str | None]]:
        """Return the answers that are cut in the message, whole, each as a file."""
        return [
            (f"{place}.txt", reply.content.encode(), None)
            for place, reply in enumerate(self._answers, 1)
            if len(reply.content) > room
            and not any(f[0].endswith(".txt") for f in reply.files or ())
        ]


def _shortened(text: str, room: int) -> str:
    """Cut a text to its room, but for the small print below it."""
    body, line, footer = text.rpartition("\n-# ")
    if not line:
        return _whole(clip(text, room))
    small = line + footer
    return _whole(clip(body, max(1, room - len(small)))) + small


def _whole(text: str) -> str:
    """Close a block of code that the cut left open."""
    return f"{text[:-4]}\n```" if text.count("```") % 2 else text


def entrants(
    ready: Sequence[str], models: Sequence[str | None], seeds: int, first_seed: int
) -> list[Entrant]:
    """Return who is compared: the models that were named, or one model with several seeds.

    Raises:
        UserError: Fewer than two can be.
    """
    named = [model for model in models if model is not None]
    if len(set(named)) > 1:
        return [Entrant(model, first_seed) for model in dict.fromkeys(named)]
    model = named[0] if named else (ready[0] if ready else None)
    if model is None:
        raise UserError("There is no model here that could be compared. `/models` lists them.")
    return [Entrant(model, first_seed + n) for n in range(max(2, seeds))]


def request_of(task: str, prompt: str) -> AnyRequest:
    """Return what several are asked: a task, with nothing but a prompt."""
    match task:
        case "ask":
            return AnswerQuestion(question=prompt)
        case "imagine":
            return ImaginePicture(prompt=prompt, count=1)
        case "conjure":
            return ConjurePicture(what=prompt)
    return CompleteText(prompt=prompt)
