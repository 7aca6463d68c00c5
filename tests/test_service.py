"""The service: which model is taken, what is refused, what is written down and what never is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Limits, Model
from bot.contents import MAX_FILE_BYTES
from bot.errors import BusyError, InferenceError, UserError
from bot.inference.job import Answered, Cancelled, Expired, Outcome, Timings, Unanswered
from bot.metrics import Metrics
from bot.service import Service
from bot.store.store import Store
from bot.tasks.caller import Caller
from bot.tasks.films import Titles
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.image_to_text import ReadText
from bot.tasks.progress import Progress, Queued, Started, TextSoFar
from bot.tasks.text_to_text import (
    AnswerQuestion,
    ClassifySentiment,
    CompleteText,
    FillMask,
    Summarize,
    TextResult,
    Translate,
)
from bot.tasks.things import Thing, Things
from tests.fakes import STATUS, FakeExecutor

CALLER = Caller(user_id=7, guild_id=8)
PROMPT = CompleteText(prompt="my darkest secret")
ANSWER = Answered(
    result=TextResult(text="no secret of mine", tokens=4, stopped_by="end"),
    timings=Timings(queued_s=0.5, run_s=2.5),
)


def model(id: str, *tasks: str, repo: str | None = None, **options: Any) -> Model:
    options = {"family": "here", "name": id.title(), **options}
    return Model(id=id, task=tasks or ("complete",), repo=repo, **options)


MODELS = [
    model("large", repo="maker/large", aliases=("big",)),
    model(
        "small",
        "complete",
        "ask",
        repo="maker/little",
        aliases=("tiny",),
        limits=Limits(max_input_chars=100_000),
    ),
    model("absent", "complete", "summarize"),
    model("unbuilt", "complete", "sentiment", family="elsewhere", repo="maker/unbuilt"),
    model("eye", "ocr", "restyle"),
    model("raw", "fill", status="needs-finetune", reason="it must be taught first."),
]

MakeService = Callable[..., Service]


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path / "state" / "test.db") as store:
        yield store


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def service(store: Store, metrics: Metrics) -> MakeService:
    """Make a service over scripts; ``preferred`` is the operator's choice for every task."""

    def make(
        *scripts: list[Progress | Outcome], preferred: str = "", executor: Any = None
    ) -> Service:
        return Service(
            catalogue=Catalogue(MODELS),
            executor=executor or FakeExecutor(*scripts),
            store=store,
            metrics=metrics,
            is_present=lambda model: model.id != "absent",
            is_supported=lambda model: model.family == "here",
            preferred=lambda _: preferred,
        )

    return make


