"""Looks at every request before it becomes a job: that its texts and files hold something.

What no model could read is refused here, before anything waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import UserError

if TYPE_CHECKING:
    from bot.catalogue.model import Model
    from bot.tasks.registry import AnyRequest

MAX_FILE_BYTES = 25 << 20


def check_contents(request: AnyRequest, model: Model) -> None:
    """Refuse a request whose texts or files are empty or too long.

    Raises:
        UserError: With the fact, the limit and the next step.
    """
    for name in request.text_fields:
        text = getattr(request, name)
        if text is not None:
            _check_text(name, text, model)
    for name in request.file_fields:
        data = getattr(request, name)
        if data is not None:
            _check_file(name, data)
    if getattr(request, "near", "") and not model.varies:
        raise UserError(
            "{model} cannot vary a picture that is there. Leave out `near`, or take another model.",
            model=model.title,
        )


def _check_text(name: str, text: str, model: Model) -> None:
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(
            "The {name} holds characters that are no text. Type it anew and ask again.",
            name=name,
        )
    if not text.strip():
        raise UserError(
            "The {name} is empty. Write something and ask again.",
            name=name,
        )
    limit = model.limits.max_input_chars
    if len(text) > limit:
        raise UserError(
            "The {name} has {count:,} characters; {model} takes at most {limit:,}. Shorten it"
            " and ask again.",
            name=name,
            count=len(text),
            model=model.title,
            limit=limit,
        )


def _check_file(name: str, data: bytes) -> None:
    if not data:
        raise UserError(
            "The {name} is an empty file. Send another one.",
            name=name.replace("_", " "),
        )
    if len(data) > MAX_FILE_BYTES:
        raise UserError(
            "The {name} has {size:.1f} MB; the limit is {limit} MB. Send a smaller one.",
            name=name.replace("_", " "),
            size=len(data) / (1 << 20),
            limit=MAX_FILE_BYTES >> 20,
        )
