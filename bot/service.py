"""Between what people ask and what models do: picks the model, checks the request, keeps the books.

Knows nothing of Discord; the command line and the cogs use it alike.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.archive import OWED_FOR, Archive, Deed, Kept, Owed, Promise
from bot.catalogue.fetches import End, Fetch, Fetched, NotFetched, Stopped
from bot.catalogue.model import Model
from bot.config import Fairness
from bot.contents import check_contents
from bot.errors import InferenceError, Sentence, UserError, joined
from bot.inference.executor import ExecutorStatus
from bot.inference.job import (
    BACKGROUND,
    INTERACTIVE,
    Answered,
    Cancelled,
    Expired,
    Interrupted,
    Job,
    Outcome,
    Unanswered,
)
from bot.inference.keeping import Keeping
from bot.quotas import Quotas, Use
from bot.rules import GuildRules, Likings, Rules
from bot.stock import Known, Stock
from bot.store.arena import ArenaTable, Duel
from bot.store.gallery import Exhibit, GalleryTable
from bot.tasks.caller import OPERATOR
from bot.underway import Queue, UnderWay

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Callable, Sequence

    from bot.catalogue.catalogue import Catalogue
    from bot.catalogue.fetches import Fetches
    from bot.inference.executor import Executor
    from bot.metrics import Metrics
    from bot.store.store import Store
    from bot.tasks.caller import Caller
    from bot.tasks.films import Titles
    from bot.tasks.progress import Progress
    from bot.tasks.registry import AnyRequest
    from bot.tasks.things import Things

__all__ = [
    "Answered",
    "Cancelled",
    "Deed",
    "Duel",
    "End",
    "ExecutorStatus",
    "Exhibit",
    "Expired",
    "Fetch",
    "Fetched",
    "GuildRules",
    "Interrupted",
    "Keeping",
    "Kept",
    "Known",
    "Likings",
    "Model",
    "NotFetched",
    "Outcome",
    "Owed",
    "Promise",
    "Rules",
    "Service",
    "Stopped",
    "Submitted",
    "Unanswered",
    "UnderWay",
    "Use",
]

SEED_BITS = 32
SLOW_S = 120  # models that may take longer for one answer give way to the others
WAITS_S = 3600.0  # as long as a job may wait; who asked is told where the answer will come

log = structlog.get_logger("service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A request on its way: its job, and the news of it; the last item is the outcome."""

    job: Job
    news: AsyncIterator[Progress | Outcome]


