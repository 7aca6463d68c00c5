"""The worker's two threads: what one changes while the other looks at it."""

from __future__ import annotations

from typing import Any

from bot.inference import wire
from bot.inference.running import Running
from bot.inference.worker import Worker
from bot.tasks.text_to_text import CompleteText


def order(number: int) -> wire.RunJob:
    return wire.RunJob(f"job{number}", "toy", CompleteText(prompt="x"), 0, 60, wire.Written())


def test_orders_may_come_in_while_a_model_is_unloaded() -> None:
    sent: list[Any] = []
    worker = Worker(sent.append)

    class Watched(Running):
        """A job that is looked at just when the reader has another order."""

        @property
        def begun(self) -> bool:
            worker.receive(order(len(worker._jobs.by_id)))
            return True

        @begun.setter
        def begun(self, value: bool) -> None:
            pass

    for number in range(2):
        worker._jobs.by_id[f"job{number}"] = Watched(order(number), sent.append)
    worker._unload("toy")
    ended = [message.job_id for message in sent if isinstance(message, wire.Ended)]
    assert ended == ["job0", "job1"]
    assert list(worker._jobs.by_id) == ["job2", "job3"]
