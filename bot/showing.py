"""What the playground's panel hears of the bot, and what it may do to it.

The playground knows nothing of jobs or workers. Here, where both are known, the bot's log is handed
to its inspector, and its faults get those that only the bot's own process can bring about.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from typing import TYPE_CHECKING

from bot.log import overheard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.inference.local import LocalExecutor
    from bot.playground.server import Playground


@contextlib.contextmanager
def shown(
    playground: Playground, executor: LocalExecutor, secrets: tuple[str, ...] = ()
) -> Iterator[None]:
    """Let the playground's panel hear the bot and kill its workers, inside the block."""
    faults = playground.panel.faults
    faults.offer("Kill a worker", lambda: _kill(executor, most=1))
    faults.offer("Kill every worker", lambda: _kill(executor))
    with overheard(playground.panel.inspector.hear, (*secrets, playground.token)):
        yield


def _kill(executor: LocalExecutor, most: int | None = None) -> str:
    """Kill workers, any of them; return what was done, in a sentence."""
    workers = sorted(executor.pids.items())
    random.shuffle(workers)
    killed = []
    for worker_id, pid in workers[:most]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed.append(str(worker_id))
    if not killed:
        return "No worker is up to be killed."
    return f"Killed: worker {', '.join(sorted(killed))}."
