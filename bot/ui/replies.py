"""What people read in the end: results and errors as the content of a message."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import discord

from bot.errors import InferenceError, UserError
from bot.locales import say, told
from bot.tasks.image_to_text import LinesResult
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.recommend import FilmsResult
from bot.tasks.text_to_text import (
    CandidatesResult,
    LabelsResult,
    QuotationsResult,
    TextResult,
)
from bot.ui import findings
from bot.ui.limits import ALT_TEXT, CONTENT, clip

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.service import Answered, ExecutorStatus, Expired, Submitted
    from bot.tasks.registry import Result

FENCE_END = "\n```"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The content of a message, and its files as (name, bytes, alt text).

    ``None`` for files leaves those that the message has.
    """

    content: str
    files: tuple[tuple[str, bytes, str | None], ...] | None = ()

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


def finished(submitted: Submitted, answered: Answered) -> Reply:
    """Return the answer, and below it in small print where it came from."""
    job = submitted.job
    parts = [job.model.title]
    if job.model.starter:
        parts.append(say("starter model, small"))
    if job.request.uses_seed and not isinstance(answered.result, QuotationsResult):
        parts.append(say("seed {seed}", seed=job.seed))
    parts.append(f"{answered.timings.run_s:.1f} s")
    footer = f"-# {' · '.join(parts)} · `{job.id}`"
    return _with_footer(answered.result, footer, job.id)


def late(submitted: Submitted, expired: Expired) -> UserError:
    """Return what is said of a job whose time was up."""
    if expired.waiting:
        return UserError(
            "This waited for {minutes:.0f} minutes, longer than Discord keeps a request open. Try "
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


def _with_footer(result: Result, footer: str, job_id: str) -> Reply:
    match result:
        case TextResult(text=text):
            return _text_reply(
                text or f"*({say('The model had nothing to add.')})*", footer, job_id
            )
        case CandidatesResult():
            return _text_reply(findings.candidates(result), footer, job_id)
        case LabelsResult():
            return _text_reply(findings.labels(result), footer, job_id)
        case QuotationsResult():
            return _text_reply(findings.quotations(result), footer, job_id)
        case LinesResult(lines=()):
            return Reply(content=f"{say('I can find no text in this picture.')}\n{footer}")
        case LinesResult():
            reply = _text_reply(result.text, footer, job_id, fence="```")
            overlay = () if result.overlay is None else (picture_file(job_id, result.overlay),)
            return Reply(content=reply.content, files=(*(reply.files or ()), *overlay))
        case Picture():
            return Reply(content=footer, files=(picture_file(job_id, result),))
        case PicturesResult(pictures=pictures):
            files = tuple(
                picture_file(f"{job_id}-{n}", picture) for n, picture in enumerate(pictures, 1)
            )
            note = clip(result.note, CONTENT - len(footer) - 1)
            return Reply(content=f"{note}\n{footer}" if note else footer, files=files)
        case FilmsResult():
            return _text_reply(findings.films(result), footer, job_id)


def _text_reply(text: str, footer: str, job_id: str, fence: str = "") -> Reply:
    """Return a text whole where a message holds it; else its beginning, and all of it as a file."""
    inner = text.replace("```", "'''") if fence else text
    opening, closing = (f"{fence}\n", f"\n{fence}") if fence else ("", "")
    room = CONTENT - len(footer) - len(opening) - len(closing) - len(FENCE_END) - 1
    begun = clip(inner, room)
    if begun.count("```") % 2:  # it would swallow the footer
        closing = FENCE_END
    content = f"{opening}{begun}{closing}\n{footer}"
    if len(inner) <= room:
        return Reply(content=content)
    return Reply(content=content, files=((f"{job_id}.txt", text.encode(), None),))


def picture_file(name: str, picture: Picture) -> tuple[str, bytes, str | None]:
    """Return a picture as a file of a message."""
    ending = picture.media_type.removeprefix("image/")
    return f"{name}.{ending}", picture.data, clip(picture.alt_text, ALT_TEXT)
