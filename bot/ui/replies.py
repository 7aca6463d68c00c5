"""What people read in the end: results and errors as the content of a message."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import discord
import msgspec

from bot.archive import Said
from bot.errors import InferenceError, UserError
from bot.locales import say, say_many, told
from bot.tasks.image_to_text import LinesResult
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.recommend import FilmsResult
from bot.tasks.text_to_text import (
    DRAWN_SENTENCES,
    AnswerQuestion,
    CandidatesResult,
    LabelsResult,
    QuotationsResult,
    TextResult,
)
from bot.ui import findings
from bot.ui.limits import ALT_TEXT, CONTENT, HEAD, clip
from bot.ui.markup import FENCE
from bot.ui.pages import pages

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.inference.job import Job
    from bot.service import Answered, ExecutorStatus, Expired, Submitted
    from bot.tasks.registry import Result
    from bot.tasks.request import Request

FENCE_END = f"\n{FENCE}"
PAGE_NOTE = 40  # characters for which page it is, in any language
QUOTES = "'''"  # in the place of a fence, where there must be none
QUESTION = 300  # characters that are shown of one
MOST_PAGES = 5  # an answer of more comes as a file, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The content of a message, and its files as (name, bytes, alt text).

    ``None`` for files leaves those that the message has. ``pages`` is how many there are of a text
    of which the content is the first; ``said`` is what must be kept for them to be turned.
    """

    content: str
    files: tuple[tuple[str, bytes, str | None], ...] | None = ()
    pages: int = 1
    said: Said | None = None

    def hidden(self) -> Reply:
        """Return the same with its pictures hidden until somebody clicks on them."""
        files = tuple(
            (name if name.endswith(".txt") else f"SPOILER_{name}", data, alt)
            for name, data, alt in self.files or ()
        )
        return replace(self, files=files)

    def as_edit(self) -> dict[str, Any]:
        """Return what ``edit_original_response`` takes; its files can be sent only once."""
        if self.files is None:
            return {"content": self.content}
        files = [
            discord.File(io.BytesIO(data), name, description=alt) for name, data, alt in self.files
        ]
        return {"content": self.content, "attachments": files}


def finished(
    submitted: Submitted, answered: Answered, *, kept: bool = False, in_sight: bool = False
) -> Reply:
    """Return the answer, and below it in small print where it came from.

    In a conversation the question stands above it, for those who read it afterwards.

    Args:
        submitted: What was asked.
        answered: How it ended.
        kept: Whether pages can be turned; otherwise a text that needs them comes as a file.
        in_sight: Whether the question stands in a message that everybody sees.
    """
    job = submitted.job
    parts = [job.model.title]
    if job.model.starter:
        parts.append(say("starter model, small"))
    if varies(job, answered.result):
        parts.append(say("seed {seed}", seed=job.seed))
    parts += _remembered(job.request, answered.result)
    parts.append(f"{answered.timings.run_s:.1f} s")
    footer = f"-# {' · '.join(parts)} · `{job.id}`"
    result = answered.result
    if not isinstance(job.request, AnswerQuestion) or not isinstance(result, TextResult):
        return _with_footer(result, footer, job.id, kept=kept)
    if not job.request.converses:
        return _with_footer(result, footer, job.id, kept=kept)
    goes_on = kept and not in_sight and bool(job.request.turns or job.caller.thread_id)
    quoted = _quoted(job.request.question) if goes_on else ""
    text = result.text or _nothing()
    reply = _text_reply(f"{quoted}{text}", footer, job.id, kept=kept)
    if not kept or not result.text:
        return reply
    said = reply.said or Said()
    return replace(reply, said=Said(text=result.text, shown=said.shown, footer=said.footer))


def varies(job: Job, result: Result) -> bool:
    """Say whether another seed would give another answer; quotations are found without one."""
    return job.request.uses_seed and not isinstance(result, QuotationsResult)


def page_of(said: Said, page: int) -> tuple[str, int, int]:
    """Return a page of an answer as the content of a message, its number, and how many there are.

    Args:
        said: What is kept of the answer.
        page: The number of the page that is wanted, from 0.
    """
    every = pages(said.shown, CONTENT - HEAD - len(said.footer) - 1 - PAGE_NOTE)
    page = min(max(0, page), len(every) - 1)
    note = say("Page {page} of {pages}", page=page + 1, pages=len(every))
    footer = f"-# {note} · {said.footer.removeprefix('-# ')}"
    return f"{every[page]}\n{footer}", page, len(every)


def headed(content: str, head: str) -> str:
    """Return an answer below a line in small print; answers leave room for it."""
    text = f"-# {head}\n{content}"
    return text if len(text) <= CONTENT else content


def late(submitted: Submitted, expired: Expired) -> UserError:
    """Return what is said of a job whose time was up."""
    if expired.waiting:
        return UserError(
            "This waited for {minutes:.0f} minutes, the longest that anything waits here. Try "
            "again when fewer people are asking.",
            minutes=expired.limit_s / 60,
        )
    return UserError(
        "This ran for {seconds:.0f} s, which is all that {model} may take for one answer. Ask for "
        "less, or choose a faster model.",
        seconds=expired.limit_s,
        model=submitted.job.model.title,
    )


