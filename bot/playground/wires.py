"""How the gateway's frames are packed for one connection: as text, or in one compressed stream."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Protocol


class Wire(Protocol):
    """How frames are packed for one connection."""

    def pack(self, text: str) -> bytes | str:
        """Packs one frame."""


class PlainWire:
    """Sends text as it is."""

    def pack(self, text: str) -> str:
        """Leaves the frame alone."""
        return text


class ZlibWire:
    """One zlib stream for the whole connection, flushed after every frame."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj()

    def pack(self, text: str) -> bytes:
        """Compresses one frame; it ends with 00 00 FF FF."""
        return self._stream.compress(text.encode()) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class ZstdWire:
    """One Zstandard stream; only a client that has a Zstandard library asks for it."""

    def __init__(self) -> None:
        zstandard = importlib.import_module("zstandard")
        self._stream = zstandard.ZstdCompressor().compressobj()
        self._flush_block: int = zstandard.COMPRESSOBJ_FLUSH_BLOCK

    def pack(self, text: str) -> bytes:
        """Compresses one frame and flushes it."""
        packed: bytes = self._stream.compress(text.encode())
        return packed + bytes(self._stream.flush(self._flush_block))


WIRES: dict[str, Callable[[], Wire]] = {
    "": PlainWire,
    "zlib-stream": ZlibWire,
    "zstd-stream": ZstdWire,
}
