"""Guesses a file's type from its name alone, as Discord does."""

from __future__ import annotations

import functools
import mimetypes

_MORE = {
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".md": "text/markdown",
    ".toml": "text/plain",
    ".log": "text/plain",
    ".ogg": "audio/ogg",
}


def guess_type(filename: str) -> str | None:
    """Guesses a content type; None for a name that says nothing."""
    kind = _known().guess_type(filename)[0]
    if kind is not None and (kind.startswith("text/") or kind == "application/json"):
        return f"{kind}; charset=utf-8"
    return kind


@functools.cache
def _known() -> mimetypes.MimeTypes:
    """Builds the table once; the machine's own tables do not count."""
    known = mimetypes.MimeTypes()
    for ending, kind in _MORE.items():
        known.add_type(kind, ending)
    return known
