"""Log lines: one an event, of ours and of libraries alike, and never a secret among them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.log import MASK, overheard, set_up

SECRET = "MTIzNDU2Nzg5.G-abcd.s3cr3t_tok3n"
TOLD = f"a token: {SECRET}"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in ("discord", "alembic")}
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers = handlers
    root.setLevel(level)
    for name, its_level in levels.items():
        logging.getLogger(name).setLevel(its_level)
    structlog.reset_defaults()


@pytest.fixture
def logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[str, str]]:
    """Return what stands on standard error and in the file since the last time."""

    def read() -> tuple[str, str]:
        for handler in logging.getLogger().handlers:
            handler.flush()
        return capsys.readouterr().err, (tmp_path / "menagerie.log").read_text()

    return read


def fail_with(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


class Odd:
    """Something whose secret shows only when it is written."""

    def __repr__(self) -> str:
        return f"Odd({SECRET})"


LEAKS: dict[str, Callable[[Any], None]] = {
    "event": lambda log: log.info(TOLD),
    "value": lambda log: log.info("x", token=SECRET),
    "inside a text": lambda log: log.info("x", header=f"Bot {SECRET}, {SECRET}"),
    "nested": lambda log: log.info("x", headers={"Authorization": [f"Bot {SECRET}"]}),
    "key": lambda log: log.info("x", **{SECRET: 1}),
    "bytes": lambda log: log.info("x", data=SECRET.encode()),
    "object": lambda log: log.info("x", it=Odd()),
    "error": lambda log: log.error("x", error=fail_with(SECRET)),
    "traceback": lambda log: log.error("x", exc_info=fail_with(SECRET)),
    "bound": lambda log: log.bind(token=SECRET).warning("x"),
}
FOREIGN_LEAKS: dict[str, Callable[[logging.Logger], None]] = {
    "message": lambda log: log.warning(TOLD),
    "argument": lambda log: log.warning("token %s of %s", SECRET, {"a": SECRET}),
    "extra": lambda log: log.warning("x", extra={"token": SECRET}),
    "traceback": lambda log: log.warning("x", exc_info=fail_with(SECRET)),
}


@pytest.mark.parametrize("style", ["console", "json"])
@pytest.mark.parametrize("leak", LEAKS)
def test_a_secret_is_masked_wherever_it_stands(
    leak: str, style: str, tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("info", style, tmp_path, (SECRET, ""))
    LEAKS[leak](structlog.get_logger("ours"))
    shown, kept = logged()
    assert shown
    assert kept
    assert SECRET not in shown + kept
    assert MASK in (shown if style == "console" else str(json.loads(shown)))
    assert MASK in str(json.loads(kept))


@pytest.mark.parametrize("style", ["console", "json"])
@pytest.mark.parametrize("leak", FOREIGN_LEAKS)
def test_a_secret_in_a_librarys_line_is_masked_too(
    leak: str, style: str, tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("info", style, tmp_path, (SECRET,))
    FOREIGN_LEAKS[leak](logging.getLogger("discord.http"))
    shown, kept = logged()
    assert MASK in (shown if style == "console" else str(json.loads(shown)))
    assert MASK in str(json.loads(kept))
    assert SECRET not in shown + kept


def test_a_line_of_json_holds_its_keys(
    tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("info", "json", tmp_path)
    structlog.get_logger("service").info("job ended", job="j1", run_s=1.5)
    logging.getLogger("library").warning("it said %s", "this")
    shown, kept = logged()
    assert shown.count("\n") == 2
    ours, theirs = (json.loads(line) for line in kept.splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "job ended", "job": "j1", "run_s": 1.5, "level": "info", "logger": "service"
    }  # fmt: skip
    assert (theirs["event"], theirs["logger"]) == ("it said this", "library")


def test_a_line_for_people_is_key_and_value(
    tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("info", "console", tmp_path)
    structlog.get_logger("service").info("job ended", job="j1")
    shown, _ = logged()
    assert "job ended" in shown
    assert "job=j1" in shown
    assert "\x1b" not in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_is_written_and_nothing_is_said_about_how(
    style: str, tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("info", style, tmp_path)
    structlog.get_logger("service").error("it broke", exc_info=fail_with("a fault"))
    shown, kept = logged()
    assert "ValueError: a fault" in shown
    assert "ValueError: a fault" in json.loads(kept)["exception"]
    assert "Logging error" not in shown


def test_what_is_below_the_level_is_left_out(
    tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("warning", "console", tmp_path)
    structlog.get_logger("service").info("too fine")
    logging.getLogger("discord.gateway").info("too fine as well")
    assert logged() == ("", "")


def test_libraries_that_chatter_are_heard_from_warnings_on(
    tmp_path: Path, logged: Callable[[], tuple[str, str]]
) -> None:
    set_up("debug", "console", tmp_path)
    for name in ("discord.gateway", "alembic.runtime"):
        logging.getLogger(name).info("chatter")
    assert logged() == ("", "")


def test_without_a_folder_there_is_no_file(tmp_path: Path) -> None:
    set_up("info", "console")
    structlog.get_logger("service").info("hello")
    assert list(tmp_path.iterdir()) == []


async def test_what_is_logged_can_be_overheard_from_every_thread_and_without_secrets() -> None:
    set_up("info", "json")
    heard: list[dict[str, Any]] = []
    with overheard(heard.append, (SECRET,)):
        structlog.contextvars.bind_contextvars(interaction="7")
        structlog.get_logger("ours").info("job queued", job="ab", odd=Odd())
        structlog.contextvars.clear_contextvars()
        structlog.get_logger("ours").debug("too quiet")
        await asyncio.to_thread(logging.getLogger("theirs").warning, TOLD)
        structlog.get_logger("ours").error("bad", exc_info=fail_with(TOLD))
        await asyncio.sleep(0)
    logging.getLogger("theirs").warning("after it was over")
    await asyncio.sleep(0)
    assert [(one["event"], one["level"]) for one in heard] == [
        ("job queued", "info"),
        (f"a token: {MASK}", "warning"),
        ("bad", "error"),
    ]
    assert (heard[0]["job"], heard[0]["interaction"], heard[0]["odd"]) == (
        "ab",
        "7",
        f"Odd({MASK})",
    )
    assert MASK in heard[2]["exception"]
    assert SECRET not in json.dumps(heard)
