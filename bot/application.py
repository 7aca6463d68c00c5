"""Builds the object graph: configuration in, a running service or a running bot out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import discord
import structlog

from bot import metrics as metrics_pages
from bot.catalogue.catalogue import Catalogue, has_family
from bot.catalogue.checkpoints import checkpoint_folder, is_present
from bot.client import Menagerie
from bot.config import cache_folder, state_folder
from bot.errors import OperatorError
from bot.inference.local import LocalExecutor
from bot.metrics import Metrics
from bot.service import Service
from bot.store.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Config
    from bot.playground.server import Playground

log = structlog.get_logger("application")


class Application:
    """The bot's parts, put together but for Discord: what the command line and the client need."""

    def __init__(self, service: Service, executor: LocalExecutor, metrics: Metrics) -> None:
        self.service = service
        self.executor = executor
        self.metrics = metrics


@asynccontextmanager
async def opened(
    config: Config, environ: Mapping[str, str], *, preload_starters: bool = False
) -> AsyncIterator[Application]:
    """Open the store and start the executor; drain and close them after.

    Workers load the configured models as soon as they are up, or else, if that is wanted, the
    starters.
    """
    cache = cache_folder(environ)
    catalogue = Catalogue.load(config.model)
    executor = LocalExecutor(
        config.inference, environ=environ, folder_of=lambda model: checkpoint_folder(model, cache)
    )
    metrics = Metrics()
    metrics.watch(executor.status)
    wanted = [catalogue.chosen(name, "[inference] preload") for name in config.inference.preload]
    if preload_starters and not wanted:
        wanted = [model for model in catalogue if model.starter]
    executor.preload([model for model in wanted if is_present(model, cache)])
    await executor.start()
    try:
        async with Store.opened(state_folder(environ) / "menagerie.db") as store:
            yield Application(
                Service(
                    catalogue=catalogue,
                    executor=executor,
                    store=store,
                    metrics=metrics,
                    is_present=_remembered(lambda model: is_present(model, cache)),
                    is_supported=_remembered(lambda model: has_family(model.family)),
                    preferred=config.defaults.for_task,
                ),
                executor,
                metrics,
            )
    finally:
        await executor.drain(0.0)


async def run_bot(
    config: Config,
    environ: Mapping[str, str],
    *,
    playground_port: int | None,
    announce: Callable[[str], None],
) -> None:
    """Run the bot until SIGINT or SIGTERM, then drain.

    ``playground_port`` is where the playground should listen, ``None`` goes to Discord;
    ``announce`` is told the playground's address once it is there.

    Raises:
        OperatorError: Discord does not know the token.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        token = config.discord.token.reveal()
        synced: Path | None = state_folder(environ) / "commands.sha256"
        if playground_port is not None:
            playground = await stack.enter_async_context(_opened_playground(playground_port))
            announce(playground.address)
            token, synced = playground.token, None
        starters = playground_port is not None
        application = await stack.enter_async_context(
            opened(config, environ, preload_starters=starters)
        )
        client = Menagerie(application.service, synced=synced, test_guild=config.discord.test_guild)
        if config.metrics.port:
            pages = await metrics_pages.serve(
                application.metrics,
                client.is_ready,
                host=config.metrics.host,
                port=config.metrics.port,
            )
            stack.push_async_callback(pages.cleanup)
        drain = partial(application.executor.drain, config.inference.drain_s)
        await _serve(client, token, stop, drain)


async def _serve(
    client: Menagerie, token: str, stop: asyncio.Event, drain: Callable[[], Awaitable[None]]
) -> None:
    """Be online until told to stop; answers under way are delivered before the client leaves."""
    serving = asyncio.create_task(client.start(token))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving  # it only ends by itself when something is wrong
        log.info("draining")
        await drain()
    except discord.LoginFailure:
        raise OperatorError(
            "Discord does not know this token. Copy it again from the developer portal, page Bot, "
            "into DISCORD_TOKEN or into config.toml, table [discord], key token."
        ) from None
    finally:
        await client.close()
        for task in (serving, stopping):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, discord.LoginFailure):
                await task


@asynccontextmanager
async def _opened_playground(port: int) -> AsyncIterator[Playground]:
    from bot.playground.redirect import redirect
    from bot.playground.server import Playground

    async with Playground(port=port) as playground:
        redirect(playground.address)
        yield playground


def _remembered(test: Callable[[Model], bool]) -> Callable[[Model], bool]:
    """Return a test that remembers what was true: what is there is not taken for gone."""
    true: set[str] = set()

    def remembered(model: Model) -> bool:
        if model.id not in true and test(model):
            true.add(model.id)
        return model.id in true

    return remembered
