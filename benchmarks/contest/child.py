"""A contestant's own process: ``python -m contest.child ORDER``, a file of JSON.

The order names a class (``module:Class``), its checkpoint and settings, and the workloads; what
was served goes into the file that it names. Its event loop runs beside the main thread if the
contestant is one that blocks.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contestant import Blocking, Contestant, drive
from .workload import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

WARM = "warm"  # the workload that is not timed


def named(where: str) -> Any:
    """Return what ``module:name`` names in this package."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), name)


async def compete(
    contestant: Contestant, workloads: dict[str, list[Ask]], keep: Callable[[Any], None]
) -> None:
    """Start, warm up, serve every workload, have what was served kept, stop."""
    await contestant.start()
    try:
        await drive(contestant, workloads.pop(WARM))
        keep(
            {
                name: [dataclasses.asdict(served) for served in await drive(contestant, asks)]
                for name, asks in workloads.items()
            }
        )
    finally:
        await contestant.stop()


def main(order: dict[str, Any]) -> None:
    """Do what is ordered."""
    workloads = {name: [Ask(**ask) for ask in asks] for name, asks in order["workloads"].items()}
    contestant = named(order["where"])(Path(order["folder"]), **order["settings"])
    result = Path(order["result"])

    def keep(found: Any) -> None:
        if not result.exists():  # a fault while it stops changes nothing
            result.write_text(json.dumps(found))

    def run() -> None:
        try:
            asyncio.run(compete(contestant, workloads, keep))
        except Exception as error:
            traceback.print_exc()
            keep({"error": f"{type(error).__name__}: {error}"})

    if isinstance(contestant, Blocking):
        thread = threading.Thread(target=run, daemon=True)  # an error of the main thread ends all
        thread.start()
        contestant.work()
        thread.join()
    else:
        run()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
