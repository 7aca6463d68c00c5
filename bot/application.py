"""Builds the object graph: configuration in, a running service or a running bot out."""

from __future__ import annotations

import asyncio
import math
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import aiohttp
import discord
import structlog

from bot import metrics as metrics_pages
from bot.catalogue.beside import is_complete
from bot.catalogue.catalogue import Catalogue, has_family, refusal
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.fetches import Fetches
from bot.catalogue.films import titles_of
from bot.catalogue.licences import unaccepted
from bot.catalogue.things import things_of
from bot.client import Menagerie
from bot.config import cache_folder, state_folder
from bot.errors import OperatorError, Sentence
from bot.inference.local import LocalExecutor
from bot.metrics import Metrics
from bot.quotas import Quotas
from bot.rules import Rules
from bot.service import Service
from bot.showing import shown
from bot.store.notes import Notes
from bot.store.store import Store
from bot.tasks.registry import REQUESTS
from bot.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Config
    from bot.playground.server import Playground

ASK_AGAIN_S = 5.0  # before a checkpoint that was missing is looked for again

log = structlog.get_logger("application")


class Application:
    """The bot's parts, put together but for Discord: what the command line and the client need."""

    def __init__(
        self, service: Service, executor: LocalExecutor, metrics: Metrics, upkeep: Upkeep
    ) -> None:
        self.service = service
        self.executor = executor
        self.metrics = metrics
        self.upkeep = upkeep


@asynccontextmanager
async def opened(
    config: Config,
    environ: Mapping[str, str],
    *,
    preload_starters: bool = False,
    reread: Callable[[], Config] | None = None,
) -> AsyncIterator[Application]:
    """Open the store and start the executor; drain and close them after.

    Workers load the configured models as soon as they are up, or else, if that is wanted, the
    starters. ``reread`` reads the configuration again while the bot runs.
    """
    cache = cache_folder(environ)
    catalogue = Catalogue.load(config.model)
    preferred = {task: config.defaults.for_task(task) for task in REQUESTS}
    catalogue.check_choices(preferred, config.inference.preload, "the configuration")
    catalogue.check_licences(config.licences.accepted, "the configuration")
    executor = LocalExecutor(
        config.inference,
        environ=environ,
        folder_of=lambda model: checkpoint_folder(model, cache),
        prepared=cache / "prepared",
    )
    terms = _Terms(config, cache)
    following = _Following(config, catalogue, terms, executor, starters=preload_starters)
    metrics = Metrics()
    metrics.watch(executor.status)
    fetches = Fetches(cache, following.fetched)
    upkeep = Upkeep(
        config, environ, catalogue,
        reread=reread, follow=following.follow, workers=lambda: executor.status().workers,
    )  # fmt: skip
    following.preload()
    await executor.start()
    try:
        async with Store.opened(state_folder(environ) / "menagerie.db") as store:
            service = _service(config, catalogue, executor, store, metrics, terms, fetches)
            await service.rules.load()
            forgetting = asyncio.create_task(service.archive.forget_by_the_clock())
            try:
                yield Application(service, executor, metrics, upkeep)
            finally:
                service.archive.close()
                await asyncio.wait((forgetting,))
    finally:
        await fetches.close()
        await executor.drain(0.0)


def _service(
    config: Config, catalogue: Catalogue, executor: LocalExecutor, store: Store,
    metrics: Metrics, terms: _Terms, fetches: Fetches,
) -> Service:  # fmt: skip
    notes = Notes(store.engine)
    return Service(
        catalogue=catalogue,
        executor=executor,
        store=store,
        metrics=metrics,
        is_present=terms.present,
        is_supported=terms.supported,
        preferred=config.defaults.for_task,
        too_big=terms.too_big,
        unaccepted=terms.unaccepted,
        fetches=fetches,
        titles_of=terms.titles,
        things_of=terms.things,
        keep_days=config.privacy.keep_days,
        rules=Rules(notes),
        quotas=Quotas(notes, config.fairness),
        keeping=executor.keeping,
    )


