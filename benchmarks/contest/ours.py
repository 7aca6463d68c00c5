"""This bot's executor as a contestant: jobs through the queue, the workers and their sockets."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import structlog

from bot.catalogue.model import Defaults, Limits, Model
from bot.config import Inference
from bot.inference.job import Answered, Job
from bot.inference.local import LocalExecutor
from bot.tasks.caller import Caller
from bot.tasks.progress import TextSoFar
from bot.tasks.text_to_text import CompleteText

from .contestant import Contestant, expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .workload import Ask

MOST = 1_000_000


ID = "contest-gpt2"


def prepared(folder: Path) -> None:
    """Prepare the checkpoint for OpenVINO as the bot does when it is idle; made the first time."""
    manifest = folder / "manifest.json"  # so that logs beside the checkpoint change nothing
    manifest.touch()
    threads = Inference().chosen_threads()
    arguments = ["-m", "bot.decoding.export", str(folder), str(folder / "prepared" / ID)]
    subprocess.run([sys.executable, *arguments, str(threads)], check=True)


class Ours(Contestant):
    """Jobs through :class:`LocalExecutor`, as the service sends them.

    Settings: ``inference`` and ``model``, keyword arguments over those below; an empty table of
    ``inference`` is the product as it comes.
    """

    slack = 0  # tokens that an answer may lack or have too many

    async def start(self) -> None:
        """Start the executor and have every worker load the model."""
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
        self._model = self.model()
        limits = {"queue_size": MOST, "jobs_per_member": MOST, "jobs_per_guild": MOST}
        inference = Inference(**{**limits, **self.settings.get("inference", {})})
        self._executor = LocalExecutor(
            inference,
            environ=os.environ,
            folder_of=lambda model: self.folder,
            prepared=self.folder / "prepared",
        )
        self._executor.preload([self._model])
        self._numbers = itertools.count()
        await self._executor.start()
        await self._executor.up.wait()

    def model(self) -> Model:
        """Return the catalogue's entry for the checkpoint."""
        entry: dict[str, Any] = {
            "id": ID,
            "task": "complete",
            "family": "causal_lm",
            "checkpoint": str(self.folder),
            "params": 124_439_808,
            "slots": 32,
            "limits": Limits(max_new_tokens=256, max_seconds=3600),
            "defaults": Defaults(temperature=0.0, repetition_penalty=1.0),
        }
        return Model(**{**entry, **self.settings.get("model", {})})

    def job(self, ask: Ask, name: str) -> Job:
        """Return the job that asks for this; sixteen members ask, not one sixteen times."""
        request = CompleteText(prompt=ask.text, max_tokens=ask.new_tokens, temperature=0.0)
        caller = Caller(user_id=ask.number + 1)
        return Job(
            id=name, request=request, model=self._model, seed=1, caller=caller, max_wait_s=3600.0
        )

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Submit a job and read its news to the end."""
        job = self.job(ask, f"c{next(self._numbers)}")
        shown = len(ask.text) if isinstance(job.request, CompleteText) else 0
        async for news in self._executor.submit(job):
            if isinstance(news, TextSoFar) and len(news.text) > shown:
                seen()
        if not isinstance(news, Answered):
            raise RuntimeError(f"{news}")
        expect(news.result.tokens, ask, self.slack)
        return news.result.text.removeprefix(ask.text)

    async def stop(self) -> None:
        """Stop the workers."""
        await self._executor.drain(0.0)