def apology(error: Exception, reference: str) -> str:
    """Return what a member is told of an error; ``reference`` finds it in the log."""
    if isinstance(error, UserError):
        return clip(told(error.sentence), CONTENT)
    if isinstance(error, InferenceError):
        reference = error.reference
    return say(
        "Something went wrong on this side; it was not your doing. Try again, or another model. "
        "Whoever runs the bot can look it up as `{reference}`.",
        reference=reference,
    )


def model_list(models: list[tuple[Model, bool]]) -> str:
    """Return the models that can be used now, a line each, and how many more are known."""
    here = [model for model, ready in models if ready]
    lines = [
        f"**{m.title}** `{m.id}` · {' '.join('/' + task for task in m.tasks)} · {m.licence}"
        + (f" · {m.attribution}" if m.attribution else "")
        for m in here
    ]
    known = len(models) - len(here)
    more = say("{n} more are known; whoever runs the bot can fetch them.", n=known)
    lines.append(f"-# {more}")
    return clip("\n".join(lines), CONTENT)


def status_line(status: ExecutorStatus) -> str:
    """Return how busy the executor is, and what is loaded."""
    loaded = sorted({model for models in status.models.values() for model in models})
    text = say(
        "{workers} workers, {running} requests running, {waiting} waiting.\nAwake: {models} "
        "({size} MB).",
        workers=status.workers,
        running=status.running,
        waiting=status.waiting,
        models=", ".join(loaded) or say("no model yet"),
        size=status.resident_bytes >> 20,
    )
    notes = [f"\n{model}: {note}" for model, note in sorted(status.notes.items())]
    return clip(text + "".join(notes), CONTENT)


def _with_footer(result: Result, footer: str, job_id: str, *, kept: bool) -> Reply:
    text = partial(_text_reply, footer=footer, job_id=job_id, kept=kept)
    match result:
        case TextResult(text=said):
            return text(said or _nothing())
        case CandidatesResult():
            return text(findings.candidates(result))
        case LabelsResult(chart=None):
            return text(findings.labels(result))
        case LabelsResult(chart=chart):
            reply = text(findings.labels(result))
            assert chart is not None
            told = msgspec.structs.replace(chart, alt_text=findings.chart_in_words(result))
            beside = [*(reply.files or ()), picture_file(job_id, told)]
            if len(result.sentences) > DRAWN_SENTENCES:
                beside.append((f"{job_id}.txt", result.text.encode(), None))
            return replace(reply, files=tuple(beside))
        case QuotationsResult():
            return text(findings.quotations(result))
        case LinesResult(lines=()):
            return Reply(content=f"{say('I can find no text in this picture.')}\n{footer}")
        case LinesResult():
            reply = text(result.text, fenced=True)
            overlay = () if result.overlay is None else (picture_file(job_id, result.overlay),)
            return replace(reply, files=(*(reply.files or ()), *overlay))
        case Picture():
            return Reply(content=footer, files=(picture_file(job_id, result),))
        case PicturesResult(pictures=pictures):
            files = tuple(
                picture_file(f"{job_id}-{picture.number or n}", picture)
                for n, picture in enumerate(pictures, 1)
            )
            note = clip(result.note, CONTENT - HEAD - len(footer) - 1)
            return Reply(content=f"{note}\n{footer}" if note else footer, files=files)
        case FilmsResult():
            return text(findings.films(result))


def _nothing() -> str:
    return f"*({say('The model had nothing to add.')})*"


def _quoted(question: str) -> str:
    return f"> {clip(' '.join(question.replace(FENCE, QUOTES).split()), QUESTION)}\n"


def _remembered(request: Request, result: Result) -> list[str]:
    """Return how much of a conversation the model had before it."""
    if not isinstance(request, AnswerQuestion) or not request.turns:
        return []
    asked, recalled = len(request.turns), getattr(result, "recalled", 0)
    if recalled == asked:
        return [say_many("remembers {n} turn", "remembers {n} turns", asked)]
    return [say("remembers {recalled} of {n} turns", recalled=recalled, n=asked)]


def _text_reply(text: str, footer: str, job_id: str, *, kept: bool, fenced: bool = False) -> Reply:
    """Return a text whole where a message holds it; else its first page.

    The others are turned to. Where there are many, or none can be turned to, all of it is a file.
    """
    inner = text.replace(FENCE, QUOTES) if fenced else text
    shown = f"{FENCE}\n{inner}{FENCE_END}" if fenced else text
    if shown.count(FENCE) % 2:  # it would swallow the footer
        shown += FENCE_END
    if len(shown) + 1 + len(footer) <= CONTENT - HEAD:
        return Reply(content=f"{shown}\n{footer}")
    said = Said(shown=shown, footer=footer)
    content, _, count = page_of(said, 0)
    if count == 1:
        return Reply(content=f"{shown.strip()}\n{footer}")
    files = ((f"{job_id}.txt", text.encode(), None),) if count > MOST_PAGES or not kept else ()
    if not kept:
        return Reply(content=content, files=files)
    return Reply(content=content, files=files, pages=count, said=said)


def picture_file(name: str, picture: Picture) -> tuple[str, bytes, str | None]:
    """Return a picture as a file of a message."""
    ending = picture.media_type.removeprefix("image/")
    return f"{name}.{ending}", picture.data, clip(picture.alt_text, ALT_TEXT)
