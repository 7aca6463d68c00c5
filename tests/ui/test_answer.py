"""From a request to the answer on the screen, over a Discord that loses, refuses and forgets."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
from sqlalchemy import insert

from bot.archive import OWED_FOR
from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Model
from bot.errors import BusyError, InferenceError, UserError
from bot.inference.job import Answered, Cancelled, Interrupted, Job, Outcome, Timings, Unanswered
from bot.metrics import Metrics
from bot.service import Service, Submitted
from bot.store.store import PromiseRecord, Store, StoreError
from bot.tasks.caller import Caller
from bot.tasks.progress import Progress, Queued, Started, TextSoFar
from bot.tasks.text_to_text import CompleteText, TextResult
from bot.ui import answer as module
from bot.ui import display
from bot.ui.answer import answer, resume
from bot.ui.destination import Address
from tests.fakes import FakeExecutor

MODEL = Model(id="tiny", task="complete", family="here", name="Tiny")
PROMPT = CompleteText(prompt="Once")
ANSWER = Answered(
    result=TextResult(text="Once upon a time", tokens=3, stopped_by="end"),
    timings=Timings(queued_s=0.0, run_s=1.0),
)
EDIT_S = 0.05  # between two edits, in these tests


class FakeResponse:
    """What a proxy or Discord answered: enough of it for an HTTPException."""

    def __init__(self, status: int) -> None:
        self.status, self.reason = status, "told so"


def not_found() -> discord.NotFound:
    return discord.NotFound(cast("Any", FakeResponse(404)), {"code": 10008, "message": "gone"})


def overloaded() -> discord.HTTPException:
    return discord.HTTPException(cast("Any", FakeResponse(503)), "overloaded")


class FakeInteraction:
    """An interaction whose message is a list of its contents.

    ``faults`` are raised by the next edits, in their order; ``None`` lets one pass.
    """

    id, application_id, token, guild_id, channel_id, channel = 9, 1, "token", 2, 3, None
    app_permissions = permissions = discord.Permissions.all()
    context = discord.app_commands.AppCommandContext(guild=True)
    namespace = discord.app_commands.Namespace(
        cast(Any, SimpleNamespace(_state=None, guild_id=2, guild=None)), {}, []
    )
    message = None
    locale = discord.Locale.british_english

    def __init__(self) -> None:
        self.user = SimpleNamespace(id=7)
        self.client = SimpleNamespace(answering=set())
        self.response = self
        self.created_at = dt.datetime.now(dt.UTC)
        self.faults: list[Exception | None] = []
        self.contents: list[str] = []
        self.buttons: list[bool] = []
        self.times: list[float] = []
        self.unreachable = False

    async def defer(self, *, thinking: bool, ephemeral: bool) -> None:
        assert thinking
        assert not ephemeral

    def is_guild_integration(self) -> bool:
        return True

    def is_user_integration(self) -> bool:
        return False

    async def original_response(self) -> SimpleNamespace:
        if self.unreachable:
            raise aiohttp.ClientConnectionError("no route")
        return SimpleNamespace(id=9)

    async def edit_original_response(self, *, content: str, view: object, **_: object) -> None:
        self.times.append(time.monotonic())
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        self.contents.append(content)
        self.buttons.append(view is not None)


class SlowExecutor(FakeExecutor):
    """Tells its news one at a time, the next when it was shown or could not be."""

    def __init__(self, interaction: FakeInteraction, *script: Progress | Outcome) -> None:
        super().__init__(script)
        self._interaction = interaction

    async def _news(self, job: Job, script: Any) -> AsyncIterator[Progress | Outcome]:
        async for item in super()._news(job, script):
            yield item
            tried = len(self._interaction.times)
            while not isinstance(item, Outcome) and len(self._interaction.times) == tried:
                await asyncio.sleep(0.001)


class BrokenStore:
    """Every write and read fails."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def fail(*_: object, **__: object) -> None:
            raise StoreError("disk I/O error")

        return fail


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "FIRST_EDIT_S", 0.0)
    monkeypatch.setattr(display, "EDIT_EVERY_S", EDIT_S)
    monkeypatch.setattr(module, "AGAIN_AFTER_S", EDIT_S)


@pytest.fixture
def interaction() -> FakeInteraction:
    return FakeInteraction()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path / "test.db") as store:
        yield store


def serving(executor: FakeExecutor, store: object) -> Service:
    return Service(
        catalogue=Catalogue([MODEL]),
        executor=executor,
        store=cast("Any", store),
        metrics=Metrics(),
        is_present=lambda _: True,
        is_supported=lambda _: True,
        preferred=lambda _: "",
    )


async def asked(interaction: FakeInteraction, executor: FakeExecutor, store: object) -> None:
    async with asyncio.timeout(5):
        await answer(cast("Any", interaction), serving(executor, store), PROMPT, seed=1)


def texts(*lengths: int) -> Iterator[TextSoFar]:
    return (TextSoFar(text="Once upon a time"[:length]) for length in lengths)


