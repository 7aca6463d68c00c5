"""Discord's limits on what a message may hold, and what follows from them."""

from __future__ import annotations

CONTENT = 2000
HEAD = 100  # kept free in an answer, for a line above it that says whose it is
ALT_TEXT = 1024
CHOICES = 25
CHOICE = 100
PICTURE_BYTES = 25 << 20
TEXT_FILE_BYTES = 1 << 20


def clip(text: str, limit: int) -> str:
    """Return the text, its end replaced by an ellipsis where it is longer than the limit."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