def refusal(service: Service, request: Any, model_id: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        service.check(request, model_id)
    return str(caught.value)


def test_the_first_model_that_can_is_the_default(service: MakeService) -> None:
    assert service().check(PROMPT).id == "large"
    assert service().check(AnswerQuestion(question="who?")).id == "small"


@pytest.mark.parametrize(
    ("preferred", "chosen"),
    [("small", "small"), ("maker/large", "large"), ("BIG", "large"), ("absent", "large"),
     ("eye", "large"), ("nothing", "large")],
)  # fmt: skip
def test_the_operators_choice_comes_first_where_it_can_be_used(
    preferred: str, chosen: str, service: MakeService
) -> None:
    made = service(preferred=preferred)
    assert made.check(PROMPT).id == chosen
    assert made.ready_models("complete")[0].id == chosen
    assert {m.id for m in made.ready_models("complete")} == {"large", "small"}


@pytest.mark.parametrize("name", ["small", "SMALL", " small "])
def test_a_person_may_name_the_model(name: str, service: MakeService) -> None:
    assert service(preferred="large").check(PROMPT, name).id == "small"


def test_an_unknown_model_is_answered_with_the_nearest(service: MakeService) -> None:
    assert refusal(service(), PROMPT, "smal") == "There is no model 'smal'. Did you mean 'small'?"
    assert "Look at the list of models" in refusal(service(), PROMPT, "zzzzzzzz")


def test_a_model_of_another_task_is_refused_with_those_that_can(service: MakeService) -> None:
    said = refusal(service(), PROMPT, "eye")
    assert said == "Eye cannot do /complete. These can: large, small."


def test_a_model_that_is_to_be_fine_tuned_says_so_for_every_other_task(
    service: MakeService,
) -> None:
    assert service().check(FillMask(text="x"), "raw").id == "raw"
    said = refusal(service(), PROMPT, "raw")
    assert said == "Raw cannot do /complete: it must be taught first. These can: large, small."


def test_a_model_whose_licence_is_not_accepted_is_never_taken(store: Store) -> None:
    wanted = Service(
        catalogue=Catalogue(MODELS),
        executor=FakeExecutor(),
        store=store,
        metrics=Metrics(),
        is_present=lambda _: True,
        is_supported=lambda _: True,
        preferred=lambda _: "large",
        unaccepted=lambda m: "Accept it first." if m.id == "large" else None,
    )
    assert wanted.check(PROMPT).id == "small"
    assert refusal(wanted, PROMPT, "large") == (
        "Accept it first. These can: small, absent, unbuilt."
    )


def test_a_model_that_is_not_fetched_is_refused_with_what_to_do(service: MakeService) -> None:
    said = refusal(service(), PROMPT, "absent")
    assert "Absent is not on this machine." in said
    assert "`python -m bot models fetch absent`" in said
    assert said.endswith("These can: large, small.")


def test_a_model_without_a_family_is_refused_with_those_that_can(service: MakeService) -> None:
    said = refusal(service(), PROMPT, "unbuilt")
    assert said == "Unbuilt cannot be run by this version yet. These can: large, small."


def test_a_task_without_a_fetched_model_names_the_one_to_fetch(service: MakeService) -> None:
    assert "`python -m bot models fetch absent`" in refusal(service(), Summarize(text="x"))
    assert "to fetch is maker/unbuilt" in refusal(service(), ClassifySentiment(text="x"))
    assert "in the catalogue can do /translate." in refusal(service(), Translate(text="x", to="de"))


def test_a_model_that_needs_an_option_is_passed_over_without_it(store: Store) -> None:
    models = [model("reader", "ask", needs=("context",)), model("talker", "ask")]
    chooser = Service(
        catalogue=Catalogue(models),
        executor=FakeExecutor(),
        store=store,
        metrics=Metrics(),
        is_present=lambda _: True,
        is_supported=lambda _: True,
        preferred=lambda _: "reader",
    )
    assert chooser.check(AnswerQuestion(question="who?", context="a fox")).id == "reader"
    assert chooser.check(AnswerQuestion(question="who?")).id == "talker"
    said = refusal(chooser, AnswerQuestion(question="who?"), "reader")
    assert said.startswith("Reader needs the option `context`, and there is none.")
    assert said.endswith("These can do without: talker.")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_an_empty_text_is_refused(text: str, service: MakeService) -> None:
    said = refusal(service(), CompleteText(prompt=text))
    assert said == "The prompt is empty. Write something and ask again."


def test_a_text_of_100000_characters_is_refused_with_fact_limit_and_next_step(
    service: MakeService,
) -> None:
    said = refusal(service(), CompleteText(prompt="x" * 100_000))
    assert said == (
        "The prompt has 100,000 characters; Large takes at most 8,000. Shorten it and ask again."
    )
    assert service().check(CompleteText(prompt="x" * 100_000), "small").id == "small"
    assert service().check(CompleteText(prompt="x" * 8_000)).id == "large"


def test_every_text_of_a_request_is_looked_at(service: MakeService) -> None:
    request = AnswerQuestion(question="who?", context="x" * 100_001)
    assert refusal(service(), request).startswith("The context has 100,001 characters;")
    assert service().check(AnswerQuestion(question="who?", context=None)).id == "small"


def test_a_big_file_is_refused_with_fact_limit_and_next_step(service: MakeService) -> None:
    said = refusal(service(), ReadText(image=bytes(MAX_FILE_BYTES + (1 << 20))))
    assert said == "The image has 26.0 MB; the limit is 25 MB. Send a smaller one."
    assert service().check(ReadText(image=bytes(MAX_FILE_BYTES))).id == "eye"
    request = RestylePicture(image=b"x", style_image=b"")
    assert refusal(service(), request) == "The style image is an empty file. Send another one."


async def test_a_given_seed_is_kept_and_another_is_drawn(service: MakeService) -> None:
    made = service([ANSWER], [ANSWER], [ANSWER])
    kept = await made.submit(PROMPT, CALLER, seed=0)
    drawn = [(await made.submit(PROMPT, CALLER)).job.seed for _ in range(2)]
    assert kept.job.seed == 0
    assert drawn[0] != drawn[1]
    assert all(0 <= seed < 2**32 for seed in drawn)


async def test_a_job_carries_what_was_asked_and_by_whom(service: MakeService) -> None:
    executor = FakeExecutor([ANSWER])
    submitted = await service(executor=executor).submit(PROMPT, CALLER, model_id="small", seed=3)
    (job,) = executor.jobs
    assert job is submitted.job
    assert (job.request, job.model.id, job.seed, job.caller) == (PROMPT, "small", 3, CALLER)


async def test_news_pass_through_in_order(service: MakeService) -> None:
    script = [Queued(ahead=1), Started(), TextSoFar(text="no"), ANSWER]
    submitted = await service(script).submit(PROMPT, CALLER)
    assert [item async for item in submitted.news] == script


FAULT = Unanswered(error=InferenceError("it broke", "ref", "a traceback"))


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(ANSWER, "done"), (FAULT, "failed"), (Unanswered(error=UserError("no")), "failed"),
     (Cancelled(), "cancelled"), (Expired(limit_s=3), "expired")],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_a_job_is_written_down_when_it_comes_and_when_it_ends(
    outcome: Outcome, state: str, service: MakeService, store: Store, metrics: Metrics
) -> None:
    submitted = await service([Started(), outcome]).submit(PROMPT, CALLER)
    assert await store.state_of(submitted.job.id) == "queued"
    assert [item async for item in submitted.news][-1] is outcome
    assert await store.state_of(submitted.job.id) == state
    counted = generate_latest(metrics.registry).decode()
    name = 'menagerie_jobs_total{model="large",state="%s",task="complete"} 1.0'
    assert name % state in counted