class Service:
    """Takes requests and gives back news of them.

    Args:
        is_present: Whether a model's checkpoint is on this machine.
        is_supported: Whether there is a family for the model.
        preferred: Task -> the operator's choice of model; empty leaves it to the catalogue.
        too_big: Why a model cannot run on this machine, or ``None`` where it can.
        unaccepted: Why a model may not be used before its licence is accepted, or ``None``.
        fetches: What brings checkpoints here; without it nothing can be fetched.
        titles_of: The titles that a recommender of films knows, read off the disk; ``None`` where
            there are none.
        things_of: The things that a model draws by name, read off the disk.
        keep_days: How long requests and jobs are kept; 0 keeps no request.
        rules: What guilds allow and members like.
        quotas: How much they may use.
        keeping: What may be done to the models in memory by hand.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        executor: Executor,
        store: Store,
        metrics: Metrics,
        is_present: Callable[[Model], bool],
        is_supported: Callable[[Model], bool],
        preferred: Callable[[str], str],
        too_big: Callable[[Model], Sentence | None] = lambda _: None,
        unaccepted: Callable[[Model], Sentence | None] = lambda _: None,
        fetches: Fetches | None = None,
        titles_of: Callable[[Model], Titles | None] = lambda _: None,
        things_of: Callable[[Model], Things | None] = lambda _: None,
        keep_days: int = 0,
        rules: Rules | None = None,
        quotas: Quotas | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        self.gallery = GalleryTable(store.engine)
        self.arena = ArenaTable(store.engine)
        self._catalogue = catalogue
        self._executor = executor
        self.archive = Archive(store, keep_days)
        self.rules = rules or Rules()
        self.quotas = quotas or Quotas(None, Fairness())
        self.keeping = keeping
        self.queue = Queue()
        self._metrics = metrics
        self._preferred = preferred
        self._titles_of = titles_of
        self._things_of = things_of
        self.stock = Stock(
            catalogue,
            is_present=is_present,
            is_supported=is_supported,
            too_big=too_big,
            unaccepted=unaccepted,
            fetches=fetches,
        )

    def ready_models(self, task: str, caller: Caller = OPERATOR) -> list[Model]:
        """Return the models that can do a task now, the one that is taken by default first.

        That is the one that the caller likes, or else their channel, guild, the operator or the
        catalogue, in this order. Models that the guild has switched off are left out.
        """
        ready = [
            model
            for model in self._catalogue.for_task(task)
            if self.stock.is_ready(model) and self.rules.allows(caller, model)
        ]
        wanted = [*self.rules.liked_models(caller, task), self._preferred(task)]
        liked = [self._catalogue.get(name) for name in wanted if name in self._catalogue]
        return sorted(ready, key=lambda m: liked.index(m) if m in liked else len(liked))

    def all_models(self) -> list[tuple[Model, bool]]:
        """Return every model of the catalogue, and whether it can be used now."""
        return [(model, self.stock.is_ready(model)) for model in self._catalogue]

    def film_titles(self, model_id: str | None = None) -> Titles | None:
        """Return the titles that can be recommended from, by the model that would be asked.

        Reads them off the disk the first time: not for the event loop.
        """
        model = self._asked("recommend", model_id)
        return None if model is None else self._titles_of(model)

    def things(self, model_id: str | None = None) -> Things | None:
        """Return the things that can be conjured, by the model that would be asked.

        Reads them off the disk the first time: not for the event loop.
        """
        model = self._asked("conjure", model_id)
        return None if model is None else self._things_of(model)

    def _asked(self, task: str, model_id: str | None) -> Model | None:
        """Return the model that would be asked to do a task: the named, or the first that can."""
        ready = self.ready_models(task)
        named = (model for model in ready if model.id == model_id)
        return next(named, ready[0] if ready else None)

    def check(
        self, request: AnyRequest, model_id: str | None = None, caller: Caller = OPERATOR
    ) -> Model:
        """Return the model that will answer a request.

        Raises:
            UserError: The model is unknown, unfit or absent, the request is empty or too long, or
                the rules of the guild forbid it.
        """
        model = self._choose(request, model_id, caller)
        self.rules.check(caller, request.task(), model)
        if (lacking := _lacking(request, model)) is not None:
            ready = self.ready_models(request.task(), caller)
            others = [m.id for m in ready if lacking not in m.needs]
            need = Sentence(
                "{model} needs the option `{option}`, and there is none. Give one.",
                {"model": model.title, "option": lacking},
            )
            without = _listed(Sentence("These can do without: {models}."), others)
            raise UserError(joined(need, without))
        check_contents(request, model)
        return model

    def present(self, name: str) -> Model:
        """Return a model that can be used now, by any of its names.

        Raises:
            UserError: It is unknown, unfit or absent.
        """
        model = self._catalogue.get(name)
        return self.check_model(model.tasks[0], model.id)

    def check_model(self, task: str, model_id: str) -> Model:
        """Return a model that can do a task here, by any of its names.

        Raises:
            UserError: It is unknown, unfit or absent.
        """
        model = self._catalogue.get(model_id)
        able = [m.id for m in self._catalogue.for_task(task) if self.stock.is_ready(m)]
        if (reason := self._unfit(model, task)) is not None:
            raise UserError(joined(reason, _listed(Sentence("These can: {models}."), able)))
        return model

    async def submit(
        self,
        request: AnyRequest,
        caller: Caller,
        *,
        model_id: str | None = None,
        seed: int | None = None,
    ) -> Submitted:
        """Send a request on its way.

        Raises:
            UserError: As :meth:`check`, or the queue is full (:class:`bot.errors.BusyError`).
        """
        model = self.check(request, model_id, caller)
        await self.quotas.check(caller, request.task())
        job = Job(
            id=secrets.token_hex(4),
            request=request,
            model=model,
            seed=secrets.randbits(SEED_BITS) if seed is None else seed,
            caller=caller,
            priority=BACKGROUND if model.limits.max_seconds > SLOW_S else INTERACTIVE,
            max_wait_s=WAITS_S,
        )
        log.info("job queued", job=job.id, task=request.task(), model=job.model.id)
        try:
            news = self._executor.submit(job)
        except UserError as error:
            log.info("job ended", job=job.id, state="refused", error=str(error))
            raise
        self.queue.came(job)
        await self.archive.record(job)
        return Submitted(job=job, news=self._recorded(job, news))

    def cancel(self, job_id: str) -> None:
        """Stop a job; one that has ended is left alone."""
        self._executor.cancel(job_id)

    async def promise(self, submitted: Submitted, address: bytes, asked_at: dt.datetime) -> bool:
        """Keep a job that was interrupted, and where its answer goes, for after the restart.

        Return whether that went well.
        """
        job = submitted.job
        promise = Promise(
            request=job.request.at_rest(),
            model_id=job.model.id,
            seed=job.seed,
            caller=job.caller,
            address=address,
            until=asked_at + OWED_FOR,
        )
        return await self.archive.promise(promise)

    def status(self) -> ExecutorStatus:
        """Return what the executor is doing now."""
        return self._executor.status()

    async def _recorded(
        self, job: Job, news: AsyncIterator[Progress | Outcome]
    ) -> AsyncIterator[Progress | Outcome]:
        async for item in news:
            if isinstance(item, Outcome):
                self.queue.ended(job.id)
                await self._settle(job, item)
            else:
                self.queue.heard(job.id, item)
            yield item

    async def _settle(self, job: Job, outcome: Outcome) -> None:
        state, timings, error, tokens = "done", None, None, 0
        match outcome:
            case Answered():
                timings = outcome.timings
                tokens = getattr(outcome.result, "tokens", 0)
            case Unanswered():
                state, error = "failed", outcome.error
            case Cancelled():
                state = "cancelled"
            case Expired():
                state = "expired"
            case Interrupted():
                state = "interrupted"
        details = {} if timings is None else {
            "queued_s": round(timings.queued_s, 3),
            "run_s": round(timings.run_s, 3),
            "batch": timings.batch,
        }  # fmt: skip
        log.info("job ended", job=job.id, state=state, model=job.model.id, **details)
        if isinstance(error, InferenceError):
            log.error("job failed", job=job.id, error=str(error), trace=error.remote_traceback)
        self._metrics.job_ended(job, state, timings, tokens)
        await self.archive.settle(job, state, outcome)

    def _choose(self, request: AnyRequest, model_id: str | None, caller: Caller) -> Model:
        task = request.task()
        if model_id is None:
            ready = self.ready_models(task, caller)
            if not ready:
                for barred in self.ready_models(task):  # here, but not for this caller
                    self.rules.check(caller, task, barred)
                raise UserError(self._nothing_for(task))
            return next((m for m in ready if _lacking(request, m) is None), ready[0])
        return self.check_model(task, model_id)

    def _unfit(self, model: Model, task: str) -> Sentence | None:
        """Return why a model cannot do a task here, or ``None``."""
        if task not in model.tasks:
            values = {"model": model.title, "task": task, "reason": model.reason or ""}
            if model.status == "needs-finetune":
                return Sentence("{model} cannot do /{task}: {reason}", values)
            return Sentence("{model} cannot do /{task}.", values)
        if not self.stock.is_supported(model):
            return Sentence("{model} cannot be run by this version yet.", {"model": model.title})
        if (reason := self.stock.refused(model)) is not None:
            return reason
        if not self.stock.is_present(model):
            return Sentence(
                "{model} is not on this machine. Whoever runs the bot can fetch it: "
                "`python -m bot models fetch {id}`.",
                {"model": model.title, "id": model.id},
            )
        return None

    def _nothing_for(self, task: str) -> Sentence:
        """Return what to say where no model is ready: which one is to be fetched, and how."""
        known = self._catalogue.for_task(task)
        if not known:
            return Sentence("No model in the catalogue can do /{task}.", {"task": task})
        supported = [model for model in known if self.stock.could_run(model)]
        model = (supported or known)[0]
        fetch = f"`python -m bot models fetch {model.id}`"
        if supported:
            return Sentence(
                "No model on this machine can do /{task} yet. Whoever runs the bot can fetch "
                "{model}: {fetch}.",
                {"task": task, "model": model.title, "fetch": fetch},
            )
        return Sentence(
            "No model on this machine can do /{task} yet. The one to fetch is {model} ({fetch}), "
            "once a version of this bot can run it: this one cannot.",
            {"task": task, "model": model.repo or model.title, "fetch": fetch},
        )


def _listed(sentence: Sentence, models: Sequence[str]) -> Sentence | str:
    """Return a sentence that names models, or nothing where there are none to name."""
    return Sentence(sentence.text, {"models": ", ".join(models)}) if models else ""


def _lacking(request: AnyRequest, model: Model) -> str | None:
    """Return what a model needs and a request has not, or ``None``."""
    return next((name for name in model.needs if not getattr(request, name, None)), None)
