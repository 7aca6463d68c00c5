"""Brings a database to the newest schema, step by step."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from filelock import FileLock


def migrate(path: Path) -> None:
    """Apply the migrations that a SQLite file has not seen yet. Blocks; run it in a thread.

    Two processes that open a new store at once take turns.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = f"sqlite:///{path}"
    with FileLock(f"{path}.lock"):
        command.upgrade(config, "head")
