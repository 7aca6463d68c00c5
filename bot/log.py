"""One event a line, key=value or JSON, to standard error and to a file; never a secret.

discord.py and other libraries log through the same lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import logging.handlers
import sys
from typing import TYPE_CHECKING, Any

import structlog

from bot.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping
    from pathlib import Path

    from structlog.typing import Processor

MASK = "•••"
FILE_BYTES = 5 << 20
FILES_KEPT = 3


def set_up(
    level: str, style: str, folder: Path | None = None, secrets: tuple[str, ...] = ()
) -> None:
    """Send all logs to standard error, and to ``folder`` where one is given.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``console`` for people, ``json`` for machines.
        folder: Where ``menagerie.log`` is kept, rotated.
        secrets: Texts that are masked wherever they turn up.

    Raises:
        OperatorError: ``folder`` cannot be written to.
    """
    hide = _Hide(tuple(s for s in secrets if s))
    shared = _shared(hide)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_handler(logging.StreamHandler(sys.stderr), style, shared, hide)]
    if folder is not None:
        root.addHandler(_handler(_file(folder / "menagerie.log"), "json", shared, hide))
    root.setLevel(level.upper())
    logging.getLogger("discord").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("alembic").setLevel(logging.WARNING)


@contextlib.contextmanager
def overheard(
    hear: Callable[[dict[str, Any]], object], secrets: tuple[str, ...] = ()
) -> Iterator[None]:
    """Tell every event that is logged inside the block, also from other threads, secrets masked.

    Args:
        hear: Is called on the event loop of the block.
        secrets: As :func:`set_up` has them.
    """
    loop = asyncio.get_running_loop()
    hide = _Hide(tuple(s for s in secrets if s))

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = json.loads(self.format(record))
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(hear, event)

    ear = _handler(Ear(), "json", _shared(hide), hide)
    logging.getLogger().addHandler(ear)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(ear)


def _shared(hide: _Hide) -> list[Processor]:
    """Return what is done with every event, whoever logs it."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide,
    ]


def _file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT
        )
    except OSError as error:
        raise OperatorError(
            f"The log {path} cannot be written ({error.strerror}). Let MENAGERIE_STATE name a "
            "folder that can be written to."
        ) from None


def _handler(
    handler: logging.Handler, style: str, shared: list[Processor], hide: _Hide
) -> logging.Handler:
    render: Processor = structlog.processors.JSONRenderer()
    if style == "console":
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[meta, render, hide.line]
        )
    )
    return handler


class _Hide:
    """Two processors that mask secrets: in every text of an event, and in the finished line.

    The line holds what lies deeper in an event; the texts hold what the line writes escaped.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    def __call__(
        self, _: Any, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = self._masked(value)
        return event

    def line(self, _: Any, __: str, line: Any) -> str:
        """Mask the secrets in a finished line."""
        return self._masked(str(line))

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
