"""The two pages for machines, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from bot.catalogue.model import Model
from bot.inference.job import Job, Timings
from bot.metrics import Metrics, serve
from bot.tasks.caller import Caller
from bot.tasks.text_to_text import CompleteText
from tests.fakes import STATUS

JOB = Job(
    id="job1",
    request=CompleteText(prompt="my darkest secret"),
    model=Model(id="gpt2", task="complete", family="causal_lm"),
    seed=0,
    caller=Caller(user_id=1),
)
ABOUT = {"task": "complete", "model": "gpt2"}


class Pages:
    """The pages of one bot, and whether it is well."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.healthy = True
        self.address = ""

    async def get(self, path: str) -> tuple[int, str, str]:
        async with aiohttp.ClientSession() as session, session.get(self.address + path) as response:
            return response.status, response.content_type, await response.text()

    async def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        _, _, text = await self.get("/metrics")
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def value(self, name: str, **labels: str) -> float:
        return (await self.samples())[name, tuple(sorted(labels.items()))]


@pytest_asyncio.fixture
async def pages() -> AsyncIterator[Pages]:
    pages = Pages()
    runner = await serve(pages.metrics, lambda: pages.healthy, host="127.0.0.1", port=0)
    host, port = runner.addresses[0]
    pages.address = f"http://{host}:{port}"
    yield pages
    await runner.cleanup()


async def test_jobs_are_counted_by_how_they_ended(pages: Pages) -> None:
    for state in ("done", "failed", "failed"):
        pages.metrics.job_ended(JOB, state, None)
    assert await pages.value("menagerie_jobs_total", **ABOUT, state="done") == 1
    assert await pages.value("menagerie_jobs_total", **ABOUT, state="failed") == 2


async def test_waiting_and_running_are_measured_where_they_are_known(pages: Pages) -> None:
    pages.metrics.job_ended(JOB, "done", Timings(queued_s=0.2, run_s=3.0))
    pages.metrics.job_ended(JOB, "cancelled", None)
    assert await pages.value("menagerie_job_wait_seconds_sum", **ABOUT) == 0.2
    assert await pages.value("menagerie_job_run_seconds_sum", **ABOUT) == 3.0
    assert await pages.value("menagerie_job_run_seconds_count", **ABOUT) == 1
    assert await pages.value("menagerie_job_run_seconds_bucket", **ABOUT, le="2.5") == 0
    assert await pages.value("menagerie_job_run_seconds_bucket", **ABOUT, le="5.0") == 1


async def test_tokens_are_counted(pages: Pages) -> None:
    for tokens in (5, 7):
        pages.metrics.job_ended(JOB, "done", Timings(queued_s=0.2, run_s=3.0), tokens)
    assert await pages.value("menagerie_tokens_total", model=ABOUT["model"]) == 12


async def test_gauges_are_read_when_somebody_looks(pages: Pages) -> None:
    looks = []
    pages.metrics.watch(lambda: looks.append(1) or STATUS)  # type: ignore[func-returns-value]
    before = len(looks)
    gauges = {name: value for (name, _), value in (await pages.samples()).items()}
    assert (
        gauges
        | {
            "menagerie_waiting_jobs": STATUS.waiting,
            "menagerie_running_jobs": STATUS.running,
            "menagerie_workers": STATUS.workers,
            "menagerie_resident_bytes": STATUS.resident_bytes,
            "menagerie_worker_deaths": STATUS.deaths,
        }
        == gauges
    )
    assert len(looks) > before


async def test_nothing_of_what_was_asked_is_on_the_page(pages: Pages) -> None:
    pages.metrics.job_ended(JOB, "done", Timings(queued_s=0.2, run_s=3.0))
    status, kind, text = await pages.get("/metrics")
    assert (status, kind) == (200, "text/plain")
    assert "secret" not in text
    assert "job1" not in text


@pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
async def test_health_is_a_status_code(pages: Pages, healthy: bool, status: int) -> None:
    pages.healthy = healthy
    answer = await pages.get("/healthz")
    assert answer == (status, "application/json", f'{{"healthy": {str(healthy).lower()}}}')


async def test_there_is_no_other_page(pages: Pages) -> None:
    assert (await pages.get("/"))[0] == 404


async def test_two_bots_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.job_ended(JOB, "done", None)
    labels = {**ABOUT, "state": "done"}
    assert one.registry.get_sample_value("menagerie_jobs_total", labels) == 1
    assert other.registry.get_sample_value("menagerie_jobs_total", labels) is None
