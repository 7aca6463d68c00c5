"""Looks at everything the bot needs, and says what is wrong and what to do about it."""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Config

FREE_DISK_MB = 2_000
TOKEN_SHAPE = re.compile(r"[\w-]{20,}\.[\w-]{6,}\.[\w-]{25,}")
WORKER_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``good``, ``fair`` (worth knowing) or ``bad``, and why."""

    subject: str
    state: Literal["good", "fair", "bad"]
    text: str


async def examine(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    """Look at the machine, the folders, the token, the checkpoints and the workers."""
    from bot.config import cache_folder, state_folder

    cache, state = cache_folder(environ), state_folder(environ)
    findings = [_python(), _token(config), _folder("state", state), _folder("cache", cache)]
    findings += [_memory(config), *_checkpoints(config, cache)]
    findings.append(await _workers(config, environ))
    return findings


def show(findings: list[Finding], *, as_json: bool) -> None:
    """Print the findings for a person, or as JSON."""
    import msgspec
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        sys.stdout.write(msgspec.json.encode([asdict(f) for f in findings]).decode() + "\n")
        return
    colours = {"good": "green", "fair": "yellow", "bad": "red"}
    table = Table(box=None, show_header=False)
    for finding in findings:
        colour = colours[finding.state]
        table.add_row(f"[{colour}]{finding.state}[/]", finding.subject, escape(finding.text))
    Console(soft_wrap=True).print(table)


def _python() -> Finding:
    version = ".".join(str(n) for n in sys.version_info[:3])
    good = sys.version_info >= (3, 11)
    text = version if good else f"{version}; 3.11 is the least. Install a newer Python."
    return Finding("Python", "good" if good else "bad", text)


def _token(config: Config) -> Finding:
    token = config.discord.token.reveal()
    if not token:
        text = "none: the bot runs in the playground. Set DISCORD_TOKEN to go to Discord."
        return Finding("token", "fair", text)
    if TOKEN_SHAPE.fullmatch(token):
        return Finding("token", "good", "there, and of the right shape")
    text = (
        "not of a token's shape (three parts with dots between). Copy it again from the developer "
        "portal, page Bot; the application's id or public key is not it."
    )
    return Finding("token", "bad", text)


def _folder(name: str, folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        variable = f"MENAGERIE_{name.upper()}"
        text = f"{folder} cannot be written to ({error.strerror}). Set {variable} to one that can."
        return Finding(f"{name} folder", "bad", text)
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    state: Literal["good", "fair"] = "good" if free_mb >= FREE_DISK_MB else "fair"
    return Finding(f"{name} folder", state, f"{folder}, {free_mb:,} MB free")


def _memory(config: Config) -> Finding:
    from bot import machine

    budget, total = config.inference.chosen_memory_mb(), machine.memory_mb()
    workers, threads = config.inference.chosen_workers(), config.inference.chosen_threads()
    text = (
        f"{budget:,} of {total:,} MB for models; {workers} workers of {threads} threads on "
        f"{machine.cores()} cores"
    )
    if budget > total:
        return Finding("machine", "bad", f"{text}. Lower [inference] memory_budget_mb.")
    if workers * threads > machine.cores():
        return Finding("machine", "fair", f"{text}: more threads than cores make each slower.")
    return Finding("machine", "good", text)


def _checkpoints(config: Config, cache: Path) -> Iterator[Finding]:
    from bot.catalogue.catalogue import Catalogue, has_family
    from bot.catalogue.checkpoints import is_present
    from bot.tasks.registry import REQUESTS

    catalogue = Catalogue.load(config.model)
    catalogue.check_choices(
        {task: config.defaults.for_task(task) for task in REQUESTS},
        config.inference.preload,
        "the configuration",
    )

    def usable(model: Model) -> bool:
        return has_family(model.family) and is_present(model, cache)

    for task in REQUESTS:
        models = [m.id for m in catalogue.for_task(task) if usable(m)]
        if models:
            yield Finding(f"/{task}", "good", ", ".join(models))
        else:
            yield _unanswered(task, catalogue.for_task(task))


def _unanswered(task: str, models: list[Model]) -> Finding:
    from bot.catalogue.catalogue import has_family

    built = [model for model in models if has_family(model.family)]
    text = "no model; this version cannot run one yet"
    if built:
        text = f"no model. Fetch one: python -m bot models fetch {built[-1].id}"
    return Finding(f"/{task}", "fair", text)


async def _workers(config: Config, environ: Mapping[str, str]) -> Finding:
    """Start the executor and see whether a worker comes up."""
    import asyncio

    from bot.inference.local import LocalExecutor

    executor = LocalExecutor(config.inference, environ=environ)
    began = time.monotonic()
    await executor.start()
    try:
        async with asyncio.timeout(WORKER_LIMIT_S):
            await executor.up.wait()
    except TimeoutError:
        text = f"none came up in {WORKER_LIMIT_S:.0f} s; what they printed stands above"
        return Finding("workers", "bad", text)
    finally:
        await executor.drain(0.0)
    return Finding("workers", "good", f"the first was up after {time.monotonic() - began:.1f} s")
