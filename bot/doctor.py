"""Looks at everything the bot needs, and says what is wrong and what to do about it."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from bot.cli_exit import MEND_THIS, NOT_RIGHT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from bot.catalogue.model import Model
    from bot.config import Config

FREE_DISK_MB = 2_000
TOKEN_SHAPE = re.compile(r"[\w-]{20,}\.[\w-]{6,}\.[\w-]{25,}")
WORKER_LIMIT_S = 60.0
NEEDED = frozenset({"state folder", "store"})  # without these nothing starts


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``good``, ``fair`` (worth knowing) or ``bad``, and why."""

    subject: str
    state: Literal["good", "fair", "bad"]
    text: str


async def examine(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    """Look at the machine, the folders, the token, the checkpoints and the workers."""
    return [*standing(config, environ), await _workers(config, environ)]


def standing(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    """Look at all but the workers. Reads every file of the checkpoints: not for the event loop."""
    from bot.config import cache_folder, state_folder

    cache, state = cache_folder(environ), state_folder(environ)
    findings = [_python(), _token(config), _folder("state", state), _folder("cache", cache)]
    return [*findings, *_store(state), _memory(config), *_checkpoints(config, cache)]


def exit_code(findings: list[Finding]) -> int:
    """Return 0 if nothing is bad, 2 if something without which nothing starts is, else 1."""
    bad = {finding.subject for finding in findings if finding.state == "bad"}
    if bad & NEEDED:
        return MEND_THIS
    return NOT_RIGHT if bad else 0


def show(findings: list[Finding], *, as_json: bool) -> None:
    """Print the findings for a person, or as JSON."""
    import msgspec
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        sys.stdout.write(msgspec.json.encode([asdict(f) for f in findings]).decode() + "\n")
        return
    console = Console()
    if not console.is_terminal:  # a file has no width: a line each, whole
        wide = max(len(finding.subject) for finding in findings)
        sys.stdout.writelines(f"{f.state:<4}  {f.subject:<{wide}}  {f.text}\n" for f in findings)
        return
    colours = {"good": "green", "fair": "yellow", "bad": "red"}
    table = Table(box=None, show_header=False)
    for finding in findings:
        colour = colours[finding.state]
        table.add_row(f"[{colour}]{finding.state}[/]", finding.subject, escape(finding.text))
    console.print(table)


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


def _store(folder: Path) -> Iterator[Finding]:
    """Look at the store if there is one, without touching it."""
    import sqlite3

    path = folder / "menagerie.db"
    try:
        if not path.exists():
            return
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as db:
            faults = [row[0] for row in db.execute("PRAGMA quick_check(1)") if row[0] != "ok"]
    except (OSError, sqlite3.Error) as error:
        faults = [str(error)]
    if faults:
        text = f"{path} cannot be read ({faults[0]}). Move it away; a new one is made."
        yield Finding("store", "bad", text)
    else:
        yield Finding("store", "good", str(path))


def _memory(config: Config) -> Finding:
    from bot import machine

    budget, total = config.inference.chosen_memory_mb(), machine.memory_mb()
    workers, threads, cores = (
        config.inference.chosen_workers(), config.inference.threads, machine.cores()
    )  # fmt: skip
    share = f"of {threads} threads on" if threads else "that share out"
    text = f"{budget:,} of {total:,} MB for models; {workers} workers {share} {cores} cores"
    if budget > total:
        return Finding("machine", "bad", f"{text}. Lower [inference] memory_budget_mb.")
    if workers * threads > cores:
        return Finding("machine", "fair", f"{text}: more threads than cores make each slower.")
    return Finding("machine", "good", text)


def _checkpoints(config: Config, cache: Path) -> Iterator[Finding]:
    from bot.catalogue.catalogue import Catalogue, has_family, refusal
    from bot.catalogue.checkpoints import is_present, verify
    from bot.catalogue.licences import unaccepted
    from bot.tasks.registry import REQUESTS

    catalogue = Catalogue.load(config.model)
    catalogue.check_licences(config.licences.accepted, "the configuration")
    catalogue.check_choices(
        {task: config.defaults.for_task(task) for task in REQUESTS},
        config.inference.preload,
        "the configuration",
    )

    present = [m for m in catalogue if has_family(m.family) and is_present(m, cache)]
    faulty = {model.id: faults for model in present if (faults := verify(model, cache))}
    budget_mb, accepted = config.inference.chosen_memory_mb(), config.licences.accepted
    refused = {m.id: refusal(m, budget_mb) or unaccepted(m, accepted, cache) for m in present}
    for task in REQUESTS:
        able = [m.id for m in present if task in m.tasks and m.id not in faulty]
        models = [model_id for model_id in able if refused[model_id] is None]
        if models:
            yield Finding(f"/{task}", "good", ", ".join(models))
        else:
            yield _unanswered(task, catalogue.for_task(task), faulty)
    for model_id, faults in faulty.items():
        text = f"{model_id}: {'; '.join(faults)}. Mend it: python -m bot models fetch {model_id}"
        yield Finding("checkpoint", "bad", text)
    for model_id, reason in refused.items():
        if reason is not None:
            yield Finding("not used", "fair", f"{model_id} is here. {reason}")
    if present and not faulty:
        text = f"{len(present)} here, every file as it was fetched"
        yield Finding("checkpoints", "good", text)


def _unanswered(task: str, models: list[Model], faulty: Collection[str]) -> Finding:
    from bot.catalogue.catalogue import has_family

    if broken := [model.id for model in models if model.id in faulty]:
        return Finding(f"/{task}", "bad", f"no model but what is damaged: {', '.join(broken)}")
    built = [model for model in models if has_family(model.family)]
    text = "no model; this version cannot run one yet"
    if built:
        wanted = next((model for model in built if model.starter), built[0])
        text = f"no model. Fetch one: python -m bot models fetch {wanted.id}"
    return Finding(f"/{task}", "fair", text)


async def _workers(config: Config, environ: Mapping[str, str]) -> Finding:
    """Start the executor and see whether a worker comes up."""
    import asyncio

    from bot.inference.local import LocalExecutor

    executor = LocalExecutor(config.inference, environ=environ, folder_of=lambda _: Path())
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
    if executor.missing_modules:
        modules = ", ".join(executor.missing_modules)
        text = (
            f"cannot import {modules}; the reason stands above. If something is not installed: "
            "pip install -e . -c constraints.txt"
        )
        return Finding("workers", "bad", text)
    return Finding("workers", "good", f"the first was up after {time.monotonic() - began:.1f} s")
