"""Licences that the person who runs the bot must accept before a model is fetched or run.

Accepted in the configuration (``[licences] accepted``), or once with a fetch: then the
checkpoint's manifest remembers it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bot.catalogue.checkpoints import checkpoint_folder, read_manifest
from bot.catalogue.model import Model


def unaccepted(model: Model, accepted: Collection[str], cache: Path) -> str | None:
    """Say that a model's licence is still to be accepted, and how, or ``None`` if it need not."""
    if model.acknowledge is None or model.acknowledge in accepted:
        return None
    manifest = read_manifest(checkpoint_folder(model, cache)) or {}
    if manifest.get("accepted") == model.acknowledge:
        return None
    where = f" ({model.licence_url})" if model.licence_url else ""
    return (
        f"{model.title} is only for those who accept its licence: {model.licence}{where}. Whoever "
        f"runs the bot does so with `python -m bot models fetch {model.id} --accept-licence`, or "
        f'with accepted = ["{model.acknowledge}"] in config.toml, table [licences].'
    )
