"""Reads what a request carries: JSON, or a multipart form of payload_json and files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from bot.playground.errors import DiscordError
from bot.playground.records import Upload

CHUNK = 1 << 16


@dataclass(slots=True)
class Intake:
    """A request's body: its JSON, and its files by the name of their field."""

    body: Any = None
    files: dict[str, Upload] = field(default_factory=dict)

    def numbered_files(self) -> dict[int, Upload]:
        """Returns the files of fields named files[n] by their n."""
        return {
            int(name[6:-1]): upload
            for name, upload in self.files.items()
            if name.startswith("files[") and name[6:-1].isdecimal()
        }


INTAKE = web.RequestKey("intake", Intake)


async def read(request: web.Request, *, keep_bytes: int) -> Intake:
    """Reads a body; of each file at most `keep_bytes` + 1 bytes are kept."""
    request[INTAKE] = intake = Intake()
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(request, intake, keep_bytes)
    text = await request.text()
    intake.body = _parsed(text) if text else None
    return intake


async def _read_multipart(request: web.Request, intake: Intake, keep_bytes: int) -> Intake:
    """Reads every part of a form in turn."""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise DiscordError(400, 50035, "Invalid Form Body")
        if part.name == "payload_json":
            intake.body = _parsed(await part.text())
        elif part.name and part.filename:
            intake.files[part.name] = Upload(part.filename, await _kept(part, keep_bytes))
    return intake


async def _kept(part: BodyPartReader, keep_bytes: int) -> bytes:
    """Reads a whole part but keeps only enough to know that it is too large."""
    kept = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        kept += chunk[: max(0, keep_bytes + 1 - len(kept))]
    return bytes(kept)


def _parsed(text: str) -> Any:
    """Parses JSON, or raises error 50109."""
    try:
        return json.loads(text)
    except ValueError:
        message = "The request body contains invalid JSON."
        raise DiscordError(400, 50109, message) from None