async def test_progress_is_shown_with_a_button_and_the_answer_without(
    interaction: FakeInteraction, store: Store
) -> None:
    executor = SlowExecutor(interaction, Queued(ahead=2), *texts(4, 9), ANSWER)
    await asked(interaction, executor, store)
    *growing, final = interaction.contents
    assert growing == ["In the queue: 2 before you.", "Once ▌", "Once upon ▌"]
    assert final.startswith("Once upon a time\n-# Tiny")
    assert interaction.buttons == [True, True, True, False]


async def test_an_answer_that_comes_at_once_is_the_only_edit(
    interaction: FakeInteraction, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "FIRST_EDIT_S", 60.0)
    await asked(interaction, FakeExecutor([Started(), *texts(4), ANSWER]), store)
    assert len(interaction.contents) == 1


async def test_edits_keep_their_distance(interaction: FakeInteraction, store: Store) -> None:
    executor = SlowExecutor(interaction, *texts(1, 2, 3, 4, 5), ANSWER)
    await asked(interaction, executor, store)
    *growing, _ = interaction.times  # the answer itself does not wait
    assert len(growing) == 5
    assert all(b - a >= EDIT_S * 0.9 for a, b in pairwise(growing))


@pytest.mark.parametrize(
    "fault",
    [aiohttp.ServerDisconnectedError(), ConnectionResetError(), TimeoutError(), overloaded()],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("when", [0, 1, 2], ids=["first", "second", "final"])
async def test_a_connection_that_drops_during_an_edit_loses_no_answer(
    interaction: FakeInteraction, store: Store, when: int, fault: Exception
) -> None:
    interaction.faults = [*[None] * when, fault]
    await asked(interaction, SlowExecutor(interaction, *texts(4, 9), ANSWER), store)
    assert interaction.contents[-1].startswith("Once upon a time\n-# ")
    assert sum("-# " in content for content in interaction.contents) == 1


async def test_an_edit_that_hangs_does_not_hold_the_answer_back(
    interaction: FakeInteraction, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LET_THROUGH_S", EDIT_S)
    begun = asyncio.Event()
    edit = interaction.edit_original_response

    async def hang_once(**what: Any) -> None:
        if begun.is_set():
            return await edit(**what)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def news(_: Job, __: object) -> AsyncIterator[Progress | Outcome]:
        yield TextSoFar(text="Once")
        await begun.wait()
        yield ANSWER

    executor = FakeExecutor([])
    executor._news = news  # type: ignore[method-assign]
    interaction.edit_original_response = hang_once  # type: ignore[method-assign]
    await asked(interaction, executor, store)
    assert len(interaction.contents) == 1
    assert interaction.contents[0].startswith("Once upon a time\n-# ")


async def test_an_answer_is_sent_twice_and_no_more(
    interaction: FakeInteraction, store: Store
) -> None:
    interaction.faults = [overloaded(), overloaded()]
    with pytest.raises(discord.HTTPException):
        await asked(interaction, FakeExecutor([ANSWER]), store)
    assert len(interaction.times) == 2


async def test_a_deleted_message_cancels_the_job(
    interaction: FakeInteraction, store: Store
) -> None:
    interaction.faults = [None, not_found(), not_found()]
    executor = FakeExecutor()

    async def news(job: Job, _: object) -> AsyncIterator[Progress | Outcome]:
        for text in texts(4, 9):
            yield text
            await asyncio.sleep(2 * EDIT_S)
        while job.id not in executor.cancelled:
            await asyncio.sleep(0.001)
        yield Cancelled()

    executor.scripts = [[]]
    executor._news = news  # type: ignore[method-assign]
    await asked(interaction, executor, store)
    assert executor.cancelled == [job.id for job in executor.jobs]
    assert interaction.contents == ["Once ▌"]


@pytest.mark.parametrize("faults", [[not_found()], [overloaded(), not_found()]], ids=len)
async def test_an_answer_to_a_message_that_is_gone_is_no_error(
    interaction: FakeInteraction, store: Store, faults: list[Exception | None]
) -> None:
    interaction.faults = faults
    await asked(interaction, FakeExecutor([ANSWER]), store)
    assert interaction.contents == []


async def test_a_broken_store_costs_nobody_the_answer(interaction: FakeInteraction) -> None:
    await asked(interaction, FakeExecutor([*texts(4), ANSWER]), BrokenStore())
    assert interaction.contents[-1].startswith("Once upon a time\n-# ")


async def test_a_failure_reaches_the_border(interaction: FakeInteraction, store: Store) -> None:
    failed = Unanswered(error=InferenceError("it broke", "ref"))
    with pytest.raises(InferenceError):
        await asked(interaction, FakeExecutor([failed]), store)
    assert interaction.contents == []


async def test_an_interrupted_job_is_promised_until_discord_forgets_it(
    interaction: FakeInteraction, store: Store
) -> None:
    await asked(interaction, FakeExecutor([*texts(4), Interrupted()]), store)
    assert interaction.contents[-1] == "The bot is restarting; the answer comes when it is back."
    assert interaction.buttons[-1] is False
    (promise,) = await store.take_promises()
    assert (promise.request, promise.model_id, promise.seed) == (PROMPT, "tiny", 1)
    assert promise.until == interaction.created_at + OWED_FOR


@pytest.mark.parametrize("fault", ["store", "connection"])
async def test_nothing_is_promised_that_cannot_be_kept(
    interaction: FakeInteraction, store: Store, fault: str
) -> None:
    interaction.unreachable = fault == "connection"
    with pytest.raises(UserError, match="Try again in a minute"):
        await asked(
            interaction,
            FakeExecutor([Interrupted()]),
            BrokenStore() if fault == "store" else store,
        )
    assert interaction.contents == []


# What is taken up after a restart.


class FakeResumed:
    """The reply of an earlier session."""

    made: list[FakeResumed]
    fault: Exception | None = None

    def __init__(self, client: object, address: Any) -> None:
        self.message_id, self.contents, self.refusals = address.message_id, [], []
        self.made.append(self)

    async def edit(self, reply: Any, view: object) -> None:
        self.contents.append(reply.content)

    async def deliver(self, reply: Any, view: object, job_id: str) -> None:
        await self.edit(reply, view)

    private = False

    def closed(self) -> bool:
        return False

    def notice(self, job_id: str) -> str:
        return ""

    def notice_in_s(self) -> None:
        return None

    async def refuse(self, text: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.refusals.append(text)


@pytest.fixture
def resumed(monkeypatch: pytest.MonkeyPatch) -> type[FakeResumed]:
    FakeResumed.made, FakeResumed.fault = [], None
    monkeypatch.setattr(module, "found_again", FakeResumed)
    return FakeResumed


async def promised(store: Store, ago_s: float = 0.0, prompt: str = "Once") -> None:
    address = module.msgspec.msgpack.encode(Address(1, "token", 9))
    job = Job(id="a", request=CompleteText(prompt=prompt), model=MODEL, seed=4,
              caller=Caller(user_id=7))  # fmt: skip
    asked_at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago_s)
    submitted = Submitted(job=job, news=cast("Any", None))
    assert await serving(FakeExecutor(), store).promise(submitted, address, asked_at)


async def restarted(store: object, *scripts: list[Progress | Outcome]) -> FakeExecutor:
    executor = FakeExecutor(*scripts)
    client = SimpleNamespace(answering=set())
    async with asyncio.timeout(5):
        await resume(cast("Any", client), serving(executor, store))
    return executor


async def test_a_promise_is_kept_once(store: Store, resumed: type[FakeResumed]) -> None:
    await promised(store)
    executor = await restarted(store, [ANSWER])
    assert [(job.request, job.seed) for job in executor.jobs] == [(PROMPT, 4)]
    assert resumed.made[0].contents[-1].startswith("Once upon a time\n-# Tiny · seed 4")
    assert (await restarted(store)).jobs == []


async def test_a_promise_that_is_too_old_disappears(
    store: Store, resumed: type[FakeResumed]
) -> None:
    await promised(store, ago_s=OWED_FOR.total_seconds() + 1)
    assert (await restarted(store)).jobs == []
    assert resumed.made == []
    assert await store.take_promises() == []


async def test_a_second_restart_renews_a_promise(store: Store, resumed: type[FakeResumed]) -> None:
    await promised(store)
    await restarted(store, [*texts(4), Interrupted()])
    assert resumed.made[0].contents[-1].startswith("The bot is restarting")
    await restarted(store, [ANSWER])
    assert resumed.made[1].contents[-1].startswith("Once upon a time\n-# ")


async def test_a_stop_before_a_promise_is_taken_up_renews_it(
    store: Store, resumed: type[FakeResumed]
) -> None:
    await promised(store)
    executor = FakeExecutor()
    executor.full = BusyError("The bot is restarting.", retry_after_s=60.0)
    client = SimpleNamespace(answering=set())
    await resume(cast("Any", client), serving(executor, store))
    assert (resumed.made[0].contents, resumed.made[0].refusals) == ([], [])
    assert len(await store.take_promises()) == 1


async def test_one_promise_that_cannot_be_kept_hinders_no_other(
    store: Store, resumed: type[FakeResumed]
) -> None:
    resumed.fault = ValueError("a fault of ours")
    await promised(store, prompt=" ")
    await promised(store)
    await restarted(store, [ANSWER])
    assert resumed.made[1].contents[-1].startswith("Once upon a time\n-# ")


async def test_a_refusal_is_told_in_the_promises_place(
    store: Store, resumed: type[FakeResumed]
) -> None:
    await promised(store, prompt=" ")
    await restarted(store)
    assert resumed.made[0].refusals == ["The prompt is empty. Write something and ask again."]


async def test_a_promise_of_another_version_is_let_go(
    store: Store, resumed: type[FakeResumed]
) -> None:
    async with store._engine.begin() as connection:
        await connection.execute(insert(PromiseRecord).values(body=b"\x81\xa1a\x01"))
    await promised(store)
    await restarted(store, [ANSWER])
    assert len(resumed.made) == 1
    assert await store.take_promises() == []


async def test_a_store_that_cannot_be_read_promises_nothing(resumed: type[FakeResumed]) -> None:
    assert (await restarted(BrokenStore())).jobs == []
    assert resumed.made == []
