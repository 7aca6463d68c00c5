"""The command line: ``python -m bot``. Imports what a command needs only when it runs."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.cli_ask import ask
from bot.cli_exit import exits
from bot.cli_models import models
from bot.config import Config, load_config, state_folder

ConfigPath = Annotated[
    Path | None, typer.Option("--config", help="The configuration; ./config.toml if it is there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    help="A Discord bot that keeps a menagerie of local models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(models, name="models")
app.command()(ask)


def main() -> None:
    """Run the command line."""
    app()


@app.command()
@exits
def run(
    config: ConfigPath = None,
    playground: Annotated[
        bool, typer.Option("--playground", help="Use the playground even if there is a token.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65_535, help="The playground's port; another if it is taken."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Where the playground listens; beyond loopback its page asks for a key."
        ),
    ] = "127.0.0.1",
) -> None:
    """Run the bot: on Discord if there is a token, else in the playground."""
    from bot.application import run_bot

    settings = _settings(config)
    environ = _environment()
    chosen = settings.playground.port if port is None else port
    local = playground or not settings.discord.token
    asyncio.run(
        run_bot(
            settings,
            environ,
            playground_port=chosen if local else None,
            playground_host=host,
            reread=partial(load_config, config, environ),
            announce=lambda address: print(f"Playground: {address}", flush=True),  # noqa: T201
        )
    )


@app.command()
@exits
def doctor(config: ConfigPath = None, json: Json = False) -> None:
    """Look at everything the bot needs, and say what is wrong and what to do."""
    from bot import log
    from bot.doctor import examine, exit_code, show

    log.set_up("warning", "console")
    findings = asyncio.run(examine(load_config(config, os.environ), _environment()))
    show(findings, as_json=json)
    raise typer.Exit(exit_code(findings))


@app.command(name="config")
@exits
def show_config(
    config: ConfigPath = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print config.example.toml instead.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the configuration as it takes effect, secrets masked."""
    import msgspec

    from bot.config import masked
    from bot.config_example import config_toml, example_toml

    if example:
        sys.stdout.write(example_toml())
        return
    settings = load_config(config, os.environ)
    plain = msgspec.json.format(msgspec.json.encode(masked(settings)), indent=2).decode()
    sys.stdout.write(f"{plain}\n" if json else config_toml(settings))


def _settings(path: Path | None) -> Config:
    """Load the configuration and set up the log with its secrets masked."""
    from bot import log

    settings = load_config(path, os.environ)
    folder = state_folder(os.environ) / "logs"
    secrets = (settings.discord.token.reveal(),)
    log.set_up(settings.log.level, settings.log.format, folder, secrets)
    return settings


def _environment() -> dict[str, str]:
    """Take the token out of the environment, where every child would see it; return the rest."""
    os.environ.pop("DISCORD_TOKEN", None)
    return dict(os.environ)
