"""A message on its way in: Discord's message body and the files that came with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.playground.records import Attachment, Json, Upload


@dataclass(frozen=True, slots=True)
class Draft:
    """What a request says about a message; None means that it does not say.

    `listed` is the body's `attachments`: entries whose id is the number of a file
    describe that file, the others name attachments to keep.
    """

    content: str | None = None
    embeds: list[Json] | None = None
    components: list[Json] | None = None
    flags: int = 0
    allowed_mentions: Json | None = None
    reference_id: int | None = None
    needs_reference: bool = True  # refused where the message that it answers is gone
    tts: bool = False
    nonce: str | None = None
    listed: Sequence[Json] | None = None
    files: Mapping[int, Upload] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Mapping[str, Any], files: Mapping[int, Upload]) -> Draft:
        """Reads a body whose form has been checked; an explicit null empties a field."""
        reference = body.get("message_reference") or {}
        return cls(
            content=(body["content"] or "") if "content" in body else None,
            embeds=(body["embeds"] or []) if "embeds" in body else None,
            components=(body["components"] or []) if "components" in body else None,
            flags=int(body.get("flags") or 0),
            allowed_mentions=body.get("allowed_mentions"),
            reference_id=int(reference["message_id"]) if reference.get("message_id") else None,
            needs_reference=bool(reference.get("fail_if_not_exists", True)),
            tts=bool(body.get("tts")),
            nonce=None if body.get("nonce") is None else str(body["nonce"]),
            listed=(body["attachments"] or []) if "attachments" in body else None,
            files=files,
        )

    def with_flags(self, flags: int) -> Draft:
        """Returns the same draft with other flags."""
        return replace(self, flags=flags)

    def alone(self) -> Draft:
        """Returns the same draft, as an answer to no message."""
        return replace(self, reference_id=None)

    def kept(self, current: Sequence[Attachment]) -> list[Attachment]:
        """Picks which of a message's attachments stay, with their new alt texts."""
        if self.listed is None:
            return list(current)
        entries = {int(e["id"]): e for e in self.listed if int(e["id"]) not in self.files}
        stay = [one for one in current if one.id in entries]
        return [
            replace(one, description=entries[one.id].get("description", one.description))
            for one in stay
        ]

    def uploads(self) -> list[tuple[Upload, str | None]]:
        """Pairs each new file with its alt text."""
        entries = {int(e["id"]): e for e in self.listed or ()}
        pairs = []
        for number, upload in sorted(self.files.items()):
            entry = entries.get(number, {})
            name = entry.get("filename") or upload.filename
            pairs.append((replace(upload, filename=name), entry.get("description")))
        return pairs