def _early(catalogue: Catalogue, config: Config, starters: bool) -> list[Model]:
    """Return what workers load as soon as they are up."""
    wanted = [catalogue.get(name) for name in config.inference.preload if name in catalogue]
    if starters and not wanted:
        return [model for model in catalogue if model.starter]
    return wanted


async def run_bot(
    config: Config,
    environ: Mapping[str, str],
    *,
    playground_port: int | None,
    announce: Callable[[str], None],
    playground_host: str = "127.0.0.1",
    reread: Callable[[], Config] | None = None,
) -> None:
    """Run the bot until SIGINT or SIGTERM, then drain; a second one ends the draining.

    ``playground_host`` and ``playground_port`` are where the playground should listen, no port goes
    to Discord; ``announce`` is told the address of the playground's page once it is there;
    ``reread`` reads the configuration again.

    Raises:
        OperatorError: Discord does not know the token.
    """
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.ask)
    async with AsyncExitStack() as stack:
        token = config.discord.token.reveal()
        synced: Path | None = state_folder(environ) / "commands.sha256"
        playground: Playground | None = None
        if playground_port is not None:
            playground = await stack.enter_async_context(
                _opened_playground(playground_host, playground_port)
            )
            announce(playground.page_url)
            token, synced = playground.token, None
        starters = playground_port is not None
        application = await stack.enter_async_context(
            opened(config, environ, preload_starters=starters, reread=reread)
        )
        if playground is not None:
            secrets = (config.discord.token.reveal(),)
            stack.enter_context(shown(playground, application.executor, secrets))
        client = Menagerie(
            application.service,
            synced=synced,
            test_guild=config.discord.test_guild,
            operators=config.discord.operators,
            watch_cogs=playground is not None,
            upkeep=application.upkeep,
        )
        if config.metrics.port:
            await stack.enter_async_context(_pages(config, application, client))
        await serve(client, token, stop, application.executor, config.inference.drain_s)


class Stop:
    """How the bot is told to stop: the first time to drain, the second to leave at once."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.leave = asyncio.Event()

    def ask(self) -> None:
        """Tell it."""
        (self.leave if self.drain.is_set() else self.drain).set()


async def serve(
    client: Menagerie, token: str, stop: Stop, executor: LocalExecutor, drain_s: float
) -> None:
    """Be online until told to stop; answers under way are delivered before the client leaves.

    Raises:
        OperatorError: Discord refuses the bot or cannot be reached.
    """
    serving = asyncio.create_task(client.start(token))
    try:
        await _first(serving, stop.drain.wait())
        if serving.done():
            await serving  # it only ends by itself when something is wrong
        log.info("draining", hint="stop again to leave at once")
        await _first(executor.drain(drain_s), stop.leave.wait())
        await executor.drain(0.0)  # what is left is told so, while the client can still speak
    except (discord.LoginFailure, discord.Forbidden, aiohttp.ClientConnectionError) as error:
        raise OperatorError(_explained(error)) from None
    finally:
        await client.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _first(*works: Awaitable[object]) -> None:
    """Wait until one of these is done; the others are cancelled, but for tasks of the caller's."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, work in zip(tasks, works, strict=True):
        if task is not work:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _explained(error: Exception) -> str:
    """Return what an operator is to do about Discord's refusal."""
    match error:
        case discord.LoginFailure():
            return (
                "Discord does not know this token. Copy it again from the developer portal, page "
                "Bot, into DISCORD_TOKEN or into config.toml, table [discord], key token."
            )
        case discord.Forbidden():
            return (
                f"Discord does not let the bot publish its commands ({error.text}). Look at "
                "[discord] test_guild: the bot must be in that server; 0 publishes everywhere."
            )
        case _:
            return (
                f"Discord cannot be reached ({error}). Look at the network and start again; "
                "without one, the playground works: python -m bot run --playground"
            )


@asynccontextmanager
async def _pages(
    config: Config, application: Application, client: Menagerie
) -> AsyncIterator[None]:
    """Serve /metrics and /healthz."""
    host, port = config.metrics.host, config.metrics.port

    def healthy() -> bool:
        return client.is_ready() and application.service.status().workers > 0

    try:
        pages = await metrics_pages.serve(application.metrics, healthy, host=host, port=port)
    except OSError as error:
        raise OperatorError(
            f"[metrics] cannot listen on {host}:{port} ({error.strerror}). Set another port, or 0 "
            "for none."
        ) from None
    measuring = asyncio.create_task(application.metrics.watch_loop())
    try:
        yield
    finally:
        measuring.cancel()
        await pages.cleanup()


