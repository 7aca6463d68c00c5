"""What the pure parts of the executor need around them: a clock that is set, jobs, models."""

from __future__ import annotations

from bot.catalogue.model import Model
from bot.inference.job import Job
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import CompleteText


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def model_of(id: str, slots: int = 2) -> Model:
    return Model(id=id, task="complete", family="toy", checkpoint="none", slots=slots)


def job_of(id: str, model: Model, *, member: int = 1, guild: int = 1, wait: float = 800.0) -> Job:
    return Job(
        id=id,
        request=CompleteText(prompt="hello"),
        model=model,
        seed=0,
        caller=Caller(user_id=member, guild_id=guild),
        max_wait_s=wait,
    )
