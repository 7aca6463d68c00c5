"""Builds the object graph: configuration in, a running service or a running bot out."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bot import metrics as metrics_pages
from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import checkpoint_folder
from bot.catalogue.fetches import Fetches
from bot.client import Menagerie
from bot.config import cache_folder, state_folder
from bot.errors import OperatorError
from bot.following import Following, Terms
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
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from bot.config import Config
    from bot.playground.server import Playground

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
    terms = Terms(config, cache)
    following = Following(config, catalogue, terms, executor, starters=preload_starters)
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
            service = _service(
                config, catalogue, executor, store, metrics, terms, following, fetches
            )
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
    metrics: Metrics, terms: Terms, following: Following, fetches: Fetches,
) -> Service:  # fmt: skip
    notes = Notes(store.engine)
    return Service(
        catalogue=catalogue,
        executor=executor,
        store=store,
        metrics=metrics,
        is_present=terms.present,
        is_supported=terms.supported,
        preferred=following.preferred,
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