@asynccontextmanager
async def _opened_playground(host: str, port: int) -> AsyncIterator[Playground]:
    from bot.playground.redirect import redirect
    from bot.playground.server import Playground

    async with Playground(port=port, host=host) as playground:
        redirect(playground.address)
        yield playground


T = TypeVar("T")


class _Remembered(Generic[T]):
    """A question about models whose answer is remembered: for good once it is settled.

    Args:
        ask: What it takes to know; an answer that is not settled is asked for again later.
        settled: Whether an answer stays.
    """

    def __init__(self, ask: Callable[[Model], T], *, settled: Callable[[T], bool]) -> None:
        self._ask = ask
        self._settled = settled
        self._known: dict[str, T] = {}
        self._until: dict[str, float] = {}

    def __call__(self, model: Model) -> T:
        now = time.monotonic()
        if now >= self._until.get(model.id, 0.0):
            known = self._known[model.id] = self._ask(model)
            self._until[model.id] = math.inf if self._settled(known) else now + ASK_AGAIN_S
        return self._known[model.id]

    def forget(self, model_id: str) -> None:
        """Ask again the next time."""
        self._until.pop(model_id, None)


def _read_once(read: Callable[[Path], T], cache: Path) -> _Remembered[T]:
    """Return what reads something out of models' checkpoints and remembers it."""
    return _Remembered(lambda model: read(checkpoint_folder(model, cache)), settled=bool)


class _Terms:
    """On what terms models are used here: whether they are here, fit, and may be used."""

    def __init__(self, config: Config, cache: Path) -> None:
        accepted, budget_mb = config.licences.accepted, config.inference.chosen_memory_mb()
        self.present = _Remembered(lambda model: is_complete(model, cache), settled=bool)
        self.unaccepted = _Remembered(
            lambda model: unaccepted(model, accepted, cache), settled=lambda reason: reason is None
        )
        self.supported = _Remembered(lambda model: has_family(model.family), settled=bool)
        self.titles = _read_once(titles_of, cache)
        self.things = _read_once(things_of, cache)
        self.too_big: Callable[[Model], Sentence | None] = lambda model: refusal(model, budget_mb)

    def allow(self, model: Model) -> bool:
        """Say whether a model can be used, as far as its checkpoint goes."""
        refused = self.too_big(model) or self.unaccepted(model)
        return refused is None and self.present(model)

    def forget(self, model_ids: Iterable[str]) -> None:
        """Look at models anew: their checkpoints have come, or their entries have changed."""
        for model_id in model_ids:
            for known in (self.present, self.unaccepted, self.supported, self.titles, self.things):
                known.forget(model_id)


class _Following:
    """Keeps workers, and what is remembered of models, true to the catalogue and the checkpoints.

    Args:
        config: Names the models that workers load as soon as they are up.
        catalogue: The one that everybody looks into.
        terms: What is remembered.
        executor: Has the workers.
        starters: Whether they load the starters where nothing is named.
    """

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        terms: _Terms,
        executor: LocalExecutor,
        *,
        starters: bool,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._terms = terms
        self._executor = executor
        self._starters = starters

    def preload(self) -> None:
        """Have workers that come up load what they should."""
        wanted = _early(self._catalogue, self._config, self._starters)
        self._executor.preload(list(filter(self._terms.allow, wanted)))

    def fetched(self, model: Model) -> None:
        """Look at a model anew: its checkpoint has come."""
        self._terms.forget([model.id])
        self._executor.renew(model)

    def follow(self, entries: Mapping[str, Model | None]) -> None:
        """Look at models anew: their entries have changed, or are gone."""
        self._terms.forget(entries)
        for model in filter(None, entries.values()):
            self._executor.renew(model)
        self._executor.keeping.follow(entries)
        self.preload()
