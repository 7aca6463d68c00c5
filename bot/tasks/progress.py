"""What is told of a job while it is under way."""

from __future__ import annotations

import msgspec

from bot.tasks.picture import Picture


class Queued(msgspec.Struct, frozen=True, kw_only=True, tag="queued"):
    """The job waits: ``ahead`` jobs come before it, ``eta_s`` is ``None`` until measured."""

    ahead: int
    eta_s: float | None = None


class Loading(msgspec.Struct, frozen=True, kw_only=True, tag="loading"):
    """A worker is loading the model for this job."""

    model: str


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """A worker has begun on the job."""


class TextSoFar(msgspec.Struct, frozen=True, kw_only=True, tag="text_so_far"):
    """All the text made so far; each one has its forerunner as a prefix."""

    text: str


class StepDone(msgspec.Struct, frozen=True, kw_only=True, tag="step_done"):
    """Step ``done`` of ``total`` is done, perhaps with a first look at the picture."""

    done: int
    total: int
    preview: Picture | None = None


Progress = Queued | Loading | Started | TextSoFar | StepDone
