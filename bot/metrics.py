"""What the bot counts, and the two pages where it can be read: ``/metrics`` and ``/healthz``."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.inference.executor import ExecutorStatus
    from bot.inference.job import Job, Timings

LAG_EVERY_S = 0.25
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Prometheus metrics in a registry of their own, so that two bots in one process don't mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("task", "model")
        self._jobs = Counter(
            "menagerie_jobs", "Jobs that ended.", (*labels, "state"), registry=self.registry
        )
        self._wait = Histogram(
            "menagerie_job_wait_seconds", "Seconds a job waited, loading included.", labels,
            registry=self.registry, buckets=SECONDS,
        )  # fmt: skip
        self._run = Histogram(
            "menagerie_job_run_seconds", "Seconds a job ran.", labels,
            registry=self.registry, buckets=SECONDS,
        )  # fmt: skip

        self._tokens = Counter(
            "menagerie_tokens", "Tokens written.", ("model",), registry=self.registry
        )
        self._batch = Histogram(
            "menagerie_batch_size", "Jobs that shared a run.", labels,
            registry=self.registry, buckets=(1, 2, 4, 8, 16, 32),
        )  # fmt: skip
        self._lag = Histogram(
            "menagerie_loop_lag_seconds", "How late the event loop's timers are.",
            registry=self.registry, buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
        )  # fmt: skip

    def job_ended(
        self, job: Job, state: str, timings: Timings | None = None, tokens: int = 0
    ) -> None:
        """Count a job that has ended; ``timings`` is there if it is done."""
        task, model = job.request.task(), job.model.id
        self._jobs.labels(task, model, state).inc()
        self._tokens.labels(model).inc(tokens)
        if timings is not None:
            self._wait.labels(task, model).observe(timings.queued_s)
            self._run.labels(task, model).observe(timings.run_s)
            self._batch.labels(task, model).observe(timings.batch)

    async def watch_loop(self) -> None:
        """Measure the event loop's lag, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.observe(max(0.0, clock() - due))

    def watch(self, status: Callable[[], ExecutorStatus]) -> None:
        """Read the executor's gauges from its status, whenever somebody looks."""
        for name, text, field in (
            ("waiting_jobs", "Jobs that wait.", "waiting"),
            ("running_jobs", "Jobs that run.", "running"),
            ("workers", "Workers that are up.", "workers"),
            (
                "resident_bytes",
                "Bytes of weights in memory, each worker's counted.",
                "resident_bytes",
            ),
            ("worker_deaths", "Workers that died since the start.", "deaths"),
        ):
            gauge = Gauge(f"menagerie_{name}", text, registry=self.registry)
            gauge.set_function(partial(_read, status, field))


def _read(status: Callable[[], ExecutorStatus], field: str) -> float:
    return float(getattr(status(), field))


async def serve(
    metrics: Metrics, healthy: Callable[[], bool], *, host: str, port: int
) -> web.AppRunner:
    """Serve ``/metrics`` and ``/healthz`` (503 if not healthy) until the runner is cleaned up."""

    async def show(_: web.Request) -> web.Response:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def health(_: web.Request) -> web.Response:
        well = healthy()
        return web.json_response({"healthy": well}, status=200 if well else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", show), web.get("/healthz", health)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
