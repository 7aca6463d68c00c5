"""Requests and results of the text tasks: complete, fill, summarize, translate, ask, sentiment."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from bot.tasks.request import Request


class CompleteText(Request, frozen=True, tag="complete"):
    """Continue a text. Sampling options that are ``None`` take the model's own defaults."""

    text_fields: ClassVar[tuple[str, ...]] = ("prompt",)
    uses_seed: ClassVar[bool] = True

    prompt: str
    max_tokens: Annotated[int, Meta(ge=1, le=4096)] | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None


class FillMask(Request, frozen=True, tag="fill"):
    """Fill the one hole in a text, written ``[MASK]``, ``<mask>`` or ``___``."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str


class Summarize(Request, frozen=True, tag="summarize"):
    """Say a long text in a few sentences."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str


class Translate(Request, frozen=True, tag="translate"):
    """Translate a text; languages are codes such as ``de``."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str
    to: str
    source: str | None = None


class AnswerQuestion(Request, frozen=True, tag="ask"):
    """Answer a question, from a given context where there is one."""

    text_fields: ClassVar[tuple[str, ...]] = ("question", "context")
    uses_seed: ClassVar[bool] = True

    question: str
    context: str | None = None


class ClassifySentiment(Request, frozen=True, tag="sentiment"):
    """Say whether a text sounds pleased or displeased."""

    text_fields: ClassVar[tuple[str, ...]] = ("text",)

    text: str


class TextResult(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """A text, whole.

    ``stopped_by`` says why it ends where it does: ``end`` (the model's own end), ``length`` or
    ``stop`` (a stop string). ``tokens`` counts what the model wrote.
    """

    text: str
    tokens: int
    stopped_by: str
