"""Answers that do not tell which model gave them, for those who judge them blind."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.ui.replies import Reply

PNG = b"\x89PNG\r\n\x1a\n"
PNG_TEXTS = (b"tEXt", b"iTXt", b"zTXt")
AROUND = 12  # bytes of a PNG's chunk beside its data: length, type, checksum
JPEG = b"\xff\xd8"
JPEG_COMMENT = 0xFE
JPEG_SCAN = 0xDA  # from here on there are pixels, and no comment of ours


def nameless(reply: Reply, names: Sequence[str], title: str) -> Reply:
    """Return an answer without its small print, and its files without what tells who made them.

    Args:
        reply: As :func:`bot.ui.replies.finished` returns it.
        names: The names of all models that could have given it.
        title: What is said in their place.
    """
    files = tuple(
        (_renamed(name, title, number), without_notes(data), alt and unnamed(alt, names, title))
        for number, (name, data, alt) in enumerate(reply.files or (), 1)
    )
    return replace(reply, content=reply.content.rpartition("-# ")[0].rstrip(), files=files)


def unnamed(text: str, names: Sequence[str], title: str) -> str:
    """Return a text of ours with a title in the place of names, the longer ones first."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, title)
    return text


def without_notes(data: bytes) -> bytes:
    """Return a PNG or JPEG with its pixels as they are, and without the texts in its file."""
    if data.startswith(PNG):
        return PNG + b"".join(_png_chunks(data))
    if data.startswith(JPEG):
        return _jpeg_without_comment(data)
    return data


def _renamed(name: str, title: str, number: int) -> str:
    """Return a file's name that does not hold the job's id, which its owner can look up."""
    hidden = "SPOILER_" if name.startswith("SPOILER_") else ""
    return f"{hidden}{title}-{number}.{name.rpartition('.')[2]}"


def _png_chunks(data: bytes) -> list[bytes]:
    kept, at = [], len(PNG)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunk = data[at : at + length + AROUND]
        if chunk[4:8] not in PNG_TEXTS:
            kept.append(chunk)
        at += len(chunk)
    return kept


def _jpeg_without_comment(data: bytes) -> bytes:
    kept, at = [JPEG], len(JPEG)
    while data[at + 1] != JPEG_SCAN:
        (length,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        if segment[1] != JPEG_COMMENT:
            kept.append(segment)
        at += len(segment)
    return b"".join(kept) + data[at:]