async def test_a_refused_request_leaves_no_trace(service: MakeService, store: Store) -> None:
    executor = FakeExecutor()
    executor.full = BusyError("Full. Come back later.", retry_after_s=9)
    with pytest.raises(BusyError) as caught:
        await service(executor=executor).submit(PROMPT, CALLER)
    assert caught.value.retry_after_s == 9
    with pytest.raises(UserError):
        await service().submit(CompleteText(prompt=""), CALLER)
    assert executor.jobs == []
    assert await store.state_of("nobody") is None


async def test_a_cancel_passes_through(service: MakeService, store: Store) -> None:
    made = service([Started()])
    submitted = await made.submit(PROMPT, CALLER)
    made.cancel(submitted.job.id)
    assert [item async for item in submitted.news] == [Started(), Cancelled()]
    assert await store.state_of(submitted.job.id) == "cancelled"
    made.cancel("an unknown job")


async def test_no_log_line_holds_what_was_asked_or_answered(service: MakeService) -> None:
    scripts = [[TextSoFar(text="no secret of mine"), end] for end in (ANSWER, FAULT, Cancelled())]
    made = service(*scripts)
    with capture_logs() as lines:
        for _ in scripts:
            submitted = await made.submit(PROMPT, CALLER)
            assert [item async for item in submitted.news]
    told = [line["event"] for line in lines if line["event"] != "job queued"]
    assert told == ["job ended", "job ended", "job failed", "job ended"]
    assert len(lines) == len(told) + len(scripts)
    assert all(line["job"] for line in lines)
    assert "secret" not in repr(lines)
    (failed,) = [line for line in lines if line["event"] == "job failed"]
    assert (failed["log_level"], failed["trace"]) == ("error", "a traceback")


def test_all_models_are_told_with_their_state(service: MakeService) -> None:
    states = {m.id: ready for m, ready in service().all_models()}
    assert states == {
        "large": True, "small": True, "absent": False, "unbuilt": False, "eye": True, "raw": True
    }  # fmt: skip


def test_the_status_is_the_executors(service: MakeService) -> None:
    assert service().status() is STATUS


@pytest.mark.parametrize(("named", "asked"), [(None, "own"), ("hub", "hub"), ("large", "own")])
async def test_titles_are_those_of_the_recommender_that_would_be_asked(
    named: str | None, asked: str, store: Store, metrics: Metrics
) -> None:
    known = {"own": Titles(["Alien (1979)"]), "hub": Titles(["Heat (1995)"])}
    made = Service(
        catalogue=Catalogue([*MODELS, model("own", "recommend"), model("hub", "recommend")]),
        executor=FakeExecutor(),
        store=store,
        metrics=metrics,
        is_present=lambda model: True,
        is_supported=lambda model: True,
        preferred=lambda _: "",
        titles_of=lambda model: known[model.id],
    )
    assert made.film_titles(named) is known[asked]


def test_without_a_recommender_there_are_no_titles(service: MakeService) -> None:
    assert service().film_titles() is None


@pytest.mark.parametrize(("named", "asked"), [(None, "own"), ("hub", "hub"), ("large", "own")])
async def test_things_are_those_of_the_model_that_would_draw_them(
    named: str | None, asked: str, store: Store, metrics: Metrics
) -> None:
    known = {name: Things([Thing(0, name, (name,))], {}, (0,)) for name in ("own", "hub")}
    made = Service(
        catalogue=Catalogue([*MODELS, model("own", "conjure"), model("hub", "conjure")]),
        executor=FakeExecutor(),
        store=store,
        metrics=metrics,
        is_present=lambda model: True,
        is_supported=lambda model: True,
        preferred=lambda _: "",
        things_of=lambda model: known[model.id],
    )
    assert made.things(named) is known[asked]


def test_where_nothing_draws_there_are_no_things(service: MakeService) -> None:
    assert service().things() is None
