"""What the executor itself costs, and how soon it is over a blow. No Discord, no playground.

- overhead: an empty family, one job after another, and a stream of events without a net;
- recovery: SIGKILL to the worker in the middle of a text, until the resumed job's next new text
  (SmolLM2, 269 MB of weights);
- memory: what each worker with the same model has to itself (smaps_rollup), against the weights;
- lag: how late the event loop's timers are while workers keep every core busy and 200 jobs wait.

Ends in one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.model import Model
from bot.config import Inference, cache_folder
from bot.inference.job import Answered, Job
from bot.inference.local import LocalExecutor
from bot.tasks.caller import Caller
from bot.tasks.progress import StepDone, TextSoFar
from bot.tasks.text_to_text import CompleteText

TOYS = Path(__file__).parents[1] / "tests" / "toy_families"
ECHO = Model(id="echo", task="complete", family="toy_echo", checkpoint="none")
COUNTER = Model(id="counter-fast", task="complete", family="toy_counter", checkpoint="none")
NUMBERS = itertools.count()


@contextlib.asynccontextmanager
async def running(workers: int, **settings: Any) -> AsyncIterator[LocalExecutor]:
    """Run an executor with the toy families and the starters."""
    environ = {**os.environ, "MENAGERIE_FAMILIES": str(TOYS)}
    cache = cache_folder(os.environ)
    many = {"jobs_per_member": 1000, "jobs_per_guild": 1000, "queue_size": 1000}
    inference = Inference(**{"workers": workers, "threads": 1, **many, **settings})
    executor = LocalExecutor(
        inference, environ=environ, folder_of=lambda model: checkpoint_folder(model, cache)
    )
    await executor.start()
    await executor.up.wait()
    try:
        yield executor
    finally:
        await executor.drain(0.0)


def job(prompt: str, model: Model, tokens: int = 5) -> Job:
    """Return a job that asks for a text."""
    request = CompleteText(prompt=prompt, max_tokens=tokens)
    caller = Caller(user_id=1)
    return Job(id=f"b{next(NUMBERS)}", request=request, model=model, seed=1, caller=caller)


async def done(executor: LocalExecutor, asked: Job) -> int:
    """Run a job to its end; return how much news of it there was."""
    events = 0
    async for item in executor.submit(asked):
        events += isinstance(item, TextSoFar | StepDone)
    assert isinstance(item, Answered), item
    return events


async def overhead() -> dict[str, float]:
    """Return the milliseconds of an empty job, of an event, of a token through the engine."""
    async with running(1) as executor:
        for model in (ECHO, COUNTER):  # loaded once, before the clock runs
            await done(executor, job("1", model))
        began = time.perf_counter()
        for _ in range(1000):
            await done(executor, job("hello", ECHO))
        job_ms = time.perf_counter() - began  # s per 1000 jobs = ms per job
        began = time.perf_counter()
        events = await done(executor, job("burst 10000", ECHO))
        event_ms = (time.perf_counter() - began) * 1000 / events
        began, tokens = time.perf_counter(), 0
        for _ in range(5):
            await done(executor, job("1", COUNTER, 600))
            tokens += 600
        token_ms = (time.perf_counter() - began) * 1000 / tokens
    found = {"job_ms": job_ms, "event_ms": event_ms, "token_ms": token_ms}
    return {name: round(figure, 4) for name, figure in found.items()}


def starter() -> Model:
    """Return the starter that writes, allowed to go on for long."""
    return Catalogue.load().get("smollm2-135m-instruct")


async def recovery(times: int = 5) -> dict[str, float]:
    """Return the seconds from SIGKILL to the first new text of the resumed job."""
    found = []
    async with running(1) as executor:
        await done(executor, job("Once", starter()))
        for _ in range(times):
            asked, killed, seen = job("Once upon a time", starter(), 200), 0.0, 0
            async for item in executor.submit(asked):
                if isinstance(item, TextSoFar):
                    seen += 1
                    if seen == 10:
                        (pid,) = executor.pids.values()
                        killed = time.monotonic()
                        os.kill(pid, signal.SIGKILL)
                    elif killed:
                        found.append(time.monotonic() - killed)
                        executor.cancel(asked.id)
                        break
    return {"median_s": round(statistics.median(found), 3), "worst_s": round(max(found), 3)}


def private_mb(pid: int) -> float:
    """Return what a process has to itself, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    private = [line.split() for line in lines if line.startswith("Private")]
    return sum(int(kilobytes) for _, kilobytes, _ in private) / 1024


TIGHT_MB = 1500  # too little for copies of the weights in the faster layout


async def memory(**settings: Any) -> list[int]:
    """Return each worker's private MiB with the model loaded and used."""
    async with running(2, **settings) as executor:
        # more than a crowd: both workers load the model
        jobs = [done(executor, job(f"Story {n}:", starter(), 32)) for n in range(24)]
        await asyncio.gather(*jobs)
        return [round(private_mb(pid)) for pid in executor.pids.values()]


async def memories() -> dict[str, Any]:
    """Return the private MiB where weights are shared, and where each worker has a faster copy."""
    return {
        "shared_mib": await memory(memory_budget_mb=TIGHT_MB, dtype="bfloat16"),
        "copied_mib": await memory(),
        "weights_mib": round((starter().weights_mb or 0) / 1.048576),
    }


async def lag(seconds: float = 8.0) -> dict[str, float]:
    """Return how late the loop's timers are while both workers write, in milliseconds."""
    late: list[float] = []
    async with running(2) as executor:
        # eight that run, and two hundred that wait and are told their places
        writing = [
            asyncio.create_task(done(executor, job(f"Story {n}:", starter(), 400)))
            for n in range(208)
        ]
        await asyncio.sleep(3.0)
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            await asyncio.sleep(0.005)
            late.append((time.perf_counter() - began - 0.005) * 1000)
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
    late.sort()
    return {
        "p50_ms": round(late[len(late) // 2], 2),
        "p99_ms": round(late[len(late) * 99 // 100], 2),
    }


async def main() -> None:
    """Measure everything in one run."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    found: dict[str, Any] = {
        "overhead": await overhead(),
        "recovery": await recovery(),
        "memory": await memories(),
        "lag": await lag(),
    }
    for name, figures in found.items():
        print(f"{name:10} {figures}")
    print(json.dumps({"benchmark": "executor", **found}))


if __name__ == "__main__":
    asyncio.run(main())
