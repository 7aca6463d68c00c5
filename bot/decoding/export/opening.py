"""Opens a prepared folder for serving, after a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.decoding.export import prepared
from bot.decoding.export.measure import PROMPTS, self_test
from bot.decoding.paged import PagedRuntime, Precision
from bot.decoding.selftest import SelfTestFailed

if TYPE_CHECKING:
    from pathlib import Path


def open_prepared(
    folder: Path, wanted: str, *, threads: int, slots: int, limit_bytes: int = 0
) -> PagedRuntime:
    """Return the wanted variant's runtime, tested.

    Args:
        folder: What :func:`bot.decoding.export.build.export` made.
        wanted: ``auto``, ``float32``, ``bfloat16`` or ``int8``.
        threads: How many threads a call may use.
        slots: How many rows there may be at once.
        limit_bytes: What their keys and values may take; 0 is as much as there is.

    Raises:
        LookupError: The folder has no such variant.
        MemoryError: Not even the test has room under the limit.
        SelfTestFailed: The graph can't be opened here, or doesn't do what the net does.
    """
    name = prepared.choose(folder, wanted)
    held = prepared.read(folder)
    if held is None:
        raise LookupError(f"{folder} is not a prepared folder")
    variant = held.variants[name]
    precision = Precision(inference=variant.inference, cache=variant.cache)
    try:
        runtime = PagedRuntime(
            folder / variant.graph, precision, threads=threads, window=held.window,
            slots=max(slots, len(PROMPTS) + 1), limit_bytes=limit_bytes,
        )  # fmt: skip
    except RuntimeError as error:  # OpenVINO knows no narrower
        raise SelfTestFailed(f"{name} in {folder} can't be opened: {error}") from error
    self_test(runtime, held, name)
    return runtime
